//! Where to compute, between the window's plain names and the device's options.

use crate::message::{Compute, DeviceOffer};
use crate::ops::{Device, DeviceChoice, DeviceOptions, Dtype, all_cores};

/// The devices that can be chosen here, `present` among them. Where there is more than one, the first
/// leaves the choice to the program.
pub fn device_offers(present: DeviceOptions) -> Vec<DeviceOffer> {
    let mut devices = Device::offered();
    if devices.len() > 1 {
        devices.insert(0, (DeviceChoice::Auto, vec![Dtype::F32]));
    }
    if present.choice != DeviceChoice::Auto && devices.iter().all(|(choice, _)| *choice != present.choice) {
        let is_card = matches!(present.choice, DeviceChoice::Wgpu(_));
        let dtypes = if is_card { vec![Dtype::F32, Dtype::F16] } else { vec![present.dtype] };
        devices.push((present.choice, dtypes));
    }
    let offer = |(choice, dtypes): (DeviceChoice, Vec<Dtype>)| DeviceOffer {
        device: choice.to_string(),
        name: card_name(choice),
        dtypes: dtypes.into_iter().map(|dtype| dtype.name().to_owned()).collect(),
        cores: (choice == DeviceChoice::Cpu).then(all_cores),
    };
    devices.into_iter().map(offer).collect()
}

/// The name of a graphics card that is known; the kind of thing it is stands in brackets and is left out.
#[cfg(feature = "gpu")]
fn card_name(choice: DeviceChoice) -> Option<String> {
    let DeviceChoice::Wgpu(index) = choice else { return None };
    let name = crate::gpu::known().get(index)?.name.clone();
    Some(name.split(" (").next().unwrap_or(&name).to_owned())
}

/// Without graphics cards none has a name.
#[cfg(not(feature = "gpu"))]
fn card_name(_: DeviceChoice) -> Option<String> {
    None
}

/// The processor in place of a card that was lost, otherwise as `options` say.
pub(super) fn on_processor(options: DeviceOptions) -> DeviceOptions {
    DeviceOptions { choice: DeviceChoice::Cpu, dtype: Dtype::F32, ..options }
}

/// Options as the window names them.
pub fn compute_of(options: DeviceOptions) -> Compute {
    let DeviceOptions { choice, dtype, threads, .. } = options;
    Compute { device: choice.to_string(), dtype: dtype.name().to_owned(), threads }
}

/// `options` with the window's choice put over them, as far as it parses.
pub fn with_compute(options: DeviceOptions, compute: &Compute) -> DeviceOptions {
    DeviceOptions {
        choice: compute.device.parse().unwrap_or(options.choice),
        dtype: Dtype::from_name(&compute.dtype).unwrap_or(options.dtype),
        threads: compute.threads.filter(|threads| *threads > 0),
        ..options
    }
}

/// Whether this build and this machine offer a remembered choice, which another machine may have made.
pub fn is_offered(compute: &Compute) -> bool {
    // A card that was chosen by hand may be a software one, which is not offered otherwise.
    let by_hand = compute.device.parse().ok().filter(|choice| card_name(*choice).is_some());
    let present = DeviceOptions { choice: by_hand.unwrap_or_default(), ..DeviceOptions::default() };
    let mut offers = device_offers(present).into_iter();
    offers.any(|offer| {
        let device = offer.device == compute.device || compute.device == DeviceChoice::Auto.to_string();
        let threads = compute.threads.is_none_or(|threads| (1..=all_cores()).contains(&threads));
        device && threads && offer.dtypes.contains(&compute.dtype)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_offer_can_be_chosen() {
        let base = DeviceOptions::default();
        let offers = device_offers(base);
        assert!(offers.iter().any(|offer| offer.device == "cpu" && offer.cores == Some(all_cores())));
        for offer in offers {
            for dtype in offer.dtypes {
                let compute = Compute { device: offer.device.clone(), dtype, threads: Some(1) };
                assert!(is_offered(&compute));
                assert_eq!(compute_of(with_compute(base, &compute)), compute);
            }
        }
        let candle = DeviceOptions { choice: DeviceChoice::CandleCpu, ..base };
        assert!(device_offers(candle).iter().any(|offer| offer.device == "cpu-candle"));
    }

    #[test]
    fn what_was_remembered_elsewhere_is_not_taken() {
        let compute = |device: &str, dtype: &str, threads| {
            is_offered(&Compute { device: device.into(), dtype: dtype.into(), threads })
        };
        assert!(compute("auto", "f32", None));
        assert!(!compute("cuda:7", "f32", None) && !compute("cpu", "f64", None));
        assert!(!compute("cpu", "f32", Some(100_000)) && !compute("cpu", "f32", Some(0)));
    }
}
