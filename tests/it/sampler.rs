//! The sampler on a small made-up network: what it promises beyond the recorded runs.

use std::ops::ControlFlow;

use safelight::sampler::noise::Noise;
use safelight::sampler::{
    BetaSchedule, DdimSchedule, Denoiser, DiffusionSchedule, Latent, Next, Parameterization, RunOptions,
    RunState, run,
};
use safelight::sampler::{RngKind, SamplerKind, TimestepSpacing};

/// A network that is plain arithmetic, and counts how it is called.
#[derive(Default)]
struct Arithmetic {
    single: usize,
    doubled: usize,
}

impl Denoiser for Arithmetic {
    type Error = String;

    fn conditional(&mut self, x: &Latent, t: f32) -> Result<Latent, String> {
        self.single += 1;
        Ok(x.map(|x| 0.3 * x.sin() + t * 1e-4))
    }

    fn guided(&mut self, x: &Latent, t: f32) -> Result<(Latent, Latent), String> {
        self.doubled += 1;
        Ok((x.map(|x| 0.2 * x.cos()), x.map(|x| 0.3 * x.sin() + t * 1e-4)))
    }

    fn has_unconditional(&self) -> bool {
        true
    }

    fn parameterization(&self) -> Parameterization {
        Parameterization::Eps
    }

    fn quantize(&mut self, _: &Latent) -> Result<Latent, String> {
        Err("no codebook".to_owned())
    }
}

const SHAPE: [usize; 4] = [1, 3, 2, 2]; // fewer than 16 numbers: the generator keeps half a draw

fn full() -> DiffusionSchedule {
    DiffusionSchedule::new(BetaSchedule::Linear, 1000, 0.00085, 0.012, 8e-3)
}

fn start(guidance: f64) -> RunState {
    RunState::start(SHAPE, None, Noise::seeded(RngKind::Cpu, 11), guidance)
}

/// Runs to the end, or until `stop_after` steps are done.
fn go(
    state: RunState,
    schedule: &DdimSchedule,
    options: &RunOptions<'_>,
    stop_after: Option<usize>,
) -> RunState {
    let mut on_step = |report: &safelight::sampler::StepReport<'_>, _: &RunState| {
        if Some(report.step + 1) == stop_after {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(Next::default())
        }
    };
    run(&mut Arithmetic::default(), &full(), schedule, options, state, &mut on_step).unwrap().state
}

fn schedule(eta: f64) -> DdimSchedule {
    DdimSchedule::new(&full(), 10, TimestepSpacing::Uniform, eta).unwrap()
}

#[test]
fn a_run_saved_after_any_step_goes_on_to_the_same_numbers() {
    let etas = |takes_eta| if takes_eta { vec![0.0, 0.7] } else { vec![0.0] };
    for (sampler, eta) in
        SamplerKind::TABLE.iter().flat_map(|row| etas(row.takes_eta()).into_iter().map(|eta| (row.kind, eta)))
    {
        let options = RunOptions { sampler, noise_dropout: 0.25, temperature: 0.9, ..RunOptions::default() };
        let schedule = schedule(eta);
        let straight = go(start(4.0), &schedule, &options, None);
        for step in 1..10 {
            let saved = serde_json::to_string(&go(start(4.0), &schedule, &options, Some(step))).unwrap();
            let resumed = go(serde_json::from_str(&saved).unwrap(), &schedule, &options, None);
            assert_eq!(resumed, straight, "{sampler:?}, eta {eta}, saved after step {step}");
        }
    }
}

#[test]
fn guidance_of_one_is_a_single_pass_and_steering_acts_from_the_next_step() {
    let schedule = schedule(0.0);
    let mut network = Arithmetic::default();
    let mut seen = Vec::new();
    let mut on_step = |report: &safelight::sampler::StepReport<'_>, _: &RunState| {
        seen.push(report.guidance);
        ControlFlow::Continue(Next { guidance: (report.step == 3).then_some(5.0), ..Next::default() })
    };
    run(&mut network, &full(), &schedule, &RunOptions::default(), start(1.0), &mut on_step).unwrap();
    assert_eq!((network.single, network.doubled), (4, 6));
    assert_eq!(seen, [1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]);
}

