//! The models that the program offers by name, from one data file.

use std::sync::LazyLock;

use serde::Deserialize;

use super::license::License;
use crate::library::entry::Sort;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// A short name for the command line.
    pub id: String,
    /// Its own name.
    pub name: String,
    /// What it can be used for.
    pub kind: Sort,
    /// Its repository on the hub.
    pub repository: String,
    /// The file in it; a diffusers folder where none is named.
    pub file: Option<String>,
    /// About how large the download is.
    pub megabytes: u64,
    license: Option<String>,
}

impl Offer {
    /// What its license asks; the hub's own word is asked for again before the download.
    pub fn license(&self) -> License {
        License::of(self.license.as_deref())
    }
}

/// All of them.
pub fn offers() -> &'static [Offer] {
    static OFFERS: LazyLock<Vec<Offer>> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../../assets/models/models.json")).unwrap_or_else(|error| {
            log::error!("the list of models is damaged: {error}");
            Vec::new()
        })
    });
    &OFFERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offer_has_a_name_of_its_own_and_can_be_asked_for() {
        let offers: Vec<Offer> =
            serde_json::from_str(include_str!("../../../assets/models/models.json")).unwrap();
        assert!(offers.len() >= 5);
        for offer in &offers {
            assert_eq!(offers.iter().filter(|other| other.id == offer.id).count(), 1, "{}", offer.id);
            let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            assert!(offer.id.chars().all(is_word) && offer.megabytes > 0, "{}", offer.id);
            assert_eq!(offer.repository.split('/').count(), 2, "{}", offer.repository);
        }
        assert!(offers.iter().any(|offer| offer.kind == Sort::Model));
        assert!(offers.iter().any(|offer| offer.kind == Sort::Lora));
        assert!(matches!(offers[0].license(), License::OpenRail(_)));
    }
}
