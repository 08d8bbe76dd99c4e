//! `generate --lens`, `--guidance-out` and `--guidance-curve`.

use safelight::picture::Frame;
use safelight::picture::metadata::read::recover;
use safetensors::SafeTensors;

use super::{done, files, folder, picture, safelight};

const APPLE: [&str; 6] = ["generate", "a red apple on a blue background", "--seed", "1", "--steps", "8"];

/// The mean brightness of a square of the picture, by shares of its side.
fn brightness(frame: &Frame, from: [f64; 2], to: [f64; 2]) -> f64 {
    let range =
        |axis: usize, side: usize| (from[axis] * side as f64) as usize..(to[axis] * side as f64) as usize;
    let pixels =
        range(1, frame.height).flat_map(|y| range(0, frame.width).map(move |x| (y * frame.width + x) * 3));
    let levels: Vec<f64> =
        pixels.flat_map(|at| frame.rgb[at..at + 3].iter().map(|level| f64::from(*level))).collect();
    levels.iter().sum::<f64>() / levels.len() as f64
}

#[test]
fn a_words_heatmap_lies_over_the_picture_which_stays_as_it_is() {
    let folder = folder();
    let lens = ["--lens", "Apple", "--lens-out", "maps/apple.png", "--guidance-out", "guidance.webp"];
    done(&folder, &[&APPLE[..], &["-o", "a.png", "--trace", "t.safetensors"], &lens].concat());
    done(&folder, &[&APPLE[..], &["-o", "b.png"]].concat());
    assert_eq!(picture(&folder, "a.png"), picture(&folder, "b.png"));
    let heat = picture(&folder, "maps/apple.png");
    let (inside, outside) =
        (brightness(&heat, [0.4, 0.45], [0.6, 0.65]), brightness(&heat, [0.0, 0.0], [0.1, 0.1]));
    assert!(inside > outside + 40.0, "{inside} {outside}");
    assert_eq!(picture(&folder, "guidance.webp").width, heat.width);
    let trace = std::fs::read(folder.path().join("t.safetensors")).unwrap();
    let trace = SafeTensors::deserialize(&trace).unwrap();
    let side = heat.width / 16;
    assert_eq!(trace.tensor("lens.2.apple").unwrap().shape(), [side, side]);
    assert_eq!(trace.tensor("lens_guidance").unwrap().shape(), [side, side]);
    assert_eq!(trace.tensor("lens_tokens").unwrap().shape(), [8, 24, side, side]);
}

#[test]
fn a_word_that_is_not_there_is_refused_before_the_run() {
    let folder = folder();
    let run = safelight(&folder, &[&APPLE[..], &["--lens", "pear", "--lens-out", "pear.png"]].concat());
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(
        run.stderr.contains("\"pear\"; it has: a, red, apple, on, a, blue, background"),
        "{}",
        run.stderr
    );
    assert_eq!(files(folder.path()), Vec::<String>::new());
    let run = safelight(&folder, &[&APPLE[..], &["--lens", "apple"]].concat());
    assert_eq!(run.code, 2, "{}", run.stderr);
    let run = safelight(&folder, &[&APPLE[..], &["--lens", "apple", "--lens-out", "apple.gif"]].concat());
    assert_eq!(run.code, 2, "{}", run.stderr);
}

#[test]
fn a_curve_is_written_down_and_read_again() {
    let folder = folder();
    let curve = "0:2,0.3:7.5,1:3";
    done(&folder, &[&APPLE[..], &["--guidance-curve", curve, "-o", "a.png"]].concat());
    let found = recover(&folder.path().join("a.png")).unwrap().unwrap();
    assert_eq!(found.settings.guidance_curve.unwrap().to_string(), curve);
    assert!(found.guidance_of_steps.is_empty());
    done(&folder, &["generate", "--like", "a.png", "-o", "b.png"]);
    assert_eq!(picture(&folder, "a.png"), picture(&folder, "b.png"));
    // Guidance that is typed is meant for all steps.
    done(&folder, &["generate", "--like", "a.png", "--guidance", "3", "-o", "c.png"]);
    done(&folder, &[&APPLE[..], &["--guidance", "3", "-o", "d.png"]].concat());
    assert_eq!(picture(&folder, "c.png"), picture(&folder, "d.png"));
    assert_ne!(picture(&folder, "a.png"), picture(&folder, "c.png"));
    let run = safelight(&folder, &[&APPLE[..], &["--guidance-curve", "0:2,half:3"]].concat());
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("half:3"), "{}", run.stderr);
}
