//! Every sampler of the table: recorded trajectories, runs that are saved and taken up again, and what
//! each asks of the model.

use std::ops::ControlFlow;

use safelight::sampler::noise::Noise;
use safelight::sampler::{
    BetaSchedule, Denoiser, DiffusionSchedule, Family, Latent, Layout, Next, Parameterization, RngKind,
    RunOptions, RunSchedule, RunState, SamplerKind, ScheduleError, ScheduleKind, StepReport, TimestepSpacing,
    make_schedule, run,
};
use safelight::verify::trajectories::{Recording, check};

const SHAPE: [usize; 4] = [1, 4, 3, 2];
const STEPS: usize = 8;

/// The bytes of the recorded trajectories; `tests/golden/samplers/make_cases.py` makes them.
const RECORDED: &[u8] = include_bytes!("../golden/samplers/cases.safetensors");

fn full() -> DiffusionSchedule {
    DiffusionSchedule::new(BetaSchedule::Linear, 1000, 0.00085, 0.012, 8e-3)
}

fn layout(sampler: SamplerKind, schedule: ScheduleKind) -> Layout {
    let eta = sampler.row().eta();
    Layout { sampler, steps: STEPS, timesteps: TimestepSpacing::Uniform, schedule, eta }
}

fn own_schedule(sampler: SamplerKind) -> RunSchedule {
    make_schedule(&full(), &layout(sampler, ScheduleKind::Auto)).unwrap()
}

/// A network that knows the picture, every number of which is 0.5, and tells it either way.
struct Knowing {
    parameterization: Parameterization,
    full: DiffusionSchedule,
    single: usize,
    doubled: usize,
}

impl Knowing {
    fn new(parameterization: Parameterization) -> Self {
        Self { parameterization, full: full(), single: 0, doubled: 0 }
    }

    fn answer(&self, x: &Latent, t: f32) -> Latent {
        let sigma = self.full.t_to_sigma(f64::from(t));
        let signal = (1.0 / (sigma * sigma + 1.0)).sqrt() as f32;
        let noise = (1.0 - signal * signal).sqrt();
        match self.parameterization {
            Parameterization::Eps => x.map(|x| (x - signal * 0.5) / noise),
            Parameterization::V => x.map(|x| signal * (x - signal * 0.5) / noise - noise * 0.5),
        }
    }
}

impl Denoiser for Knowing {
    type Error = String;

    fn conditional(&mut self, x: &Latent, t: f32) -> Result<Latent, String> {
        self.single += 1;
        Ok(self.answer(x, t))
    }

    fn guided(&mut self, x: &Latent, t: f32) -> Result<(Latent, Latent), String> {
        self.doubled += 1;
        Ok((self.answer(x, t).map(|e| 0.9 * e), self.answer(x, t)))
    }

    fn has_unconditional(&self) -> bool {
        true
    }

    fn parameterization(&self) -> Parameterization {
        self.parameterization
    }

    fn quantize(&mut self, _: &Latent) -> Result<Latent, String> {
        Err("no codebook".to_owned())
    }
}

fn start(sampler: SamplerKind, schedule: &RunSchedule, guidance: f64) -> RunState {
    let noise = Noise::seeded(RngKind::Cpu, 11);
    RunState::start(SHAPE, None, noise, guidance).raised(schedule, sampler.row().space)
}

/// Runs to the end, or until `stop_after` steps are done; the state, and the calls of the steps run.
fn go(
    state: RunState,
    schedule: &RunSchedule,
    options: &RunOptions<'_>,
    stop_after: Option<usize>,
) -> (RunState, Vec<usize>) {
    let mut calls = Vec::new();
    let mut on_step = |report: &StepReport<'_>, _: &RunState| {
        calls.push(report.model_calls);
        if Some(report.step + 1) == stop_after {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(Next::default())
        }
    };
    let mut network = Knowing::new(Parameterization::Eps);
    let outcome = run(&mut network, &full(), schedule, options, state, &mut on_step).unwrap();
    (outcome.state, calls)
}

