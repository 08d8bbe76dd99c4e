//! `License`: what the license of a model asks, told before it is downloaded.
//!
//! Trap: RAIL licenses are called open and restrict use; whoever reads only the name may think otherwise.

use std::fmt;

use crate::told::{Told, quoted};

/// A license, as the hub names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum License {
    /// CreativeML OpenRAIL-M and the like: use is restricted.
    OpenRail(String),
    /// Stability's own: commercial use needs an agreement with them.
    Stability(String),
    /// For research or other non-commercial use.
    NonCommercial(String),
    /// MIT, Apache, BSD, CC0: use it for anything.
    Permissive(String),
    /// Another one, to be read.
    Other(String),
    /// None is named.
    Unnamed,
}

impl License {
    /// The license of this name on the hub.
    pub fn of(name: Option<&str>) -> Self {
        let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else { return Self::Unnamed };
        let lower = name.to_lowercase();
        let name = quoted(name);
        let holds = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if holds(&["rail"]) {
            Self::OpenRail(name)
        } else if holds(&["non-commercial", "noncommercial", "-nc", "research"]) {
            Self::NonCommercial(name)
        } else if holds(&["stability", "sai-"]) {
            Self::Stability(name)
        } else if ["mit", "cc0-1.0", "unlicense", "wtfpl", "isc", "zlib"].contains(&lower.as_str())
            || holds(&["apache", "bsd"])
        {
            Self::Permissive(name)
        } else {
            Self::Other(name)
        }
    }

    /// Its name, where it has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::OpenRail(name)
            | Self::Stability(name)
            | Self::NonCommercial(name)
            | Self::Permissive(name)
            | Self::Other(name) => Some(name),
            Self::Unnamed => None,
        }
    }
}

impl fmt::Display for License {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenRail(name) => write!(
                f,
                "{name}: not an open license. You may use, change and share the model, also commercially, but not for \
                 the uses that its list forbids (to break laws, to harm or deceive people, to exploit minors, medical \
                 advice and others); whoever gets it or what is made from it, or uses it through you, must be bound by \
                 the same list. The pictures are yours"
            ),
            Self::Stability(name) => write!(
                f,
                "{name}: not an open license. Free for research and personal use; what earns money has conditions, \
                 which stability.ai/license tells"
            ),
            Self::NonCommercial(name) => {
                write!(f, "{name}: not an open license. For non-commercial use alone; read it on the model's page")
            }
            Self::Permissive(name) => {
                write!(f, "{name}: an open license. Use it for anything; its text goes along when you share the model")
            }
            Self::Other(name) => write!(f, "{name}: read it on the model's page before you use the model"),
            Self::Unnamed => f.write_str(
                "no license is named, so nothing but what the law allows is granted; read the model's page before you \
                 use it",
            ),
        }
    }
}

impl Told for License {
    fn key(&self) -> &'static str {
        match self {
            Self::OpenRail(_) => "license-open-rail",
            Self::Stability(_) => "license-stability",
            Self::NonCommercial(_) => "license-non-commercial",
            Self::Permissive(_) => "license-permissive",
            Self::Other(_) => "license-other",
            Self::Unnamed => "license-unnamed",
        }
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        self.name().map(|name| ("name", name.to_owned())).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_license_is_told_by_its_name() {
        type Make = fn(String) -> License;
        for (name, kind) in [
            ("creativeml-openrail-m", License::OpenRail as Make),
            ("openrail++", License::OpenRail),
            ("bigscience-bloom-rail-1.0", License::OpenRail),
            ("sai-nc-community", License::NonCommercial),
            ("cc-by-nc-4.0", License::NonCommercial),
            ("stability-community", License::Stability),
            ("apache-2.0", License::Permissive),
            ("MIT", License::Permissive),
            ("cc-by-4.0", License::Other),
            ("permit-me", License::Other),
        ] {
            assert_eq!(License::of(Some(name)), kind(name.to_owned()), "{name}");
        }
        assert_eq!(License::of(Some(" ")), License::Unnamed);
        let said = License::of(Some("openrail++")).to_string();
        assert!(said.contains("not an open license") && said.contains("forbids"), "{said}");
    }
}
