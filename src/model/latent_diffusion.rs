//! `LatentDiffusion`: the whole model (mirrors `ldm/models/diffusion/ddpm.py`).
//!
//! Traps: latents outside this file are scaled by `scale_factor`; the text encoder
//! computes in f32 whatever the UNet does, and so does the first stage but for decoding on a graphics card.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cond::tokenizer::{Tokens, Word};
use super::cond::{CondStage, GeneralConditioner, Laid, Piece, TextEmbedding, WeightedTexts, Weighting};
use super::conditioning::{Conditioning, ConditioningKey};
use super::decoding::{Decoding, is_large};
use super::first_stage::{Encoded, FirstStage, Watch};
use super::recent::Recent;
use super::unet::{AttentionMaps, Beside, Label, UNetConfig, UNetModel};
use crate::note::CardNote;
use crate::ops::{Adapters, Change, Device, Dtype, Error, Result, Tensor, Wrapping};
use crate::sampler::{DiffusionSchedule, Parameterization};

/// What the config says of the model, apart from its networks.
#[derive(Clone, Debug)]
pub struct LatentDiffusionConfig {
    /// The full noise schedule.
    pub schedule: DiffusionSchedule,
    /// What the UNet predicts.
    pub parameterization: Parameterization,
    /// Latents are multiplied by it after encoding.
    pub scale_factor: f64,
    /// Where the conditioning goes.
    pub conditioning_key: ConditioningKey,
    /// Height and width of the latents of training.
    pub image_size: usize,
    /// Channels of a latent.
    pub channels: usize,
    /// A picture is so many times larger than its latent.
    pub first_stage_factor: usize,
    /// The UNet's arguments.
    pub unet: UNetConfig,
    /// Keys that only training needs, seen in the config.
    pub training_only: Vec<String>,
    /// The EMA copy of the UNet runs.
    pub use_ema: bool,
    /// What was odd, in sentences.
    pub notes: Vec<crate::note::Note>,
}

/// A latent diffusion model, ready to run.
pub struct LatentDiffusion {
    /// What the config says.
    pub config: LatentDiffusionConfig,
    pub(super) device: Device,
    pub(super) unet: UNetModel,
    pub(super) first_stage: FirstStage,
    pub(super) cond_stage: CondStage,
    pub(super) decoding: Decoding,
    pub(super) adapters: Arc<Adapters>,
    pub(super) wrapping: Arc<Wrapping>,
    pub(super) texts: Recent<Vec<String>, TextEmbedding>,
    pub(super) weighted_texts: Recent<WeightedAsked, WeightedTexts>,
}

/// Texts of weighted pieces, how often each stands in a schedule, and the formula of weights.
pub(super) type WeightedAsked = (Vec<Vec<Piece>>, Vec<usize>, Weighting);

impl LatentDiffusion {
    /// Where the UNet computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Where the first stage takes its input and the text encoder computes: the same device, in f32.
    pub fn first_stage_device(&self) -> Device {
        self.device.with_dtype(Dtype::F32)
    }

    /// The stage that turns texts or labels into conditioning.
    pub fn cond_stage(&self) -> &CondStage {
        &self.cond_stage
    }

    /// Whether its latents come from a codebook.
    pub fn quantizes(&self) -> bool {
        matches!(self.first_stage, FirstStage::Vq(_))
    }

    /// Width and height of a picture are multiples of this: the first stage's factor × 2^(UNet levels − 1).
    pub fn size_multiple(&self) -> usize {
        self.config.first_stage_factor << self.config.unet.halvings()
    }

    /// Makes the text encoders compute on `device` from the next text on; false for a model that takes no text.
    pub fn move_texts_to(&self, device: &Device) -> bool {
        self.forget_texts();
        let conditioner = self.conditioner();
        conditioner.map(|conditioner| conditioner.move_to(device)).is_ok()
    }

    /// Whether the text encoders compute where the UNet does.
    pub fn has_texts_beside(&self) -> bool {
        self.conditioner().is_ok_and(|conditioner| conditioner.is_on(&self.device))
    }

    /// Decodes in bands from now on, for little memory, or at once.
    pub fn decode_in_bands(&self, on: bool) {
        self.decoding.set_bands(on);
    }

    /// Whether it decodes in bands.
    pub fn decodes_in_bands(&self) -> bool {
        self.decoding.in_bands()
    }

