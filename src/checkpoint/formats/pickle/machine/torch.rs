//! The calls and references that torch writes into a pickle, as values.
//!
//! Trap: every argument comes from the file and may be of any type.

use std::borrow::Cow;

use super::Machine;
use crate::checkpoint::formats::pickle::value::{
    Handle, Referred, ReferredTensor, Storage, TensorValue, Value,
};
use crate::checkpoint::formats::pickle::{PickleError, allowed, malformed};
use crate::checkpoint::tensor::element::ElementType;

/// torch itself stops at 64; no model has more than five.
const MOST_DIMENSIONS: usize = 8;

/// What a call stands for.
pub(super) enum Called<'a> {
    /// The value that it was given.
    Argument(Handle),
    /// A value that the call makes.
    Made(Value<'a>),
}

impl<'a> Machine<'a> {
    /// What a call with these arguments stands for. The name has been found harmless.
    pub(super) fn called(
        &self,
        module: &str,
        name: &str,
        arguments: &[Handle],
    ) -> Result<Called<'a>, PickleError> {
        match (module, name) {
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3") => {
                self.tensor(name, arguments).map(Called::Made)
            }
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
            | ("torch.nn.parameter", "Parameter")
            | ("torch", "Size") => match arguments.first() {
                Some(first) => Ok(Called::Argument(*first)),
                None => Err(malformed("a parameter without a tensor")),
            },
            ("torch._tensor", "_rebuild_from_type" | "_rebuild_from_type_v2") => {
                self.rebuilt_from_type(arguments).map(Called::Made)
            }
            ("collections", "OrderedDict") | ("builtins" | "__builtin__", "dict") => {
                Ok(Called::Made(Value::Dict(self.pairs(arguments))))
            }
            _ => Ok(Called::Made(Value::Object { items: Vec::new() })),
        }
    }

    /// `_rebuild_from_type_v2(function, type, arguments, state)`: a subclass of the tensor.
    fn rebuilt_from_type(&self, arguments: &[Handle]) -> Result<Value<'a>, PickleError> {
        if let [function, _, inner, ..] = arguments
            && let Value::Global { module, name } = self.value(*function)
            && let Value::Tuple(inner) = self.value(*inner)
        {
            if *module == "torch._utils" && name.starts_with("_rebuild_tensor") {
                return self.tensor(name, inner);
            }
            if !allowed::may_call(module, name) {
                return Err(PickleError::AsksToRun(format!("{module}.{name}")));
            }
        }
        Ok(Value::Object { items: Vec::new() })
    }

    /// `_rebuild_tensor(storage, offset, size, stride)`, with more behind it in later versions;
    /// version 3 names the element type seventh, and its storage counts bytes.
    fn tensor(&self, version: &str, arguments: &[Handle]) -> Result<Value<'a>, PickleError> {
        let [storage, offset, size, stride, rest @ ..] = arguments else {
            return Err(malformed("a tensor with too few arguments"));
        };
        let Value::Storage(stored) = self.value(*storage) else {
            return Err(malformed("a tensor without a storage"));
        };
        let element = if version == "_rebuild_tensor_v3" {
            let dtype = rest.get(2).map(|dtype| self.value(*dtype));
            let Some(Value::Global { module, name }) = dtype else {
                return Err(malformed("a tensor without an element type"));
            };
            match ElementType::of_torch_dtype(name) {
                Some(element) if *module == "torch" => element,
                _ => return Err(malformed(format!("the element type {module}.{name}"))),
            }
        } else {
            stored.element
        };
        let (shape, strides) = (self.sizes(*size)?, self.sizes(*stride)?);
        if shape.len() != strides.len() {
            return Err(malformed("a tensor with unequal size and stride"));
        }
        let offset = self.natural(*offset)?;
        Ok(Value::Tensor(TensorValue { storage: *storage, offset, element, shape, strides }))
    }

    /// What a persistent id stands for: `("storage", class, key, device, count[, view])`, or
    /// `("module", class, …)`, which is the class.
    pub(super) fn persistent(&mut self, id: Handle) -> Result<Value<'a>, PickleError> {
        if let Some(referred) = self.referred {
            return self.referred_to(id, referred);
        }
        let Value::Tuple(parts) = self.value(id) else {
            return Err(malformed("a storage reference that is not a tuple"));
        };
        match (parts.first().map(|kind| self.value(*kind)), parts.as_slice()) {
            (Some(Value::Text(kind)), [_, class, ..]) if *kind == "module" => Ok(self.value(*class).clone()),
            (Some(Value::Text(kind)), [_, class, key, _device, count, view @ ..]) if *kind == "storage" => {
                self.storage(*class, *key, *count, view.first().copied())
            }
            _ => Err(malformed("a reference to something other than a storage")),
        }
    }

    /// The same in a file that lists its tensors apart: a tensor's or a storage's number, or `(class, …)`.
    fn referred_to(&mut self, id: Handle, referred: &Referred) -> Result<Value<'a>, PickleError> {
        let number = match self.value(id) {
            Value::Int(number) => *number,
            Value::Tuple(parts) => match parts.first().map(|class| self.value(*class)) {
                Some(class @ Value::Global { .. }) => return Ok(class.clone()),
                _ => return Err(malformed("a reference to something other than a class")),
            },
            _ => return Err(malformed("a reference that is not a number")),
        };
        if let Some(storage) = referred.storages.get(&number) {
            return Ok(Value::Storage(storage.clone()));
        }
        let missing = || malformed(format!("a reference to {number}, which is not in its lists"));
        let tensor = referred.tensors.get(&number).ok_or_else(missing)?;
        let stored = referred.storages.get(&tensor.storage).ok_or_else(missing)?;
        let storage = self.keep(Value::Storage(stored.clone()))?;
        let (shape, strides) = (tensor.shape.clone(), tensor.strides.clone());
        let ReferredTensor { offset, .. } = *tensor;
        Ok(Value::Tensor(TensorValue { storage, offset, element: stored.element, shape, strides }))
    }

    fn storage(
        &self,
        class: Handle,
        key: Handle,
        count: Handle,
        view: Option<Handle>,
    ) -> Result<Value<'a>, PickleError> {
        let Value::Global { module, name } = self.value(class) else {
            return Err(malformed("a storage without a class"));
        };
        let element = ElementType::of_torch_storage(module, name)
            .ok_or_else(|| malformed(format!("numbers of the kind {module}.{name}")))?;
        let key: Cow<'a, str> = match self.value(key) {
            Value::Text(key) => Cow::Borrowed(*key),
            Value::Int(key) => Cow::Owned(key.to_string()),
            _ => return Err(malformed("a storage without a name")),
        };
        let (mut first, mut count) = (0, self.natural(count)?);
        // A view in an old file: (its own name, first element, element count).
        if let Some(Value::Tuple(view)) = view.map(|view| self.value(view))
            && let [_, start, length] = view.as_slice()
        {
            (first, count) = (self.natural(*start)?, self.natural(*length)?);
        }
        Ok(Value::Storage(Storage { key, element, first, count }))
    }

    /// The items of `OrderedDict([(key, value), …])`.
    fn pairs(&self, arguments: &[Handle]) -> Vec<(Handle, Handle)> {
        let [list] = arguments else { return Vec::new() };
        match self.value(*list) {
            Value::Dict(items) => items.clone(),
            Value::List(list) | Value::Tuple(list) => list
                .iter()
                .filter_map(|pair| match self.value(*pair) {
                    Value::Tuple(pair) | Value::List(pair) if pair.len() == 2 => Some((pair[0], pair[1])),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn natural(&self, handle: Handle) -> Result<usize, PickleError> {
        match self.value(handle) {
            Value::Int(number) => {
                usize::try_from(*number).map_err(|_| malformed(format!("a size of {number}")))
            }
            _ => Err(malformed("a size that is not a number")),
        }
    }

    fn sizes(&self, handle: Handle) -> Result<Vec<usize>, PickleError> {
        match self.value(handle) {
            Value::Tuple(sizes) | Value::List(sizes) if sizes.len() <= MOST_DIMENSIONS => {
                sizes.iter().map(|size| self.natural(*size)).collect()
            }
            _ => Err(malformed("a tensor's shape that is not a short tuple")),
        }
    }
}
