//! `ConditionedModel`: a model under the conditioning of one run, as the sampler asks for it.

use super::lens::Lens;
use super::prompts::{Prompts, Stretches};
use crate::model::{Conditioning, LatentDiffusion};
use crate::ops::{Error, Result, Tensor};
use crate::sampler::{Denoiser, Latent, Parameterization};

/// The model with what it is conditioned on.
pub struct ConditionedModel<'a> {
    model: &'a LatentDiffusion,
    prompts: Prompts,
    /// The guidance of the step, for a network that takes it as a number.
    guidance: Option<f32>,
    /// Calls that were counted.
    call: usize,
    /// What the last call was given, and for which stretches.
    given: Option<(Stretches, Given)>,
    /// How closely the picture beside x is followed, of a model that edits pictures (InstructPix2Pix).
    image_guidance: Option<f32>,
    lens: Option<&'a Lens>,
}

/// What a call is given.
enum Given {
    /// The negative prompt's and the prompt's, one after another, for one call; and the prompt's alone.
    Both(Box<[Conditioning; 2]>),
    /// Each for a call of its own, those of the prompts with what they count.
    Each(Option<Box<Conditioning>>, Vec<(f64, Conditioning)>),
}

impl<'a> ConditionedModel<'a> {
    /// `unconditional` (the reference's `unconditional_conditioning`) is for guidance.
    pub fn new(
        model: &'a LatentDiffusion,
        conditional: Conditioning,
        unconditional: Option<&Conditioning>,
    ) -> Self {
        let guidance = conditional.guidance.as_ref().and_then(|numbers| numbers.first().copied());
        Self { guidance, ..Self::of(model, Prompts::plain(conditional, unconditional.cloned())) }
    }

    /// Under prompts that may change from call to call.
    pub fn of(model: &'a LatentDiffusion, prompts: Prompts) -> Self {
        let prompts = prompts.for_model(model);
        Self { model, prompts, guidance: None, call: 0, given: None, image_guidance: None, lens: None }
    }

    /// The same guided by the picture beside x, too: `scale` (`image_guidance_scale`) says how closely.
    #[must_use]
    pub fn guided_by_picture(self, scale: f64) -> Self {
        Self { image_guidance: Some(scale as f32), ..self }
    }

    /// Both halves, brought to where guidance by words makes the published sum of three of them: e_neither +
    /// i·(e_picture − e_neither) + s·(e − e_picture).
    fn by_picture(
        &self,
        x: &Latent,
        t: f32,
        other: &Conditioning,
        (e_picture, e_cond): (&Latent, &Latent),
    ) -> Result<(Latent, Latent)> {
        let scale = self.image_guidance.unwrap_or(1.0);
        let c_concat = other.c_concat.iter().map(|picture| picture.scale(0.0)).collect::<Result<_>>()?;
        let e_neither = self.apply(x, t, &Conditioning { c_concat, ..other.clone() }, None)?;
        let base = e_neither.zip(e_picture, |neither, picture| neither + scale * (picture - neither));
        let words = e_cond.zip(e_picture, |cond, picture| cond - picture);
        let conditional = base.zip(&words, |base, words| base + words);
        Ok((base, conditional))
    }

    /// The same, watched.
    #[must_use]
    pub fn watched_by(self, lens: Option<&'a Lens>) -> Self {
        Self { lens, ..self }
    }

    /// The conditioning with the guidance of the step, where the network takes it.
    fn guided_by(&self, conditioning: &Conditioning) -> Conditioning {
        let guidance = self.guidance.filter(|_| self.model.config.unet.time_cond_proj_dim.is_some());
        let batch = conditioning.c_crossattn.first().map_or(1, |context| context.shape()[0]);
        let guidance = guidance.map(|guidance| vec![guidance; batch]);
        Conditioning { guidance: guidance.or_else(|| conditioning.guidance.clone()), ..conditioning.clone() }
    }

    /// Makes ready what the call that begins is given.
    fn prepare(&mut self) -> Result<()> {
        let stretches = self.prompts.stretches(self.call);
        if self.given.as_ref().is_some_and(|(of, _)| *of == stretches) {
            return Ok(());
        }
        let call = self.call;
        let other = self.prompts.unconditional.as_ref().map(|timeline| &timeline.at(call).conditioning);
        let strands = self.prompts.strands.iter();
        let mut each: Vec<(f64, Conditioning)> = strands
            .map(|strand| (strand.weight, self.guided_by(&strand.timeline.at(call).conditioning)))
            .collect();
        let given = match (other, each.as_slice()) {
            (Some(other), [(weight, one)]) if *weight == 1.0 && one.goes_with(other) => {
                Given::Both(Box::new([Conditioning::doubled(other, one)?, each.swap_remove(0).1]))
            }
            _ => Given::Each(other.cloned().map(Box::new), each),
        };
        self.given = Some((stretches, given));
        Ok(())
    }

