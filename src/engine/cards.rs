//! Graphics cards: which may be asked, which are offered, how fast they are.
//!
//! Invariant: nothing here costs the first picture anything. Drivers are asked in a child before the window
//! opens or a card is named, once for each version of the program; cards are listed and measured on a thread of
//! their own while nothing else computes, once for each driver, and only where the system lists hardware.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::compute::{device_offers, on_processor};
use crate::engine::options::EngineOptions;
use crate::files::write_atomically;
use crate::gpu::probe::{Probed, probe};
use crate::gpu::{self, AdapterReport, Measured, Measurements, Timed, fastest};
use crate::message::Event;
use crate::ops::{
    Device, DeviceChoice, DeviceOptions, Dtype, Result, StopFlag, convolution_rate, product_rate, self_test,
};

/// What drivers said, in a file beside that of measurements.
fn drivers_file(cards: &Path) -> PathBuf {
    cards.with_file_name("drivers.json")
}

fn write(file: &Path, text: &str) {
    let written = file.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = written.and_then(|()| write_atomically(file, text.as_bytes(), true));
    // The next start asks and measures again where this cannot be kept.
    written.map_err(|error| log::warn!("what is known of cards is not kept: {error}")).ok();
}

/// Finds out which drivers may be asked, by a child of `program` unless the cache knows; those that died are
/// left alone in this process. Call it before a driver is asked.
pub fn prepare(program: &Path, cards_file: Option<&Path>) {
    match cards_file.map(drivers_file).as_deref().and_then(Probed::read) {
        Some(known) => heed(&known),
        None => drop(ask_again(program, cards_file)),
    }
}

/// The same whatever the cache knows; returns what the child found out.
pub fn ask_again(program: &Path, cards_file: Option<&Path>) -> Probed {
    let probed = probe(program);
    if let Some(file) = cards_file.map(drivers_file) {
        write(&file, &probed.to_json());
    }
    heed(&probed);
    probed
}

/// Leaves dead drivers alone, and knows the cards of the others.
fn heed(probed: &Probed) {
    for interface in &probed.died {
        log::warn!("a driver crashed while cards were listed by {interface}; it is left alone");
    }
    if !probed.died.is_empty() {
        gpu::leave(probed.backend.as_deref());
    }
    gpu::know(probed.adapters.clone());
}

/// `options` with the card that `auto` may take: the fastest known one, where it was measured faster than the
/// processor.
pub fn with_card(options: DeviceOptions, cards_file: Option<&Path>) -> DeviceOptions {
    let measured = cards_file.map(Measurements::read).unwrap_or_default();
    let card = measured.best(&gpu::known()).map(|(index, _)| (index, Dtype::F16));
    gpu::remember(measured);
    DeviceOptions { card, ..options }
}

/// `options` on the processor.
pub fn without(options: DeviceOptions) -> DeviceOptions {
    on_processor(options)
}

/// What was found out about a card.
#[derive(Debug)]
pub struct Checked {
    /// Products in f16: operations a second; none of a software card, which is known to be slower.
    pub f16: Option<f64>,
    /// The forms of its kernels that it chooses from; none of a software card, whose form is fixed.
    pub forms: Vec<Timed>,
    /// What was wrong, if something was.
    pub fault: Option<String>,
}

impl Checked {
    /// What to keep of it; none of a software card that is right.
    pub fn measured(&self, processor: f64) -> Option<Measured> {
        match (self.f16, &self.fault) {
            (Some(card), None) => {
                Some(Measured { card, processor, is_right: true, forms: self.forms.clone() })
            }
            (_, Some(_)) => Some(Measured { card: 0.0, processor, is_right: false, forms: Vec::new() }),
            (None, None) => None,
        }
    }
}

/// Opens, checks and times card `index`.
///
/// # Errors
/// [`crate::ops::Error::Stopped`] alone; what else is wrong is a fault of the card.
pub fn check(index: usize, report: &AdapterReport, stop: &StopFlag) -> Result<Checked> {
    let options = DeviceOptions { choice: DeviceChoice::Wgpu(index), ..DeviceOptions::default() };
    let tried = Device::open(options, stop.clone()).and_then(|(device, _)| {
        self_test(&device)?;
        let half = device.with_dtype(Dtype::F16);
        self_test(&half)?;
        // It is slow to measure.
        if report.is_software() { Ok(Vec::new()) } else { time_forms(&half) }
    });
    let checked = |forms: Vec<Timed>, fault| Checked {
        f16: fastest(&forms, |form| form.linear).map(|form| form.linear),
        forms,
        fault,
    };
    match tried {
        Ok(forms) => {
            let none_is_right = !forms.is_empty() && forms.iter().all(|form| form.fault.is_some());
            let fault = forms.iter().find_map(|form| form.fault.clone()).filter(|_| none_is_right);
            Ok(checked(forms, fault))
        }
        Err(_) if stop.is_raised() => Err(crate::ops::Error::Stopped),
        Err(error) => Ok(checked(Vec::new(), Some(error.to_string()))),
    }
}

/// Tests and times every form that the device chooses from; one that computes wrong is noted with its fault.
fn time_forms(device: &Device) -> Result<Vec<Timed>> {
    let time = |form: &str| {
        let tried = device.with_form(form);
        let timed = |linear, convolution, fault| Timed { form: form.to_owned(), linear, convolution, fault };
        match self_test(&tried) {
            Ok(()) => Ok(timed(product_rate(&tried)?, convolution_rate(&tried)?, None)),
            Err(crate::ops::Error::Stopped) => Err(crate::ops::Error::Stopped),
            Err(error) => Ok(timed(0.0, 0.0, Some(error.to_string()))),
        }
    };
    device.forms().into_iter().map(time).collect()
}

