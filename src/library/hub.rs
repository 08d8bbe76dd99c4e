//! `Hub`: where the Hugging Face hub is, its cache on this machine, and the token, by `hf-hub`'s conventions.
//!
//! Trap: the token goes to the hub alone; whoever follows a redirect to another host leaves it out.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The hub itself.
const ENDPOINT: &str = "https://huggingface.co";
/// A token is a short word.
const TOKEN_MAX: u64 = 4096;

/// The hub as the environment has it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hub {
    /// The beginning of every address, without a slash at its end.
    pub endpoint: String,
    /// The folder of repositories that programs share; it need not exist.
    pub cache: Option<PathBuf>,
    /// Whether the user set `HF_HOME` or the cache itself, so that downloads go there.
    pub chosen: bool,
    /// What proves to the hub who asks.
    pub token: Option<String>,
}

impl fmt::Debug for Hub {
    /// Without the token, which no log may show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.token.as_ref().map(|_| "…");
        f.debug_struct("Hub")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("chosen", &self.chosen)
            .field("token", &told)
            .finish()
    }
}

impl Hub {
    /// As the process's environment has it.
    pub fn of_user() -> Self {
        Self::of(&|name| std::env::var_os(name), dirs::home_dir())
    }

    fn of(variable: &dyn Fn(&str) -> Option<OsString>, user: Option<PathBuf>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        let from_user = |path: PathBuf| match (path.strip_prefix("~"), &user) {
            (Ok(below), Some(user)) => user.join(below),
            _ => path,
        };
        let folder = |name: &str| set(name).map(|value| from_user(value.into()));
        let usual = || {
            // Everywhere the same place below the user's, whatever the system's cache is.
            let cache = folder("XDG_CACHE_HOME").or_else(|| Some(user.as_ref()?.join(".cache")));
            cache.map(|cache| cache.join("huggingface"))
        };
        let home = folder("HF_HOME");
        let named = folder("HF_HUB_CACHE").or_else(|| folder("HUGGINGFACE_HUB_CACHE"));
        let chosen = home.is_some() || named.is_some();
        let home = home.or_else(usual);
        let cache = named.or_else(|| Some(home.as_ref()?.join("hub")));
        let file = folder("HF_TOKEN_PATH").or_else(|| Some(home?.join("token")));
        let token = text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN"));
        let token = token.or_else(|| read_token(&file?));
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let endpoint = endpoint.trim().trim_end_matches('/').to_owned();
        Self { endpoint, cache, chosen, token: token.and_then(|token| word(&token)) }
    }
}

fn read_token(file: &Path) -> Option<String> {
    let short = std::fs::metadata(file).is_ok_and(|metadata| metadata.len() <= TOKEN_MAX);
    short.then(|| std::fs::read_to_string(file).ok()).flatten()
}

/// A token that a header can carry.
fn word(token: &str) -> Option<String> {
    let token = token.trim();
    (!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)], user: &Path) -> Hub {
        let variable =
            |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(*value));
        Hub::of(&variable, Some(user.to_owned()))
    }

    #[test]
    fn the_environment_says_where_the_hub_and_its_cache_are() {
        let user = tempfile::tempdir().unwrap();
        let user = user.path();
        let usual = of(&[], user);
        assert_eq!(usual.endpoint, "https://huggingface.co");
        assert_eq!(usual.cache, Some(user.join(".cache/huggingface/hub")));
        assert_eq!((usual.chosen, usual.token), (false, None));
        let xdg = of(&[("XDG_CACHE_HOME", "~/xdg")], user);
        assert_eq!((xdg.cache, xdg.chosen), (Some(user.join("xdg/huggingface/hub")), false));
        let home = of(&[("HF_HOME", "~/hf"), ("HF_ENDPOINT", "http://127.0.0.1:9/ ")], user);
        assert_eq!((home.cache, home.chosen), (Some(user.join("hf/hub")), true));
        assert_eq!(home.endpoint, "http://127.0.0.1:9");
        let cache = of(&[("HF_HOME", "/a"), ("HF_HUB_CACHE", "/b"), ("HF_TOKEN", " hf_abc\n")], user);
        assert_eq!(cache.cache.as_deref(), Some(Path::new("/b")));
        assert_eq!(cache.token.as_deref(), Some("hf_abc"));
        assert!(!format!("{cache:?}").contains("hf_abc"));
    }

    #[test]
    fn a_token_lies_in_a_file_of_the_home() {
        let user = tempfile::tempdir().unwrap();
        let home = user.path().join("hf");
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("token"), "hf_file\n").unwrap();
        let set = [("HF_HOME", home.to_str().unwrap())];
        assert_eq!(of(&set, user.path()).token.as_deref(), Some("hf_file"));
        std::fs::write(home.join("token"), "two\nlines").unwrap();
        assert_eq!(of(&set, user.path()).token, None);
    }
}
