//! What the parts of the window remember from frame to frame; none of it is saved.

use crate::app::command::Act;
use crate::app::ui::canvas::CanvasState;
use crate::app::ui::controls::ControlsState;
use crate::app::ui::filmstrip::StripState;
use crate::app::ui::gallery_state::GalleryState;
use crate::app::ui::input::InputState;
use crate::app::ui::lens::LensUi;
use crate::app::ui::models::ModelsUi;
use crate::app::ui::palette::PaletteState;
use crate::app::ui::prompt::PromptState;
use crate::app::ui::toasts::ToastsState;
use crate::app::ui::tray::TrayUi;

/// Each part's own.
#[derive(Debug, Default)]
pub struct UiState {
    /// The picture's zoom, place and fade.
    pub canvas: CanvasState,
    /// The fields of the controls.
    pub controls: ControlsState,
    /// The filmstrip's scrolling.
    pub strip: StripState,
    /// The gallery of a narrow window, and the pictures in sight.
    pub gallery: GalleryState,
    /// How the user acts on the window.
    pub input: InputState,
    /// What is looked at, and its map.
    pub lens: LensUi,
    /// The fields and lines of the library of models.
    pub models: ModelsUi,
    /// The palette's field and line.
    pub palette: PaletteState,
    /// The prompt box.
    pub prompt: PromptState,
    /// The picture that the next run begins from.
    pub tray: TrayUi,
    /// The pile of toasts.
    pub toasts: ToastsState,
    /// The field that takes the keyboard in the next frame, named by the act that leads to it.
    pub focus: Option<Act>,
}

impl UiState {
    /// The state of a window that opens: the prompt is ready to be written.
    pub fn new() -> Self {
        Self { focus: Some(Act::FocusPrompt), ..Self::default() }
    }
}
