//! `settings!`: from one description of each setting, the structs that hold them and the table of them.
//!
//! An entry reads `/// doc`, `field: Type = default, "words key", Variant { the rest of its Row }`.

macro_rules! settings {
    ($( $(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr, $words:literal,
        $variant:ident { $($rest:tt)* } )+) => {
        /// All that decides a picture, apart from the model.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct Settings {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        /// Settings with gaps: what a picture tells, what was typed, what is remembered.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct PartialSettings {
            $( $(#[doc = $doc])+ pub $field: Option<$type>, )+
        }

        /// The name of a setting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Setting {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl Setting {
            /// Every setting, in the order of the fields.
            pub const TABLE: &[Row] = &[$( Row {
                setting: Self::$variant,
                name: stringify!($field),
                words: $words,
                $($rest)*
            } ),+];
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $( $field: $default, )+ }
            }
        }

        impl PartialSettings {
            /// The value of a setting; `None` where it is not known.
            pub fn get(&self, setting: Setting) -> Option<Value> {
                match setting {
                    $( Setting::$variant => self.$field.as_ref().map(FieldValue::to_value), )+
                }
            }

            /// Sets or forgets a setting. A value of another type counts as unknown.
            pub fn set(&mut self, setting: Setting, value: Option<Value>) {
                match setting {
                    $( Setting::$variant => self.$field = value.and_then(FieldValue::from_value), )+
                }
            }

            /// `base` with each known setting in place of its own.
            pub(super) fn replaced_in(&self, base: &Settings) -> Settings {
                Settings { $( $field: self.$field.clone().unwrap_or_else(|| base.$field.clone()), )+ }
            }
        }

        impl From<Settings> for PartialSettings {
            fn from(settings: Settings) -> Self {
                Self { $( $field: Some(settings.$field), )+ }
            }
        }
    };
}
