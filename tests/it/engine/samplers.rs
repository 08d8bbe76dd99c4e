//! Every sampler draws the starter's apple.

use safelight::picture::Frame;
use safelight::sampler::SamplerKind;
use safelight::settings::{PartialSettings, Settings};

use super::{Bench, apple};

/// How much redder than gray the middle of a picture is, 0 to 255.
fn redness_of_the_middle(frame: &Frame) -> f64 {
    let (width, height) = (frame.width, frame.height);
    let (mut sum, mut count) = (0.0, 0.0);
    for y in height * 2 / 5..height * 3 / 5 {
        for x in width * 2 / 5..width * 3 / 5 {
            let [red, green, blue] = [0, 1, 2].map(|c| f64::from(frame.rgb[3 * (y * width + x) + c]));
            sum += red - (green + blue) / 2.0;
            count += 1.0;
        }
    }
    sum / count
}

#[test]
fn every_sampler_draws_the_apple() {
    let mut bench = Bench::start();
    let info = bench.open();
    let mut pale = Vec::new();
    for (row, id) in SamplerKind::TABLE.iter().zip(1..) {
        let only = PartialSettings { sampler: Some(row.kind), ..PartialSettings::default() };
        let settings: Settings = only.put_over(&apple(&info, 20));
        let frame = bench.picture(id, settings);
        let redness = redness_of_the_middle(&frame);
        if redness < 60.0 {
            pale.push(format!("{}: {redness:.0}", row.name));
        }
    }
    assert!(pale.is_empty(), "{pale:?}");
}
