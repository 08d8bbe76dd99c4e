//! torch's first files: a tar whose members hold pickles with numbers between them.

use std::ops::Range;

use super::{Rng, pickle, put_lie};

const BLOCK: usize = 512;

/// The members' data, one behind the other.
fn members(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(header) = bytes.get(at..at + BLOCK).filter(|header| header[0] != 0) {
        let size = std::str::from_utf8(&header[124..135]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 8).ok()).unwrap_or(0);
        found.push(at + BLOCK..(at + BLOCK + size).min(bytes.len()));
        at += BLOCK + size.next_multiple_of(BLOCK);
    }
    found
}

/// A copy with a lie in a member's pickle, among its numbers, or in a header whose sum agrees with it.
pub fn mutate(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let members = members(bytes);
    let Some(member) = members.get(rng.below(members.len())).cloned() else { return bytes.to_vec() };
    let mut changed = bytes.to_vec();
    match rng.below(4) {
        0 | 1 => {
            let lying = pickle::mutate(&bytes[member.clone()], rng);
            // The member keeps its size.
            let kept = lying.len().min(member.len());
            changed[member.start..member.start + kept].copy_from_slice(&lying[..kept]);
        }
        2 => put_lie(&mut changed, member.start + rng.below(member.len()), 8, rng),
        _ => {
            let header = member.start - BLOCK;
            let lie = format!("{:011o}", super::lie(member.len() as u64, rng) & 0x1_ffff_ffff);
            changed[header + 124..header + 135].copy_from_slice(lie.as_bytes());
            changed[header + 148..header + 156].fill(b' ');
            let sum: u32 = changed[header..header + BLOCK].iter().map(|byte| u32::from(*byte)).sum();
            changed[header + 148..header + 155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        }
    }
    changed
}
