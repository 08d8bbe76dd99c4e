//! The rows of [`SamplerKind::TABLE`].
//!
//! Invariant: they stand in the order of the variants.

use super::{Family, Sampler, SamplerKind, Space};
use crate::sampler::ScheduleKind;

/// A rule in σ, as most are.
const IN_SIGMA: Sampler = Sampler {
    kind: SamplerKind::Euler,
    name: "",
    a1111: "",
    aliases: &[],
    about: "",
    family: Family::Sigmas,
    own_schedule: ScheduleKind::Normal,
    discards: false,
    multistep: false,
    calls_per_step: 1,
    space: Space::Sigma,
    own_eta: None,
    churns: false,
    cfg_pp: false,
};

/// A rule that keeps the variance.
const IN_VP: Sampler =
    Sampler { family: Family::Timesteps, own_schedule: ScheduleKind::Auto, space: Space::Vp, ..IN_SIGMA };

pub(super) const TABLE: [Sampler; 18] = [
    Sampler {
        kind: SamplerKind::Ddim,
        name: "ddim",
        a1111: "DDIM",
        aliases: &["k_ddim"],
        about: "Denoising diffusion implicit models",
        own_eta: Some(0.0),
        cfg_pp: true,
        ..IN_VP
    },
    Sampler {
        kind: SamplerKind::Plms,
        name: "plms",
        a1111: "PLMS",
        about: "Pseudo linear multi-step; needs eta 0",
        ..IN_VP
    },
    Sampler {
        kind: SamplerKind::Euler,
        name: "euler",
        a1111: "Euler",
        aliases: &["k_euler"],
        about: "Euler's rule",
        churns: true,
        cfg_pp: true,
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::EulerAncestral,
        name: "euler_ancestral",
        a1111: "Euler a",
        aliases: &["euler_a", "k_euler_a", "k_euler_ancestral"],
        about: "Euler's rule with fresh noise in each step",
        own_eta: Some(1.0),
        cfg_pp: true,
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::Heun,
        name: "heun",
        a1111: "Heun",
        aliases: &["k_heun"],
        about: "Heun's rule: two calls of the model a step",
        churns: true,
        calls_per_step: 2,
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::Dpm2,
        name: "dpm_2",
        a1111: "DPM2",
        aliases: &["dpm2", "k_dpm_2", "kdpm_2"],
        about: "DPM-Solver-2: two calls of the model a step",
        own_schedule: ScheduleKind::Karras,
        discards: true,
        churns: true,
        calls_per_step: 2,
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::Dpm2Ancestral,
        name: "dpm_2_ancestral",
        a1111: "DPM2 a",
        aliases: &["dpm2_a", "dpm_2_a", "dpm2_ancestral", "k_dpm_2_a", "k_dpm_2_ancestral", "kdpm_2_a"],
        about: "DPM-Solver-2 with fresh noise in each step",
        own_schedule: ScheduleKind::Karras,
        discards: true,
        own_eta: Some(1.0),
        calls_per_step: 2,
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::Lms,
        name: "lms",
        a1111: "LMS",
        aliases: &["k_lms"],
        about: "Linear multi-step",
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::DpmPp2sAncestral,
        name: "dpmpp_2s_ancestral",
        a1111: "DPM++ 2S a",
        aliases: &["dpmpp_2s_a", "k_dpmpp_2s_a", "k_dpmpp_2s_ancestral"],
        about: "DPM-Solver++(2S) with fresh noise in each step: two calls of the model",
        own_schedule: ScheduleKind::Karras,
        own_eta: Some(1.0),
        calls_per_step: 2,
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::DpmPpSde,
        name: "dpmpp_sde",
        a1111: "DPM++ SDE",
        aliases: &["dpmpp_sde_gpu", "k_dpmpp_sde"],
        about: "DPM-Solver++ with Brownian noise: two calls of the model a step",
        own_schedule: ScheduleKind::Karras,
        own_eta: Some(1.0),
        calls_per_step: 2,
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::DpmPp2m,
        name: "dpmpp_2m",
        a1111: "DPM++ 2M",
        aliases: &["k_dpmpp_2m"],
        about: "DPM-Solver++(2M)",
        own_schedule: ScheduleKind::Karras,
        multistep: true,
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::DpmPp2mSde,
        name: "dpmpp_2m_sde",
        a1111: "DPM++ 2M SDE",
        aliases: &["dpmpp_2m_sde_gpu", "k_dpmpp_2m_sde"],
        about: "DPM-Solver++(2M) with Brownian noise",
        own_schedule: ScheduleKind::Exponential,
        multistep: true,
        own_eta: Some(1.0),
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::DpmPp2mSdeHeun,
        name: "dpmpp_2m_sde_heun",
        a1111: "DPM++ 2M SDE Heun",
        aliases: &["dpmpp_2m_sde_heun_gpu", "k_dpmpp_2m_sde_heun"],
        about: "DPM-Solver++(2M) with Brownian noise, by Heun's weights",
        own_schedule: ScheduleKind::Exponential,
        multistep: true,
        own_eta: Some(1.0),
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::DpmPp3mSde,
        name: "dpmpp_3m_sde",
        a1111: "DPM++ 3M SDE",
        aliases: &["dpmpp_3m_sde_gpu", "k_dpmpp_3m_sde"],
        about: "DPM-Solver++(3M) with Brownian noise",
        own_schedule: ScheduleKind::Exponential,
        discards: true,
        multistep: true,
        own_eta: Some(1.0),
        ..IN_SIGMA
    },
    Sampler {
        kind: SamplerKind::UniPc,
        name: "uni_pc",
        a1111: "UniPC",
        aliases: &["uni_pc_bh2"],
        about: "Unified predictor and corrector",
        family: Family::Multistep,
        own_schedule: ScheduleKind::Linspace,
        multistep: true,
        ..IN_VP
    },
    Sampler {
        kind: SamplerKind::Lcm,
        name: "lcm",
        a1111: "LCM",
        aliases: &["k_lcm"],
        about: "For latent consistency models: few steps, guidance near 1",
        family: Family::Distilled,
        ..IN_VP
    },
    Sampler {
        kind: SamplerKind::Tcd,
        name: "tcd",
        a1111: "TCD",
        aliases: &["k_tcd"],
        about: "For models of trajectory consistency distillation; eta is its gamma",
        family: Family::Distilled,
        own_eta: Some(0.3),
        ..IN_VP
    },
    Sampler {
        kind: SamplerKind::Ddpm,
        name: "ddpm",
        a1111: "DDPM",
        aliases: &["k_ddpm"],
        about: "Denoising diffusion probabilistic models: for many steps",
        family: Family::Whole,
        own_schedule: ScheduleKind::Leading,
        ..IN_VP
    },
];
