//! The stack machine: one step per opcode.
//!
//! Invariant: a step adds at most two values and takes at least one byte, and copies are counted, so
//! memory is bounded by the bytes and by [`MOST_VALUES`].

use std::collections::HashMap;

mod torch;

use self::torch::Called;
use super::opcode as op;
use super::value::{Handle, Pickle, Referred, Value};
use super::{PickleError, allowed, malformed};

/// A full v1 training checkpoint has about 200,000.
const MOST_VALUES: usize = 4_000_000;

/// Reads one pickle from the start of `input`, which may continue behind it.
pub(crate) fn read(input: &[u8]) -> Result<Pickle<'_>, PickleError> {
    run(input, None)
}

/// The same of one that refers to tensors and storages by numbers.
pub(crate) fn read_referring<'a>(input: &'a [u8], referred: &'a Referred) -> Result<Pickle<'a>, PickleError> {
    run(input, Some(referred))
}

fn run<'a>(input: &'a [u8], referred: Option<&'a Referred>) -> Result<Pickle<'a>, PickleError> {
    let mut machine = Machine {
        input,
        referred,
        position: 0,
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        copied: 0,
    };
    loop {
        let opcode = machine.byte()?;
        if opcode == op::STOP {
            let root = machine.pop()?;
            return Ok(Pickle { values: machine.values, root, length: machine.position });
        }
        machine.step(opcode)?;
        if machine.values.len().max(machine.stack.len()).max(machine.memo.len()).max(machine.copied)
            > MOST_VALUES
        {
            return Err(malformed(format!("more than {MOST_VALUES} values beside the tensors")));
        }
    }
}

