//! How long an answer took, as llama-server reports it.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Counts and durations of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Prompt tokens that came from memory.
    pub cache_n: u32,
    /// Prompt tokens that were computed.
    pub prompt_n: u32,
    /// Milliseconds from taking the request up to the first token.
    pub prompt_ms: f64,
    /// Prompt tokens computed a second.
    pub prompt_per_second: f64,
    /// Answer tokens.
    pub predicted_n: u32,
    /// Milliseconds from the first token to the last.
    pub predicted_ms: f64,
    /// Answer tokens a second.
    pub predicted_per_second: f64,
}

/// Takes the time of one answer.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    begun: Instant,
    first: Option<Instant>,
    last: Instant,
}

impl Clock {
    /// Begins now.
    pub fn begin() -> Self {
        let now = Instant::now();
        Self { begun: now, first: None, last: now }
    }

    /// Notes a token and returns how long it took: since the beginning for the first, since the one before for others.
    pub fn token(&mut self) -> Duration {
        let now = Instant::now();
        let since = if self.first.is_none() { self.begun } else { self.last };
        self.first.get_or_insert(now);
        self.last = now;
        now.duration_since(since)
    }

    /// Whether a token has come.
    pub fn has_begun(&self) -> bool {
        self.first.is_some()
    }

    /// The durations so far, for these counts.
    pub fn timings(&self, n_cached: u32, n_computed: u32, n_tokens: u32) -> Timings {
        let first = self.first.unwrap_or(self.last);
        let prompt = first.duration_since(self.begun);
        let answer = self.last.duration_since(first);
        // The first token comes out of the prompt's own computation.
        let between = n_tokens.saturating_sub(1);
        Timings {
            cache_n: n_cached,
            prompt_n: n_computed,
            prompt_ms: milliseconds(prompt),
            prompt_per_second: rate(n_computed, prompt),
            predicted_n: n_tokens,
            predicted_ms: milliseconds(answer),
            predicted_per_second: rate(between, answer),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Per second; zero where nothing was measured.
fn rate(count: u32, duration: Duration) -> f64 {
    if duration.is_zero() { 0.0 } else { f64::from(count) / duration.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_finite_even_for_one_token() {
        let mut clock = Clock::begin();
        assert!(!clock.has_begun());
        clock.token();
        let timings = clock.timings(2, 3, 1);
        assert_eq!((timings.cache_n, timings.prompt_n, timings.predicted_n), (2, 3, 1));
        assert_eq!((timings.predicted_ms, timings.predicted_per_second), (0.0, 0.0));
        assert!(timings.prompt_ms.is_finite() && timings.prompt_per_second.is_finite());
    }
}
