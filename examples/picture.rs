//! A picture through the library: `cargo run --release --example picture -- "a red fox"`.
//!
//! Opens the starter, runs the sampler and writes `picture.png`, as `safelight generate` does.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use safelight::engine::{Opening, generate, open_model};
use safelight::message::ModelSource;
use safelight::ops::{Device, StopFlag};
use safelight::picture::{self, Made};
use safelight::sampler::Next;
use safelight::settings::Settings;

fn main() -> Result<(), Box<dyn Error>> {
    let prompt = std::env::args().nth(1).unwrap_or_else(|| "a red fox".to_owned());
    let device = Device::cpu(StopFlag::default());
    let model = open_model(&ModelSource::Starter, Opening::on(&device))?;
    let settings = Settings { prompt, seed: 7, ..model.info.defaults.clone() };

    // The text becomes the context, the seed becomes x_T.
    let plan = generate::plan(&model.networks, &settings)?;
    let x_t = generate::start(&model.networks, &settings, &plan);

    // Every step reports its x and pred_x0, and may steer or end the run.
    let steps = plan.schedule.len();
    let mut on_step = |report: &safelight::sampler::StepReport<'_>, _: &_| {
        println!("step {} of {steps}, t = {}", report.step + 1, report.timestep);
        ControlFlow::Continue(Next::default())
    };
    let generated = generate::develop(&model.networks, &settings, &plan, x_t, &mut on_step)?;

    let (frame, _) = generate::decode(&model.networks, &generated.samples)?;
    let guidance = vec![settings.guidance; steps];
    let made = Made::new(&settings, steps, &guidance, &model.info.name, &model.info.hash.unwrap_or_default());
    let path = picture::write_to(Path::new("picture.png"), false, &frame, Some(&made))?;
    println!("{}", path.display());
    Ok(())
}