/// The machine's state.
pub(super) struct Machine<'a> {
    input: &'a [u8],
    /// What numbers stand for, in place of torch's storages.
    referred: Option<&'a Referred>,
    position: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Handle>,
    /// Heights of the stack where marks were set.
    marks: Vec<usize>,
    memo: HashMap<u32, Handle>,
    /// Items copied from one container into another so far.
    copied: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn value(&self, handle: Handle) -> &Value<'a> {
        &self.values[handle.0 as usize]
    }

    fn step(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            op::PROTO => match self.byte()? {
                0..=5 => Ok(()),
                protocol => Err(malformed(format!("pickle protocol {protocol} where 5 is the newest"))),
            },
            op::FRAME => self.take(8).map(|_| ()),
            op::NONE => self.push(Value::None),
            op::NEWTRUE => self.push(Value::Bool(true)),
            op::NEWFALSE => self.push(Value::Bool(false)),
            op::INT | op::BININT | op::BININT1 | op::BININT2 | op::LONG | op::LONG1 | op::LONG4 => {
                self.push_integer(opcode)
            }
            op::FLOAT | op::BINFLOAT => self.push_float(opcode),
            op::STRING
            | op::BINSTRING
            | op::SHORT_BINSTRING
            | op::UNICODE
            | op::BINUNICODE
            | op::SHORT_BINUNICODE
            | op::BINUNICODE8 => self.push_text(opcode),
            op::BINBYTES | op::SHORT_BINBYTES | op::BINBYTES8 | op::BYTEARRAY8 => self.push_bytes(opcode),
            op::EMPTY_DICT
            | op::EMPTY_LIST
            | op::EMPTY_TUPLE
            | op::EMPTY_SET
            | op::DICT
            | op::LIST
            | op::TUPLE
            | op::FROZENSET
            | op::TUPLE1
            | op::TUPLE2
            | op::TUPLE3 => self.push_container(opcode),
            op::SETITEM | op::SETITEMS | op::APPEND | op::APPENDS | op::ADDITEMS => self.fill(opcode),
            op::MARK | op::POP | op::POP_MARK | op::DUP => self.arrange(opcode),
            op::PUT | op::BINPUT | op::LONG_BINPUT | op::MEMOIZE | op::GET | op::BINGET | op::LONG_BINGET => {
                self.remember(opcode)
            }
            op::GLOBAL | op::STACK_GLOBAL => self.push_global(opcode),
            op::REDUCE | op::BUILD | op::NEWOBJ | op::NEWOBJ_EX | op::OBJ | op::INST => self.make(opcode),
            op::BINPERSID => {
                let id = self.pop()?;
                let value = self.persistent(id)?;
                self.push(value)
            }
            other => Err(malformed(format!("the pickle opcode {other:#04x}, which no checkpoint uses"))),
        }
    }

    fn push_integer(&mut self, opcode: u8) -> Result<(), PickleError> {
        let value = match opcode {
            op::BININT => Value::Int(i32::from_le_bytes(self.array()?).into()),
            op::BININT1 => Value::Int(self.byte()?.into()),
            op::BININT2 => Value::Int(u16::from_le_bytes(self.array()?).into()),
            op::LONG1 | op::LONG4 => {
                let length = if opcode == op::LONG1 { self.byte()?.into() } else { self.length4()? };
                large_integer(self.take(length)?)
            }
            _ => match self.line()? {
                "00" if opcode == op::INT => Value::Bool(false),
                "01" if opcode == op::INT => Value::Bool(true),
                text => match text.trim_end_matches('L').parse() {
                    Ok(number) => Value::Int(number),
                    Err(_) => return Err(malformed("an integer that is none")),
                },
            },
        };
        self.push(value)
    }

    fn push_float(&mut self, opcode: u8) -> Result<(), PickleError> {
        let number = match opcode {
            op::BINFLOAT => f64::from_be_bytes(self.array()?),
            _ => self.line()?.parse().map_err(|_| malformed("a number that is none"))?,
        };
        self.push(Value::Float(number))
    }

    fn push_text(&mut self, opcode: u8) -> Result<(), PickleError> {
        let text = match opcode {
            op::STRING => {
                let quoted = self.line()?;
                let bare = quoted.strip_prefix(['\'', '"']).and_then(|text| text.strip_suffix(['\'', '"']));
                bare.ok_or_else(|| malformed("a text without quotes"))?.as_bytes()
            }
            op::UNICODE => self.line()?.as_bytes(),
            _ => {
                let length = match opcode {
                    op::SHORT_BINSTRING | op::SHORT_BINUNICODE => self.byte()?.into(),
                    op::BINSTRING | op::BINUNICODE => self.length4()?,
                    _ => self.length8()?,
                };
                self.take(length)?
            }
        };
        // Python 2's plain strings and lone surrogates need not be UTF-8; no name is among them.
        self.push(std::str::from_utf8(text).map_or(Value::Bytes(text), Value::Text))
    }

    fn push_bytes(&mut self, opcode: u8) -> Result<(), PickleError> {
        let length = match opcode {
            op::SHORT_BINBYTES => self.byte()?.into(),
            op::BINBYTES => self.length4()?,
            _ => self.length8()?,
        };
        let bytes = self.take(length)?;
        self.push(Value::Bytes(bytes))
    }

    fn push_container(&mut self, opcode: u8) -> Result<(), PickleError> {
        let value = match opcode {
            op::EMPTY_DICT => Value::Dict(Vec::new()),
            op::EMPTY_LIST | op::EMPTY_SET => Value::List(Vec::new()),
            op::EMPTY_TUPLE => Value::Tuple(Vec::new()),
            op::DICT => Value::Dict(pairs(&self.pop_to_mark()?)?),
            op::LIST | op::FROZENSET => Value::List(self.pop_to_mark()?),
            op::TUPLE => Value::Tuple(self.pop_to_mark()?),
            _ => Value::Tuple(self.pop_many(usize::from(opcode - op::TUPLE1) + 1)?),
        };
        self.push(value)
    }

    /// Adds items to the container below them on the stack.
    fn fill(&mut self, opcode: u8) -> Result<(), PickleError> {
        let added = match opcode {
            op::SETITEM => self.pop_many(2)?,
            op::APPEND => self.pop_many(1)?,
            _ => self.pop_to_mark()?,
        };
        let container = self.top()?;
        match (opcode, &mut self.values[container.0 as usize]) {
            (op::SETITEM | op::SETITEMS, Value::Dict(items) | Value::Object { items }) => {
                items.extend(pairs(&added)?);
                Ok(())
            }
            (op::APPEND | op::APPENDS | op::ADDITEMS, Value::List(list)) => {
                list.extend(added);
                Ok(())
            }
            // A list-like instance (a deque, a config's list): beside the weights, so not kept.
            (op::APPEND | op::APPENDS | op::ADDITEMS, Value::Object { .. }) => Ok(()),
            _ => Err(malformed("items added to what holds none")),
        }
    }

    fn arrange(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            op::MARK => {
                if self.marks.len() >= MOST_VALUES {
                    return Err(malformed("too many marks"));
                }
                self.marks.push(self.stack.len());
                Ok(())
            }
            op::POP => {
                // POP takes a mark away when one lies on top.
                match self.marks.last() {
                    Some(mark) if *mark == self.stack.len() => self.marks.pop().map(|_| ()),
                    _ => self.stack.pop().map(|_| ()),
                }
                .ok_or_else(|| malformed("an empty stack"))
            }
            op::POP_MARK => self.pop_to_mark().map(|_| ()),
            _ => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }
        }
    }

    fn remember(&mut self, opcode: u8) -> Result<(), PickleError> {
        let not_a_number = |_| malformed("a memo place that is no number");
        let place = match opcode {
            op::PUT | op::GET => self.line()?.parse().map_err(not_a_number)?,
            op::BINPUT | op::BINGET => self.byte()?.into(),
            op::LONG_BINPUT | op::LONG_BINGET => u32::from_le_bytes(self.array()?),
            _ => u32::try_from(self.memo.len()).unwrap_or(u32::MAX),
        };
        if matches!(opcode, op::GET | op::BINGET | op::LONG_BINGET) {
            let handle = self.memo.get(&place).ok_or_else(|| malformed("a memo place never set"))?;
            self.stack.push(*handle);
        } else {
            let top = self.top()?;
            self.memo.insert(place, top);
        }
        Ok(())
    }

    fn push_global(&mut self, opcode: u8) -> Result<(), PickleError> {
        let (module, name) = if opcode == op::GLOBAL {
            (self.line()?, self.line()?)
        } else {
            let [module, name] = self.pop_many(2)?.try_into().map_err(|_| malformed("an empty stack"))?;
            match (self.value(module), self.value(name)) {
                (Value::Text(module), Value::Text(name)) => (*module, *name),
                _ => return Err(malformed("a class without a name")),
            }
        };
        self.push(Value::Global { module, name })
    }

    /// Calls and instances, which become inert values, or the refusal that names them.
    fn make(&mut self, opcode: u8) -> Result<(), PickleError> {
        match opcode {
            op::REDUCE => {
                let arguments = self.pop()?;
                let callable = self.pop()?;
                let Value::Tuple(arguments) = self.value(arguments) else {
                    return Err(malformed("a call without arguments"));
                };
                let Value::Global { module, name } = self.value(callable) else {
                    return Err(PickleError::AsksToRun("the result of another call".into()));
                };
                if !allowed::may_call(module, name) {
                    return Err(PickleError::AsksToRun(format!("{module}.{name}")));
                }
                match self.called(module, name, arguments)? {
                    Called::Argument(handle) => self.stack.push(handle),
                    Called::Made(value) => {
                        if let Value::Dict(items) = &value {
                            self.copied += items.len();
                        }
                        self.push(value)?;
                    }
                }
                Ok(())
            }
            op::BUILD => {
                // The state of an inert instance; of what `OrderedDict` carries, nothing is a weight.
                self.pop()?;
                self.top().map(|_| ())
            }
            op::NEWOBJ | op::NEWOBJ_EX => {
                let taken = self.pop_many(if opcode == op::NEWOBJ { 2 } else { 3 })?;
                self.push_instance(taken[0])
            }
            op::OBJ => {
                let taken = self.pop_to_mark()?;
                let class = *taken.first().ok_or_else(|| malformed("an instance without a class"))?;
                self.push_instance(class)
            }
            _ => {
                let (module, name) = (self.line()?, self.line()?);
                self.pop_to_mark()?;
                self.push(Value::Global { module, name })?;
                let class = self.pop()?;
                self.push_instance(class)
            }
        }
    }

    fn push_instance(&mut self, class: Handle) -> Result<(), PickleError> {
        let Value::Global { module, name } = self.value(class) else {
            return Err(malformed("an instance of what is no class"));
        };
        if !allowed::may_instance(module, name) {
            return Err(PickleError::AsksToRun(format!("{module}.{name}")));
        }
        self.push(Value::Object { items: Vec::new() })
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), PickleError> {
        let place = self.keep(value)?;
        self.stack.push(place);
        Ok(())
    }

    /// A value that others refer to.
    fn keep(&mut self, value: Value<'a>) -> Result<Handle, PickleError> {
        let place = u32::try_from(self.values.len()).map_err(|_| malformed("too many values"))?;
        self.values.push(value);
        Ok(Handle(place))
    }

    fn pop(&mut self) -> Result<Handle, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(malformed("an empty stack"));
        }
        self.stack.pop().ok_or_else(|| malformed("an empty stack"))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Handle>, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= floor => Ok(self.stack.split_off(start)),
            _ => Err(malformed("an empty stack")),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Handle>, PickleError> {
        let mark = self.marks.pop().ok_or_else(|| malformed("no mark on the stack"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn top(&self) -> Result<Handle, PickleError> {
        self.stack.last().copied().ok_or_else(|| malformed("an empty stack"))
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let found = self.input[self.position..].first_chunk::<N>().ok_or(PickleError::CutOff)?;
        self.position += N;
        Ok(*found)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], PickleError> {
        let found = self.input[self.position..].get(..count).ok_or(PickleError::CutOff)?;
        self.position += count;
        Ok(found)
    }

    fn length4(&mut self) -> Result<usize, PickleError> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| PickleError::CutOff)
    }

    fn length8(&mut self) -> Result<usize, PickleError> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| PickleError::CutOff)
    }

    /// A line of text, as protocol 0 writes everything.
    fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = &self.input[self.position..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(PickleError::CutOff)?;
        self.position += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| malformed("a line that is no text"))
    }
}

/// Keys and values in turn.
fn pairs(handles: &[Handle]) -> Result<Vec<(Handle, Handle)>, PickleError> {
    match handles.as_chunks::<2>() {
        (pairs, []) => Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
        _ => Err(malformed("a key without a value")),
    }
}

/// A little-endian two's-complement integer, as i64 where it fits.
fn large_integer(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > 8 {
        return Value::LargeInt(bytes);
    }
    let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
    let mut whole = [fill; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(whole))
}