/// What tells of found cards: the front end's channel and its waker.
pub(super) type Tell = Box<dyn Fn(Event) + Send>;

/// The search for cards, which the inference thread lets run while it has nothing to do.
#[derive(Default)]
pub(super) struct Cards {
    wanted: bool,
    under_way: Option<(StopFlag, Arc<AtomicBool>)>,
}

impl Cards {
    /// Wants the cards to be found.
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// Puts the search off: something else computes.
    pub(super) fn interrupt(&mut self) {
        if let Some((stop, done)) = self.under_way.take()
            && !done.load(Ordering::Acquire)
        {
            stop.raise();
            self.wanted = true;
        }
    }

    /// Searches on a thread of its own, if it is wanted.
    pub(super) fn begin(&mut self, options: &EngineOptions, tell: Tell) {
        if !std::mem::take(&mut self.wanted) {
            return;
        }
        let (stop, done) = (StopFlag::default(), Arc::new(AtomicBool::new(false)));
        self.under_way = Some((stop.clone(), done.clone()));
        let (file, device) = (options.cards_file.clone(), options.device);
        let search = move || {
            if find(file.as_deref(), device, &tell, &stop).is_ok() {
                done.store(true, Ordering::Release);
            }
        };
        let started = std::thread::Builder::new().name("cards".to_owned()).spawn(search);
        if let Err(error) = started {
            log::info!("graphics cards are not looked for: {error}");
        }
    }
}

/// Lists the cards again, offers them, and measures those of hardware that were not measured yet.
fn find(file: Option<&Path>, device: DeviceOptions, tell: &Tell, stop: &StopFlag) -> Result<()> {
    let adapters = gpu::list().unwrap_or_default();
    if adapters != gpu::known() {
        gpu::know(adapters.clone());
        if let Some(drivers) = file.map(drivers_file)
            && let Some(kept) = Probed::read(&drivers)
        {
            write(&drivers, &Probed { adapters: adapters.clone(), ..kept }.to_json());
        }
    }
    tell(Event::Cards { devices: device_offers(device) });
    let mut known = file.map(Measurements::read).unwrap_or_default();
    let unmeasured = |report: &AdapterReport| !report.is_software() && known.of(report).is_none();
    let new: Vec<usize> = (0..adapters.len()).filter(|index| unmeasured(&adapters[*index])).collect();
    if new.is_empty() {
        return Ok(());
    }
    let processor = product_rate(&Device::cpu(stop.clone()))?;
    for index in new {
        let report = &adapters[index];
        if let Some(measured) = check(index, report, stop)?.measured(processor) {
            log::info!("{}: {measured:?}", report.name);
            known.note(report, measured);
        }
    }
    if let Some(file) = file {
        write(file, &known.to_json());
    }
    gpu::remember(known);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_card_is_tested_and_timed() {
        if !gpu::is_there_for_tests() {
            return;
        }
        let stop = StopFlag::default();
        let options = DeviceOptions { choice: DeviceChoice::Wgpu(0), ..DeviceOptions::default() };
        let (device, _) = Device::open(options, stop).unwrap();
        let forms = time_forms(&device).unwrap();
        assert!(forms.len() > 1);
        assert!(
            forms.iter().all(|form| form.fault.is_none() && form.linear > 0.0 && form.convolution > 0.0),
            "{forms:?}"
        );
        assert!(time_forms(&Device::cpu(StopFlag::default())).unwrap().is_empty());
    }

    #[test]
    fn a_search_that_is_interrupted_is_wanted_again_and_a_whole_one_is_not() {
        let (told, heard) = std::sync::mpsc::channel();
        let mut cards = Cards::default();
        let tell = || -> Tell {
            let told = told.clone();
            Box::new(move |event| drop(told.send(event)))
        };
        cards.begin(&EngineOptions::default(), tell());
        assert!(heard.try_recv().is_err(), "nobody wanted it");
        cards.want();
        cards.begin(&EngineOptions::default(), tell());
        let Ok(Event::Cards { devices }) = heard.recv() else { panic!("no cards were told") };
        assert!(devices.iter().any(|offer| offer.device == "cpu"));
        let done = cards.under_way.as_ref().unwrap().1.clone();
        done.store(true, Ordering::Release);
        cards.interrupt();
        assert!(!cards.wanted);
        cards.under_way = Some((StopFlag::default(), Arc::new(AtomicBool::new(false))));
        let stop = cards.under_way.as_ref().unwrap().0.clone();
        cards.interrupt();
        assert!(cards.wanted && stop.is_raised());
    }

    #[test]
    #[cfg(unix)]
    fn drivers_are_asked_once_a_version_and_dead_ones_are_left_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (program, file) = (folder.path().join("program"), folder.path().join("cards.json"));
        let asked = folder.path().join("asked");
        let script = format!("#!/bin/sh\necho x >> {}\necho '{{\"adapters\":[]}}'\n", asked.display());
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        prepare(&program, Some(&file));
        prepare(&program, Some(&file));
        assert_eq!(std::fs::read_to_string(&asked).unwrap().lines().count(), 1);
        let kept = std::fs::read_to_string(drivers_file(&file)).unwrap();
        let other = kept.replace(env!("CARGO_PKG_VERSION"), "0.0.0");
        assert_ne!(kept, other);
        std::fs::write(drivers_file(&file), other).unwrap();
        prepare(&program, Some(&file));
        assert_eq!(std::fs::read_to_string(&asked).unwrap().lines().count(), 2, "another version asks again");
    }
}
