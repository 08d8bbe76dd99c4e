//! Pickles: opcodes and their arguments, changed one at a time.

use std::ops::Range;

use super::{Rng, put_lie};

/// An opcode's place, and that of its argument's number: an integer, an index or a length.
struct Op {
    all: Range<usize>,
    number: Range<usize>,
}

/// The opcodes up to the end of the last pickle in a row.
fn ops(bytes: &[u8]) -> Vec<Op> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&code) = bytes.get(at) {
        let width = match code {
            b'K' | b'q' | b'h' | b'U' | b'C' | 0x80 | 0x82 | 0x8a | 0x8c => 1,
            b'M' | 0x83 => 2,
            b'J' | b'r' | b'j' | b'X' | b'B' | b'T' | 0x84 | 0x8b => 4,
            b'G' | 0x8d | 0x8e | 0x95 | 0x96 => 8,
            _ => 0,
        };
        let number = at + 1..at + 1 + width;
        let Some(argument) = bytes.get(number.clone()) else { break };
        let carries =
            matches!(code, b'U' | b'C' | 0x8a | 0x8c | b'X' | b'B' | b'T' | 0x8b | 0x8d | 0x8e | 0x96);
        let lines = match code {
            b'c' | b'i' => 2,
            b'p' | b'g' | b'I' | b'L' | b'F' | b'S' | b'V' | b'P' => 1,
            _ => 0,
        };
        let length = argument.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
        let mut end = number.end + if carries { length } else { 0 };
        for _ in 0..lines {
            let line = bytes.get(end..).and_then(|rest| rest.iter().position(|&byte| byte == b'\n'));
            end = line.map_or(bytes.len(), |line| end + line + 1);
        }
        if end > bytes.len() {
            break;
        }
        found.push(Op { all: at..end, number });
        at = end;
        // What follows the last pickle is none.
        if code == b'.' && bytes.get(at) != Some(&0x80) {
            break;
        }
    }
    found
}

/// Where the pickles in a row end.
pub fn end(bytes: &[u8]) -> usize {
    ops(bytes).last().map_or(0, |op| op.all.end)
}

/// A copy with one lie, which may be longer or shorter.
pub fn mutate(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let ops = ops(bytes);
    let numbers: Vec<&Op> = ops.iter().filter(|op| !op.number.is_empty()).collect();
    if ops.is_empty() || numbers.is_empty() {
        return super::flipped(bytes, rng);
    }
    let some = ops[rng.below(ops.len())].all.clone();
    let mut changed = bytes.to_vec();
    match rng.below(9) {
        0..=2 => {
            let number = &numbers[rng.below(numbers.len())].number;
            put_lie(&mut changed, number.start, number.len(), rng);
        }
        3 => {
            // An opcode for another of the same width.
            let of_width = |width: usize| -> &[u8] {
                match width {
                    0 => b")]}(Nae0Rb.ust2Q1lod\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94",
                    1 => b"KqhUC\x80\x82\x8a\x8c",
                    2 => b"M\x83",
                    4 => b"JrjXBT\x84\x8b",
                    _ => b"G\x8d\x8e\x95\x96",
                }
            };
            let op = &ops[rng.below(ops.len())];
            let choice = of_width(op.number.len());
            changed[op.all.start] = choice[rng.below(choice.len())];
        }
        4 => drop(changed.drain(some)),
        5 => {
            let again = bytes[some.clone()].repeat(1 << rng.below(12));
            changed.splice(some.end..some.end, again);
        }
        6 => {
            let nested =
                [b"(".as_slice(), b"]", b"}", b"(]", b"]q\x01"][rng.below(5)].repeat(1 << rng.below(18));
            changed.splice(some.start..some.start, nested);
        }
        7 => {
            // What holds itself, by the memo.
            let cycles: [&[u8]; 3] = [b"]q\xffh\xffa", b"}q\xffU\x01ah\xffs", b"]q\xff(h\xffh\xffe"];
            changed.splice(some.start..some.start, cycles[rng.below(3)].to_vec());
        }
        _ => {
            let calls: [&[u8]; 4] = [
                b"cos\nsystem\nX\x04\x00\x00\x00true\x85R",
                b"cbuiltins\neval\nX\x01\x00\x00\x001\x85R",
                b"\x8c\x05posix\x8c\x06system\x93)R",
                b"ctorch._utils\n_rebuild_tensor_v2\n)R",
            ];
            changed.splice(some.start..some.start, calls[rng.below(4)].to_vec());
        }
    }
    changed
}
