//! `SeedSequence`: numpy's way from one seed to many that are far apart (O'Neill 2015), as torchsde
//! uses it.
//!
//! Trap: all arithmetic wraps at 32 bits, and the constants go on between calls of a hash.

/// Words of the pool that torchsde's trees ask for.
const POOL: usize = 24;

const INIT_A: u32 = 0x43b0_d7e5;
const MULT_A: u32 = 0x931e_8875;
const INIT_B: u32 = 0x8b51_f9dd;
const MULT_B: u32 = 0x58f3_8ded;
const MIX_LEFT: u32 = 0xca01_f9dd;
const MIX_RIGHT: u32 = 0x4973_f715;
const SHIFT: u32 = 16;

/// The first word of `SeedSequence(entropy, spawn_key=key, pool_size=24).generate_state(…)`.
pub(super) fn first_word(entropy: u64, key: &[u64]) -> u32 {
    let mut words: Vec<u32> = words_of(entropy).collect();
    if !key.is_empty() {
        words.resize(POOL, 0);
        words.extend(key.iter().flat_map(|number| words_of(*number)));
    }
    let pool = mixed(&words);
    let constant = INIT_B.wrapping_mul(MULT_B);
    let word = (pool[0] ^ INIT_B).wrapping_mul(constant);
    word ^ (word >> SHIFT)
}

/// As many words as a number needs, the lowest first; one of 0.
fn words_of(number: u64) -> impl Iterator<Item = u32> {
    let high = (number >> 32) as u32;
    [number as u32].into_iter().chain((high > 0).then_some(high))
}

/// `mix_entropy`: the pool of these words.
fn mixed(words: &[u32]) -> [u32; POOL] {
    let mut constant = INIT_A;
    let mut hash = |value: u32| {
        let value = value ^ constant;
        constant = constant.wrapping_mul(MULT_A);
        let value = value.wrapping_mul(constant);
        value ^ (value >> SHIFT)
    };
    let mut pool = [0; POOL];
    for (i, place) in pool.iter_mut().enumerate() {
        *place = hash(words.get(i).copied().unwrap_or(0));
    }
    for from in 0..POOL {
        for to in 0..POOL {
            if from != to {
                pool[to] = mix(pool[to], hash(pool[from]));
            }
        }
    }
    for word in words.iter().skip(POOL) {
        for place in &mut pool {
            *place = mix(*place, hash(*word));
        }
    }
    pool
}

fn mix(x: u32, y: u32) -> u32 {
    let result = MIX_LEFT.wrapping_mul(x).wrapping_sub(MIX_RIGHT.wrapping_mul(y));
    result ^ (result >> SHIFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_numpy() {
        // numpy 2.4.6, np.random.SeedSequence(entropy, spawn_key=key, pool_size=24).generate_state(4)[0].
        let numpy: [(u64, &[u64], u32); 5] = [
            (0, &[], 4025752534),
            (1, &[], 1562320788),
            (1, &[0, 0], 182647522),
            (1099511627783, &[5, 3], 274823170),
            (42, &[1234567, 21], 3450769491),
        ];
        for (entropy, key, word) in numpy {
            assert_eq!(first_word(entropy, key), word, "{entropy} {key:?}");
        }
    }
}
