//! The stage: a window without a display, the test playing the inference thread and the world.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::Sender;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use safelight::app::services::{Answer, KeptRuns, Services, Task};
use safelight::app::state::ComputeState;
use safelight::app::state::generation::Stage as Progress;
use safelight::app::theme::fonts;
use safelight::app::{Safelight, Start};
use safelight::engine::{EngineEnds, EngineHandle};
use safelight::gallery::Record;
use safelight::gpu::Trouble;
use safelight::message::{
    Compute, Concept, Control, DeviceInfo, DeviceOffer, Event, Job, JobId, ModelInfo, ModelSource, Preview,
    PreviewImage, Request, Step, Takes, TokenCount,
};
use safelight::picture::read::Recovered;
use safelight::picture::{Frame, Made, MadeBy};
use safelight::places::Places;
use safelight::preferences::{Memory, Theme};
use safelight::settings::{PreviewMode, Settings};

/// An in-memory world.
#[derive(Default)]
pub struct World {
    /// What was asked for.
    pub tasks: Vec<Task>,
    /// What to answer.
    pub answers: Vec<Answer>,
}

struct Held(Rc<RefCell<World>>, Places);

impl Services for Held {
    fn ask(&mut self, task: Task) {
        self.0.borrow_mut().tasks.push(task);
    }

    fn answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.0.borrow_mut().answers)
    }

    fn now(&self) -> SystemTime {
        now()
    }

    fn places(&self) -> Option<&Places> {
        Some(&self.1)
    }

    fn resident_memory(&mut self) -> Option<u64> {
        Some(412_000_000)
    }
}

/// The moment at which all tests happen.
pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(20_000 * 86_400 + 60_000)
}

/// Pictures across, and down, the starter's own sample sheet.
const ACROSS: u32 = 8;

/// One of the 64 pictures of that sheet.
pub fn sample(index: usize) -> Frame {
    let bytes = include_bytes!("../../../assets/starter/samples.webp");
    thread_local! {
        static SHEET: RefCell<Option<image::RgbImage>> = const { RefCell::new(None) };
    }
    SHEET.with_borrow_mut(|sheet| {
        let sheet = sheet.get_or_insert_with(|| image::load_from_memory(bytes).unwrap().to_rgb8());
        let (side, index) = (sheet.width() / ACROSS, index as u32);
        let (x, y) = (index % ACROSS * side, index / ACROSS * side);
        let cut = image::imageops::crop_imm(sheet, x, y, side, side).to_image();
        Frame { width: side as usize, height: side as usize, rgb: cut.into_raw().into() }
    })
}

/// A sample as it would look at step `step` of `steps`: smeared and noisy at first.
pub fn forming(index: usize, step: usize, steps: usize) -> Frame {
    let whole = sample(index);
    let (width, height) = (whole.width, whole.height);
    let image = image::RgbImage::from_raw(width as u32, height as u32, whole.rgb.to_vec()).unwrap();
    let left = 1.0 - (step + 1) as f32 / steps as f32;
    let blurred = if left > 0.01 { image::imageops::blur(&image, 0.3 + 14.0 * left * left) } else { image };
    let mut state = 12_345_u32 + step as u32;
    let rgb: Vec<u8> = blurred
        .into_raw()
        .into_iter()
        .map(|level| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 16) as f32 / 65_536.0 - 0.5;
            (f32::from(level) + noise * 70.0 * left * left).clamp(0.0, 255.0) as u8
        })
        .collect();
    Frame { width, height, rgb: rgb.into() }
}

/// A machine of four cores that computes in f32 and bf16.
pub fn compute() -> ComputeState {
    let dtypes = vec!["f32".to_owned(), "bf16".to_owned()];
    let offer = DeviceOffer { device: "cpu".into(), name: None, dtypes, cores: Some(4) };
    ComputeState::new(vec![offer], Compute { device: "auto".into(), dtype: "f32".into(), threads: None })
}

/// The starter's settings.
pub fn settings(prompt: &str) -> Settings {
    Settings { prompt: prompt.to_owned(), ..safelight::app::state::draft::first_settings() }
}

/// How the starter makes a picture of `prompt` with so many of its steps done.
pub fn made(prompt: &str, done: usize, steps: usize) -> Box<Made> {
    let settings = settings(prompt);
    Box::new(Made::new(&settings, steps, &vec![settings.guidance; done], "Starter", "0123456789"))
}

/// The starter, as the inference thread reports it.
pub fn starter() -> ModelInfo {
    let list = include_str!("../../../assets/starter/concepts.txt");
    let concept =
        |line: &str| Concept { names: line.split('|').skip(1).map(|name| name.trim().to_owned()).collect() };
    ModelInfo {
        source: ModelSource::Starter,
        name: "Starter".into(),
        hash: Some("0123456789".into()),
        bytes: 44_000_000,
        defaults: settings("a fox on a green background"),
        size_multiple: 64,
        trained_side: settings("").width,
        concepts: list.lines().map(concept).collect(),
        max_tokens: 24,
        timesteps: 1000,
        takes: Takes::Nothing,
        encodes: true,
        device: DeviceInfo { name: "CPU", is_card: false, threads: Some(2), dtype: "f32" },
        notes: Vec::new(),
    }
}

