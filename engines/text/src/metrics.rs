//! The engine's counters, in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::timings::Timings;

/// Upper bounds of the buckets, seconds; the last bucket is open.
const BUCKETS: [f64; 14] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0];

/// Durations by bucket.
#[derive(Debug, Default)]
struct Histogram {
    counts: [AtomicU64; BUCKETS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS.len());
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, help: &str) {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
        let mut total = 0;
        for (at, count) in self.counts.iter().enumerate() {
            total += count.load(Ordering::Relaxed);
            let bound = BUCKETS.get(at).map_or("+Inf".to_owned(), ToString::to_string);
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {total}");
        }
        let sum = self.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(out, "{name}_sum {sum}\n{name}_count {total}");
    }
}

/// How an answer ended, for the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Complete.
    Done,
    /// The engine failed it.
    Failed,
    /// The client hung up.
    Abandoned,
}

/// What the engine counts. One thread writes, any reads.
#[derive(Debug, Default)]
pub struct Metrics {
    done: AtomicU64,
    failed: AtomicU64,
    abandoned: AtomicU64,
    prompt_tokens: AtomicU64,
    cached_tokens: AtomicU64,
    answer_tokens: AtomicU64,
    drafted_tokens: AtomicU64,
    accepted_tokens: AtomicU64,
    decode_calls: AtomicU64,
    decode_rows: AtomicU64,
    slots_busy: AtomicU64,
    kv_tokens: AtomicU64,
    embeddings: AtomicU64,
    embedded_tokens: AtomicU64,
    first_token: Histogram,
    between_tokens: Histogram,
    waited: Histogram,
}

/// What the counters do not hold themselves.
#[derive(Clone, Copy, Debug)]
pub struct Gauges {
    /// Slots there are.
    pub slots: u32,
    /// Requests that wait for one.
    pub waiting: usize,
    /// Tokens that all slots can hold.
    pub kv_capacity: u64,
}

