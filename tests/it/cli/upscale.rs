//! `upscale`, and `generate` with an upscaler.

use safelight::picture::metadata::read::{carried, recover};
use safelight::picture::{AddedKind, Carried, Frame, write_to};

use super::{done, folder, picture, safelight};
use crate::upscalers::Cases;

#[test]
fn a_finished_picture_is_enlarged_and_tells_by_what() {
    let folder = folder();
    Cases::read().unpack("real", folder.path());
    let run = ["generate", "a red tomato", "--steps", "2", "--seed", "7"];
    done(&folder, &[&run[..], &["-o", "plain.png"]].concat());
    done(&folder, &[&run[..], &["-o", "large.png", "--upscale", "real.pth"]].concat());
    done(&folder, &["upscale", "plain.png", "--with", "real.pth", "-o", "after.png"]);
    let (plain, large) = (picture(&folder, "plain.png"), picture(&folder, "large.png"));
    assert_eq!((large.width, large.height), (4 * plain.width, 4 * plain.height));
    assert_eq!(large, picture(&folder, "after.png"));
    for name in ["large.png", "after.png"] {
        let found = recover(&folder.path().join(name)).unwrap().unwrap();
        assert_eq!((found.settings.seed, found.settings.upscaler.as_deref()), (Some(7), Some("real")));
        let added = &found.made.unwrap().added;
        let [by] = &added[..] else { panic!("{added:?}") };
        assert_eq!((by.kind, by.name.as_str(), by.strength), (AddedKind::Upscaler, "real", Some(4.0)));
        assert_eq!(by.hash.len(), 12);
    }
    // Where it is named as a picture tells it, beside nothing, there is one sentence.
    let again = ["generate", "--like", "large.png", "-o", "again.png"];
    let refused = safelight(&folder, &again);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("found no \"real\""), "{}", refused.stderr);
    done(&folder, &[&again[..], &["--upscale", "real.pth"]].concat());
    assert_eq!(picture(&folder, "again.png"), large);
}

#[test]
fn outside_the_mask_the_enlarged_original_stays() {
    let folder = folder();
    let cases = Cases::read();
    cases.unpack("compact", folder.path());
    let (width, height) = (150, 120);
    let rgb = (0..width * height * 3).map(|i| (i * 13 % 241) as u8).collect();
    write_to(&folder.path().join("a.png"), true, &Frame { width, height, rgb }, None).unwrap();
    let inside = |i: usize| i % width < 60 && i / width > 40;
    let rgb = (0..width * height).flat_map(|i| [if inside(i) { 255 } else { 0 }; 3]).collect();
    write_to(&folder.path().join("m.png"), true, &Frame { width, height, rgb }, None).unwrap();
    let run =
        ["generate", "a red tomato", "--steps", "3", "--seed", "1", "--from", "a.png", "--mask", "m.png"];
    done(&folder, &[&run[..], &["--mask-blur", "0", "-o", "b.png", "--upscale", "compact.pth"]].concat());
    done(&folder, &["upscale", "a.png", "--with", "compact.pth", "-o", "c.png"]);
    let (made, original) = (picture(&folder, "b.png"), picture(&folder, "c.png"));
    assert_eq!((made.width, made.height), (4 * width, 4 * height));
    let mut differs = 0;
    for i in 0..16 * width * height {
        let source = i / (4 * width) / 4 * width + i % (4 * width) / 4;
        let same = made.rgb[3 * i..3 * i + 3] == original.rgb[3 * i..3 * i + 3];
        assert!(same || inside(source), "pixel {i}");
        differs += usize::from(!same);
    }
    assert!(differs > 1000, "{differs}");
    assert!(
        matches!(carried(&folder.path().join("c.png")).unwrap(), Carried::Text(text) if text.ends_with("compact"))
    );
}

#[test]
fn a_second_pass_begins_from_what_an_upscaler_made() {
    let folder = folder();
    Cases::read().unpack("old-x2", folder.path());
    let run = ["generate", "a red tomato", "--steps", "2", "--seed", "7"];
    done(&folder, &[&run[..], &["-o", "lanczos.png", "--hires", "2:2:0.5"]].concat());
    let by = [&run[..], &["--hires", "2:2:0.5:upscaler", "-o", "by.png"]].concat();
    let refused = safelight(&folder, &by);
    assert!(refused.code == 2 && refused.stderr.contains("--upscale FILE"), "{}", refused.stderr);
    done(&folder, &[&by[..], &["--upscale", "old-x2.safetensors"]].concat());
    let (lanczos, made) = (picture(&folder, "lanczos.png"), picture(&folder, "by.png"));
    assert_eq!((made.width, made.height), (lanczos.width, lanczos.height));
    assert!(made != lanczos);
    let Carried::Ours(told) = carried(&folder.path().join("by.png")).unwrap() else { panic!() };
    let text = safelight::picture::a1111_text(&told);
    assert!(text.contains("Hires upscaler: old-x2") && !text.contains("Postprocess"), "{text}");
}
