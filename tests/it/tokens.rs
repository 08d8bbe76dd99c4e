//! Token ids against CLIP's, and the starter model's own tokenizer.

use std::time::{Duration, Instant};

use safelight::model::cond::tokenizer::Tokenizer;
use serde_json::Value;

#[test]
fn ids_equal_the_references_for_awkward_text() {
    let started = Instant::now();
    let clip = Tokenizer::clip().unwrap();
    let built = started.elapsed();
    let golden: Value = serde_json::from_str(include_str!("../golden/tokens.json")).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 36);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let tokens = clip.encode(text, 77).unwrap();
        let expected: Vec<i64> =
            case["ids"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
        assert_eq!(tokens.ids, expected, "{text:?}");
        let untruncated = case["untruncated"].as_u64().unwrap() as usize;
        assert_eq!(tokens.needed, untruncated, "{text:?}");
        assert_eq!(tokens.used, untruncated.min(77), "{text:?}");
        assert_eq!(tokens.dropped_from.is_some(), untruncated > 77, "{text:?}");
    }
    // A start-up cost; generous, since other tests share the processor.
    assert!(built < Duration::from_secs(2), "{built:?}");
}

#[test]
fn dropped_words_start_where_the_text_stops_fitting() {
    let clip = Tokenizer::clip().unwrap();
    let text = "word ".repeat(100);
    let tokens = clip.encode(&text, 77).unwrap();
    assert_eq!(tokens.dropped_from, Some(75 * 5));
    assert_eq!(tokens.ids[76], 49407);
}

#[test]
fn the_starters_own_tokenizer() {
    let starter = Tokenizer::from_json(include_bytes!("../../assets/starter/tokenizer.json")).unwrap();
    let tokens = starter.encode("a fox on a green background", 24).unwrap();
    // The ids of the reference's own run, in the starter's `expected.safetensors`.
    let mut expected = vec![2224, 320, 750, 343, 514, 320, 575, 521];
    expected.resize(24, 2225);
    assert_eq!(tokens.ids, expected);
    assert_eq!(tokens.used, 9);
    assert_eq!(starter.encode("A  FOX on\na green background", 24).unwrap(), tokens);
    assert_eq!(starter.vocabulary_size(), 2226);
}
