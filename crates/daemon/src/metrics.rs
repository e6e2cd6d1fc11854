//! Counters and gauges in the Prometheus text format. A service declares them once in its `metrics.rs`; names carry their unit.
//!
//! Nothing here needs a float, a histogram or a listener, so a map and some atomics stand in for a metrics stack; the service puts [`render`] on its own
//! HTTP port.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Series of one name at most: labels that a peer can choose must not grow the process.
const SERIES_MAX: usize = 1024;

/// A number that only grows. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The number now.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// Replaces the number.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The number now.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counter of this name; the same name and labels give the same counter.
pub fn counter(name: &'static str, help: &'static str) -> Counter {
    Counter(registry().series("counter", name, help, String::new()))
}

/// The counter of this name with one label.
pub fn counter_with(name: &'static str, help: &'static str, label: &'static str, value: &str) -> Counter {
    Counter(registry().series("counter", name, help, labelled(label, value)))
}

/// The counter of this name with several labels.
pub fn counter_of(name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Counter {
    let all: Vec<String> = labels.iter().map(|(label, value)| pair(label, value)).collect();
    Counter(registry().series("counter", name, help, format!("{{{}}}", all.join(","))))
}

/// The gauge of this name.
pub fn gauge(name: &'static str, help: &'static str) -> Gauge {
    Gauge(registry().series("gauge", name, help, String::new()))
}

/// The gauge of this name with one label.
pub fn gauge_with(name: &'static str, help: &'static str, label: &'static str, value: &str) -> Gauge {
    Gauge(registry().series("gauge", name, help, labelled(label, value)))
}

/// Everything this process counts, as Prometheus reads it.
pub fn render() -> String {
    registry().render()
}

struct Family {
    kind: &'static str,
    help: &'static str,
    series: BTreeMap<String, Arc<AtomicU64>>,
}

#[derive(Default)]
struct Registry(Mutex<BTreeMap<&'static str, Family>>);

fn registry() -> &'static Registry {
    static REGISTRY: Registry = Registry(Mutex::new(BTreeMap::new()));
    &REGISTRY
}

impl Registry {
    fn series(&self, kind: &'static str, name: &'static str, help: &'static str, labels: String) -> Arc<AtomicU64> {
        let mut families = self.lock();
        let family = families.entry(name).or_insert_with(|| Family { kind, help, series: BTreeMap::new() });
        if family.series.len() >= SERIES_MAX && !family.series.contains_key(&labels) {
            // Counted, but not shown.
            return Arc::default();
        }
        Arc::clone(family.series.entry(labels).or_default())
    }

    fn render(&self) -> String {
        let mut text = String::new();
        for (name, family) in self.lock().iter() {
            let _ = writeln!(text, "# HELP {name} {}", family.help);
            let _ = writeln!(text, "# TYPE {name} {}", family.kind);
            for (labels, value) in &family.series {
                let _ = writeln!(text, "{name}{labels} {}", value.load(Ordering::Relaxed));
            }
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Family>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn labelled(label: &str, value: &str) -> String {
    format!("{{{}}}", pair(label, value))
}

/// A label and its value, as they stand between braces.
pub fn pair(label: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{label}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_render_as_prometheus_reads_them() {
        let registry = Registry::default();
        let settled = Counter(registry.series("counter", "ogong_settled_total", "Settled.", String::new()));
        settled.add(2);
        settled.increment();
        let labels = labelled("reason", "a \"b\"\n");
        Counter(registry.series("counter", "ogong_rejected_total", "Rejected.", labels)).increment();
        assert_eq!(
            registry.render(),
            "# HELP ogong_rejected_total Rejected.\n# TYPE ogong_rejected_total counter\n\
             ogong_rejected_total{reason=\"a \\\"b\\\"\\n\"} 1\n\
             # HELP ogong_settled_total Settled.\n# TYPE ogong_settled_total counter\n\
             ogong_settled_total 3\n"
        );
    }

    #[test]
    fn one_name_is_one_counter_and_labels_are_bounded() {
        counter("ogong_test_total", "Test.").add(5);
        assert_eq!(counter("ogong_test_total", "Test.").value(), 5);
        let registry = Registry::default();
        for i in 0..SERIES_MAX + 10 {
            registry.series("counter", "x_total", "X.", labelled("peer", &i.to_string()));
        }
        assert_eq!(registry.render().lines().count(), SERIES_MAX + 2);
    }
}
