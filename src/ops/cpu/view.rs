//! What a kernel reads: one channels-last tensor, or two side by side in the channels.
//!
//! A UNet's skip connections concatenate channels before a convolution or norm; reading both parts
//! where they lie saves writing the concatenation.

/// Rows of `channels` numbers, from one tensor or from two whose channels follow one another.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    first: &'a [f32],
    first_channels: usize,
    second: &'a [f32],
    second_channels: usize,
}

impl<'a> Source<'a> {
    /// A tensor `(rows, channels)`.
    pub fn one(data: &'a [f32], channels: usize) -> Source<'a> {
        Source { first: data, first_channels: channels, second: &[], second_channels: 0 }
    }

    /// Two tensors `(rows, first_channels)` and `(rows, second_channels)`.
    pub fn two(
        first: &'a [f32],
        first_channels: usize,
        second: &'a [f32],
        second_channels: usize,
    ) -> Source<'a> {
        Source { first, first_channels, second, second_channels }
    }

    /// Channels in all.
    pub fn channels(&self) -> usize {
        self.first_channels + self.second_channels
    }

    /// The parts: data and channels of each.
    pub(super) fn parts(&self) -> [(&'a [f32], usize); 2] {
        [(self.first, self.first_channels), (self.second, self.second_channels)]
    }

    /// # Panics
    /// Unless both parts have `rows` rows.
    pub(super) fn check(&self, rows: usize) {
        for (data, channels) in self.parts() {
            assert_eq!(data.len(), rows * channels, "a tensor is rows times channels");
        }
    }

    /// The piece of row `row` that starts at channel `channel` and ends at `end` or at the end of
    /// the part it is in.
    #[inline(always)]
    pub(super) fn piece(&self, row: usize, channel: usize, end: usize) -> &'a [f32] {
        if channel < self.first_channels {
            let start = row * self.first_channels;
            &self.first[start + channel..start + end.min(self.first_channels)]
        } else {
            let start = row * self.second_channels;
            &self.second[start + channel - self.first_channels..start + end - self.first_channels]
        }
    }
}
