//! Kept runs as the services list, pin, prune and delete them.

use std::sync::Arc;

use safelight::app::services::{Answer, KeptRuns, Task};
use safelight::app::state::draft::first_settings;
use safelight::negative::{Context, Ended, Head, ModelUsed, Record, Recorder, RunIs, Store, new_id};
use safelight::sampler::noise::Noise;
use safelight::sampler::{
    BetaSchedule, DiffusionSchedule, Layout, RngKind, RunState, ScheduleKind, make_schedule,
};
use safelight::settings::Settings;

use super::{Home, Open};

/// Records a run that is stopped before its first step, or one whose process dies.
fn record(store: &Store, prompt: &str, ended: bool) -> String {
    let settings = Settings { prompt: prompt.to_owned(), steps: 4, ..first_settings() };
    let full = DiffusionSchedule::new(BetaSchedule::Linear, 1000, 0.00085, 0.012, 8e-3);
    let Settings { sampler, steps, timesteps, eta, .. } = settings;
    let layout = Layout { sampler, steps, timesteps, schedule: ScheduleKind::Auto, eta };
    let schedule = make_schedule(&full, &layout).unwrap();
    let state = RunState::start([1, 4, 2, 2], None, Noise::seeded(RngKind::Cpu, 1), 3.0);
    let used = ModelUsed { name: "Starter".into(), ..ModelUsed::default() };
    let head = Head::new(new_id(), settings, used, ["CPU", "f32"], schedule, [1, 4, 2, 2]);
    let recorder = Recorder::begin(store, &head, &Context::default(), state).unwrap();
    if ended {
        recorder.end(Ended::Stopped);
    }
    head.id
}

fn listed(open: &mut Open, asked: KeptRuns) -> Vec<Arc<Record>> {
    open.ask(Task::Negatives(asked));
    open.wait(|answer| match answer {
        Answer::Negatives(records) => Some(records.clone()),
        _ => None,
    })
}

/// By their prompts: those of one second are in no certain order.
fn told(records: &[Arc<Record>]) -> Vec<(&str, RunIs, bool)> {
    let one = |record: &Arc<Record>| (record.summary.state, record.summary.pinned);
    let mut told: Vec<_> = records
        .iter()
        .map(|record| (record.settings.prompt.as_str(), one(record).0, one(record).1))
        .collect();
    told.sort_by_key(|(prompt, ..)| *prompt);
    told
}

#[test]
fn kept_runs_are_listed_pinned_pruned_and_deleted() {
    let home = Home::new();
    let store = home.negatives();
    let mut open = home.open();
    assert_eq!(listed(&mut open, KeptRuns::List), []);
    let ids =
        [("old", true), ("torn", false), ("new", true)].map(|(prompt, ended)| record(&store, prompt, ended));
    let all = listed(&mut open, KeptRuns::List);
    let (stopped, torn) = (RunIs::Stopped, RunIs::Interrupted);
    assert_eq!(told(&all), [("new", stopped, false), ("old", stopped, false), ("torn", torn, false)]);
    assert_eq!((all[0].timesteps.len(), all[0].summary.steps), (4, 4));
    let pinned = listed(&mut open, KeptRuns::Pin { id: ids[0].clone(), pinned: true });
    assert_eq!(told(&pinned)[1], ("old", stopped, true));
    // What is pinned or interrupted stays, however small the budget is.
    let pruned = listed(&mut open, KeptRuns::Budget(1));
    assert_eq!(told(&pruned), [("old", stopped, true), ("torn", torn, false)]);
    let left = listed(&mut open, KeptRuns::Delete(ids[0].clone()));
    assert_eq!(told(&left), [("torn", torn, false)]);
    // One that is gone is said, and the list comes all the same.
    open.ask(Task::Negatives(KeptRuns::Delete(ids[0].clone())));
    let report = open.wait(|answer| match answer {
        Answer::Failed(report) => Some(report.clone()),
        _ => None,
    });
    assert_eq!(report.sentence.key, "error-negative");
    assert!(store.open(&ids[1]).is_ok());
}
