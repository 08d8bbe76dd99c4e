//! The list of backends, and the dispatch that follows from it.
//!
//! Everything that has one variant a backend is generated here from the one line that names them, so
//! no operation has an "else" into which a further backend falls: a device holds [`AnyBackend`],
//! [`on!`] runs an expression with the backend within, and [`own`] has the enums of the types that
//! each backend brings.

use super::backend::*;
use super::candle::Candle;
use super::cpu::StopSlot;
use super::native::Native;
#[cfg(feature = "gpu")]
use super::wgsl::Wgsl;
use super::{DeviceChoice, DeviceOptions, Dtype, Error, Result};

/// A backend's own value (a tensor, a packed layer) within the enum `E` of all backends' values.
/// Trap: the type tells the backend, so no two backends may share one; wrap a crate's tensor that
/// another backend uses already.
pub(super) trait Own<E>: Sized {
    /// The value, if it is of this backend.
    fn of(any: &E) -> Option<&Self>;

    /// The value moved out, if it is of this backend.
    fn take(any: E) -> Option<Self>;

    /// The value as one of any backend.
    fn put(self) -> E;
}

/// Generates everything from the list; `$d` is a dollar sign for the macros that it defines.
macro_rules! backends {
    ($d:tt $($(#[$on:meta])* $name:ident)+) => {
        /// An open backend of the list.
        #[derive(Clone)]
        pub(super) enum AnyBackend {
            $($(#[$on])* $name($name)),+
        }

        impl AnyBackend {
            /// The names in the list.
            #[cfg(test)]
            pub(super) const NAMES: &[&str] = &[$($(#[$on])* stringify!($name)),+];

            /// Opens what `options` choose by the backend that has it.
            pub(super) fn open(options: DeviceOptions, stop: &StopSlot) -> Result<(Self, String)> {
                $(
                    $(#[$on])*
                    if let Some(opened) = <$name as DeviceOps>::open(options, stop.clone()) {
                        return opened.map(|(backend, sentence)| (Self::$name(backend), sentence));
                    }
                )+
                Err(Error::Device(format!("no backend of this build has the device {}", options.choice)))
            }

            /// What all backends offer, in the order of the list.
            pub(super) fn offered() -> Vec<(DeviceChoice, Vec<Dtype>)> {
                [$($(#[$on])* <$name as DeviceOps>::offered()),+].concat()
            }

            /// The name in the list.
            pub(super) fn listed(&self) -> &'static str {
                match self { $($(#[$on])* Self::$name(_) => stringify!($name)),+ }
            }
        }

        $($(#[$on])* own_variant!(AnyBackend, $name, $name);)+

        /// `on!(device, backend => expression)`: the expression with the device's own backend.
        macro_rules! on {
            ($d device:expr, $d backend:ident => $d body:expr) => {
                match $d device.backend() {
                    $($(#[$on])* crate::ops::dispatch::AnyBackend::$name($d backend) => $d body),+
                }
            };
        }

        /// An enum with one variant a backend for an associated type of one of its traits.
        macro_rules! own {
            ($d ($d (#[$d attribute:meta])* $d kind:ident of $d ops:ident),+ $d (,)?) => {
                $d (
                    #[derive(Debug)]
                    $d (#[$d attribute])*
                    pub(in crate::ops) enum $d kind {
                        $($(#[$on])* $name(<$name as $d ops>::$d kind)),+
                    }

                    $($(#[$on])* own_variant!($d kind, $name, <$name as $d ops>::$d kind);)+
                )+
            };
        }
    };
}

macro_rules! own_variant {
    ($any:ident, $name:ident, $own:ty) => {
        // A type without values (a form that a backend has not) makes its pattern the only one.
        #[allow(irrefutable_let_patterns, reason = "other backends' types may have no values")]
        impl Own<$any> for $own {
            fn of(any: &$any) -> Option<&Self> {
                if let $any::$name(own) = any { Some(own) } else { None }
            }

            fn take(any: $any) -> Option<Self> {
                if let $any::$name(own) = any { Some(own) } else { None }
            }

            fn put(self) -> $any {
                $any::$name(self)
            }
        }
    };
}

// The list: to add a backend, name its type here.
backends! { $ Native Candle #[cfg(feature = "gpu")] Wgsl }

pub(super) use on;

/// The types that each backend has in a form of its own.
pub(super) mod own {
    use super::*;

    own! {
        #[derive(Clone)]
        Tensor of TensorOps,
        Linear of LinearOps,
        Conv2d of ConvOps,
        GroupNorm of NormOps,
        LayerNorm of NormOps,
        KeysValues of AttentionOps,
        Projections of AttentionOps,
        Embedding of EmbeddingOps,
    }
}
