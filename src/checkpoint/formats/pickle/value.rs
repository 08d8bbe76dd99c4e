//! What a pickle builds: plain values that refer to one another by handle.
//!
//! The values lie in one list, so that sharing and even cycles cost nothing and cannot be followed
//! for ever by accident: whoever reads them goes down as many levels as it names.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::checkpoint::tensor::element::ElementType;

/// A value's place in its pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Handle(pub(super) u32);

/// One value. Text and bytes are borrowed from the pickle.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, little-endian two's complement.
    LargeInt(&'a [u8]),
    Float(f64),
    /// Text in UTF-8; any other text is kept as bytes.
    Text(&'a str),
    Bytes(&'a [u8]),
    Tuple(Vec<Handle>),
    /// A list or a set.
    List(Vec<Handle>),
    Dict(Vec<(Handle, Handle)>),
    /// A class or function, by name only.
    Global {
        module: &'a str,
        name: &'a str,
    },
    /// An instance of any other class; what was set like a dictionary's items is kept.
    Object {
        items: Vec<(Handle, Handle)>,
    },
    Storage(Storage<'a>),
    Tensor(TensorValue),
}

/// A run of elements that tensors share.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Storage<'a> {
    /// Its name in the file.
    pub(crate) key: Cow<'a, str>,
    pub(crate) element: ElementType,
    /// Elements before the first in the storage called `key` (views in old files).
    pub(crate) first: usize,
    /// Elements that it has.
    pub(crate) count: usize,
}

/// A tensor's place in a storage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TensorValue {
    pub(crate) storage: Handle,
    /// Elements of `element` before the first one.
    pub(crate) offset: usize,
    pub(crate) element: ElementType,
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}

/// What a pickle's references by number stand for, where a file lists its tensors apart.
#[derive(Debug, Default)]
pub(crate) struct Referred {
    pub(crate) storages: HashMap<i64, Storage<'static>>,
    pub(crate) tensors: HashMap<i64, ReferredTensor>,
}

/// A tensor of such a list.
#[derive(Debug)]
pub(crate) struct ReferredTensor {
    /// Its storage's number.
    pub(crate) storage: i64,
    /// Elements before the first one.
    pub(crate) offset: usize,
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}

/// A pickle that was read to its end.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    pub(super) values: Vec<Value<'a>>,
    pub(super) root: Handle,
    /// Bytes read, the final opcode included.
    pub(crate) length: usize,
}

impl<'a> Pickle<'a> {
    /// The value that the pickle stands for.
    pub(crate) fn root(&self) -> &Value<'a> {
        self.value(self.root)
    }

    /// The value behind a handle of this pickle.
    pub(crate) fn value(&self, handle: Handle) -> &Value<'a> {
        &self.values[handle.0 as usize]
    }

    /// Every storage that is mentioned anywhere.
    pub(crate) fn storages(&self) -> impl Iterator<Item = &Storage<'a>> {
        self.values.iter().filter_map(|value| match value {
            Value::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    /// The items of a dictionary, or of an instance of a class that is one.
    pub(crate) fn items(&self, handle: Handle) -> Option<&[(Handle, Handle)]> {
        match self.value(handle) {
            Value::Dict(items) | Value::Object { items } => Some(items),
            _ => None,
        }
    }

    /// The root's handle.
    pub(crate) fn root_handle(&self) -> Handle {
        self.root
    }

    /// A whole number of at most 64 bits, or `None` for any other value.
    pub(crate) fn number(&self, handle: Handle) -> Option<i64> {
        match self.value(handle) {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// A text, or `None` for any other value.
    pub(crate) fn text(&self, handle: Handle) -> Option<&str> {
        match self.value(handle) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}