impl Metrics {
    /// Notes the end of an answer.
    pub fn ended(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Done => &self.done,
            Outcome::Failed => &self.failed,
            Outcome::Abandoned => &self.abandoned,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes the counts of a complete answer.
    pub fn answered(&self, timings: &Timings) {
        self.prompt_tokens.fetch_add(u64::from(timings.prompt_n), Ordering::Relaxed);
        self.cached_tokens.fetch_add(u64::from(timings.cache_n), Ordering::Relaxed);
        self.answer_tokens.fetch_add(u64::from(timings.predicted_n), Ordering::Relaxed);
    }

    /// Notes how long a request waited for a slot.
    pub fn waited(&self, duration: Duration) {
        self.waited.observe(duration);
    }

    /// Notes a first token, `duration` after its request came in.
    pub fn first_token(&self, duration: Duration) {
        self.first_token.observe(duration);
    }

    /// Notes a further token, `duration` after the one before.
    pub fn next_token(&self, duration: Duration) {
        self.between_tokens.observe(duration);
    }

    /// Notes a decode call of so many answer rows.
    pub fn decoded(&self, rows: usize) {
        self.decode_calls.fetch_add(1, Ordering::Relaxed);
        self.decode_rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Notes tokens that were drafted, and those of them that the model would have said too.
    pub fn drafted(&self, drafted: usize, accepted: usize) {
        self.drafted_tokens.fetch_add(drafted as u64, Ordering::Relaxed);
        self.accepted_tokens.fetch_add(accepted as u64, Ordering::Relaxed);
    }

    /// Sets what is held now.
    pub fn holds(&self, slots_busy: usize, kv_tokens: usize) {
        self.slots_busy.store(slots_busy as u64, Ordering::Relaxed);
        self.kv_tokens.store(kv_tokens as u64, Ordering::Relaxed);
    }

    /// Notes inputs that were embedded.
    pub fn embedded(&self, inputs: usize, tokens: usize) {
        self.embeddings.fetch_add(inputs as u64, Ordering::Relaxed);
        self.embedded_tokens.fetch_add(tokens as u64, Ordering::Relaxed);
    }

    /// All of it in Prometheus' text format.
    pub fn render(&self, gauges: Gauges) -> String {
        let mut out = String::with_capacity(6 << 10);
        let _ = writeln!(
            out,
            "# HELP ogong_text_requests_total Answers that ended, by how.\n# TYPE ogong_text_requests_total counter"
        );
        for (outcome, count) in [("done", &self.done), ("failed", &self.failed), ("abandoned", &self.abandoned)] {
            let count = count.load(Ordering::Relaxed);
            let _ = writeln!(out, "ogong_text_requests_total{{outcome=\"{outcome}\"}} {count}");
        }
        for (name, help, counter) in [
            ("prompt_tokens", "Prompt tokens computed.", &self.prompt_tokens),
            ("prompt_cached_tokens", "Prompt tokens taken from memory.", &self.cached_tokens),
            ("answer_tokens", "Answer tokens generated.", &self.answer_tokens),
            ("draft_tokens", "Tokens drafted by speculation.", &self.drafted_tokens),
            ("draft_accepted_tokens", "Drafted tokens that were accepted.", &self.accepted_tokens),
            ("decode_calls", "Decode calls for answer tokens.", &self.decode_calls),
            ("decode_rows", "Answer rows over all decode calls.", &self.decode_rows),
            ("embeddings", "Inputs embedded.", &self.embeddings),
            ("embedded_tokens", "Tokens embedded.", &self.embedded_tokens),
        ] {
            let name = format!("ogong_text_{name}_total");
            let value = counter.load(Ordering::Relaxed);
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
        }
        let kv_tokens = self.kv_tokens.load(Ordering::Relaxed);
        let ratio = if gauges.kv_capacity == 0 { 0.0 } else { kv_tokens as f64 / gauges.kv_capacity as f64 };
        for (name, help, value) in [
            ("slots", "Requests that can be served at once.", f64::from(gauges.slots)),
            ("slots_busy", "Requests being served.", self.slots_busy.load(Ordering::Relaxed) as f64),
            ("requests_waiting", "Requests that wait for a slot.", gauges.waiting as f64),
            ("kv_tokens", "Tokens in the KV cache.", kv_tokens as f64),
            ("kv_usage_ratio", "Part of the KV cache in use.", ratio),
        ] {
            let _ = writeln!(
                out,
                "# HELP ogong_text_{name} {help}\n# TYPE ogong_text_{name} gauge\nogong_text_{name} {value}"
            );
        }
        let help = "From a request's arrival to its first token.";
        self.first_token.write(&mut out, "ogong_text_first_token_seconds", help);
        self.between_tokens.write(
            &mut out,
            "ogong_text_inter_token_seconds",
            "From one token of an answer to the next.",
        );
        self.waited.write(&mut out, "ogong_text_queue_seconds", "From a request's arrival to its slot.");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_cumulative() {
        let metrics = Metrics::default();
        metrics.first_token(Duration::from_millis(15));
        metrics.first_token(Duration::from_millis(300));
        metrics.first_token(Duration::from_secs(900));
        metrics.ended(Outcome::Done);
        let text = metrics.render(Gauges { slots: 4, waiting: 2, kv_capacity: 0 });
        for line in [
            "ogong_text_first_token_seconds_bucket{le=\"0.01\"} 0",
            "ogong_text_first_token_seconds_bucket{le=\"0.02\"} 1",
            "ogong_text_first_token_seconds_bucket{le=\"0.5\"} 2",
            "ogong_text_first_token_seconds_bucket{le=\"+Inf\"} 3",
            "ogong_text_first_token_seconds_count 3",
            "ogong_text_requests_total{outcome=\"done\"} 1",
            "ogong_text_requests_waiting 2",
            "ogong_text_kv_usage_ratio 0",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
        }
    }
}