/// Kept pictures, `days` of them today and the rest yesterday.
pub fn records(count: usize) -> Vec<Arc<Record>> {
    const NAMES: [&str; 12] = [
        "a heart on blue",
        "a pepper on pink",
        "a lion on gray",
        "a rooster on yellow",
        "a pumpkin on red",
        "a fire truck",
        "a koala on purple",
        "a pepper on white",
        "a banana on green",
        "an egg on gray",
        "a truck on gray",
        "a pig on gray",
    ];
    let made_by = || MadeBy { name: Some("Starter".into()), hash: starter().hash };
    let record = |i: usize| {
        let settings = Settings { seed: i as u64, ..settings(NAMES[i % NAMES.len()]) };
        let age = Duration::from_secs(if i < 5 { 60 * i as u64 } else { 86_400 + 60 * i as u64 });
        record(&format!("/pictures/{i:04}.png"), settings, made_by(), now() - age)
    };
    (0..count).map(|i| Arc::new(record(i))).collect()
}

/// A kept picture of these settings.
pub fn record(path: &str, settings: Settings, made_by: MadeBy, modified: SystemTime) -> Record {
    let MadeBy { name, hash } = made_by;
    let [model, hash] = [name, hash].map(Option::unwrap_or_default);
    let size = [settings.width as u32, settings.height as u32];
    let made = Made::new(&settings, 0, &[], &model, &hash);
    Record::new(path.into(), modified, 0, size, Some(Recovered::of_made(&made)))
}

/// The window and both of its other sides.
pub struct Stage {
    pub harness: Harness<'static, Safelight>,
    pub engine: Rc<RefCell<Option<EngineEnds>>>,
    pub world: Rc<RefCell<World>>,
    pub started: Rc<RefCell<usize>>,
    pub asked_to_end: Arc<AtomicBool>,
    pub graphics: Sender<Trouble>,
    pub begun_again: Rc<RefCell<usize>>,
}

/// How to set it up.
pub struct Setup {
    pub size: [f32; 2],
    pub pixels_per_point: f32,
    pub remembered: Memory,
    pub painted: bool,
    /// Whether it goes on for a window that lost its card.
    pub goes_on: bool,
    /// The world, where it is not played by the test.
    pub services: Option<Box<dyn Services>>,
}

impl Default for Setup {
    fn default() -> Self {
        let remembered = Memory { language: Some("en".into()), theme: Theme::Dark, ..Memory::default() };
        Self {
            size: [1280.0, 800.0],
            pixels_per_point: 1.0,
            remembered,
            painted: false,
            goes_on: false,
            services: None,
        }
    }
}

impl Setup {
    pub fn build(self) -> Stage {
        let engine = Rc::new(RefCell::new(None));
        let world = Rc::new(RefCell::new(World::default()));
        let started = Rc::new(RefCell::new(0));
        let asked_to_end = Arc::new(AtomicBool::new(false));
        let (card, graphics) = crossbeam_channel::bounded(1);
        let begun_again = Rc::new(RefCell::new(0));
        let theme =
            if self.remembered.theme == Theme::Light { egui::Theme::Light } else { egui::Theme::Dark };
        let start = Start {
            engine: Box::new({
                let (engine, started) = (engine.clone(), started.clone());
                move || {
                    let (handle, ends) = EngineHandle::pair();
                    *engine.borrow_mut() = Some(ends);
                    *started.borrow_mut() += 1;
                    Ok(handle)
                }
            }),
            services: self.services.unwrap_or_else(|| {
                Box::new(Held(world.clone(), Places::within("/home/ada/safelight".as_ref())))
            }),
            remembered: self.remembered,
            graphics,
            start_again: Box::new({
                let begun_again = begun_again.clone();
                move || {
                    *begun_again.borrow_mut() += 1;
                    Ok(())
                }
            }),
            goes_on: self.goes_on,
            screens: Vec::new(),
            model: None,
            compute: compute(),
            asked_to_end: asked_to_end.clone(),
        };
        let mut builder = Harness::builder()
            .with_size(self.size)
            .with_pixels_per_point(self.pixels_per_point)
            .with_theme(theme)
            .with_render_cursor(false)
            .with_context_setup(|ctx| {
                fonts::install_with(ctx, include_bytes!("../../../assets/fonts/NotoSansCJKsc-words.otf"));
            });
        if self.painted {
            builder = builder.wgpu();
        }
        let harness = builder.build_eframe(|creation| Safelight::new(&creation.egui_ctx, start));
        Stage { harness, engine, world, started, asked_to_end, graphics: card, begun_again }
    }

    /// With the starter open and its prompt counted.
    pub fn open(self) -> Stage {
        let mut stage = self.build();
        stage.open_starter();
        stage
    }
}

