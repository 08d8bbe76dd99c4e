//! `safelight gpu`: the graphics cards of this machine, whether they compute right, and how fast.
//!
//! What is measured is kept, and `--device auto` goes by it. Exit code 0 also where there is no card.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::engine::cards::{Checked, ask_again, check};
use crate::files::write_atomically;
use crate::gpu::probe::{Listed, Probed};
use crate::gpu::{AdapterReport, Matrices, Measurements, Timed, list};
use crate::ops::{Device, StopFlag, product_rate};
use crate::places::Places;

use super::arguments::Gpu;
use super::{Failure, interrupt};

/// Runs `safelight gpu`.
///
/// # Errors
/// If stdout is closed, or `SAFELIGHT_BACKEND` names no interface.
pub fn run(arguments: &Gpu) -> Result<(), Failure> {
    if arguments.list {
        // The child of a probe: a driver may end it here.
        let adapters = list().map_err(|error| Failure::Input(error.to_string()))?;
        return say(&serde_json::to_string(&Listed { adapters }).unwrap_or_default());
    }
    let stop = StopFlag::default();
    interrupt::raise_on_ctrl_c(stop.clone());
    let program = std::env::current_exe().map_err(|error| Failure::Ours(error.to_string()))?;
    let cards_file = Places::of_user().cards;
    let Probed { adapters, died, .. } = ask_again(&program, cards_file.as_deref());
    let processor = product_rate(&Device::cpu(stop.clone())).map_err(Failure::from)?;
    let mut known = cards_file.as_deref().map(Measurements::read).unwrap_or_default();
    let mut cards = Vec::new();
    for (index, report) in adapters.iter().enumerate() {
        let card = check(index, report, &stop).map_err(Failure::from)?;
        if let Some(measured) = card.measured(processor) {
            known.note(report, measured);
        }
        cards.push(card);
    }
    if let Some(file) = cards_file.filter(|_| !known.is_empty()) {
        // The next start measures again where this cannot be kept.
        let written = write_atomically(&file, known.to_json().as_bytes(), true);
        written.map_err(|error| log::warn!("measurements are not kept: {error}")).ok();
    }
    let best = known.best(&adapters).map(|best| best.0);
    if arguments.json {
        let cards: Vec<Value> =
            adapters.iter().zip(&cards).map(|(report, card)| to_json(report, card)).collect();
        let report = json!({ "cards": cards, "died": died, "processor": processor, "auto": best });
        return say(&report.to_string());
    }
    print(&adapters, &cards, &died, processor, best)
}

/// A card and what was found out about it, as JSON.
fn to_json(report: &AdapterReport, card: &Checked) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if let Value::Object(map) = &mut value {
        map.insert("self_test".to_owned(), json!(card.fault.as_deref().unwrap_or("passed")));
        map.insert("f16".to_owned(), json!(card.f16));
        map.insert("forms".to_owned(), json!(card.forms));
    }
    value
}

fn print(
    adapters: &[AdapterReport],
    cards: &[Checked],
    died: &[String],
    processor: f64,
    best: Option<usize>,
) -> Result<(), Failure> {
    for interface in died {
        say(&format!("the driver crashed while cards were listed by {interface}; it is left alone"))?;
    }
    if adapters.is_empty() {
        say("no graphics card with a driver for Vulkan, Metal or Direct3D 12")?;
    }
    for (index, (report, card)) in adapters.iter().zip(cards).enumerate() {
        let AdapterReport { name, backend, kind, driver, .. } = report;
        say(&format!("wgpu:{index}  {name} ({kind}, {backend}, {driver})"))?;
        let yes = |has: bool| if has { "yes" } else { "no" };
        say(&format!(
            "        buffers to {} MB, bindings to {} MB, {} KB a workgroup, subgroups of {} to {}",
            report.buffer_max >> 20,
            report.binding_max >> 20,
            report.shared_bytes >> 10,
            report.subgroup[0],
            report.subgroup[1],
        ))?;
        say(&format!(
            "        f16 in shaders: {}, kept pipelines: {}",
            yes(report.has_f16),
            yes(report.has_pipeline_cache)
        ))?;
        say(&format!("        cooperative matrices: {}", matrices(report)))?;
        if let Some(memory) = report.memory {
            say(&format!("        memory of its own: {} MB", memory >> 20))?;
        }
        let fault = card.fault.as_deref().unwrap_or("passed in f32 and f16");
        say(&format!("        self-test: {fault}"))?;
        if let Some(rate) = card.f16 {
            say(&format!("        products in f16: {:.0} GFLOP/s", rate / 1e9))?;
        }
        if card.forms.is_empty() && !report.matrix_sides().is_empty() {
            say("        tiles by matrices never ran here: they are off")?;
        }
        for Timed { form, linear, convolution, fault } in &card.forms {
            say(&match fault {
                Some(fault) => format!("        tile {form}: {fault}"),
                None => format!(
                    "        tile {form}: linear {:.0} GFLOP/s, convolution {:.0} GFLOP/s",
                    linear / 1e9,
                    convolution / 1e9
                ),
            })?;
        }
    }
    say(&format!("cpu     products in f32: {:.0} GFLOP/s", processor / 1e9))?;
    match best {
        Some(index) => say(&format!("--device auto takes wgpu:{index}")),
        None => say("--device auto takes the CPU: no hardware card was measured faster"),
    }
}

/// The cooperative matrices of a card.
fn matrices(report: &AdapterReport) -> String {
    let names = report
        .matrices
        .iter()
        .map(|Matrices { sizes: [m, n, k], factors, sums }| format!("{m}×{n}×{k} {factors} to {sums}"));
    let names: Vec<String> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| Failure::Ours(error.to_string()))
}
