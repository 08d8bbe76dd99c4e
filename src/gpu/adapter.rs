//! Adapters: the cards that the system lists, and a device of one.
//!
//! Trap: a device has only the limits that were asked for, so all that the adapter has are asked for; and some
//! drivers crash while they are asked, so [`super::probe`] asks first from a process of its own.

use std::sync::{Mutex, PoisonError};

use super::{Card, CardError, offered};

/// What a device should have where the adapter has it.
const WANTED: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY.union(wgpu::Features::PIPELINE_CACHE);

/// What products by cooperative matrices need, all of it or nothing.
const FOR_MATRICES: wgpu::Features = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
    .union(wgpu::Features::SHADER_F16)
    .union(wgpu::Features::SUBGROUP);

/// The variable that names the interface to use: vulkan, dx12, metal, gl or cpu (none at all).
pub const BACKEND: &str = "SAFELIGHT_BACKEND";

/// The one interface whose drivers are left in use in this process, after others died in a probe.
static LEFT: Mutex<Option<String>> = Mutex::new(None);

/// Leaves all interfaces but `backend` alone from now on, as if `SAFELIGHT_BACKEND` named it, which wins.
pub fn leave(backend: Option<&str>) {
    *LEFT.lock().unwrap_or_else(PoisonError::into_inner) = backend.map(str::to_owned);
}

/// Whether drivers are left alone because others died in a probe.
fn has_left() -> bool {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// The interfaces to cards that may be used.
pub type Backends = wgpu::Backends;

/// What an adapter is, in plain words.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AdapterReport {
    /// The card's name.
    pub name: String,
    /// "vulkan", "dx12", "metal".
    pub backend: String,
    /// "discrete", "integrated", "virtual", "software" or "other".
    pub kind: String,
    /// The driver and its version.
    pub driver: String,
    /// Most bytes of a buffer.
    pub buffer_max: u64,
    /// Most bytes of one binding.
    pub binding_max: u64,
    /// Bytes that the threads of a workgroup share.
    pub shared_bytes: u32,
    /// Threads of a subgroup, least and most; 0 where unknown.
    pub subgroup: [u32; 2],
    /// Whether shaders may compute in f16.
    pub has_f16: bool,
    /// Whether the device may keep compiled pipelines.
    pub has_pipeline_cache: bool,
    /// Bytes of the card's own memory, if the driver tells.
    #[serde(default)]
    pub memory: Option<u64>,
    /// PCI's number of the maker; 0 in what a former version wrote.
    #[serde(default)]
    pub vendor: u32,
    /// The cooperative matrices that it multiplies.
    #[serde(default)]
    pub matrices: Vec<Matrices>,
}

/// A form of cooperative matrices: (m, k) times (k, n), added to (m, n).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Matrices {
    /// m, n and k.
    pub sizes: [u32; 3],
    /// The type of the factors.
    pub factors: String,
    /// The type of the sums.
    pub sums: String,
}

impl AdapterReport {
    /// Rows and columns of those matrices that kernels here multiply: square ones of f16, with sums in f32.
    pub fn matrix_sides(&self) -> Vec<usize> {
        let ours = |it: &&Matrices| (&*it.factors, &*it.sums) == ("f16", "f32");
        let sides = self.matrices.iter().filter(ours).map(|it| it.sizes);
        sides.filter(|[m, n, k]| m == n && n == k).map(|[side, ..]| side as usize).collect()
    }

    /// Whether the "card" is the processor.
    pub fn is_software(&self) -> bool {
        self.kind == "software"
    }

    /// Most bytes to take of its memory, where that is known or said by hand.
    ///
    /// # Errors
    /// If what is said is no number.
    pub fn budget(&self) -> Result<Option<u64>, CardError> {
        super::heap::budget(self.memory, self.is_software())
    }

    /// What a measurement is kept under: another driver is another card.
    pub fn key(&self) -> String {
        format!("{} / {} / {}", self.name, self.backend, self.driver)
    }
}

/// The interfaces that `SAFELIGHT_BACKEND` allows; those that compute if it says nothing.
///
/// # Errors
/// If it names none.
pub fn allowed() -> Result<Backends, CardError> {
    allowed_by(&chosen().unwrap_or_default())
}

