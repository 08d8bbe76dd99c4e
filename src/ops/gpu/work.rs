//! Work on its way to the device: dispatches are recorded, handed over a share at a time, and waited for
//! when two shares are under way.
//!
//! Trap: a buffer that is written by the host ([`Context::write`]) is written before all that is recorded
//! and not yet handed over, so what is recorded goes first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::kernel::Variant;
use super::memory::{Bound, Memory, Piece};
use super::pace::Pace;
use crate::ops::cpu::StopSlot;
use crate::ops::{Error, Result};

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

struct Pipeline {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

#[derive(Default)]
struct State {
    recorded: Vec<Recorded>,
    parameters: Vec<u8>,
    work: f64,
    under_way: VecDeque<(wgpu::SubmissionIndex, f64, Instant)>,
    pace: Pace,
    counts: Counts,
    staged: u64,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Dispatches.
    pub dispatches: usize,
    /// Submissions.
    pub submissions: usize,
    /// The longest submission by the rate at its time, in seconds.
    pub longest: f64,
    /// Pipelines compiled.
    pub pipelines: usize,
}

/// A device with its queue, memory and pipelines. All threads may use it.
pub(super) struct Context {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) memory: Memory,
    pub(super) limits: wgpu::Limits,
    /// Why the device failed, once it has.
    failure: Arc<Mutex<Option<String>>>,
    state: Mutex<State>,
    pipelines: Mutex<HashMap<Variant, Arc<Pipeline>>>,
    parameters: wgpu::Buffer,
    /// What is bound where a kernel asks for something that is not there: of activations, of weights.
    fillers: [wgpu::Buffer; 2],
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Context {
    /// Takes a device over; `listen` says whether its errors are told to nobody else.
    pub(super) fn new(device: wgpu::Device, queue: wgpu::Queue, listen: bool) -> Self {
        let failure = Arc::new(Mutex::new(None));
        if listen {
            let heard = failure.clone();
            device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
                lock(&heard).get_or_insert(first_line(&error.to_string()));
            }));
        }
        let heard = failure.clone();
        device.set_device_lost_callback(move |_, why| {
            lock(&heard).get_or_insert(format!("the device is gone ({})", first_line(&why)));
        });
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
            memory: Memory::default(),
            limits: device.limits(),
            failure,
            state: Mutex::default(),
            pipelines: Mutex::default(),
            parameters,
            fillers,
            device,
            queue,
        }
    }

    /// What was done so far.
    pub(super) fn counts(&self) -> Counts {
        let pipelines = lock(&self.pipelines).len();
        Counts { pipelines, ..lock(&self.state).counts }
    }

    /// The most work that one dispatch should hold.
    pub(super) fn share(&self) -> f64 {
        lock(&self.state).pace.share()
    }

    /// Operations a second, as measured so far.
    pub(super) fn rate(&self) -> f64 {
        lock(&self.state).pace.rate()
    }

    /// Takes `rate` for the device's from now on.
    pub(super) fn fix_rate(&self, rate: f64) {
        lock(&self.state).pace.fix(rate);
    }

    /// Memory for activations of any content.
    pub(super) fn take(&self, bytes: u64) -> Result<Piece> {
        self.memory.take(bytes, |size| {
            let usage =
                wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
            self.buffer(size, usage)
        })
    }

    /// A buffer for weights.
    pub(super) fn weights(&self, bytes: u64) -> Result<wgpu::Buffer> {
        self.buffer(bytes.max(16), wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST)
    }

    fn buffer(&self, size: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        if size > self.limits.max_buffer_size {
            return Err(Error::OutOfMemory { bytes: size as usize });
        }
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let made = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("safelight"),
            size,
            usage,
            mapped_at_creation: false,
        });
        match pollster::block_on(scope.pop()) {
            None => Ok(made),
            Some(_) => Err(Error::OutOfMemory { bytes: size as usize }),
        }
    }

    /// What stands for activations that are not there.
    pub(super) fn no_activations(&self) -> Bound<'_> {
        Bound::all(&self.fillers[0])
    }

    /// What stands for weights that are not there.
    pub(super) fn no_weights(&self) -> Bound<'_> {
        Bound::all(&self.fillers[1])
    }

    /// Records a dispatch of `work` operations; hands over what is recorded when it is a share.
    ///
    /// # Errors
    /// Stopped, or the device has failed.
    pub(super) fn dispatch(
        &self,
        variant: &Variant,
        bound: &[Bound<'_>],
        parameters: &[u32],
        groups: [u32; 3],
        work: f64,
        stop: &StopSlot,
    ) -> Result<()> {
        if groups.contains(&0) {
            return Ok(());
        }
        let pipeline = self.pipeline(variant)?;
        let group = self.bind(&pipeline, bound);
        let mut state = lock(&self.state);
        check_stop(stop)?;
        if state.recorded.len() == SLOTS || (state.work > 0.0 && state.work + work > state.pace.share()) {
            self.hand_over(&mut state, stop)?;
        }
        state.recorded.push(Recorded { pipeline, group, groups });
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

    fn pipeline(&self, variant: &Variant) -> Result<Arc<Pipeline>> {
        let mut pipelines = lock(&self.pipelines);
        if let Some(known) = pipelines.get(variant) {
            return Ok(known.clone());
        }
        let (name, access) = variant.kernel.describe();
        let failed = |cause: String| Error::Backend { device: "GPU", operation: name, cause };
        let text = variant.text().map_err(|file| failed(format!("{file}.wgsl is missing")))?;
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let made = self.compile(name, access, &text);
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(failed(first_line(&error.to_string())));
        }
        let made = Arc::new(made);
        pipelines.insert(variant.clone(), made.clone());
        Ok(made)
    }

    fn compile(&self, name: &str, access: &str, text: &str) -> Pipeline {
        let device = &self.device;
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(text.into()),
        });
        let storage = access.chars().map(|access| wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: access == 'r' },
            has_dynamic_offset: false,
            min_binding_size: None,
        });
        let uniform = wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: true,
            min_binding_size: None,
        };
        let entries: Vec<_> = storage
            .chain([uniform])
            .zip(0..)
            .map(|(ty, binding)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty,
                count: None,
            })
            .collect();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(name),
            entries: &entries,
        });
        let whole = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&whole),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Pipeline { pipeline, layout }
    }

    /// Hands over what is recorded.
    fn hand_over(&self, state: &mut State, stop: &StopSlot) -> Result<()> {
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
        let index = self.queue.submit([encoder.finish()]);
        state.counts.dispatches += state.recorded.len();
        state.counts.submissions += 1;
        state.counts.longest = state.counts.longest.max(state.work / state.pace.rate());
        state.under_way.push_back((index, state.work, Instant::now()));
        state.recorded.clear();
        state.parameters.clear();
        state.work = 0.0;
        Ok(())
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
            failed("waiting for its work", &cause)
        })
    }

    /// An error if the device has failed.
    fn check(&self) -> Result<()> {
        match &*lock(&self.failure) {
            Some(cause) => Err(failed("its work", cause)),
            None => Ok(()),
        }
    }

    /// Hands over what is recorded and waits for all of it.
    ///
    /// # Errors
    /// Stopped, or the device has failed.
    pub(super) fn finish(&self, stop: &StopSlot) -> Result<()> {
        let mut state = lock(&self.state);
        self.hand_over(&mut state, stop)?;
        while !state.under_way.is_empty() {
            self.wait_for_first(&mut state)?;
        }
        Ok(())
    }

    /// Writes `bytes` to a place, after all work that is recorded.
    ///
    /// # Errors
    /// Stopped, or the device has failed.
    pub(super) fn write(&self, to: Bound<'_>, bytes: &[u8], stop: &StopSlot) -> Result<()> {
        let mut state = lock(&self.state);
        self.hand_over(&mut state, stop)?;
        self.queue.write_buffer(to.buffer, to.start, bytes);
        Ok(())
    }

    /// Writes `bytes` to a buffer of weights that nothing reads yet, a few at a time.
    ///
    /// # Errors
    /// The device has failed.
    pub(super) fn write_weights(&self, to: &wgpu::Buffer, start: u64, bytes: &[u8]) -> Result<()> {
        let mut state = lock(&self.state);
        self.queue.write_buffer(to, start, bytes);
        state.staged += bytes.len() as u64;
        if state.staged > STAGED {
            state.staged = 0;
            // Copies that are not handed over pile up in the host's memory.
            let index = self.queue.submit([]);
            self.wait(index)?;
        }
        Ok(())
    }

    /// Waits for the work that made `from`, and reads it.
    ///
    /// # Errors
    /// Stopped, or the device has failed.
    pub(super) fn read(&self, from: Bound<'_>, stop: &StopSlot) -> Result<Vec<u8>> {
        let bytes = from.bytes.next_multiple_of(4);
        self.finish(stop)?;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.buffer(bytes, usage)?;
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(from.buffer, from.start, &staging, 0, bytes);
        let index = self.queue.submit([encoder.finish()]);
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, .., move |mapped| {
            sender.send(mapped).ok();
        });
        self.wait(index)?;
        match receiver.recv_timeout(PATIENCE) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(failed("reading back", &error.to_string())),
            Err(_) => return Err(failed("reading back", "no answer")),
        }
        let view =
            staging.get_mapped_range(..).map_err(|error| failed("reading back", &error.to_string()))?;
        let mut read = view.to_vec();
        read.truncate(from.bytes as usize);
        Ok(read)
    }

    /// Most bytes of one binding.
    pub(super) fn binding_max(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size
    }
}

/// An error if the flag is raised. What is recorded stays so and runs with what comes next: it is a share at
/// most, and a tensor that somebody keeps may be among its results.
fn check_stop(stop: &StopSlot) -> Result<()> {
    if stop.present().is_raised() { Err(Error::Stopped) } else { Ok(()) }
}

/// The error of an operation that failed on the device.
pub(super) fn failed(operation: &'static str, cause: &str) -> Error {
    Error::Backend { device: "GPU", operation, cause: first_line(cause) }
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}
