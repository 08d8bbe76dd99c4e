//! The sampler: schedules, noise and update rules. It knows no network.

pub mod noise;
