//! Pipelines: kernels as the driver compiled them, each once a process, and kept in a file for the next one
//! where the driver can.
//!
//! Invariant: a file counts only whole, for the same card, driver and version of the program; any other is
//! written anew. Writing is put off to when a result is waited for, and fails silently but for a note.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::first_line;
use super::{Card, CardError, trust};
use crate::files::write_atomically;

/// A kernel that can be compiled: the key of its pipeline.
pub trait Program: Clone + Eq + Hash {
    /// The name in messages.
    fn name(&self) -> &'static str;

    /// Its storage bindings in order: `w` for what is written or shares a buffer with what is, `r` for what is
    /// only read. A uniform with the parameters follows them.
    fn access(&self) -> &'static str;

    /// The whole WGSL.
    ///
    /// # Errors
    /// What is missing.
    fn text(&self) -> std::result::Result<String, String>;
}

/// A compiled kernel.
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// What the driver compiled before, and the file of it.
struct Kept {
    cache: wgpu::PipelineCache,
    file: PathBuf,
    head: String,
    /// Whether something was compiled that the file has not.
    changed: AtomicBool,
}

/// All pipelines of a device.
pub(super) struct Pipelines<P> {
    device: wgpu::Device,
    made: Mutex<HashMap<P, Arc<Pipeline>>>,
    kept: Option<Kept>,
}

impl<P: Program> Pipelines<P> {
    /// Those of a card, none compiled yet; kept in `folder` where there is one.
    pub fn new(card: &Card, folder: Option<PathBuf>) -> Self {
        let kept = folder.and_then(|folder| Kept::open(card, &folder));
        Self { kept, made: Mutex::default(), device: card.device.clone() }
    }

    fn made(&self) -> MutexGuard<'_, HashMap<P, Arc<Pipeline>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many were compiled.
    pub fn count(&self) -> usize {
        self.made().len()
    }

    /// The pipeline of a kernel, compiled now if it is the first time.
    ///
    /// # Errors
    /// If the kernel is no WGSL, or the driver does not take it.
    pub fn get(&self, program: &P) -> Result<Arc<Pipeline>, CardError> {
        let mut made = self.made();
        if let Some(known) = made.get(program) {
            return Ok(known.clone());
        }
        let (name, access) = (program.name(), program.access());
        let failed = |cause: String| CardError::Failed { operation: name, cause };
        let text = program.text().map_err(failed)?;
        let ours = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        // A driver's compiler that fails is a fault of this kernel, not of the card.
        let drivers = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let pipeline = self.compile(name, access, &text);
        let faults = [pollster::block_on(drivers.pop()), pollster::block_on(ours.pop())];
        if let Some(error) = faults.into_iter().flatten().next() {
            return Err(failed(first_line(&error.to_string())));
        }
        if let Some(kept) = &self.kept {
            kept.changed.store(true, Ordering::Relaxed);
        }
        let pipeline = Arc::new(pipeline);
        made.insert(program.clone(), pipeline.clone());
        Ok(pipeline)
    }

    fn compile(&self, name: &str, access: &str, text: &str) -> Pipeline {
        let device = &self.device;
        let source = wgpu::ShaderSource::Wgsl(text.into());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(name), source });
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
            cache: self.kept.as_ref().map(|kept| &kept.cache),
        });
        Pipeline { pipeline, layout }
    }

    /// Writes what was compiled since the last time, if anything was.
    pub fn keep(&self) {
        if let Some(kept) = &self.kept
            && kept.changed.swap(false, Ordering::Relaxed)
        {
            kept.write();
        }
    }
}

impl Kept {
    fn open(card: &Card, folder: &Path) -> Option<Self> {
        let key = wgpu::util::pipeline_cache_key(&card.info)?;
        if !card.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let file = folder.join(key);
        let wgpu::AdapterInfo { name, driver, driver_info, .. } = &card.info;
        let head = format!("safelight {} / {name} / {driver} {driver_info}", env!("CARGO_PKG_VERSION"));
        let data = read(&file, &head);
        let cache = trust::pipeline_cache(&card.device, data.as_deref());
        Some(Self { cache, file, head, changed: AtomicBool::new(false) })
    }

