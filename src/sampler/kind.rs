//! What can be chosen of a sampler: its update rule, and how its steps are spread over the schedule.

/// The update rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SamplerKind {
    /// Denoising diffusion implicit models.
    #[default]
    Ddim,
    /// Pseudo linear multi-step; eta must be 0.
    Plms,
}

/// How the steps are spread over the schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimestepSpacing {
    /// The reference's even spacing: every ⌊T/S⌋th timestep, which is often more than S steps.
    #[default]
    Uniform,
    /// Even spacing over exactly S steps: t = ⌊i·T/S⌋ + 1.
    Exact,
    /// Squares: denser near the end.
    Quad,
}
