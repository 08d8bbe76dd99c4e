//! `ConditionedModel`: a model under the conditioning of one run, as the sampler asks for it.

use super::lens::Lens;
use crate::model::{Conditioning, LatentDiffusion};
use crate::ops::{Result, Tensor};
use crate::sampler::{Denoiser, Latent, Parameterization};

/// Both halves of guidance as the model takes them: one that was distilled with its guidance takes that as a
/// number, and has no other half.
pub(super) fn with_embedded_guidance(
    model: &LatentDiffusion,
    (conditional, unconditional): (Conditioning, Option<Conditioning>),
    guidance: f64,
) -> (Conditioning, Option<Conditioning>) {
    if model.config.unet.time_cond_proj_dim.is_none() {
        return (conditional, unconditional);
    }
    let batch = conditional.c_crossattn.first().map_or(1, |context| context.shape()[0]);
    (Conditioning { guidance: Some(vec![guidance as f32; batch]), ..conditional }, None)
}

/// The model with what it is conditioned on.
pub struct ConditionedModel<'a> {
    model: &'a LatentDiffusion,
    conditional: Conditioning,
    both: Option<Conditioning>,
    by_picture: Option<ByPicture>,
    lens: Option<&'a Lens>,
}

/// Guidance by a picture beside that by words (InstructPix2Pix).
struct ByPicture {
    /// Neither, the picture alone, both: three batches one after another.
    all: Conditioning,
    scale: f32,
}

impl<'a> ConditionedModel<'a> {
    /// `unconditional` (the reference's `unconditional_conditioning`) is for guidance.
    ///
    /// # Errors
    /// If the two are not of one kind.
    pub fn new(
        model: &'a LatentDiffusion,
        conditional: Conditioning,
        unconditional: Option<&Conditioning>,
    ) -> Result<Self> {
        let both = unconditional.map(|unconditional| Conditioning::doubled(unconditional, &conditional));
        Ok(Self { model, conditional, both: both.transpose()?, by_picture: None, lens: None })
    }

    /// The same guided by the picture beside, too: `scale` (`image_guidance_scale`) says how closely.
    ///
    /// # Errors
    /// If the device fails.
    pub fn guided_by_picture(mut self, unconditional: &Conditioning, scale: f64) -> Result<Self> {
        let c_concat = unconditional.c_concat.iter().map(|picture| picture.scale(0.0));
        let neither = Conditioning { c_concat: c_concat.collect::<Result<_>>()?, ..unconditional.clone() };
        let all = Conditioning::doubled(&neither, unconditional)?;
        let all = Conditioning::doubled(&all, &self.conditional)?;
        self.by_picture = Some(ByPicture { all, scale: scale as f32 });
        Ok(self)
    }

    /// The predictions without and with the words, both with the picture as closely as it is to be followed: what
    /// guidance by words then makes of them is the published sum of three.
    fn three(&self, x: &Latent, t: f32, by: &ByPicture) -> Result<(Latent, Latent)> {
        let [b, c, h, w] = x.shape;
        let all = Latent::new([3 * b, c, h, w], x.values.repeat(3));
        let predictions = self.apply(&all, t, &by.all, 2 * b)?;
        let [neither, picture, both] = [0, 1, 2].map(|place| predictions.part(place, 3));
        let base = neither.zip(&picture, |neither, picture| neither + by.scale * (picture - neither));
        let words = both.zip(&picture, |both, picture| both - picture);
        let conditional = base.zip(&words, |base, words| base + words);
        if let Some(lens) = self.lens {
            lens.add_guidance(&base, &conditional);
        }
        Ok((base, conditional))
    }

    /// The same, watched.
    #[must_use]
    pub fn watched_by(self, lens: Option<&'a Lens>) -> Self {
        Self { lens, ..self }
    }

    /// The prediction for `x` (b, c, h, w) at `t`, under the condition or both. The conditional half begins with item
    /// `seen`.
    fn apply(&self, x: &Latent, t: f32, conditioning: &Conditioning, seen: usize) -> Result<Latent> {
        let shape = x.shape;
        let x = to_tensor(self.model, x)?;
        let t = vec![t; x.shape()[0]];
        let watched = self.lens.and_then(|lens| Some((lens, lens.watch(seen)?)));
        let maps = watched.as_ref().map(|(_, maps)| maps);
        let prediction = to_latent(&self.model.apply_model_watched(&x, &t, conditioning, maps)?)?;
        if let Some((lens, maps)) = &watched {
            lens.add(maps, shape)?;
        }
        Ok(prediction)
    }
}

/// A latent on the model's device.
///
/// # Errors
/// If the device fails.
pub fn to_tensor(model: &LatentDiffusion, latent: &Latent) -> Result<Tensor> {
    Tensor::from_f32(model.device(), &latent.shape, &latent.values)
}

/// A map back on the host.
///
/// # Errors
/// If it is no map, or the device fails.
pub fn to_latent(tensor: &Tensor) -> Result<Latent> {
    Ok(Latent::new(tensor.map_shape()?, tensor.to_f32()?))
}

impl Denoiser for ConditionedModel<'_> {
    type Error = crate::ops::Error;

    fn begin_step(&mut self, guidance: f64) {
        self.conditional.guidance.iter_mut().flatten().for_each(|known| *known = guidance as f32);
    }

    fn conditional(&mut self, x: &Latent, t: f32) -> Result<Latent> {
        self.apply(x, t, &self.conditional, 0)
    }

    fn guided(&mut self, x: &Latent, t: f32) -> Result<(Latent, Latent)> {
        if let Some(by) = &self.by_picture {
            return self.three(x, t, by);
        }
        let Some(both) = &self.both else {
            let e_t = self.conditional(x, t)?;
            return Ok((e_t.clone(), e_t));
        };
        let mut predictions = if both.is_context_alone() {
            self.apply(x, t, both, x.shape[0])?
        } else {
            let [b, c, h, w] = x.shape;
            self.apply(&Latent::new([2 * b, c, h, w], x.values.repeat(2)), t, both, b)?
        };
        let conditional = predictions.values.split_off(x.len());
        let (e_uncond, e_cond) =
            (Latent::new(x.shape, predictions.values), Latent::new(x.shape, conditional));
        if let Some(lens) = self.lens {
            lens.add_guidance(&e_uncond, &e_cond);
        }
        Ok((e_uncond, e_cond))
    }

    fn has_unconditional(&self) -> bool {
        self.both.is_some()
    }

    fn parameterization(&self) -> Parameterization {
        self.model.config.parameterization
    }

    fn quantize(&mut self, pred_x0: &Latent) -> Result<Latent> {
        let device = self.model.first_stage_device();
        let z = Tensor::from_f32(&device, &pred_x0.shape, &pred_x0.values)?;
        to_latent(&self.model.quantize(&z)?)
    }
}
