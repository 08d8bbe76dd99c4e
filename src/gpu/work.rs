//! Work on its way to the device: dispatches are recorded, handed over a share at a time, and waited for
//! when two shares are under way.
//!
//! Trap: a buffer that is written by the host ([`Context::write`]) is written before all that is recorded
//! and not yet handed over, so what is recorded goes first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::allocator::Allocator;
use super::error::first_line;
use super::known::pipelines_folder;
use super::memory::{Bound, Piece, Store};
use super::pace::Pace;
use super::pipelines::{Pipeline, Pipelines, Program};
use super::shared::Rest;
use super::{Card, CardError};

type Result<T> = std::result::Result<T, CardError>;

/// Whether the work should end.
type Stop<'a> = &'a dyn Fn() -> bool;

/// Bytes of one dispatch's parameters: the distance that every device allows.
const SLOT: u64 = 256;
/// Dispatches of one submission.
const SLOTS: usize = 256;
/// Submissions under way.
const UNDER_WAY: usize = 2;
/// A device that gives no answer for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of weights that are written before they are handed over.
const STAGED: u64 = 32 << 20;

/// A dispatch that is recorded.
struct Recorded {
    pipeline: Arc<Pipeline>,
    group: wgpu::BindGroup,
    groups: [u32; 3],
}

#[derive(Default)]
struct State {
    recorded: Vec<Recorded>,
    parameters: Vec<u8>,
    work: f64,
    under_way: VecDeque<(wgpu::SubmissionIndex, f64, Instant)>,
    pace: Pace,
    counts: Counts,
    tallies: BTreeMap<&'static str, Tally>,
    staged: u64,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Dispatches.
    pub dispatches: usize,
    /// Those among them that only go on with an operation which was cut into shares.
    pub bands: usize,
    /// Submissions.
    pub submissions: usize,
    /// The longest submission by the rate at its time, in seconds.
    pub longest: f64,
    /// Pipelines compiled.
    pub pipelines: usize,
    /// Bytes that the host has read back.
    pub read: u64,
}

/// What one kernel did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Dispatches.
    pub dispatches: usize,
    /// Operations, two for each multiply-add.
    pub work: f64,
    /// Bytes that were bound: the least that it moves.
    pub bytes: u64,
}