#[test]
fn every_recorded_trajectory_is_computed_as_it_was_recorded() {
    let recording = Recording::parse(RECORDED).unwrap();
    let checked = check(&recording);
    let failed: Vec<_> = checked.iter().filter(|group| !group.passes()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(checked.len() > 60, "only {} groups", checked.len());
    for row in SamplerKind::TABLE.iter().filter(|row| row.kind != SamplerKind::Plms) {
        assert!(checked.iter().any(|group| names(&group.name, row.kind)), "no case of {}", row.name);
    }
}

/// Whether a group is one of this sampler.
fn names(group: &str, sampler: SamplerKind) -> bool {
    let short = match sampler {
        SamplerKind::EulerAncestral => "_euler_a",
        SamplerKind::Dpm2 => "kd_dpm2_discard",
        SamplerKind::Dpm2Ancestral => "kd_dpm2_a",
        SamplerKind::DpmPp2sAncestral => "kd_dpmpp_2s_a",
        SamplerKind::UniPc => "df_unipc",
        _ => sampler.row().name,
    };
    group.contains(short)
}

/// The recorded trajectories with another first number of a tensor.
pub fn with_another_number(tensor: &str) -> Vec<u8> {
    let mut bytes = RECORDED.to_vec();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let place = 8 + length + header[tensor]["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[place..place + 4].copy_from_slice(&1e6_f32.to_le_bytes());
    bytes
}

#[test]
fn what_is_not_as_recorded_or_not_known_fails() {
    let failures = |bytes: &[u8]| {
        let checked = check(&Recording::parse(bytes).unwrap());
        checked.into_iter().filter(|group| !group.passes()).map(|group| group.name).collect::<Vec<_>>()
    };
    assert_eq!(failures(&with_another_number("kd_lms/x")), ["kd_lms"]);
    let renamed = |from: &str, to: &str| {
        let place = RECORDED.windows(from.len()).position(|bytes| bytes == from.as_bytes()).unwrap();
        let mut bytes = RECORDED.to_vec();
        bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    assert_eq!(failures(&renamed("\"sg_simple\"", "\"sg_sample\"")), ["sg_sample"]);
    // The header goes on to describe a group whose tensor has another name.
    assert!(!failures(&renamed("kd_lms/x\"", "kd_lms/y\"")).is_empty());
    assert!(Recording::parse(&RECORDED[..1000]).is_err());
    assert!(Recording::parse(b"").is_err());
}

#[test]
fn a_run_saved_after_any_step_goes_on_to_the_same_bits() {
    for row in SamplerKind::TABLE {
        let schedule = own_schedule(row.kind);
        let options = RunOptions { s_churn: 3.0, s_noise: 1.01, ..RunOptions::of(row.kind) };
        let begun = || start(row.kind, &schedule, 2.0);
        let (straight, _) = go(begun(), &schedule, &options, None);
        assert!(straight.x.is_finite(), "{}", row.name);
        for step in 1..schedule.len() {
            let (state, before) = go(begun(), &schedule, &options, Some(step));
            let saved = serde_json::to_vec(&state).unwrap();
            let restored: RunState = serde_json::from_slice(&saved).unwrap();
            let (resumed, after) = go(restored, &schedule, &options, None);
            assert_eq!(resumed, straight, "{}, saved after step {step}", row.name);
            assert_eq!((before.len(), before.len() + after.len()), (step, schedule.len()), "{}", row.name);
        }
    }
}

#[test]
fn every_sampler_finds_the_picture_of_a_network_that_knows_it() {
    for parameterization in [Parameterization::Eps, Parameterization::V] {
        for row in SamplerKind::TABLE {
            let schedules = ScheduleKind::TABLE.iter().map(|row| row.kind);
            for kind in schedules.filter(|kind| row.goes_with(*kind)) {
                let schedule = make_schedule(&full(), &layout(row.kind, kind)).unwrap();
                let mut on_step = |report: &StepReport<'_>, _: &RunState| {
                    let far = report.pred_x0.values.iter().map(|x| (x - 0.5).abs()).fold(0.0, f32::max);
                    // Between whole timesteps diffusers' σ are not those that the network knows.
                    assert!(far < 0.02, "{}, {kind:?}, step {}: {far} away", row.name, report.step);
                    ControlFlow::Continue(Next::default())
                };
                let (mut network, options) = (Knowing::new(parameterization), RunOptions::of(row.kind));
                let state = start(row.kind, &schedule, 1.0);
                run(&mut network, &full(), &schedule, &options, state, &mut on_step).unwrap();
            }
        }
    }
}

#[test]
fn calls_of_the_model_are_those_of_the_rule() {
    for row in SamplerKind::TABLE {
        let schedule = own_schedule(row.kind);
        let (_, calls) = go(start(row.kind, &schedule, 1.0), &schedule, &RunOptions::of(row.kind), None);
        let expected = match row.kind {
            SamplerKind::Plms => [vec![2], vec![1; STEPS - 1]].concat(),
            SamplerKind::Heun
            | SamplerKind::Dpm2
            | SamplerKind::Dpm2Ancestral
            | SamplerKind::DpmPp2sAncestral
            | SamplerKind::DpmPpSde => [vec![2; STEPS - 1], vec![1]].concat(),
            _ => vec![1; STEPS],
        };
        assert_eq!(calls, expected, "{}", row.name);
    }
}

#[test]
fn a_schedule_that_a_sampler_does_not_follow_is_refused() {
    let made = |sampler, kind| make_schedule(&full(), &layout(sampler, kind));
    for row in SamplerKind::TABLE {
        for kind in ScheduleKind::TABLE.iter().map(|row| row.kind) {
            let refused = matches!(made(row.kind, kind), Err(ScheduleError::Pair { .. }));
            assert_eq!(refused, !row.goes_with(kind), "{} and {kind:?}", row.name);
        }
        assert!(row.goes_with(row.own_schedule), "{}", row.name);
    }
    let refused = made(SamplerKind::Lcm, ScheduleKind::Karras).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the lcm sampler does not go with the schedule karras; leave the schedule out or use euler"
    );
    let many = Layout { steps: 51, ..layout(SamplerKind::Lcm, ScheduleKind::Auto) };
    assert_eq!(make_schedule(&full(), &many), Err(ScheduleError::Steps { most: 50, found: 51 }));
}

#[test]
fn an_eta_above_zero_goes_with_the_samplers_that_add_noise() {
    for row in SamplerKind::TABLE {
        let made = |eta| make_schedule(&full(), &Layout { eta, ..layout(row.kind, ScheduleKind::Auto) });
        assert_eq!(made(0.5).is_ok(), row.takes_eta(), "{}", row.name);
        assert!(made(0.0).is_ok(), "{}", row.name);
    }
    let refused = Layout { eta: 0.5, ..layout(SamplerKind::Plms, ScheduleKind::Auto) };
    let refused = make_schedule(&full(), &refused).unwrap_err();
    assert_eq!(refused.to_string(), "the plms sampler needs eta 0, found 0.5; set eta to 0 or use ddim");
}

#[test]
fn every_schedule_falls_from_the_most_noise_to_its_end_at_every_number_of_steps() {
    let full = full();
    for row in SamplerKind::TABLE.iter().filter(|row| row.family != Family::Timesteps) {
        for kind in ScheduleKind::TABLE.iter().map(|row| row.kind).filter(|kind| row.goes_with(*kind)) {
            for steps in [1, 2, 3, 4, 7, 11, 20, 50] {
                let layout = Layout { steps, ..layout(row.kind, kind) };
                let RunSchedule::Levels(schedule) = make_schedule(&full, &layout).unwrap() else {
                    panic!("{} has no levels", row.name);
                };
                let sigmas: Vec<f64> = schedule.levels.iter().map(|level| level.sigma).collect();
                assert!(sigmas.is_sorted_by(|a, b| a > b), "{} {kind:?} {steps}: {sigmas:?}", row.name);
                assert!(sigmas.iter().all(|sigma| sigma.is_finite()), "{kind:?} {steps}");
                let ends_above = matches!(kind, ScheduleKind::KlOptimal);
                assert_eq!(sigmas.last() == Some(&0.0), !ends_above, "{kind:?} {steps}");
                assert!(schedule.levels.iter().all(|level| (0.0..=999.0).contains(&level.t)));
            }
        }
    }
}

#[test]
fn guidance_acts_in_its_interval_and_is_one_call_outside() {
    let schedule = own_schedule(SamplerKind::Euler);
    let options = RunOptions { guidance_interval: [0.25, 0.75], ..RunOptions::of(SamplerKind::Euler) };
    let mut network = Knowing::new(Parameterization::Eps);
    let mut go_on = |_: &StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
    let state = start(SamplerKind::Euler, &schedule, 3.0);
    run(&mut network, &full(), &schedule, &options, state, &mut go_on).unwrap();
    assert_eq!((network.single, network.doubled), (4, 4));
}

#[test]
fn rescaled_guidance_and_cfg_plus_plus_change_the_picture_where_there_is_guidance() {
    for sampler in [SamplerKind::Ddim, SamplerKind::Euler, SamplerKind::EulerAncestral] {
        let schedule = own_schedule(sampler);
        let x = |guidance: f64, options: &RunOptions<'_>| {
            go(start(sampler, &schedule, guidance), &schedule, options, None).0.x
        };
        let plain = RunOptions::of(sampler);
        let rescaled = RunOptions { guidance_rescale: 0.7, ..plain.clone() };
        let plus = RunOptions { cfg_pp: true, ..plain.clone() };
        assert_ne!(x(4.0, &rescaled), x(4.0, &plain), "{sampler:?}");
        assert_ne!(x(4.0, &plus), x(4.0, &plain), "{sampler:?}");
        assert_eq!(x(1.0, &rescaled), x(1.0, &plain), "{sampler:?}");
    }
}

#[test]
fn a_formula_of_cfg_plus_plus_by_hand() {
    // One step of Euler to σ = 0 gives the guided picture, one of DDIM renoises it without the condition.
    let full = full();
    let layout = Layout { steps: 1, ..layout(SamplerKind::Euler, ScheduleKind::Auto) };
    let schedule = make_schedule(&full, &layout).unwrap();
    let options = RunOptions { cfg_pp: true, ..RunOptions::of(SamplerKind::Euler) };
    let begun = start(SamplerKind::Euler, &schedule, 2.0);
    let (sigma, signal) = {
        let level = schedule.steps().level(0);
        (level.sigma as f32, level.signal() as f32)
    };
    let (end, _) = go(begun.clone(), &schedule, &options, None);
    for (x, end) in begun.x.values.iter().zip(&end.x.values) {
        let e = (signal * x - signal * 0.5) / (sigma * signal);
        let guided = 0.9 * e + 2.0 * (e - 0.9 * e);
        let expected = x - sigma * guided;
        assert!((end - expected).abs() < 1e-3 * expected.abs().max(1.0), "{end} {expected}");
    }
}