#[test]
fn plms_asks_the_network_twice_in_its_first_step_and_each_step_reports_its_calls() {
    let mut network = Arithmetic::default();
    let options = RunOptions { sampler: SamplerKind::Plms, ..RunOptions::default() };
    let mut calls = Vec::new();
    let mut on_step = |report: &safelight::sampler::StepReport<'_>, _: &RunState| {
        calls.push(report.model_calls);
        ControlFlow::Continue(Next::default())
    };
    run(&mut network, &full(), &schedule(0.0), &options, start(3.0), &mut on_step).unwrap();
    assert_eq!(network.doubled, 11);
    assert_eq!(calls, [2, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn intermediates_start_with_x_t_and_keep_the_first_step_and_every_so_many() {
    let options = RunOptions { log_every_t: 4, ..RunOptions::default() };
    let mut on_step =
        |_: &safelight::sampler::StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
    let outcome =
        run(&mut Arithmetic::default(), &full(), &schedule(0.0), &options, start(1.0), &mut on_step).unwrap();
    // Indices 9 (the first), 8, 4 and 0, after x_T.
    assert_eq!(outcome.intermediates.x_inter.len(), 5);
    assert_eq!(outcome.intermediates.x_inter[0], start(1.0).x);
    assert_eq!(outcome.intermediates.x_inter[4], outcome.state.x);
    assert!(!outcome.stopped);
}

#[test]
fn a_codebook_is_asked_for_only_when_quantizing_and_its_lack_is_an_error() {
    let options = RunOptions { quantize_denoised: true, ..RunOptions::default() };
    let mut on_step =
        |_: &safelight::sampler::StepReport<'_>, _: &RunState| ControlFlow::Continue(Next::default());
    let refused =
        run(&mut Arithmetic::default(), &full(), &schedule(0.0), &options, start(1.0), &mut on_step);
    assert_eq!(refused.unwrap_err(), "no codebook");
}

#[test]
fn a_score_corrector_changes_what_the_network_said() {
    let schedule = schedule(0.0);
    let zero = |e_t: Latent, _: &Latent, _: f32| e_t.map(|_| 0.0);
    let options = RunOptions { score_corrector: Some(&zero), ..RunOptions::default() };
    let end = go(start(1.0), &schedule, &options, None);
    // With no noise predicted, x only grows by the ratio of the first and the last signal.
    let grown = (schedule.ddim_alphas_prev[0] / schedule.ddim_alphas[9]).sqrt() as f32;
    let begun = start(1.0).x;
    assert!(
        end.x.values.iter().zip(&begun.values).all(|(end, x)| (end - x * grown).abs() < 1e-4 * end.abs())
    );
}

/// A network that knows the picture, every number of which is 0.5, and tells it as a velocity.
struct Velocity<'a>(&'a DiffusionSchedule);

impl Denoiser for Velocity<'_> {
    type Error = String;

    fn conditional(&mut self, x: &Latent, t: f32) -> Result<Latent, String> {
        let alpha = self.0.alphas_cumprod[t as usize];
        let (signal, sigma) = (alpha.sqrt(), (1.0 - alpha).sqrt());
        Ok(x.map(|x| signal * (x - signal * 0.5) / sigma - sigma * 0.5))
    }

    fn guided(&mut self, x: &Latent, t: f32) -> Result<(Latent, Latent), String> {
        self.conditional(x, t).map(|v| (v.clone(), v))
    }

    fn has_unconditional(&self) -> bool {
        true
    }

    fn parameterization(&self) -> Parameterization {
        Parameterization::V
    }

    fn quantize(&mut self, _: &Latent) -> Result<Latent, String> {
        Err("no codebook".to_owned())
    }
}

#[test]
fn a_velocity_tells_the_picture_even_where_no_signal_is_left() {
    let zero = full().with_zero_terminal_snr();
    let runs = [
        (full(), SamplerKind::Ddim, schedule(0.0)),
        (full(), SamplerKind::Plms, schedule(0.0)),
        (zero.clone(), SamplerKind::Ddim, DdimSchedule::original_steps(&zero, 0.0)),
    ];
    for (full, sampler, schedule) in runs {
        let options = RunOptions { sampler, ..RunOptions::default() };
        let mut on_step = |report: &safelight::sampler::StepReport<'_>, _: &RunState| {
            let far = report.pred_x0.values.iter().map(|x| (x - 0.5).abs()).fold(0.0, f32::max);
            assert!(far < 1e-3, "{sampler:?}, t {}: {far} away", report.timestep);
            ControlFlow::Continue(Next::default())
        };
        run(&mut Velocity(&full), &full, &schedule, &options, start(4.0), &mut on_step).unwrap();
    }
}

#[test]
fn repeated_noise_is_one_draw_for_the_whole_batch() {
    let batch = [2, 4, 2, 2];
    let x_t = Latent::new(batch, Noise::seeded(RngKind::Cpu, 1).randn(16).repeat(2));
    let state = RunState::start(batch, Some(x_t), Noise::seeded(RngKind::Cpu, 5), 1.0);
    let options = RunOptions { repeat_noise: true, ..RunOptions::default() };
    let end = go(state.clone(), &schedule(1.0), &options, None);
    assert_eq!(end.x.values[..16], end.x.values[16..]);
    let apart = go(state, &schedule(1.0), &RunOptions::default(), None);
    assert_ne!(apart.x.values[..16], apart.x.values[16..]);
}

#[test]
fn subsets_and_original_steps_follow_the_reference() {
    assert_eq!(schedule(0.0).subset(5).len(), 4);
    assert_eq!(schedule(0.0).subset(500).len(), 9);
    let original = DdimSchedule::original_steps(&full(), 0.5);
    assert_eq!((original.len(), original.ddim_alphas_prev[0]), (1000, 1.0));
}
