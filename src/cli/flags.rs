//! Flags of `generate` for the settings: one for each row of [`Setting::TABLE`].
//!
//! Invariant: help, names and choices come from the table; only the seed is read in a way of its own.

use std::ffi::OsStr;
use std::path::Path;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::error::{Error, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::sampler::{CurveError, GuidanceCurve};
use crate::settings::{Kind, LoraError, LoraUse, PartialSettings, Row, Setting, Value};

use super::generate::random_seed;

impl Args for PartialSettings {
    fn augment_args(command: Command) -> Command {
        command.args(Setting::TABLE.iter().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PartialSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut settings = Self::default();
        settings.update_from_arg_matches(matches)?;
        Ok(settings)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for row in Setting::TABLE {
            if matches!(row.kind, Kind::Loras | Kind::Files) {
                if let Some(items) = matches.get_many::<Value>(row.name) {
                    self.set(row.setting, joined(items));
                }
                continue;
            }
            match matches.get_one::<Value>(row.name) {
                // A sampler may bring its schedule: "DPM++ 2M Karras".
                Some(Value::Text(name)) if row.setting == Setting::Sampler => {
                    self.set_sampler(name);
                }
                Some(value) => self.set(row.setting, Some(value.clone())),
                None => {}
            }
        }
        Ok(())
    }
}

/// The settings that a branch changes: the same flags, and the prompt by `--prompt`.
#[derive(Clone, Debug)]
pub struct Changes(pub PartialSettings);

impl Args for Changes {
    fn augment_args(command: Command) -> Command {
        command.args(Setting::TABLE.iter().map(|row| {
            match row.setting {
                Setting::Prompt => Arg::new(row.name)
                    .long("prompt")
                    .value_name("TEXT")
                    .value_parser(parser(row))
                    .help("What the picture should show from there on"),
                _ => argument(row),
            }
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Changes {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        PartialSettings::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// The argument of a setting.
fn argument(row: &'static Row) -> Arg {
    let argument =
        Arg::new(row.name).help(row.flag.help).value_name(row.flag.value_name).value_parser(parser(row));
    if row.flag.long.is_empty() {
        return argument.required_unless_present("like");
    }
    let negative = row.setting == Setting::Seed || matches!(row.kind, Kind::Real { .. });
    // What a prompt was written out of is told by programs, not by people.
    let rare = matches!(row.setting, Setting::Template | Setting::NegativeTemplate);
    let argument = argument.long(row.flag.long).allow_negative_numbers(negative).hide_short_help(rare);
    match row.kind {
        Kind::Loras | Kind::Files => argument.action(ArgAction::Append),
        _ => argument,
    }
}

/// The items of a flag that was given several times.
fn joined<'v>(items: impl Iterator<Item = &'v Value>) -> Option<Value> {
    let texts = items.map(|item| if let Value::Text(text) = item { text.as_str() } else { "" });
    Some(Value::Text(texts.collect::<Vec<_>>().join("|")))
}

/// What reads the argument's value. The range of a number is checked when the model is known.
fn parser(row: &'static Row) -> ValueParser {
    match row.kind {
        _ if row.setting == Setting::Seed => ValueParser::new(parse_seed),
        Kind::Text => ValueParser::new(|text: &str| Ok::<_, String>(Value::Text(text.to_owned()))),
        Kind::Whole { .. } => ValueParser::new(parse_whole),
        Kind::Real { .. } => ValueParser::new(parse_real),
        Kind::Choice(_) => ChoiceParser(row).into(),
        Kind::Curve => ValueParser::new(parse_curve),
        Kind::Loras => ValueParser::new(parse_lora),
        Kind::Compound(compound) => {
            ValueParser::new(move |text: &str| (compound.read)(text).map(Value::Text))
        }
        Kind::Files | Kind::File => {
            ValueParser::new(|text: &str| Ok::<_, String>(Value::Text(from_here(text))))
        }
    }
}

/// Reads one of a setting's choices by any of its spellings; of a sampler also with a schedule behind it.
#[derive(Clone)]
struct ChoiceParser(&'static Row);

impl ChoiceParser {
    fn choices(&self) -> impl Iterator<Item = PossibleValue> + use<> {
        let choices = if let Kind::Choice(choices) = self.0.kind { choices() } else { Vec::new() };
        let others = self.0.setting != Setting::Rng;
        choices.into_iter().map(move |choice| {
            let spellings = [choice.a1111].into_iter().chain(choice.aliases).filter(|_| others);
            PossibleValue::new(choice.name).aliases(spellings).help(choice.about)
        })
    }
}

impl TypedValueParser for ChoiceParser {
    type Value = Value;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, Error> {
        let row = self.0;
        let text = value.to_string_lossy();
        let known = self.choices().any(|choice| choice.matches(text.trim(), true));
        if let Some(value) = row.kind.parse(text.trim()).filter(|_| known) {
            return Ok(value);
        }
        if row.setting == Setting::Sampler && PartialSettings::default().set_sampler(&text) {
            return Ok(Value::Text(text.into_owned()));
        }
        // The names alone make clap's own sentence, with what is like the one typed.
        PossibleValuesParser::new(self.choices()).parse_ref(command, argument, value).and_then(|name| {
            row.kind.parse(&name).ok_or_else(|| Error::new(ErrorKind::InvalidValue).with_cmd(command))
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.choices()))
    }
}

fn parse_whole(text: &str) -> Result<Value, std::num::ParseIntError> {
    text.parse().map(Value::Whole)
}

/// "0:2,0.3:7.5,1:3".
fn parse_curve(text: &str) -> Result<Value, CurveError> {
    text.parse().map(|curve: GuidanceCurve| Value::Text(curve.to_string()))
}

/// "ink.safetensors:0.8".
fn parse_lora(text: &str) -> Result<Value, LoraError> {
    let lora: LoraUse = text.parse()?;
    Ok(Value::Text(LoraUse { name: from_here(&lora.name), ..lora }.to_string()))
}

/// The whole path of a file that is here, since a run may be taken up elsewhere; else the name.
fn from_here(name: &str) -> String {
    let path = Path::new(name);
    let whole = std::path::absolute(path).ok().filter(|_| path.exists());
    whole.and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_else(|| name.to_owned())
}

/// "42"; a negative number is a random seed, as in other programs.
fn parse_seed(text: &str) -> Result<Value, String> {
    let text = text.trim();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if text.strip_prefix('-').is_some_and(digits) {
        return Ok(Value::Whole(random_seed()));
    }
    let expected = || format!("expected a whole number up to {}, or -1 for a random seed", u64::MAX);
    text.parse().map(Value::Whole).map_err(|_| expected())
}

/// "7.5" or "7,5"; "1,000" may be meant as a thousand and is refused.
fn parse_real(text: &str) -> Result<Value, String> {
    let text = text.trim();
    let thousands = |(whole, rest): (&str, &str)| whole.trim_start_matches('-') != "0" && rest.len() == 3;
    if text.contains(',') && (text.contains('.') || text.split_once(',').is_some_and(thousands)) {
        return Err("expected a number such as 7.5; write it without a comma".to_owned());
    }
    text.replace(',', ".").parse().map(Value::Real).map_err(|_| "expected a number such as 7.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(arguments: &[&str]) -> Result<PartialSettings, Error> {
        let command =
            PartialSettings::augment_args(Command::new("generate").arg(Arg::new("like").long("like")));
        let arguments = ["generate"].iter().chain(arguments);
        PartialSettings::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    #[test]
    fn every_setting_has_a_flag_that_fills_it() {
        for row in Setting::TABLE {
            let text = match row.kind {
                Kind::Text => "a fox",
                Kind::Whole { .. } | Kind::Real { .. } => "1",
                Kind::Choice(choices) => choices()[0].name,
                Kind::Curve => "0:2,1:3",
                Kind::Loras => "ink:0.5",
                Kind::Files | Kind::File => "a.pt",
                Kind::Compound(compound) => compound.examples[1],
            };
            let flag = format!("--{}", row.flag.long);
            let settings = if row.flag.long.is_empty() {
                typed(&[text]).unwrap()
            } else {
                typed(&["a fox", &flag, text]).unwrap()
            };
            assert_eq!(settings.get(row.setting), row.kind.parse(text), "{}", row.name);
        }
        assert!(typed(&["a fox", "--timesteps", "nonsense"]).is_err());
        assert!(typed(&["a fox", "--guidance-curve", "0:2,1"]).is_err());
        assert!(typed(&["a fox", "--sampler", "Restart"]).is_err());
        assert!(typed(&["a fox", "--rng", "NV"]).is_ok());
        assert!(typed(&[]).is_err() && typed(&["--like", "a.png"]).is_ok());
    }

    #[test]
    fn samplers_go_by_many_names_and_may_bring_their_schedule() {
        use crate::sampler::{SamplerKind, ScheduleKind};
        for (name, sampler, schedule) in [
            ("euler_a", SamplerKind::EulerAncestral, None),
            ("dpmpp_2m", SamplerKind::DpmPp2m, None),
            ("DPM++ 2M Karras", SamplerKind::DpmPp2m, Some(ScheduleKind::Karras)),
            ("UniPC", SamplerKind::UniPc, None),
        ] {
            let settings = typed(&["a fox", "--sampler", name]).unwrap();
            assert_eq!((settings.sampler, settings.schedule), (Some(sampler), schedule), "{name}");
        }
        let both = typed(&["a fox", "--sampler", "DPM++ 2M Karras", "--schedule", "SGM Uniform"]).unwrap();
        assert_eq!(both.schedule, Some(ScheduleKind::SgmUniform));
    }

    #[test]
    fn numbers_as_people_write_them() {
        for (text, random) in [("-1", true), ("-77", true), ("0", false), ("18446744073709551615", false)] {
            let Ok(Value::Whole(seed)) = parse_seed(text) else { panic!("{text} is no seed") };
            assert_eq!(seed.to_string() != text, random, "{text}");
        }
        for text in ["-", "--1", "-1.5", "", "x", "18446744073709551616"] {
            assert!(parse_seed(text).is_err(), "{text}");
        }
        for (text, expected) in [("7,5", 7.5), ("-0,125", -0.125), ("7.5", 7.5), ("12", 12.0)] {
            assert_eq!(parse_real(text), Ok(Value::Real(expected)));
        }
        for text in ["1,000", "1,5.2", "1,2,3", "", "seven"] {
            assert!(parse_real(text).is_err(), "{text}");
        }
    }
}