    /// What decoding has to say since it was asked last.
    pub fn take_notes(&self) -> Vec<CardNote> {
        self.decoding.take_notes()
    }

    /// The layers that adapters can change, by their paths in a checkpoint, with the shapes of their weights.
    pub fn layers(&self) -> BTreeMap<String, Vec<usize>> {
        self.adapters.layers()
    }

    /// Channels of the vectors of its text encoder's words; none for a model that takes no text.
    pub fn text_width(&self) -> Option<usize> {
        self.conditioner().ok()?.width()
    }

    /// Teaches the text encoder words with their vectors (n, channels), in place of all that it was taught.
    ///
    /// # Errors
    /// If it takes no text, or vectors have other channels.
    pub fn teach(&self, words: Vec<(String, Vec<f32>)>) -> Result<()> {
        self.forget_texts();
        self.conditioner()?.teach(words)
    }

    /// The words that it was taught and that stand in a text.
    ///
    /// # Errors
    /// If it takes no text, or its tokenizer lacks the text's characters.
    pub fn taught_in(&self, text: &str) -> Result<BTreeSet<String>> {
        self.conditioner()?.taught_in(text)
    }

    /// Changes layers from the next call on, in place of all former changes.
    pub fn adapt(&self, changes: BTreeMap<String, Change>) {
        self.adapters.set(changes);
        self.forget_context();
        self.forget_texts();
    }

    /// Forgets what was made of the last texts.
    fn forget_texts(&self) {
        self.texts.forget();
        self.weighted_texts.forget();
    }

    /// The axes along which UNet and first stage wrap from the next call on.
    pub fn wrapping(&self) -> &Arc<Wrapping> {
        &self.wrapping
    }

    /// Frees what is remembered of the last context.
    pub fn forget_context(&self) {
        self.unet.forget_context();
    }

    /// The text encoders.
    fn conditioner(&self) -> Result<&GeneralConditioner> {
        match &self.cond_stage {
            CondStage::Texts(conditioner) => Ok(conditioner),
            _ => Err(Error::NoText),
        }
    }

    /// The first text encoder's ids of a text.
    ///
    /// # Errors
    /// If the model takes no text.
    pub fn tokenize(&self, text: &str) -> Result<Tokens> {
        self.conditioner()?.tokenize(text)
    }

    /// The words of a text and their places among [`LatentDiffusion::tokenize`]'s ids.
    ///
    /// # Errors
    /// If the model takes no text.
    pub fn words(&self, text: &str) -> Result<Vec<Word>> {
        self.conditioner()?.words(text)
    }

    /// What the text encoders make of b texts, each in one pass: the context (b, n, d) and, for some
    /// models, a pooled vector.
    ///
    /// # Errors
    /// If the model takes no text, or stopped.
    pub fn get_learned_conditioning(&self, texts: &[&str]) -> Result<TextEmbedding> {
        self.conditioner()?.forward(texts, &self.device)
    }

    /// What the text encoders make of texts of weighted pieces, each of which stands `times` in a schedule.
    ///
    /// # Errors
    /// If the model takes no text, or stopped.
    pub fn get_weighted_conditioning(
        &self,
        texts: &[&[Piece]],
        times: &[usize],
        weighting: Weighting,
    ) -> Result<WeightedTexts> {
        self.conditioner()?.weighted(texts, times, weighting, &self.device)
    }

    /// [`Self::get_learned_conditioning`], kept for the runs after this one where text encoders are freed for the steps
    /// and take seconds to come back. A device with memory of its own keeps them, and has no room to spare.
    ///
    /// # Errors
    /// As there.
    pub fn recall_learned_conditioning(&self, texts: &[&str]) -> Result<TextEmbedding> {
        if !self.device.keeps_weights_on_host() {
            return self.get_learned_conditioning(texts);
        }
        let asked = texts.iter().map(|text| (*text).to_owned()).collect();
        self.texts.answer(asked, |_| self.get_learned_conditioning(texts))
    }

