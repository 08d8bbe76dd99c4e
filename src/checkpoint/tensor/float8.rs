//! 8-bit floats, widened to half floats.
//!
//! Invariant: nothing is rounded. A half float has more bits of exponent and of mantissa than any of
//! these, and its subnormals reach below theirs.

use half::f16;

/// How the seven bits below the sign are read. The names are safetensors' and torch's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Float8 {
    /// 4 bits of exponent; no infinities, NaN is all ones (`float8_e4m3fn`).
    E4M3,
    /// 5 bits of exponent; the upper half of a half float.
    E5M2,
    /// As E4M3 with twice the bias; NaN stands in place of minus zero.
    E4M3Fnuz,
    /// As E5M2 with another bias; NaN stands in place of minus zero, no infinities.
    E5M2Fnuz,
}

impl Float8 {
    /// Widens each byte exactly.
    pub(crate) fn widen(self, bytes: &[u8]) -> Vec<f16> {
        let all: [f16; 256] = std::array::from_fn(|byte| self.number(byte as u8));
        bytes.iter().map(|byte| all[usize::from(*byte)]).collect()
    }

    fn number(self, byte: u8) -> f16 {
        let (mantissa_bits, bias) = match self {
            Self::E5M2 => return f16::from_bits(u16::from(byte) << 8),
            Self::E4M3 if byte & 0x7f == 0x7f => return f16::NAN,
            Self::E4M3Fnuz | Self::E5M2Fnuz if byte == 0x80 => return f16::NAN,
            Self::E4M3 => (3, 7),
            Self::E4M3Fnuz => (3, 8),
            Self::E5M2Fnuz => (2, 16),
        };
        let low = byte & 0x7f;
        let (exponent, mantissa) = (i32::from(low >> mantissa_bits), low & ((1 << mantissa_bits) - 1));
        // Subnormals have no leading one and the exponent of the smallest normal numbers.
        let leading = u8::from(exponent > 0) << mantissa_bits;
        let magnitude = f32::from(leading | mantissa) * 2f32.powi(exponent.max(1) - bias - mantissa_bits);
        f16::from_f32(if byte & 0x80 == 0 { magnitude } else { -magnitude })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_widens_to_the_number_that_the_formats_define() {
        let one = |kind: Float8, byte: u8| kind.widen(&[byte])[0].to_f64();
        let cases = [
            (Float8::E4M3, 0x38, 1.0),
            (Float8::E4M3, 0x7e, 448.0),
            (Float8::E4M3, 0xfe, -448.0),
            (Float8::E4M3, 0x08, 2f64.powi(-6)),
            (Float8::E4M3, 0x01, 2f64.powi(-9)),
            (Float8::E4M3, 0x87, -7.0 * 2f64.powi(-9)),
            (Float8::E5M2, 0x3c, 1.0),
            (Float8::E5M2, 0x7b, 57344.0),
            (Float8::E5M2, 0x01, 2f64.powi(-16)),
            (Float8::E5M2, 0xfc, f64::NEG_INFINITY),
            (Float8::E4M3Fnuz, 0x40, 1.0),
            (Float8::E4M3Fnuz, 0x7f, 240.0),
            (Float8::E4M3Fnuz, 0x01, 2f64.powi(-10)),
            (Float8::E5M2Fnuz, 0x40, 1.0),
            (Float8::E5M2Fnuz, 0xff, -57344.0),
            (Float8::E5M2Fnuz, 0x01, 2f64.powi(-17)),
        ];
        for (kind, byte, number) in cases {
            assert_eq!(one(kind, byte), number, "{kind:?} {byte:#x}");
        }
        assert_eq!(one(Float8::E4M3, 0x80).to_bits(), (-0.0f64).to_bits());
        let nans =
            [(Float8::E4M3, vec![0x7f, 0xff]), (Float8::E5M2, vec![0x7d, 0x7e, 0x7f, 0xfd, 0xfe, 0xff])];
        let nans =
            nans.into_iter().chain([Float8::E4M3Fnuz, Float8::E5M2Fnuz].map(|kind| (kind, vec![0x80])));
        for (kind, expected) in nans {
            let found: Vec<u8> = (0..=255).filter(|byte| one(kind, *byte).is_nan()).collect();
            assert_eq!(found, expected, "{kind:?}");
            // Widening is exact, so no two bytes become one number.
            let mut numbers: Vec<u64> =
                (0..=255).map(|byte| one(kind, byte)).filter(|n| !n.is_nan()).map(f64::to_bits).collect();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len() + expected.len(), 256, "{kind:?}");
        }
    }
}
