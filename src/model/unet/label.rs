//! `LabelEmbedding`: what a UNet adds to the time embedding of a class label or of a vector (`label_emb` of
//! `ldm/modules/diffusionmodules/openaimodel.py` and of its successor in SGM).

use crate::ops::{Activation, Embedding, Error, Linear, Result, Tensor, Weights};

/// How a UNet is conditioned beside its context (`num_classes`, `adm_in_channels`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabelShape {
    /// Not at all.
    #[default]
    None,
    /// By one of so many classes (`num_classes: 1000`).
    Classes(usize),
    /// By a vector of so many channels (`num_classes: sequential`, `adm_in_channels`).
    Vector(usize),
}

/// The label or the vector of each item of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Label<'a> {
    /// Class labels (b).
    Classes(&'a [i64]),
    /// Vectors (b, adm_in_channels).
    Vector(&'a Tensor),
}

/// A table of classes, or two linear layers with SiLU between them.
#[derive(Debug)]
pub enum LabelEmbedding {
    /// A row a class.
    Classes(Embedding),
    /// `label_emb.0.0` and `label_emb.0.2`.
    Vector(Box<[Linear; 2]>),
}

impl LabelEmbedding {
    /// The embedding of `shape`, if there is one, into `emb_channels`; `weights` at `label_emb`.
    ///
    /// # Errors
    /// If weights are missing or of another shape.
    pub fn new(weights: &Weights, shape: LabelShape, emb_channels: usize) -> Result<Option<Self>> {
        Ok(match shape {
            LabelShape::None => None,
            LabelShape::Classes(classes) => {
                Some(Self::Classes(Embedding::new(weights, classes, emb_channels)?))
            }
            LabelShape::Vector(channels) => {
                let inner = weights.pp(0);
                Some(Self::Vector(Box::new([
                    Linear::new(&inner.pp(0), channels, emb_channels)?,
                    Linear::new(&inner.pp(2), emb_channels, emb_channels)?,
                ])))
            }
        })
    }

    /// The label's embedding (b, emb_channels).
    ///
    /// # Errors
    /// If it is a label where a vector is due or the reverse; if shapes do not fit, or stopped.
    pub fn forward(&self, label: Label<'_>) -> Result<Tensor> {
        match (self, label) {
            (Self::Classes(table), Label::Classes(labels)) => table.rows(labels),
            (Self::Vector(layers), Label::Vector(vector)) => {
                let [first, second] = layers.as_ref();
                second.forward(&first.forward_activated(vector, Activation::Silu)?)
            }
            (Self::Classes(_), Label::Vector(_)) => {
                Err(Error::Shape("expected class labels for this model, found a vector".to_owned()))
            }
            (Self::Vector(_), Label::Classes(_)) => {
                Err(Error::Shape("expected a vector for this model, found class labels".to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::synthetic::Synthetic;
    use crate::ops::{Device, StopFlag};

    #[test]
    fn a_vector_goes_through_both_layers() {
        let device = Device::cpu(StopFlag::default());
        let weights = Weights::new(Arc::new(Synthetic { weights_seed: 0 }), device.clone()).pp("label_emb");
        let embedding = LabelEmbedding::new(&weights, LabelShape::Vector(6), 8).unwrap().unwrap();
        let vector: Vec<f32> = (0..12).map(|i| (i as f32 * 0.7).sin()).collect();
        let found = embedding.forward(Label::Vector(&Tensor::from_f32(&device, &[2, 6], &vector).unwrap()));
        let layer = |number: usize, x: &[f64], outputs: usize| -> Vec<f64> {
            let weights = weights.pp(0).pp(number);
            let w = weights.get_f32("weight", &[outputs, x.len()]).unwrap();
            let b = weights.get_f32("bias", &[outputs]).unwrap();
            let row = |o: usize| w[o * x.len()..].iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>();
            (0..outputs).map(|o| row(o) + f64::from(b[o])).collect()
        };
        let silu = |x: f64| x / (1.0 + (-x).exp());
        for (item, found) in found.unwrap().to_f32().unwrap().chunks(8).enumerate() {
            let x: Vec<f64> = vector[item * 6..(item + 1) * 6].iter().map(|x| f64::from(*x)).collect();
            let inner: Vec<f64> = layer(0, &x, 8).into_iter().map(silu).collect();
            for (found, expected) in found.iter().zip(layer(2, &inner, 8)) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} where {expected} is due");
            }
        }
        let wrong = embedding.forward(Label::Classes(&[1])).unwrap_err().to_string();
        assert!(wrong.contains("expected a vector"), "{wrong}");
    }
}