    /// [`Self::get_weighted_conditioning`], kept likewise.
    ///
    /// # Errors
    /// As there.
    pub fn recall_weighted_conditioning(
        &self,
        texts: &[&[Piece]],
        times: &[usize],
        weighting: Weighting,
    ) -> Result<WeightedTexts> {
        if !self.device.keeps_weights_on_host() {
            return self.get_weighted_conditioning(texts, times, weighting);
        }
        let asked = (texts.iter().map(|text| text.to_vec()).collect(), times.to_vec(), weighting);
        self.weighted_texts.answer(asked, |_| self.get_weighted_conditioning(texts, times, weighting))
    }

    /// The tokens of a text's pieces, as A1111 counts them, and the chunks that they take.
    ///
    /// # Errors
    /// If the model takes no text.
    pub fn count(&self, pieces: &[Piece]) -> Result<Laid> {
        self.conditioner()?.count(pieces)
    }

    /// A context of zeros for two texts, as the UNet takes it.
    ///
    /// # Errors
    /// If the model takes no text.
    pub fn no_texts(&self) -> Result<TextEmbedding> {
        let positions = self.tokenize("")?.ids.len();
        let zeros =
            |shape: &[usize]| Tensor::from_f32(&self.device, shape, &vec![0.0; shape.iter().product()]);
        let pooled = self.conditioner()?.pooled_width();
        Ok(TextEmbedding {
            context: zeros(&[2, positions, self.config.unet.context_dim.unwrap_or(1)])?,
            pooled: (pooled > 0).then(|| zeros(&[2, pooled])).transpose()?,
        })
    }

    /// Frees what the steps and the decoder do not use, the text encoders and the first stage's
    /// encoder, until it is asked for again; on a device with memory of its own everything stays.
    pub fn keep_what_steps_need(&self) {
        if !self.device.keeps_weights_on_host() {
            return;
        }
        self.first_stage.encoder().give_back();
        if let CondStage::Texts(conditioner) = &self.cond_stage {
            conditioner.give_back();
        }
    }

    /// Labels' conditioning: a context of one token, or the labels themselves for an `adm` model
    /// (whose ClassEmbedder the reference builds but does not call).
    ///
    /// # Errors
    /// If the model takes no labels.
    pub fn get_class_conditioning(&self, labels: &[i64]) -> Result<Conditioning> {
        if self.config.conditioning_key == ConditioningKey::Adm {
            return Ok(Conditioning::from_labels(labels.to_vec()));
        }
        match &self.cond_stage {
            CondStage::Class(embedder) => {
                let context = embedder.forward(labels)?.to_dtype_of(&self.device)?;
                Ok(Conditioning::from_tensor(context, self.config.conditioning_key))
            }
            _ => Err(Error::NoLabels),
        }
    }

    /// The UNet's prediction for `x` (b, c, h, w) at `t` (b): e_t or v, of x's shape.
    ///
    /// A context of k·b stands for k copies of x one after another, and gives k·b predictions.
    ///
    /// # Errors
    /// If the conditioning does not fit the model, or stopped.
    pub fn apply_model(&self, x: &Tensor, t: &[f32], conditioning: &Conditioning) -> Result<Tensor> {
        self.apply_model_watched(x, t, conditioning, None)
    }

    /// The same; `maps` gathers what cross-attention looks at.
    ///
    /// # Errors
    /// As [`LatentDiffusion::apply_model`].
    pub fn apply_model_watched(
        &self,
        x: &Tensor,
        t: &[f32],
        conditioning: &Conditioning,
        maps: Option<&AttentionMaps>,
    ) -> Result<Tensor> {
        let key = self.config.conditioning_key;
        let x = match key {
            ConditioningKey::Concat | ConditioningKey::Hybrid => {
                let parts: Vec<&Tensor> = std::iter::once(x).chain(&conditioning.c_concat).collect();
                Tensor::concatenate_channels(&parts)?
            }
            _ => x.clone(),
        };
        self.check_channels(&x)?;
        let context = match (key, conditioning.c_crossattn.as_slice()) {
            (ConditioningKey::Crossattn | ConditioningKey::Hybrid, []) => {
                return Err(Error::NoContext);
            }
            (ConditioningKey::Crossattn | ConditioningKey::Hybrid, [one]) => Some(one.clone()),
            (ConditioningKey::Crossattn | ConditioningKey::Hybrid, many) => {
                // Joined along the positions n.
                Some(Tensor::concatenate_channels(&many.iter().collect::<Vec<_>>())?)
            }
            _ => None,
        };
        let label = match key {
            ConditioningKey::Adm => conditioning.y.as_deref().map(Label::Classes),
            _ => conditioning.vector.as_ref().map(Label::Vector),
        };
        let beside = Beside { label, guidance: conditioning.guidance.as_deref() };
        self.unet.forward_watched(&x, t, context.as_ref(), beside, maps)
    }