/// A card with its memory and pipelines. All threads may use it.
pub struct Context<P> {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) allocator: Allocator,
    pub(super) limits: wgpu::Limits,
    /// Why the device failed, once it has.
    failure: Arc<Mutex<Option<String>>>,
    /// When work may be handed over again.
    rest: Rest,
    state: Mutex<State>,
    pipelines: Pipelines<P>,
    parameters: wgpu::Buffer,
    /// What is read back goes through it; it grows with the largest.
    staging: Mutex<Option<Store>>,
    /// What is bound where a kernel asks for something that is not there: of activations, of weights.
    fillers: [wgpu::Buffer; 2],
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P: Program> Context<P> {
    /// Takes a card over.
    pub fn new(card: Card) -> Self {
        let pipelines = Pipelines::new(&card, pipelines_folder());
        let Card { device, queue, failure, rest, .. } = card;
        let buffer = |size, usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("safelight"),
                size,
                usage: usage | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let parameters = buffer(SLOT * SLOTS as u64, wgpu::BufferUsages::UNIFORM);
        let fillers = [0, 1].map(|_| buffer(SLOT, wgpu::BufferUsages::STORAGE));
        Self {
            allocator: Allocator::new(device.clone(), fillers[0].clone()),
            limits: device.limits(),
            failure,
            rest,
            state: Mutex::default(),
            pipelines,
            staging: Mutex::default(),
            parameters,
            fillers,
            device,
            queue,
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        Counts { pipelines: self.pipelines.count(), ..lock(&self.state).counts }
    }

    /// What each kernel did so far.
    pub fn tallies(&self) -> BTreeMap<&'static str, Tally> {
        lock(&self.state).tallies.clone()
    }

    /// Counts a dispatch as one that goes on with an operation.
    pub fn count_band(&self) {
        lock(&self.state).counts.bands += 1;
    }

    /// The most work that one dispatch should hold.
    pub fn share(&self) -> f64 {
        lock(&self.state).pace.share()
    }

    /// Takes `rate` for the device's from now on.
    pub fn fix_rate(&self, rate: f64) {
        lock(&self.state).pace.fix(rate);
    }

    /// The card's memory.
    pub fn allocator(&self) -> &Allocator {
        &self.allocator
    }

    /// Memory for activations of any content.
    pub fn take(&self, bytes: u64) -> Result<Piece> {
        self.allocator.take(bytes)
    }

    /// A buffer for weights.
    pub fn weights(&self, bytes: u64) -> Result<Store> {
        self.allocator.weights(bytes)
    }

    /// What stands for activations that are not there.
    pub fn no_activations(&self) -> Bound<'_> {
        Bound::all(&self.fillers[0])
    }

    /// What stands for weights that are not there.
    pub fn no_weights(&self) -> Bound<'_> {
        Bound::all(&self.fillers[1])
    }

    /// Records a dispatch of `work` operations; hands over what is recorded when it is a share.
    ///
    /// # Errors
    /// Stopped, or the device has failed.
    pub fn dispatch(
        &self,
        program: &P,
        bound: &[Bound<'_>],
        parameters: &[u32],
        groups: [u32; 3],
        work: f64,
        stop: Stop<'_>,
    ) -> Result<()> {
        if groups.contains(&0) {
            return Ok(());
        }
        if self.allocator.is_rehearsing() {
            return check_stop(stop);
        }
        let pipeline = self.pipelines.get(program)?;
        let group = self.bind(&pipeline, bound);
        let mut state = lock(&self.state);
        check_stop(stop)?;
        if state.recorded.len() == SLOTS || (state.work > 0.0 && state.work + work > state.pace.share()) {
            self.hand_over(&mut state, stop)?;
        }
        state.recorded.push(Recorded { pipeline, group, groups });
        let tally = state.tallies.entry(program.name()).or_default();
        tally.dispatches += 1;
        tally.work += work;
        tally.bytes += bound.iter().map(|bound| bound.bytes).sum::<u64>();
        let end = state.recorded.len() * SLOT as usize;
        state.parameters.extend(parameters.iter().flat_map(|word| word.to_le_bytes()));
        state.parameters.resize(end, 0);
        state.work += work;
        Ok(())
    }

    fn bind(&self, pipeline: &Pipeline, bound: &[Bound<'_>]) -> wgpu::BindGroup {
        let mut entries: Vec<_> = bound
            .iter()
            .zip(0..)
            .map(|(bound, binding)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: bound.buffer,
                    offset: bound.start,
                    size: wgpu::BufferSize::new(bound.bytes.next_multiple_of(16)),
                }),
            })
            .collect();
        entries.push(wgpu::BindGroupEntry {
            binding: bound.len() as u32,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: &self.parameters,
                offset: 0,
                size: wgpu::BufferSize::new(SLOT),
            }),
        });
        self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries,
        })
    }

    /// Hands over what is recorded.
    fn hand_over(&self, state: &mut State, stop: Stop<'_>) -> Result<()> {
        self.check()?;
        check_stop(stop)?;
        if state.recorded.is_empty() {
            return Ok(());
        }
        while state.under_way.len() >= UNDER_WAY {
            self.wait_for_first(state)?;
        }
        self.queue.write_buffer(&self.parameters, 0, &state.parameters);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (slot, recorded) in state.recorded.iter().enumerate() {
            pass.set_pipeline(&recorded.pipeline.pipeline);
            pass.set_bind_group(0, &recorded.group, &[(slot as u64 * SLOT) as u32]);
            let [x, y, z] = recorded.groups;
            pass.dispatch_workgroups(x, y, z);
        }
        drop(pass);
        let index = self.submit([encoder.finish()]);
        state.counts.dispatches += state.recorded.len();
        state.counts.submissions += 1;
        state.counts.longest = state.counts.longest.max(state.work / state.pace.rate());
        state.under_way.push_back((index, state.work, Instant::now()));
        state.recorded.clear();
        state.parameters.clear();
        state.work = 0.0;
        Ok(())
    }

    /// Submits, once the window has taken its size.
    pub(super) fn submit(
        &self,
        commands: impl IntoIterator<Item = wgpu::CommandBuffer>,
    ) -> wgpu::SubmissionIndex {
        self.rest.wait();
        self.queue.submit(commands)
    }

    fn wait_for_first(&self, state: &mut State) -> Result<()> {
        let Some((index, work, began)) = state.under_way.pop_front() else { return Ok(()) };
        self.wait(index)?;
        state.pace.learn(work, began, Instant::now());
        Ok(())
    }

    fn wait(&self, index: wgpu::SubmissionIndex) -> Result<()> {
        let wait = wgpu::PollType::Wait { submission_index: Some(index), timeout: Some(PATIENCE) };
        let polled = self.device.poll(wait);
        self.check()?;
        polled.map(drop).map_err(|error| {
            let cause = first_line(&error.to_string());
            lock(&self.failure).get_or_insert(cause.clone());
            CardError::failed("waiting for its work", &cause)
        })
    }

    /// An error if the device has failed.
    fn check(&self) -> Result<()> {
        match &*lock(&self.failure) {
            Some(cause) => Err(CardError::failed("its work", cause)),
            None => Ok(()),
        }
    }

    /// Hands over what is recorded and waits for all of it.
    ///
    /// # Errors
    /// Stopped, or the device has failed.
    pub fn finish(&self, stop: Stop<'_>) -> Result<()> {
        let mut state = lock(&self.state);
        self.hand_over(&mut state, stop)?;
        while !state.under_way.is_empty() {
            self.wait_for_first(&mut state)?;
        }
        drop(state);
        self.pipelines.keep();
        Ok(())
    }

    /// Writes `bytes` to a place, after all work that is recorded.
    ///
    /// # Errors
    /// Stopped, or the device has failed.
    pub fn write(&self, to: Bound<'_>, bytes: &[u8], stop: Stop<'_>) -> Result<()> {
        if self.allocator.is_rehearsing() {
            return check_stop(stop);
        }
        let mut state = lock(&self.state);
        self.hand_over(&mut state, stop)?;
        self.queue.write_buffer(to.buffer, to.start, bytes);
        Ok(())
    }

    /// Writes `bytes` to a buffer of weights that nothing reads yet, a few at a time.
    ///
    /// # Errors
    /// The device has failed.
    pub fn write_weights(&self, to: &Store, start: u64, bytes: &[u8]) -> Result<()> {
        if self.allocator.is_rehearsing() {
            return Ok(());
        }
        let mut state = lock(&self.state);
        self.queue.write_buffer(to.buffer(), start, bytes);
        state.staged += bytes.len() as u64;
        if state.staged > STAGED {
            state.staged = 0;
            // Copies that are not handed over pile up in the host's memory.
            let index = self.submit([]);
            self.wait(index)?;
        }
        Ok(())
    }

    /// Waits for the work that made `from`, and reads it.
    ///
    /// # Errors
    /// Stopped, or the device has failed.
    pub fn read(&self, from: Bound<'_>, stop: Stop<'_>) -> Result<Vec<u8>> {
        let bytes = from.bytes.next_multiple_of(4);
        if self.allocator.is_rehearsing() {
            check_stop(stop)?;
            let present = lock(&self.staging).as_ref().map_or(0, Store::bytes);
            self.allocator.memory().imagine_read_back(bytes, present);
            return Ok(vec![0; from.bytes as usize]);
        }
        self.finish(stop)?;
        let mut kept = lock(&self.staging);
        let staging = match kept.take().filter(|kept| kept.bytes() >= bytes) {
            Some(staging) => staging,
            None => self.allocator.staging(bytes)?,
        };
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(from.buffer, from.start, staging.buffer(), 0, bytes);
        let index = self.submit([encoder.finish()]);
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.buffer().map_async(wgpu::MapMode::Read, ..bytes, move |mapped| {
            sender.send(mapped).ok();
        });
        self.wait(index)?;
        match receiver.recv_timeout(PATIENCE) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(CardError::failed("reading back", &error.to_string())),
            Err(_) => return Err(CardError::failed("reading back", "no answer")),
        }
        let view = staging
            .buffer()
            .get_mapped_range(..bytes)
            .map_err(|error| CardError::failed("reading back", &error.to_string()))?;
        let mut read = view.to_vec();
        drop(view);
        staging.buffer().unmap();
        // One that failed on its way is not kept.
        *kept = Some(staging);
        read.truncate(from.bytes as usize);
        lock(&self.state).counts.read += from.bytes;
        Ok(read)
    }

    /// Ends the device, as a driver's reset does; for tests.
    pub fn destroy(&self) {
        self.device.destroy();
    }

    /// Most bytes of one binding.
    pub fn binding_max(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size
    }
}

/// An error if the flag is raised. What is recorded stays so and runs with what comes next: it is a share at
/// most, and a tensor that somebody keeps may be among its results.
fn check_stop(stop: Stop<'_>) -> Result<()> {
    if stop() { Err(CardError::Stopped) } else { Ok(()) }
}