/// The interface that is chosen: by `SAFELIGHT_BACKEND`, else by [`leave`].
pub fn chosen() -> Option<String> {
    let said = std::env::var(BACKEND).ok().filter(|said| !said.is_empty());
    said.or_else(|| LEFT.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// The interfaces that a value of `SAFELIGHT_BACKEND` allows.
///
/// # Errors
/// If it names none.
pub fn allowed_by(said: &str) -> Result<Backends, CardError> {
    let all = Backends::VULKAN | Backends::METAL | Backends::DX12;
    match said.to_lowercase().as_str() {
        "" => Ok(all),
        "vulkan" => Ok(Backends::VULKAN),
        "dx12" => Ok(Backends::DX12),
        "metal" => Ok(Backends::METAL),
        "gl" => Ok(Backends::GL),
        "cpu" => Ok(Backends::empty()),
        other => Err(CardError::Refused(format!(
            "expected {BACKEND} to be vulkan, dx12, metal, gl or cpu, found {other:?}"
        ))),
    }
}

/// What the system lists, hardware first, else in the system's order.
fn adapters() -> Result<Vec<(wgpu::Adapter, AdapterReport)>, CardError> {
    let backends = allowed()?;
    if backends.is_empty() {
        return Ok(Vec::new());
    }
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let found = pollster::block_on(instance.enumerate_adapters(backends)).into_iter();
    // What cannot compute is no card here: OpenGL before 4.3, say.
    let computes = |adapter: &wgpu::Adapter| {
        let flags = adapter.get_downlevel_capabilities().flags;
        flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
    };
    let mut found: Vec<_> = found
        .filter(computes)
        .map(|adapter| {
            let report = report(&adapter);
            (adapter, report)
        })
        .collect();
    found.sort_by_key(|(_, report)| report.is_software());
    Ok(found)
}

fn report(adapter: &wgpu::Adapter) -> AdapterReport {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    };
    AdapterReport {
        backend: info.backend.to_string(),
        kind: kind.to_owned(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        buffer_max: limits.max_buffer_size,
        binding_max: limits.max_storage_buffer_binding_size,
        shared_bytes: limits.max_compute_workgroup_storage_size,
        subgroup: [info.subgroup_min_size, info.subgroup_max_size],
        has_f16: features.contains(wgpu::Features::SHADER_F16),
        has_pipeline_cache: features.contains(wgpu::Features::PIPELINE_CACHE),
        memory: super::heap::of(adapter),
        vendor: info.vendor,
        matrices: matrices(adapter),
        name: info.name,
    }
}

/// The cooperative matrices of an adapter that has all that they need.
fn matrices(adapter: &wgpu::Adapter) -> Vec<Matrices> {
    if !adapter.features().contains(FOR_MATRICES) {
        return Vec::new();
    }
    let name = |kind: wgpu::CooperativeScalarType| format!("{kind:?}").to_lowercase();
    let all = adapter.cooperative_matrix_properties().into_iter().map(|it| Matrices {
        sizes: [it.m_size, it.n_size, it.k_size],
        factors: name(it.ab_type),
        sums: name(it.cr_type),
    });
    all.collect()
}

/// Every card that the system lists, hardware first.
///
/// # Errors
/// If `SAFELIGHT_BACKEND` names no interface.
pub fn list() -> Result<Vec<AdapterReport>, CardError> {
    Ok(adapters()?.into_iter().map(|(_, report)| report).collect())
}

/// Whether there is a card for a test. Without one, not even Mesa's software card, tests that need it fail where
/// `CI` is set; elsewhere they say so in a line and pass.
pub fn is_there_for_tests() -> bool {
    let there = list().is_ok_and(|cards| !cards.is_empty());
    if !there {
        assert!(std::env::var_os("CI").is_none(), "no graphics card, not even Mesa's software one");
        println!("no graphics card here: not run (Debian: mesa-vulkan-drivers)");
    }
    there
}

/// What to ask of a device of `adapter`: all that it has.
pub fn descriptor(adapter: &wgpu::Adapter) -> wgpu::DeviceDescriptor<'static> {
    let has_matrices = !report(adapter).matrix_sides().is_empty();
    let wanted = if has_matrices { WANTED | FOR_MATRICES } else { WANTED };
    wgpu::DeviceDescriptor {
        label: Some("safelight"),
        required_features: adapter.features() & wanted,
        required_limits: adapter.limits(),
        experimental_features: super::trust::experimental(has_matrices),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    }
}

/// Opens card `index` of [`list`], or shares the window's device of it.
///
/// # Errors
/// If there is no such card, or the driver gives no device.
pub fn open(index: usize) -> Result<(Card, AdapterReport), CardError> {
    let mut found = adapters()?;
    if index >= found.len() {
        let names: Vec<String> = found.into_iter().map(|(_, report)| report.name).collect();
        let names = match names.is_empty() {
            true if has_left() => "only drivers that crash while they list theirs".to_owned(),
            true => "none".to_owned(),
            false => names.join(", "),
        };
        return Err(CardError::Refused(format!(
            "expected graphics card {index} with a driver for Vulkan, Metal or Direct3D 12, found {names}; \
             install the card's driver or use --device cpu"
        )));
    }
    let (adapter, report) = found.swap_remove(index);
    let info = adapter.get_info();
    if let Some(card) = offered().filter(|card| card.is(&info)) {
        log::info!("{}: the window's device computes", report.name);
        return Ok((card, report));
    }
    let opened = pollster::block_on(adapter.request_device(&descriptor(&adapter)));
    let (device, queue) = opened.map_err(|error| {
        CardError::Refused(format!("{} cannot be opened ({error}); use --device cpu", report.name))
    })?;
    log::info!("{}: a device of its own computes", report.name);
    Ok((Card::new(device, queue, info, |_| {}), report))
}
