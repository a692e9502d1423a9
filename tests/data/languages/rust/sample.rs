//! Water levels of a harbour.

use std::fmt;

pub mod stations;

/// The standard gravity, in m/s².
pub const GRAVITY: f64 = 9.81;
static mut COUNTER: u64 = 0;
type Level = f64;

/// The phases of a tide.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Phase {
    /// The lowest water.
    Low,
    High = 7,
    Turning(f64),
    Slack { since: u32, until: u32 },
}

/** A gauge at one station. */
pub struct Gauge<'a, T: Into<Level>> {
    pub station: &'a str,
    readings: Vec<T>,
}

pub struct Pair(pub f64, f64);
pub struct Unit;

#[repr(C)]
pub union Raw {
    bits: u64,
    level: f64,
}

/// Reads levels.
pub trait Read {
    type Error;
    const LIMIT: usize = 8;

    /// Reads one level.
    fn read(&mut self, at: u64) -> Result<Level, Self::Error>;

    fn all(&mut self) -> Vec<Level> {
        vec![]
    }
}

impl<'a, T: Into<Level>> Gauge<'a, T> {
    pub const EMPTY: usize = 0;

    /// Makes a gauge.
    ///
    /// # Panics
    /// Never.
    pub fn new(station: &'a str) -> Self {
        Self { station, readings: Vec::new() }
    }

    #[inline]
    #[must_use]
    pub async unsafe fn nearest<F>(
        &self,
        instant: f64,
        by: F,
    ) -> Level
    where
        F: Fn(f64) -> f64,
    {
        fn clamp(level: Level) -> Level {
            struct Limits {
                low: f64,
            }
            level
        }
        let local = 1.0;
        clamp(by(instant) + local)
    }
}

impl<'a, T: Into<Level>> Read for Gauge<'a, T> {
    type Error = fmt::Error;

    fn read(&mut self, _at: u64) -> Result<Level, Self::Error> {
        Err(fmt::Error)
    }
}

impl fmt::Display for crate::Phase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self:?}")
    }
}

/// Makes a gauge from its name.
#[macro_export]
macro_rules! gauge {
    ($name:expr) => {
        Gauge::new($name)
    };
}

extern "C" {
    pub fn harbour_depth(station: u32) -> f64;
    static harbour_version: u32;
}

mod größen {
    pub fn länge() -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_differ() {
        assert!(true);
    }
}
