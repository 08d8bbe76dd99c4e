//! Every backend of the list against the native one, on every operation that networks call.
//!
//! The devices come from the list of backends and the table of choices: a new backend is tested by
//! being listed. A backend of which no device opens here fails the test, so that none is skipped.

use std::sync::Arc;

use super::backend::{ConvOps as _, Epilogue, LinearOps as _};
use super::dispatch::{AnyBackend, on};
use super::host::{HostData, HostTensor, TensorRows, TensorSource};
use super::*;

/// Greatest difference of two f32 backends, in units of the larger of 1 and the element.
pub(super) const TOLERANCE: f32 = 2e-5;

/// Tensors drawn from their names, in any shape asked for, stored in f16.
struct Drawn;

pub(super) fn draw(name: &str, count: usize) -> Vec<f32> {
    let mut state = name.bytes().fold(9u32, |state, byte| state.wrapping_mul(31).wrapping_add(byte.into()));
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

impl TensorSource for Drawn {
    fn shape(&self, _name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        Some(expected.to_vec())
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<HostTensor<'_>> {
        let values = draw(name, shape.iter().product()).into_iter().map(half::f16::from_f32).collect();
        Ok(HostTensor { shape: shape.to_vec(), data: HostData::F16(values) })
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A device under test.
pub(super) struct Place {
    pub(super) weights: Weights,
}

impl Place {
    pub(super) fn open(choice: DeviceChoice) -> Result<Self> {
        let options = DeviceOptions { choice, threads: Some(2), ..DeviceOptions::default() };
        let (device, _) = Device::open(options, StopFlag::default())?;
        Ok(Self { weights: Weights::new(Arc::new(Drawn), device) })
    }

    /// Every device that opens here, the native one first.
    pub(super) fn all() -> Vec<Self> {
        let concrete = DeviceChoice::all().filter(|choice| *choice != DeviceChoice::Auto);
        let places: Vec<Self> = concrete.filter_map(|choice| Self::open(choice).ok()).collect();
        for name in AnyBackend::NAMES {
            #[cfg(feature = "gpu")]
            if *name == "Wgsl" && !crate::gpu::is_there_for_tests() {
                continue;
            }
            let opened = places.iter().any(|place| place.device().backend().listed() == *name);
            assert!(opened, "no device of the backend {name} opens here");
        }
        places
    }

    pub(super) fn device(&self) -> &Device {
        self.weights.device()
    }

    pub(super) fn layer(&self, name: &str) -> Weights {
        self.weights.pp(name)
    }

    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        Tensor::from_f32(self.device(), shape, &draw(name, shape.iter().product()))
    }

    /// Two maps of 3 and 5 channels side by side.
    pub(super) fn skip(&self) -> Result<Tensor> {
        Tensor::concatenate_channels(&[
            &self.tensor("h", &[2, 3, 5, 7])?,
            &self.tensor("skip", &[2, 5, 5, 7])?,
        ])
    }

    fn linear(&self) -> Result<Linear> {
        Linear::new(&self.layer("linear"), 24, 10)
    }

    fn attention(&self, mask: Mask<'_>) -> Result<Tensor> {
        let [q, k, v] = ["q", "k", "v"].map(|name| self.tensor(name, &[2, 9, 24]));
        attention(&q?, &k?, &v?, 3, mask)
    }
}

pub(super) type Operation = fn(&Place) -> Result<Tensor>;

const LAYERS: &[(&str, Operation)] = &[
    ("linear", |p| p.linear()?.forward(&p.tensor("x", &[2, 9, 24])?)),
    ("linear of rows", |p| p.linear()?.forward(&p.tensor("x", &[2, 24])?)),
    ("linear without bias", |p| {
        Linear::without_bias(&p.layer("linear"), 24, 10)?.forward(&p.tensor("x", &[2, 9, 24])?)
    }),
    ("linear from values", |p| {
        let (weight, bias) = (draw("values", 240), draw("bias", 10));
        Linear::from_values(&p.weights, [24, 10], &weight, Some(&bias))?.forward(&p.tensor("x", &[2, 24])?)
    }),
    ("linear, activated", |p| {
        p.linear()?.forward_activated(&p.tensor("x", &[2, 9, 24])?, Activation::QuickGelu)
    }),
    ("linear plus residual", |p| {
        p.linear()?.forward_residual(&p.tensor("x", &[2, 9, 24])?, &p.tensor("y", &[2, 9, 10])?)
    }),
    ("geglu", |p| Geglu::new(&p.layer("geglu"), 24, 20)?.forward(&p.tensor("x", &[2, 9, 24])?)),
    ("convolution 3×3", |p| {
        Conv2d::new(&p.layer("c"), Conv2dShape::three(8, 6))?.forward(&p.tensor("x", &[2, 8, 5, 7])?)
    }),
    ("convolution 1×1 without bias", |p| {
        Conv2d::without_bias(&p.layer("c"), Conv2dShape::one(8, 6))?.forward(&p.tensor("x", &[2, 8, 5, 7])?)
    }),
    ("strided convolution", |p| {
        let shape = Conv2dShape::strided(8, 6, Padding::Same(1));
        Conv2d::new(&p.layer("c"), shape)?.forward(&p.tensor("x", &[2, 8, 5, 7])?)
    }),
    ("strided convolution of the encoder", |p| {
        let shape = Conv2dShape::strided(8, 6, Padding::RightBottom);
        Conv2d::new(&p.layer("c"), shape)?.forward(&p.tensor("x", &[2, 8, 6, 9])?)
    }),
    ("enlarged convolution", |p| {
        Conv2d::new(&p.layer("c"), Conv2dShape::three(8, 6))?
            .forward_upsampled(&p.tensor("x", &[2, 8, 5, 7])?)
    }),
    ("enlarged convolution 1×1 of a skip connection", |p| {
        Conv2d::new(&p.layer("c"), Conv2dShape::one(8, 6))?.forward_upsampled(&p.skip()?)
    }),
    ("convolution of a skip connection with its epilogue", |p| {
        let (residual, channels) = (p.tensor("r", &[2, 6, 5, 7])?, p.tensor("e", &[2, 6])?);
        let fused = Fused { residual: Some(&residual), channels: Some(&channels) };
        Conv2d::new(&p.layer("c"), Conv2dShape::three(8, 6))?.forward_fused(&p.skip()?, fused)
    }),
    ("convolution 1×1 of a skip connection", |p| {
        Conv2d::new(&p.layer("c"), Conv2dShape::one(8, 6))?.forward(&p.skip()?)
    }),
    ("group norm", |p| {
        let norm = GroupNorm::new(&p.layer("n"), 4, 8, 1e-5)?;
        norm.forward(&p.tensor("x", &[2, 8, 5, 7])?, Activation::Silu)
    }),
    ("group norm of a skip connection", |p| {
        GroupNorm::new(&p.layer("n"), 2, 8, 1e-6)?.forward(&p.skip()?, Activation::Gelu)
    }),
    ("group norm in place", |p| {
        let norm = GroupNorm::new(&p.layer("n"), 4, 8, 1e-5)?;
        norm.forward_owned(p.tensor("x", &[2, 8, 5, 7])?, Activation::Identity)
    }),
    ("group norm in place of a skip connection", |p| {
        GroupNorm::new(&p.layer("n"), 4, 8, 1e-5)?.forward_owned(p.skip()?, Activation::Silu)
    }),
    ("layer norm", |p| LayerNorm::new(&p.layer("n"), 24)?.forward(&p.tensor("x", &[2, 9, 24])?)),
    ("attention", |p| p.attention(Mask::None)),
    ("causal attention", |p| p.attention(Mask::Causal)),
    ("masked attention", |p| {
        let seen: Vec<bool> = (0..18).map(|i| i % 9 == 0 || i % 4 != 1).collect();
        p.attention(Mask::Keys(&seen))
    }),
    ("attention to kept keys", |p| {
        let keys = KeysValues::new(&p.tensor("k", &[2, 5, 24])?, &p.tensor("v", &[2, 5, 24])?, 3)?;
        keys.attention(&p.tensor("q", &[2, 9, 24])?)
    }),
    ("linear after a norm", |p| {
        let norm = LayerNorm::new(&p.layer("n"), 22)?;
        Linear::new(&p.layer("linear"), 22, 10)?.forward_after(&norm, &p.tensor("x", &[2, 9, 22])?)
    }),
    ("geglu after a norm", |p| {
        let norm = LayerNorm::new(&p.layer("n"), 24)?;
        Geglu::new(&p.layer("geglu"), 24, 70)?.forward_after(&norm, &p.tensor("x", &[2, 75, 24])?)
    }),
    ("attention of tokens to themselves", |p| {
        let norm = LayerNorm::new(&p.layer("n"), 20)?;
        SelfAttention::new(&p.layer("a"), 20, 24, 3)?.forward_after(&norm, &p.tensor("x", &[2, 70, 20])?)
    }),
    ("attention of tokens to themselves in odd heads", |p| {
        let norm = LayerNorm::new(&p.layer("n"), 20)?;
        SelfAttention::new(&p.layer("a"), 20, 21, 3)?.forward_after(&norm, &p.tensor("x", &[2, 7, 20])?)
    }),
    ("look-up", |p| Embedding::new(&p.layer("e"), 11, 6)?.forward(&[3, 0, 10, 3], [2, 2])),
    ("look-up of rows", |p| Embedding::new(&p.layer("e"), 11, 6)?.rows(&[7, 1])),
    ("whole table", |p| Embedding::new(&p.layer("e"), 11, 6)?.all()),
];

const LIGHT: &[(&str, Operation)] = &[
    ("add", |p| p.skip()?.add(&p.tensor("y", &[2, 8, 5, 7])?)),
    ("scale", |p| p.tensor("x", &[2, 9])?.scale(-1.7)),
    ("scale and shift", |p| {
        let [scale, shift] = ["scale", "shift"].map(|name| p.tensor(name, &[2, 8]));
        p.tensor("x", &[2, 8, 5, 7])?.scale_shift_channels(&scale?, &shift?)
    }),
    ("silu", |p| p.tensor("x", &[2, 9, 24])?.activate(Activation::Silu)),
    ("quick gelu", |p| p.tensor("x", &[2, 9, 24])?.activate(Activation::QuickGelu)),
    ("gelu", |p| p.tensor("x", &[2, 9, 24])?.activate(Activation::Gelu)),
    ("relu", |p| p.tensor("x", &[2, 9, 24])?.activate(Activation::Relu)),
    ("leaky relu", |p| p.tensor("x", &[2, 9, 24])?.activate(Activation::LeakyRelu)),
    ("tanh", |p| p.tensor("x", &[2, 9, 24])?.tanh()),
    ("skip connection", Place::skip),
    ("three maps", |p| {
        let x = p.tensor("x", &[2, 2, 3, 4])?;
        Tensor::concatenate_channels(&[&x, &p.tensor("y", &[2, 3, 3, 4])?, &x])
    }),
    ("tokens after tokens", |p| {
        Tensor::concatenate_channels(&[&p.tensor("x", &[2, 3, 4])?, &p.tensor("y", &[2, 2, 4])?])
    }),
    ("batch after batch", |p| Tensor::concatenate_batch(&[&p.skip()?, &p.tensor("y", &[1, 8, 5, 7])?])),
    ("repeated batch", |p| p.tensor("x", &[2, 3, 4])?.repeated_to(6)),
    ("item of a batch", |p| p.skip()?.batch_item(1)),
    ("first half of rows", |p| Ok(p.tensor("x", &[2, 8])?.halves()?.0)),
    ("second half of tokens", |p| Ok(p.tensor("x", &[2, 8, 3])?.halves()?.1)),
    ("second half of a map", |p| Ok(p.skip()?.halves()?.1)),
    ("tokens", |p| p.skip()?.to_tokens()),
    ("map", |p| p.tensor("x", &[2, 35, 8])?.to_map(5, 7)),
    ("upsampling", |p| p.skip()?.upsample_nearest()),
    ("pooling", |p| p.skip()?.average_pool()),
    ("cast", |p| p.skip()?.to_dtype_of(p.device())),
];

/// What the trait promises beyond what networks use today.
const EPILOGUES: &[(&str, Operation)] = &[
    ("linear with its whole epilogue", |p| {
        let device = p.device();
        let values = HostData::F32(draw("weight", 240).into());
        let rows = TensorRows::here(HostTensor { shape: vec![10, 24], data: values });
        let shape = LinearShape { in_features: 24, out_features: 10, gated: false };
        let (channels, residual) = (p.tensor("e", &[2, 10])?, p.tensor("r", &[2, 9, 10])?);
        let x = p.tensor("x", &[2, 9, 24])?;
        on!(device, backend => {
            let layer = backend.pack_linear(&rows, Some(draw("bias", 10)), shape)?;
            let (channels, residual) = (channels.whole(backend, device)?, residual.whole(backend, device)?);
            let epilogue =
                Epilogue { activation: Activation::Gelu, channels: Some(&channels), residual: Some(&residual) };
            let y = backend.linear(&layer, &x.whole(backend, device)?, epilogue)?;
            Ok(Tensor::made(backend, device, y))
        })
    }),
    ("activated convolution", |p| {
        let device = p.device();
        let values = HostData::F32(draw("weight", 6 * 8 * 9).into());
        let rows = TensorRows::here(HostTensor { shape: vec![6, 8, 3, 3], data: values });
        let (channels, residual) = (p.tensor("e", &[2, 6])?, p.tensor("r", &[2, 6, 5, 7])?);
        let x = p.skip()?;
        on!(device, backend => {
            let layer = backend.pack_conv2d(&rows, Some(draw("bias", 6)), Conv2dShape::three(8, 6))?;
            let (channels, residual) = (channels.whole(backend, device)?, residual.whole(backend, device)?);
            let epilogue =
                Epilogue { activation: Activation::Silu, channels: Some(&channels), residual: Some(&residual) };
            let y = backend.conv2d(&layer, x.source(backend, device)?, false, epilogue)?;
            Ok(Tensor::made(backend, device, y))
        })
    }),
];

#[test]
fn every_backend_agrees_with_the_native_one() {
    let native = Place::open(DeviceChoice::Cpu).unwrap();
    for place in Place::all() {
        for (name, operation) in [LAYERS, LIGHT, EPILOGUES].concat() {
            let (expected, found) = (operation(&native).unwrap(), operation(&place).unwrap());
            assert_eq!(expected.shape(), found.shape(), "{name} on {:?}", place.device());
            let (expected, found) = (expected.to_f32().unwrap(), found.to_f32().unwrap());
            assert_eq!(expected.len(), found.len(), "{name} on {:?}", place.device());
            for (expected, found) in expected.iter().zip(&found) {
                let difference = (expected - found).abs() / expected.abs().max(1.0);
                assert!(difference <= TOLERANCE, "{name} on {:?}: {expected}, {found}", place.device());
            }
        }
    }
}

#[test]
fn every_backend_stops_heavy_work() {
    let raised = StopFlag::default();
    raised.raise();
    for place in Place::all() {
        let [tokens, map] = [&[2, 9, 24][..], &[2, 8, 5, 7]].map(|shape| place.tensor("x", shape).unwrap());
        let linear = place.linear().unwrap();
        let geglu = Geglu::new(&place.layer("geglu"), 24, 20).unwrap();
        let three = Conv2d::new(&place.layer("c"), Conv2dShape::three(8, 6)).unwrap();
        let one = Conv2d::new(&place.layer("c"), Conv2dShape::one(8, 6)).unwrap();
        let group = GroupNorm::new(&place.layer("n"), 4, 8, 1e-5).unwrap();
        let layer = LayerNorm::new(&place.layer("n"), 24).unwrap();
        let keys = KeysValues::new(&tokens, &tokens, 3).unwrap();
        let _under = place.device().under(&raised);
        for result in [
            linear.forward(&tokens),
            geglu.forward(&tokens),
            three.forward(&map),
            three.forward_upsampled(&map),
            one.forward(&map),
            group.forward(&map, Activation::Silu),
            layer.forward(&tokens),
            attention(&tokens, &tokens, &tokens, 3, Mask::None),
            keys.attention(&tokens),
            Linear::new(&place.layer("linear"), 24, 10).and_then(|linear| linear.forward(&tokens)),
        ] {
            assert_eq!(result.err(), Some(Error::Stopped), "on {:?}", place.device());
        }
    }
}

#[test]
fn tensors_and_layers_of_two_devices_do_not_meet() {
    let places = Place::all();
    let portable = Device::cpu(StopFlag::default()).with_simd(cpu::Isa::Portable).unwrap();
    let devices: Vec<Device> = places.iter().map(|place| place.device().clone()).chain([portable]).collect();
    for place in &places {
        let own = |device: &Device| (device.backend().listed(), device.simd());
        for device in devices.iter().filter(|device| own(device) != own(place.device())) {
            let there = |shape: &[usize]| Tensor::from_f32(device, shape, &vec![0.5; shape.iter().product()]);
            let here = place.tensor("x", &[2, 9, 24]).unwrap();
            let (tokens, map) = (there(&[2, 9, 24]).unwrap(), there(&[2, 8, 5, 7]).unwrap());
            let conv = Conv2d::new(&place.layer("c"), Conv2dShape::three(8, 6)).unwrap();
            let norm = GroupNorm::new(&place.layer("n"), 4, 8, 1e-5).unwrap();
            let keys = KeysValues::new(&here, &here, 3).unwrap();
            for result in [
                here.add(&tokens),
                tokens.add(&here),
                Tensor::concatenate_channels(&[&here, &tokens]),
                attention(&here, &here, &tokens, 3, Mask::None),
                keys.attention(&tokens),
                place.linear().unwrap().forward(&tokens),
                LayerNorm::new(&place.layer("n"), 24).unwrap().forward(&tokens),
                conv.forward(&map),
                norm.forward(&map, Activation::Silu),
                norm.forward_owned(map, Activation::Silu),
                KeysValues::new(&here, &tokens, 3).and_then(|keys| keys.attention(&here)),
            ] {
                assert_eq!(result.err(), Some(Error::TwoDevices));
            }
        }
    }
}

#[test]
fn each_backend_counts_operations_while_its_meter_runs() {
    for place in Place::all() {
        place.device().meter().start();
        place.linear().unwrap().forward(&place.tensor("x", &[2, 9, 24]).unwrap()).unwrap();
        let counted = place.device().meter().finish();
        let [one] = counted.as_slice() else { panic!("one operation was counted as {counted:?}") };
        assert_eq!((one.kind, one.shape.as_str(), one.count), ("linear", "18 × 24 → 10", 1));
        assert_eq!(one.operations, 2.0 * 18.0 * 24.0 * 10.0);
    }
}

#[test]
fn a_stored_tensor_is_upcast_whole() {
    struct Stored(Vec<half::f16>);
    impl host::StoredNumbers for Stored {
        fn count(&self) -> usize {
            self.0.len()
        }

        fn element(&self) -> cpu::Element {
            cpu::Element::F16
        }

        fn read(&self, first: usize, to: &mut [u8]) -> Result<()> {
            for (to, value) in to.chunks_exact_mut(2).zip(&self.0[first..]) {
                to.copy_from_slice(&value.to_le_bytes());
            }
            Ok(())
        }
    }
    let values: Vec<half::f16> = draw("stored", 70_001).into_iter().map(half::f16::from_f32).collect();
    let rows = TensorRows::Stored(Box::new(Stored(values.clone())));
    let expected: Vec<f32> = values.iter().map(|value| value.to_f32()).collect();
    assert_eq!(rows.to_f32().unwrap().into_owned(), expected);
}