impl Stage {
    pub fn open_starter(&mut self) {
        self.tell(Event::Opened(Box::new(starter())));
        self.run();
        self.count();
    }

    /// Answers all counts that were asked for.
    pub fn count(&mut self) {
        for _ in 0..4 {
            let asked: Vec<Request> = self.requests();
            let mut any = false;
            for request in asked {
                if let Request::CountTokens { text, .. } = request {
                    let used = text.split_whitespace().count() + 2;
                    self.tell(Event::Tokens {
                        text,
                        count: TokenCount { used, max: 24, dropped_from: None },
                    });
                    any = true;
                }
            }
            self.run();
            if !any {
                return;
            }
        }
    }

    pub fn run(&mut self) {
        self.harness.run();
    }

    pub fn tell(&self, event: Event) {
        self.engine.borrow().as_ref().unwrap().events.send(event).unwrap();
    }

    pub fn requests(&self) -> Vec<Request> {
        self.engine.borrow().as_ref().unwrap().requests.try_iter().map(|work| work.request).collect()
    }

    pub fn controls(&self) -> Vec<Control> {
        self.engine.borrow().as_ref().unwrap().controls.try_iter().collect()
    }

    /// The job that was asked for.
    pub fn job(&self) -> Job {
        let found = self.requests().into_iter().find_map(|request| match request {
            Request::Generate(job) => Some(*job),
            _ => None,
        });
        found.expect("a picture was asked for")
    }

    /// What was asked of the world, but for lists of kept runs, which follow every end of one.
    pub fn tasks(&self) -> Vec<Task> {
        let mut tasks = std::mem::take(&mut self.world.borrow_mut().tasks);
        tasks.retain(|task| *task != Task::Negatives(KeptRuns::List));
        tasks
    }

    pub fn answer(&mut self, answer: Answer) {
        self.world.borrow_mut().answers.push(answer);
        self.run();
    }

    /// Fills the gallery and answers for thumbnails.
    pub fn fill_gallery(&mut self, count: usize) {
        self.answer(Answer::Gallery(records(count)));
        self.thumbnails();
    }

    pub fn thumbnails(&mut self) {
        for _ in 0..3 {
            self.run();
            for task in self.tasks() {
                if let Task::Thumbnail(path) = task {
                    let index: usize = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
                    self.world
                        .borrow_mut()
                        .answers
                        .push(Answer::Thumbnail { path, frame: Some(sample((index + 3) % 64)) });
                }
            }
        }
        self.run();
    }

    /// Whether a text stands somewhere.
    pub fn says(&self, text: &str) -> bool {
        self.harness.query_all_by_label(text).next().is_some()
    }

    pub fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.run();
    }

    /// Puts other words into the field that has the focus.
    pub fn write(&mut self, text: &str) {
        self.press(Modifiers::COMMAND, Key::A);
        self.harness.event(egui::Event::Text(text.into()));
        self.run();
    }

    pub fn running(&self) -> Option<(JobId, Progress)> {
        let running = self.harness.state().state().queue.running()?;
        Some((running.job.id, running.stage))
    }

    pub fn on_canvas(&self) -> Frame {
        self.harness
            .state()
            .state()
            .picture()
            .and_then(|picture| picture.whole())
            .expect("a picture is on the canvas")
            .clone()
    }

    pub fn click(&mut self, name: &str) {
        self.harness.get_by_label(name).click();
        self.run();
    }

    pub fn develop(&mut self) -> JobId {
        self.click("Develop");
        self.job().id
    }

    pub fn begin(&mut self, job: JobId, steps: usize) {
        let timesteps: Vec<usize> = (0..steps).map(|i| (1000 / steps) * (steps - 1 - i) + 1).collect();
        let tokens = TokenCount { used: 8, max: 24, dropped_from: None };
        let negative = Some(format!("run-{}", job.0));
        self.tell(Event::Started { job, timesteps, tokens, notes: Vec::new(), negative, first_step: 0 });
        self.run();
    }

    /// A step and its preview, of sample `index`.
    pub fn step(&mut self, job: JobId, step: usize, steps: usize, index: usize) {
        self.tell(Event::Stepped(Step {
            job,
            step,
            steps,
            timestep: (1000 / steps) * (steps - 1 - step) + 1,
            guidance: 3.0,
            took: Duration::from_millis(282),
        }));
        self.engine.borrow().as_ref().unwrap().preview(Preview {
            job,
            step,
            image: PreviewImage::Frame(forming(index, step, steps)),
            mode: PreviewMode::Full,
            took: Duration::from_millis(28),
            share: 0.09,
            note: None,
        });
        self.run();
    }

    pub fn stopped(&mut self, job: JobId, done: usize) {
        let made = made("a lion", done, 20);
        self.tell(Event::Stopped { job, steps_done: done, latency: Duration::default(), made });
        self.run();
    }

    pub fn finish(&mut self, job: JobId, index: usize) {
        let made = made("a lion on a gray background", 20, 20);
        self.tell(Event::Finished { job, frame: sample(index), made, took: Duration::from_millis(7_900) });
        self.run();
    }
}
