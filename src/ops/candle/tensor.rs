//! The light operations on candle's own tensor.

use std::ops::Range;

use candle_core::{DType, Result as CandleResult, Tensor};

use crate::ops::backend::{Epilogue, Source, TensorOps};
use crate::ops::candle::Candle;
use crate::ops::candle::device::element;
use crate::ops::{Activation, Dtype, Result};

impl Candle {
    /// A map in one tensor.
    pub(super) fn joined(&self, x: Source<'_, Tensor>) -> Result<Tensor> {
        match x {
            Source::One(x) => Ok(x.clone()),
            Source::Two(first, second) => self.concatenate(&[first, second], 1),
        }
    }

    /// What follows a product: `y` is (b, …) with its channels in dimension 1 for maps, else last.
    pub(super) fn finish(&self, mut y: Tensor, epilogue: Epilogue<'_, Tensor>) -> Result<Tensor> {
        let Epilogue { activation, channels, residual } = epilogue;
        if let Some(channels) = channels {
            let add = || match *y.dims() {
                [b, c, _, _] => y.broadcast_add(&channels.reshape((b, c, 1, 1))?),
                [b, _, c] => y.broadcast_add(&channels.reshape((b, 1, c))?),
                _ => y.add(channels),
            };
            y = self.explain("a time embedding", add())?;
        }
        y = self.activate(&y, activation)?;
        match residual {
            Some(residual) => self.add(&y, residual),
            None => Ok(y),
        }
    }
}

impl TensorOps for Candle {
    type Tensor = Tensor;

    fn shape<'a>(&self, x: &'a Tensor) -> &'a [usize] {
        x.dims()
    }

    fn is_same(&self, a: &Tensor, b: &Tensor) -> bool {
        a.id() == b.id()
    }

    fn upload(&self, shape: &[usize], values: &[f32]) -> Result<Tensor> {
        let made = Tensor::from_slice(values, shape, &self.device);
        self.explain("a copy to the device", made.and_then(|tensor| tensor.to_dtype(self.element())))
    }

    fn download(&self, x: &Tensor) -> Result<Vec<f32>> {
        self.check_stop()?;
        let values = x
            .to_dtype(DType::F32)
            .and_then(|tensor| tensor.flatten_all())
            .and_then(|tensor| tensor.to_vec1::<f32>());
        self.explain("a copy from the device", values)
    }

    fn cast(&self, x: &Tensor, dtype: Dtype) -> Result<Option<Tensor>> {
        self.explain("a cast", x.to_dtype(element(dtype)).map(Some))
    }

    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.explain("an addition", a.add(b))
    }

    fn scale(&self, x: &Tensor, factor: f64) -> Result<Tensor> {
        self.explain("a scaling", x.affine(factor, 0.0))
    }

    fn scale_shift_channels(&self, x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
        let apply = || {
            let (b, c, _, _) = x.dims4()?;
            let scale = (scale.reshape((b, c, 1, 1))? + 1.0)?;
            x.broadcast_mul(&scale)?.broadcast_add(&shift.reshape((b, c, 1, 1))?)
        };
        self.explain("a scale and shift", apply())
    }

    fn activate(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        self.explain("an activation", activate(x, activation))
    }

    fn tanh(&self, x: &Tensor) -> Result<Tensor> {
        self.explain("a tanh", x.tanh())
    }

    fn concatenate(&self, parts: &[&Tensor], dimension: usize) -> Result<Tensor> {
        self.explain("a concatenation", Tensor::cat(parts, dimension))
    }

    fn stack(&self, parts: &[(&Tensor, Range<usize>)], axis: usize) -> Result<Tensor> {
        let part = |(part, range): &(&Tensor, Range<usize>)| {
            part.narrow(axis, range.start, range.len()).and_then(|part| part.contiguous())
        };
        let stack = || Tensor::cat(&parts.iter().map(part).collect::<CandleResult<Vec<_>>>()?, axis);
        self.explain("parts of maps", stack())
    }

    fn batch_item(&self, x: &Tensor, index: usize) -> Result<Tensor> {
        self.explain("an item of a batch", x.narrow(0, index, 1).and_then(|item| item.contiguous()))
    }

    fn halves(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let halves = || {
            let width = x.dim(1)? / 2;
            Ok((x.narrow(1, 0, width)?.contiguous()?, x.narrow(1, width, width)?.contiguous()?))
        };
        self.explain("a split", halves())
    }

    fn to_tokens(&self, x: &Tensor) -> Result<Tensor> {
        let tokens = || {
            let (b, c, h, w) = x.dims4()?;
            x.reshape((b, c, h * w))?.transpose(1, 2)?.contiguous()
        };
        self.explain("a rearrangement", tokens())
    }

    fn to_map(&self, x: &Tensor, h: usize, w: usize) -> Result<Tensor> {
        let map = || {
            let (b, _, c) = x.dims3()?;
            x.transpose(1, 2)?.contiguous()?.reshape((b, c, h, w))
        };
        self.explain("a rearrangement", map())
    }

    fn upsample_nearest(&self, x: &Tensor) -> Result<Tensor> {
        let enlarge = || {
            let (_, _, h, w) = x.dims4()?;
            x.upsample_nearest2d(2 * h, 2 * w)
        };
        self.explain("an upsampling", enlarge())
    }

    fn average_pool(&self, x: &Tensor) -> Result<Tensor> {
        self.explain("a pooling", x.avg_pool2d((2, 2)))
    }
}

/// Applies `activation` to each element.
pub(super) fn activate(x: &Tensor, activation: Activation) -> CandleResult<Tensor> {
    match activation {
        Activation::Identity => Ok(x.clone()),
        Activation::Silu => x.silu(),
        Activation::QuickGelu => x * candle_nn::ops::sigmoid(&(x * 1.702)?)?,
        // candle's `gelu` is the tanh approximation; the reference's is exact.
        Activation::Gelu => x.gelu_erf(),
        Activation::Relu => x.relu(),
        Activation::LeakyRelu => x.maximum(&(x * 0.2)?),
    }
}