    /// The prediction for `x` (b, c, h, w) at `t`. The conditional half begins with item `seen`, if it is watched.
    fn apply(&self, x: &Latent, t: f32, conditioning: &Conditioning, seen: Option<usize>) -> Result<Latent> {
        let shape = x.shape;
        let x = to_tensor(self.model, x)?;
        let t = vec![t; x.shape()[0]];
        let watched = self.lens.zip(seen).and_then(|(lens, seen)| Some((lens, lens.watch(seen)?)));
        let maps = watched.as_ref().map(|(_, maps)| maps);
        let prediction = to_latent(&self.model.apply_model_watched(&x, &t, conditioning, maps)?)?;
        if let Some((lens, maps)) = &watched {
            lens.add(maps, shape)?;
        }
        Ok(prediction)
    }

    /// Both halves from one call.
    fn apply_both(&self, x: &Latent, t: f32, both: &Conditioning) -> Result<(Latent, Latent)> {
        let mut predictions = if both.is_context_alone() {
            self.apply(x, t, both, Some(x.shape[0]))?
        } else {
            let [b, c, h, w] = x.shape;
            self.apply(&Latent::new([2 * b, c, h, w], x.values.repeat(2)), t, both, Some(b))?
        };
        let conditional = predictions.values.split_off(x.len());
        Ok((Latent::new(x.shape, predictions.values), Latent::new(x.shape, conditional)))
    }

    /// Both halves where prompts act together, or have other lengths: e_u + Σ w·(e − e_u) is the conditional one.
    fn apply_each(
        &self,
        x: &Latent,
        t: f32,
        other: Option<&Conditioning>,
        each: &[(f64, Conditioning)],
    ) -> Result<(Latent, Latent)> {
        let e_uncond = other.map(|other| self.apply(x, t, other, None)).transpose()?;
        let all: f64 = each.iter().map(|(weight, _)| weight).sum();
        let mut e_cond = e_uncond.clone().unwrap_or_else(|| Latent::new(x.shape, vec![0.0; x.len()]));
        for (place, (weight, one)) in each.iter().enumerate() {
            let e_t = self.apply(x, t, one, (place == 0).then_some(0))?;
            if let [(1.0, _)] = each {
                e_cond = e_t;
                break;
            }
            // Without a negative prompt they are told apart from nothing: a mean.
            let share = if e_uncond.is_some() { *weight } else { weight / all } as f32;
            e_cond = match &e_uncond {
                Some(from) => {
                    let towards = e_t.zip(from, |e_t, from| share * (e_t - from));
                    e_cond.zip(&towards, |sum, towards| sum + towards)
                }
                None => e_cond.zip(&e_t, |sum, e_t| sum + share * e_t),
            };
        }
        Ok((e_uncond.unwrap_or_else(|| e_cond.clone()), e_cond))
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

    fn begin_step(&mut self, number: usize, guidance: f64) {
        self.call = number * self.prompts.calls_per_step;
        if self.model.config.unet.time_cond_proj_dim.is_some() && self.guidance != Some(guidance as f32) {
            self.guidance = Some(guidance as f32);
            self.given = None;
        }
    }

    fn conditional(&mut self, x: &Latent, t: f32) -> Result<Latent> {
        self.prepare()?;
        self.call += 1;
        match &self.given {
            Some((_, Given::Both(pair))) => self.apply(x, t, &pair[1], Some(0)),
            Some((_, Given::Each(_, each))) => match each.as_slice() {
                [(1.0, one)] => self.apply(x, t, one, Some(0)),
                _ => {
                    self.call -= 1;
                    self.guided(x, t).map(|(_, e_cond)| e_cond)
                }
            },
            None => Err(Error::NoContext),
        }
    }

    fn guided(&mut self, x: &Latent, t: f32) -> Result<(Latent, Latent)> {
        self.prepare()?;
        let call = self.call;
        self.call += 1;
        let (mut e_uncond, mut e_cond) = match &self.given {
            Some((_, Given::Both(pair))) => self.apply_both(x, t, &pair[0])?,
            Some((_, Given::Each(other, each))) => self.apply_each(x, t, other.as_deref(), each)?,
            None => return Err(Error::NoContext),
        };
        if let (Some(_), Some(timeline)) = (self.image_guidance, &self.prompts.unconditional) {
            let other = &timeline.at(call).conditioning;
            (e_uncond, e_cond) = self.by_picture(x, t, other, (&e_uncond, &e_cond))?;
        }
        if let Some(lens) = self.lens.filter(|_| self.has_unconditional()) {
            lens.add_guidance(&e_uncond, &e_cond);
        }
        Ok((e_uncond, e_cond))
    }

    fn has_unconditional(&self) -> bool {
        self.prompts.unconditional.is_some()
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
