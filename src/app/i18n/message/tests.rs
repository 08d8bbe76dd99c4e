//! An example of every note and error that can reach the window, for the tests of what is said of them.

use crate::settings::Setting;
use crate::told::Told;

/// One of each note and error that can reach the window.
pub fn messages() -> Vec<Box<dyn Told>> {
    use crate::app::sheets::ask::Fault;
    use crate::checkpoint::{CheckpointError, FileKind, Kind, ModelPart, Problem};
    use crate::config::ConfigError;
    use crate::engine::OpenError;
    use crate::engine::additions::AdditionError;
    use crate::engine::from::SourceError;
    use crate::engine::generate::{GenerateError, Part, Side};
    use crate::engine::upscale::UpscaleError;
    use crate::grammar::dynamic::DynamicError;
    use crate::library::ListError;
    use crate::library::get::{GetError, License, WantedError};
    use crate::model::ModelError;
    use crate::note::{
        AdditionNote, CardNote, FileNote, ModelNote, NegativeNote, Note, PictureNote, SourceNote, TextKind,
    };
    use crate::ops::{Dtype, Error};
    use crate::phrasebook::PhraseError;
    use crate::picture::PictureError;
    use crate::sampler::{SamplerKind, ScheduleError, ScheduleKind};
    use crate::transfer::TransferError;
    use crate::tray::MaskError;

    let text = || "xyz".to_owned();
    let path = || std::path::PathBuf::from("folder/xyz");
    let refused = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let dropped = |kind| Note::TokensDropped { text: kind, needed: 9, fit: 7, dropped: text() };
    let size = |side| GenerateError::Size { side, found: 1, multiple: 8, most: 64, lower: 8, upper: 16 };
    let range = |what| GenerateError::Range { what, least: 0.0, most: 1.0, found: 2.0 };
    let not_finite = |part| GenerateError::NotFinite { part, step: None, dtype: Dtype::F32 };
    let mut all: Vec<Box<dyn Told>> = Vec::new();
    for note in [
        Note::StepsDiffer { asked: 400, runs: 500 },
        Note::StepsClamped { steps: 3, timestep: 1000, used: 999 },
        dropped(TextKind::Prompt),
        dropped(TextKind::Negative),
        Note::CardLost { cause: text(), done: 4 },
        Note::Negative(NegativeNote::NotKept { cause: text() }),
        Note::Negative(NegativeNote::Behind),
        Note::Negative(NegativeNote::OtherDevice { then: text(), now: text() }),
        Note::HeadsAssumed { heads: 8 },
        Note::TextHeadsAssumed { heads: 12 },
        Note::GroupsAssumed { groups: 16 },
        Note::FirstStageGroupsAssumed { groups: 16 },
        Note::OtherBetas { last: 0.02 },
        Note::EpsAssumed,
        Note::SafetyChecker,
        Note::File(FileNote::FoundWithin { found: text() }),
        Note::File(FileNote::VaeLaidOver { file: text() }),
        Note::File(FileNote::VaeOfXl),
        Note::File(FileNote::TextEncoderLaidOver { file: text() }),
        Note::File(FileNote::SchedulerAssumed),
        Note::File(FileNote::CompanionLeftAside { file: text() }),
        Note::BufferDiffers { name: text(), by: None },
        Note::FormerStarter { width: 256, height: 384 },
        Note::NoTinyPreviews { file: text(), cause: text() },
        Note::FitError { error: 0.1 },
        Note::RoughColors,
        Note::FitNotReady,
    ] {
        all.push(Box::new(note));
    }
    for note in [
        CardNote::InHalf,
        CardNote::InBands,
        CardNote::SmallerPreviews,
        CardNote::TextsOnProcessor,
        CardNote::OnProcessor,
        CardNote::Repeated { stage: text() },
    ] {
        all.push(Box::new(note));
    }
    for note in [
        ModelNote::HeadChannelsAssumed { channels: 64 },
        ModelNote::PredictionTried { v: true },
        ModelNote::PredictionTried { v: false },
        ModelNote::Suited { kind: text() },
        ModelNote::WeightsRounded { error: 0.0045 },
        ModelNote::WithoutMask,
        ModelNote::WithoutPicture,
        ModelNote::WithoutDepth,
        ModelNote::LargePicture { megabytes: 4300 },
    ] {
        all.push(Box::new(note));
    }
    for note in [
        FileNote::VTold,
        FileNote::VAssumed,
        FileNote::PredictionUnknown { told: text() },
        FileNote::PredictionsDiffer { file: text() },
        FileNote::ZeroTerminalSnr,
        FileNote::EmaAbsent,
        FileNote::EmaOnly,
        FileNote::EncoderAbsent,
        FileNote::RowsWithoutWords { rows: 3, used: 7 },
        FileNote::NamesUnwrapped { tensors: 3, stored: text(), read_as: text() },
        FileNote::PositionsDamaged { place: 3, found: text() },
        FileNote::BytesBehindTheEnd { bytes: 3 },
        FileNote::RestsLeftOut { network: text(), tensors: 3 },
    ] {
        all.push(Box::new(note));
    }
    for note in [
        PictureNote::OtherSampler { found: text(), used: "abc".into() },
        PictureNote::OtherSize { found: [1, 2], used: [3, 4] },
        PictureNote::OtherSteps { found: 1500, used: 1000 },
        PictureNote::OtherEta { found: 0.5, sampler: text() },
        PictureNote::OtherModel { found: text(), used: "abc".into() },
        PictureNote::NotTold { what: text() },
        PictureNote::WasStopped { after: 3 },
        PictureNote::WasBranched { at: 3 },
        PictureNote::SettingsLeftOut { format: text() },
        PictureNote::PromptsCut { format: text() },
        PictureNote::PreviewNotSaved { cause: text() },
    ] {
        all.push(Box::new(Note::Picture(note)));
    }
    for note in [
        AdditionNote::PartsLeftOut { name: text(), left_out: 1, used: 2, first: text() },
        AdditionNote::TagLeftOut { name: text() },
        AdditionNote::EmbeddingsUsed { words: text() },
        AdditionNote::EmbeddingLeftOut { name: text(), found: 1024, expected: 768 },
        AdditionNote::EmbeddingUnread { name: text(), cause: text() },
        AdditionNote::Suits { name: text(), sampler: "lcm".into(), steps: 4, guidance: 1.0 },
    ] {
        all.push(Box::new(Note::Addition(note)));
    }
    for note in [
        SourceNote::Steps { asked: 20, runs: 12, strength: 0.6 },
        SourceNote::MaskResized { from: [1, 2], to: [3, 4] },
        SourceNote::MaskBeyond,
        SourceNote::Gone { name: text() },
        SourceNote::Changed { name: text() },
        SourceNote::Unnamed,
    ] {
        all.push(Box::new(Note::Source(note)));
    }
    for error in [
        SourceError::from(PictureError::Read { path: path(), source: refused() }),
        SourceError::Mask(MaskError::Empty),
        SourceError::Mask(MaskError::Shape { width: 1, height: 2, picture_width: 3, picture_height: 4 }),
        SourceError::NoMask,
        SourceError::Small { width: 1, height: 2 },
        SourceError::Strength(2.0),
        SourceError::Blur(-1.0),
        SourceError::ImageGuidance(-1.0),
        SourceError::Room { width: 1, height: 2, most: 3 },
        SourceError::NoEncoder,
        SourceError::NoDepth,
        SourceError::Step { cause: text() },
        SourceError::Hires(text()),
        SourceError::Variation(text()),
    ] {
        all.push(Box::new(GenerateError::from(error)));
    }
    for error in [
        AdditionError::NoLora { name: text() },
        AdditionError::NoEmbedding { name: text() },
        AdditionError::FitsNothing { name: text(), first: text() },
        AdditionError::NoWords,
        AdditionError::Upscale(UpscaleError::Missing { name: text() }),
        AdditionError::Upscale(UpscaleError::Unnamed),
        AdditionError::Upscale(UpscaleError::TooLarge { width: 1, height: 2 }),
    ] {
        all.push(Box::new(GenerateError::from(error)));
    }
    for problem in [
        Problem::Missing,
        Problem::Unreadable(text()),
        Problem::Changed,
        Problem::NoModelInFolder,
        Problem::SeveralModels(vec![text()]),
        Problem::PartOfFolder { part: text(), folder: path() },
        Problem::Empty,
        Problem::Truncated { expected: 2, found: 1 },
        Problem::LfsPointer,
        Problem::ForeignZip,
        Problem::Foreign(text()),
        Problem::Damaged { format: "zip", found: text() },
        Problem::AsksToRun(text()),
        Problem::BigEndian,
        Problem::OtherModel(text()),
        Problem::OtherPipeline(text()),
        Problem::Unknown { tensors: 1, first: text() },
        Problem::Lacks(vec![ModelPart::Vae]),
        Problem::Lacks(vec![ModelPart::TextEncoder]),
        Problem::Lacks(ModelPart::ALL.to_vec()),
        Problem::NotThePart { part: ModelPart::Vae, found: Some(Kind::Embedding) },
        Problem::NotThePart { part: ModelPart::TextEncoder, found: None },
        Problem::PartWidth { part: ModelPart::Vae, expected: 4, found: 16 },
        Problem::MissingFile(text()),
        Problem::MissingPart { part: "unet", looked_for: "a file" },
        Problem::Unsupported { expected: text(), found: text() },
        Problem::NoTensor(text()),
        Problem::NoWholeDecoder { missing: text() },
        Problem::ElementType { name: text(), found: "xyz" },
        Problem::NoLora(None),
        Problem::NoEmbedding(Some(Kind::Upscaler)),
        Problem::NoUpscaler(None),
        Problem::Stopped,
    ] {
        all.push(Box::new(CheckpointError { path: path(), problem }));
    }
    for kind in [
        FileKind::Format("GGUF"),
        FileKind::Archive("7z"),
        FileKind::WebPage,
        FileKind::Json,
        FileKind::Text,
        FileKind::Picture("PNG"),
        FileKind::Film,
        FileKind::Program,
        FileKind::Other("SQLite"),
        FileKind::Zeros,
    ] {
        all.push(Box::new(CheckpointError { path: path(), problem: Problem::OtherFile(kind) }));
    }
    for kind in [
        Kind::Family("Flux"),
        Kind::Addition("LoRA"),
        Kind::Embedding,
        Kind::Hypernetwork,
        Kind::Upscaler,
        Kind::FirstStage,
        Kind::OtherFirstStage,
        Kind::TinyFirstStage,
        Kind::TextEncoder,
        Kind::OtherTextEncoder("T5"),
        Kind::LanguageModel,
        Kind::ImageEncoder,
        Kind::Unet,
    ] {
        all.push(Box::new(CheckpointError { path: path(), problem: Problem::OtherKind(kind) }));
    }
    for error in [
        TransferError::Unauthorized { host: text() },
        TransferError::Forbidden { host: text() },
        TransferError::Missing { address: text() },
        TransferError::Busy { host: text() },
        TransferError::Status { host: text(), status: 500 },
        TransferError::Connection { host: text(), cause: text() },
        TransferError::Redirect { address: text(), found: "xyz" },
        TransferError::OtherFile { found: text() },
        TransferError::Hash { expected: text(), found: text() },
        TransferError::NoRoom { needed: text(), free: text(), folder: path() },
        TransferError::DiskFull { folder: path() },
        TransferError::NotWritable { folder: path(), cause: text() },
        TransferError::Unread { part: path(), cause: text() },
        TransferError::Twice { part: path() },
        TransferError::Paused,
    ] {
        all.push(Box::new(GetError::from(error)));
    }
    for error in [
        GetError::Several { repository: text(), names: vec![text()] },
        GetError::Nothing { repository: text(), wanted: text() },
        GetError::NoModelFile { name: text() },
        GetError::NoFolder,
        GetError::NoListing { host: text() },
    ] {
        all.push(Box::new(error));
    }
    for error in
        [WantedError::Unknown { found: text() }, WantedError::Outside { repository: text(), found: text() }]
    {
        all.push(Box::new(error));
    }
    for error in [
        ListError::NoPlace,
        ListError::NoFolder(path()),
        ListError::NoText(path()),
        ListError::Refused { path: path(), cause: text() },
    ] {
        all.push(Box::new(error));
    }
    for license in ["openrail", "stability", "x-nc", "mit", "gpl", ""] {
        all.push(Box::new(License::of(Some(license))));
    }
    for error in [crate::engine::StepError::Gone, crate::engine::StepError::OtherModel] {
        all.push(Box::new(error));
    }
    for error in [
        ConfigError::Unreadable { cause: text(), path: text() },
        ConfigError::Yaml(text()),
        ConfigError::Key(text()),
    ] {
        all.push(Box::new(error));
    }
    for error in [
        Error::Weights(text()),
        Error::FileChanged { path: path() },
        Error::Unreadable { path: path(), cause: text() },
        Error::OutOfMemory { bytes: 1 << 30 },
        Error::OutOfCardMemory { bytes: 1 << 30 },
        Error::Device(text()),
        Error::Shape(text()),
        Error::NoEncoder,
        Error::TwoDevices,
        Error::NoText,
        Error::NoLabels,
        Error::LabelsDiffer,
        Error::NoContext,
        Error::NoCodebook,
        Error::Backend { device: "CPU", operation: "xyz", cause: text() },
    ] {
        all.push(Box::new(error));
    }
    for error in [crate::engine::SendError::Full, crate::engine::SendError::Gone] {
        all.push(Box::new(error));
    }
    let of_model = |error| OpenError::Model { file: path(), error };
    for error in [
        OpenError::NoStarter,
        of_model(ModelError::Config(ConfigError::Key(text()))),
        of_model(ModelError::Ops(Error::Weights(text()))),
    ] {
        all.push(Box::new(error));
    }
    for error in [
        GenerateError::NoModel,
        GenerateError::NotFromWords { key: text() },
        size(Side::Width),
        size(Side::Height),
        not_finite(Part::TextEncoder),
        not_finite(Part::Unet),
        not_finite(Part::FirstStage),
        ScheduleError::Steps { most: 1000, found: 0 }.into(),
        ScheduleError::Eta { sampler: SamplerKind::Plms, eta: 0.5 }.into(),
        ScheduleError::Pair { sampler: SamplerKind::Lcm, schedule: ScheduleKind::Karras }.into(),
    ] {
        all.push(Box::new(error));
    }
    for row in Setting::TABLE.iter().filter(|row| !row.error.is_empty()) {
        all.push(Box::new(range(row.setting)));
    }
    for fault in [
        Fault::NoValues(Setting::Guidance),
        Fault::Value { setting: Setting::Steps, typed: text() },
        Fault::TooMany(99),
        Fault::Same(Setting::Eta),
    ] {
        all.push(Box::new(fault));
    }
    for error in [
        DynamicError::Missing { name: text(), folder: text(), known: text() },
        DynamicError::NoLists { name: text(), folder: text() },
        DynamicError::Empty { name: text(), folder: text() },
        DynamicError::Endless { name: text() },
        DynamicError::TooLong { most: 9 },
    ] {
        all.push(Box::new(error));
    }
    for error in [
        PhraseError::Read { path: path(), source: refused() },
        PhraseError::Write { path: path(), source: refused() },
        PhraseError::NoNames { path: path() },
        PhraseError::NoStyle { name: text(), path: path(), known: text() },
        PhraseError::NoPlace,
    ] {
        all.push(Box::new(error));
    }
    all.push(Box::new(GenerateError::Kept { cause: text() }));
    for error in [
        PictureError::Write { path: path(), source: refused() },
        PictureError::Ending { path: path(), expected: ".png" },
        PictureError::TooLarge { path: path(), width: 1, height: 1, found: 2, most: 1 },
        PictureError::Size { width: 1, height: 1, format: "JPEG" },
        PictureError::Damaged { path: path(), reason: text() },
        PictureError::Encode { format: "JPEG", reason: text() },
    ] {
        all.push(Box::new(error));
    }
    all
}