    fn write(&self) {
        let Some(data) = self.cache.get_data() else { return };
        let text = [format!("{}\n{}", self.head, sum_line(&data)).as_bytes(), &data].concat();
        let folder = self.file.parent().unwrap_or(&self.file);
        let written =
            std::fs::create_dir_all(folder).and_then(|()| write_atomically(&self.file, &text, true));
        if let Err(error) = written {
            log::warn!("compiled kernels are not kept: {error}");
        }
    }
}

/// What a driver compiled, from a file that begins with `head` and is whole.
fn read(file: &Path, head: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(file).ok()?;
    let rest = bytes.strip_prefix(head.as_bytes())?.strip_prefix(b"\n")?;
    let (line, data) = rest.split_at_checked(sum_line(&[]).len())?;
    (line == sum_line(data).as_bytes()).then(|| data.to_vec())
}

/// The line of a checksum, which damage changes.
fn sum_line(data: &[u8]) -> String {
    format!("{:08x}\n", crc32fast::hash(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel that writes 7.
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Seven;

    impl Program for Seven {
        fn name(&self) -> &'static str {
            "seven"
        }

        fn access(&self) -> &'static str {
            "w"
        }

        fn text(&self) -> Result<String, String> {
            Ok("@group(0) @binding(0) var<storage, read_write> y: array<u32>;\n\
                @group(0) @binding(1) var<uniform> at: u32;\n\
                @compute @workgroup_size(1) fn main() { y[0] = 7u + at; }"
                .to_owned())
        }
    }

    #[test]
    fn what_a_driver_compiled_is_kept_for_the_next_process() {
        if !crate::gpu::is_there_for_tests() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (card, report) = crate::gpu::open(0).unwrap();
        if !report.has_pipeline_cache {
            println!("the driver keeps no pipelines: not run");
            return;
        }
        let compile = |folder: &Path| {
            let pipelines = Pipelines::new(&card, Some(folder.to_owned()));
            pipelines.get(&Seven).unwrap();
            pipelines.keep();
            pipelines.count()
        };
        let files = |folder: &Path| -> Vec<Vec<u8>> {
            std::fs::read_dir(folder)
                .unwrap()
                .map(|file| std::fs::read(file.unwrap().path()).unwrap())
                .collect()
        };
        let below = folder.path().join("pipelines");
        assert_eq!(compile(&below), 1);
        let [first] = files(&below).try_into().unwrap();
        assert!(first.starts_with(b"safelight "));
        // A damaged file is no fault, and is written anew.
        let file = std::fs::read_dir(&below).unwrap().next().unwrap().unwrap().path();
        std::fs::write(&file, &first[..first.len() - 1]).unwrap();
        assert_eq!(compile(&below), 1);
        let [second] = files(&below).try_into().unwrap();
        let head = first.split(|byte| *byte == b'\n').next().unwrap();
        assert!(read(&file, std::str::from_utf8(head).unwrap()).is_some(), "{} bytes", second.len());
        assert_eq!(compile(&below), 1, "a whole file is taken");
        // A folder that cannot be written is no fault either.
        assert_eq!(compile(&file.join("below")), 1);
    }

    #[test]
    fn a_file_counts_whole_and_for_the_same_head() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pipelines");
        assert_eq!(read(&file, "a"), None);
        let text = |data: &[u8], of: &[u8]| [b"a\n", sum_line(of).as_bytes(), data].concat();
        std::fs::write(&file, text(b"data", b"data")).unwrap();
        assert_eq!(read(&file, "a").as_deref(), Some(&b"data"[..]));
        assert_eq!(read(&file, "b"), None, "another driver");
        std::fs::write(&file, text(b"dat", b"data")).unwrap();
        assert_eq!(read(&file, "a"), None, "cut off");
        std::fs::write(&file, "a\n").unwrap();
        assert_eq!(read(&file, "a"), None);
    }
}
