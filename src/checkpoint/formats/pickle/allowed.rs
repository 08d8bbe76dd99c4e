//! Which names a pickle may call or make an instance of.
//!
//! Nothing is ever called: an allowed name yields an inert record. The list decides whether a file
//! counts as data or as an attack. Instances of unknown classes are data (Lightning puts callbacks
//! and configs of any project beside the weights); unknown calls are not.

/// Modules that have no business in a checkpoint, whatever their name.
const FORBIDDEN_MODULES: &[&str] = &[
    "_osx_support",
    "_posixsubprocess",
    "_pickle",
    "_winapi",
    "aiohttp",
    "asyncio",
    "bdb",
    "cProfile",
    "code",
    "codeop",
    "commands",
    "concurrent",
    "ctypes",
    "cloudpickle",
    "dill",
    "distutils",
    "doctest",
    "ensurepip",
    "ftplib",
    "http",
    "httplib",
    "idlelib",
    "imp",
    "importlib",
    "inspect",
    "joblib",
    "lib2to3",
    "marshal",
    "multiprocessing",
    "nt",
    "operator",
    "os",
    "pdb",
    "pickle",
    "pip",
    "pkgutil",
    "posix",
    "posixpath",
    "profile",
    "pty",
    "pydoc",
    "requests",
    "runpy",
    "setuptools",
    "shelve",
    "shutil",
    "signal",
    "site",
    "smtplib",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "test",
    "threading",
    "timeit",
    "trace",
    "types",
    "urllib",
    "urllib2",
    "venv",
    "webbrowser",
    "xmlrpc",
    "zipimport",
];

/// Python's own types that hold data, in `builtins` or `__builtin__`.
const BUILTIN_TYPES: &[&str] = &[
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "long",
    "object",
    "range",
    "set",
    "slice",
    "str",
    "tuple",
    "unicode",
    "xrange",
];

/// Functions and classes that real files call to rebuild plain data.
const CALLED: &[&str] = &[
    "_codecs.encode",
    "argparse.Namespace",
    "collections.Counter",
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.deque",
    "copy_reg._reconstructor",
    "copyreg._reconstructor",
    "copyreg.__newobj__",
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "decimal.Decimal",
    "fractions.Fraction",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.random._pickle.__bit_generator_ctor",
    "numpy.random._pickle.__generator_ctor",
    "numpy.random._pickle.__randomstate_ctor",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib.WindowsPath",
    "torch.Size",
    "torch.Tensor",
    "torch.device",
    "torch.nn.parameter.Parameter",
    "torch._utils._rebuild_device_tensor_from_numpy",
    "torch._utils._rebuild_meta_tensor_no_storage",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_qtensor",
    "torch._utils._rebuild_sparse_tensor",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
    "torch._tensor._rebuild_from_type",
    "torch._tensor._rebuild_from_type_v2",
    "torch.torch_version.TorchVersion",
    "uuid.UUID",
];

/// Families whose classes (a capital first letter) may be called to make an instance: training
/// settings, whose every value is data.
const CLASS_FAMILIES: &[&str] = &[
    "ldm",
    "lightning",
    "lightning_fabric",
    "omegaconf",
    "pytorch_lightning",
    "torch.optim",
    "torchmetrics",
    "yacs",
    "diffusers",
    "transformers",
];

/// Whether a name may be called.
pub(super) fn may_call(module: &str, name: &str) -> bool {
    if !may_instance(module, name) {
        return false;
    }
    if matches!(module, "builtins" | "__builtin__") {
        return true;
    }
    let full = format!("{module}.{name}");
    if CALLED.contains(&full.as_str()) {
        return true;
    }
    let class =
        name.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_uppercase()));
    class && CLASS_FAMILIES.iter().any(|family| is_within(module, family))
}

/// Whether an instance of a class may stand beside the weights.
pub(super) fn may_instance(module: &str, name: &str) -> bool {
    if matches!(module, "builtins" | "__builtin__") {
        return BUILTIN_TYPES.contains(&name);
    }
    !FORBIDDEN_MODULES.iter().any(|forbidden| is_within(module, forbidden))
}

fn is_within(module: &str, family: &str) -> bool {
    module.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