    fn check_channels(&self, x: &Tensor) -> Result<()> {
        let [_, found, ..] = x.map_shape()?;
        let expected = self.config.unet.in_channels;
        if found == expected {
            return Ok(());
        }
        Err(Error::Shape(format!(
            "the UNet takes {expected} channels, found {found}; an inpainting model needs a mask and a picture"
        )))
    }

    /// Whether pictures can be encoded: files for text to picture alone hold no encoder.
    pub fn encodes(&self) -> bool {
        self.first_stage.encoder().is_whole()
    }

    /// Picture (b, 3, H, W) in [-1, 1] → unscaled latent or its distribution.
    ///
    /// # Errors
    /// If there is no encoder, shapes do not fit, or stopped.
    pub fn encode_first_stage(&self, x: &Tensor) -> Result<Encoded> {
        let [_, _, h, w] = x.map_shape()?;
        self.first_stage.encode(x, self.bands(h * w))
    }

    fn bands(&self, pixels: usize) -> Option<usize> {
        self.decoding.bands(pixels, self.device.is_card())
    }

    /// Bytes that the first stage takes beside the weights for a picture of this size, where that is so large that it
    /// works in bands for its size alone.
    pub fn large_picture(&self, [width, height]: [usize; 2]) -> Option<u64> {
        let pixels = width * height;
        let numbers = self.first_stage.numbers_in_bands()?;
        let of_picture = 6.0;
        let bytes = (4.0 * (numbers + of_picture) * pixels as f64) as u64;
        is_large(pixels, self.device.is_card()).then_some(bytes)
    }

    /// `scale_factor` × the latent (or the distribution's mean) of an encoding.
    ///
    /// # Errors
    /// If the device fails.
    pub fn get_first_stage_encoding(&self, encoded: &Encoded) -> Result<Tensor> {
        encoded.mode().scale(self.config.scale_factor)
    }

    /// Scaled latent z (b, c, h, w) → picture (b, 3, H, W), about [-1, 1]. A graphics card that computes in f16 decodes
    /// in f16; where a stage goes beyond it, the same latents are decoded in f32. What does not fit a card's memory is
    /// decoded in bands. Both are said in [`LatentDiffusion::take_notes`].
    ///
    /// # Errors
    /// If shapes do not fit, or stopped.
    pub fn decode_first_stage(&self, z: &Tensor) -> Result<Tensor> {
        let z = z.to_dtype_of(&self.first_stage_device())?.scale(1.0 / self.config.scale_factor)?;
        if self.device.is_card() && self.device.dtype() == Dtype::F16 && !self.decoding.needs_f32() {
            let mut watch = Watch::on();
            if let Some(image) = self.decode_fitting(&z.to_dtype_of(&self.device)?, &mut watch)? {
                return Ok(image);
            }
            self.decoding.note_broken(watch.broken().unwrap_or_default());
        }
        let image = self.decode_fitting(&z, &mut Watch::off())?;
        image.ok_or_else(|| Error::Shape("the decoder made no picture".to_owned()))
    }

    /// Decodes at once if that fits the card's memory.
    fn decode_fitting(&self, z: &Tensor, watch: &mut Watch) -> Result<Option<Tensor>> {
        let [_, _, h, w] = z.map_shape()?;
        let pixels = h * w * self.config.first_stage_factor.pow(2);
        let bands = self.bands(pixels);
        match self.first_stage.decode(z, bands, watch) {
            Err(Error::OutOfCardMemory { .. }) if bands.is_none() => {
                self.device.trim();
                self.decoding.set_bands(true);
                self.decoding.note(CardNote::InBands);
                self.first_stage.decode(z, self.bands(pixels), watch)
            }
            decoded => decoded,
        }
    }

    /// The codebook's version of a latent, as the sampler sees it (the reference does not unscale it).
    ///
    /// # Errors
    /// In one sentence for a first stage without a codebook.
    pub fn quantize(&self, z: &Tensor) -> Result<Tensor> {
        self.first_stage.quantize(z)?.ok_or(Error::NoCodebook)
    }
}
