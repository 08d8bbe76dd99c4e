//! The moving average of the UNet's weights, which training keeps beside them.
//!
//! The reference names a copy by the weight's own name without its first word and without dots:
//! `model.diffusion_model.out.2.bias` becomes `model_ema.diffusion_modelout2bias`.

use crate::ops::host::{HostTensor, TensorSource};

/// The name of a UNet weight's moving average; `None` for a tensor that has none.
pub fn ema_name(name: &str) -> Option<String> {
    let weight = name.strip_prefix("model.").filter(|rest| rest.starts_with("diffusion_model."))?;
    Some(format!("model_ema.{}", weight.replace('.', "")))
}

/// A source whose UNet weights are the moving averages of another's, where it has them.
pub struct EmaView<'a>(pub &'a dyn TensorSource);

impl EmaView<'_> {
    fn averaged(&self, name: &str, expected: &[usize]) -> Option<(String, Vec<usize>)> {
        let copy = ema_name(name)?;
        let shape = self.0.shape(&copy, expected)?;
        Some((copy, shape))
    }
}

impl TensorSource for EmaView<'_> {
    fn shape(&self, name: &str, expected: &[usize]) -> Option<Vec<usize>> {
        self.averaged(name, expected).map(|(_, shape)| shape).or_else(|| self.0.shape(name, expected))
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<HostTensor<'_>, String> {
        match self.averaged(name, shape) {
            Some((copy, _)) => self.0.read(&copy, shape),
            None => self.0.read(name, shape),
        }
    }

    fn names(&self) -> Vec<String> {
        self.0.names()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_dots() {
        assert_eq!(
            ema_name("model.diffusion_model.input_blocks.0.0.weight").as_deref(),
            Some("model_ema.diffusion_modelinput_blocks00weight")
        );
        assert_eq!(ema_name("first_stage_model.quant_conv.weight"), None);
        assert_eq!(ema_name("model.other.weight"), None);
    }
}
