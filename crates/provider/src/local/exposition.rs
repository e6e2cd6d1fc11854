//! Several processes' metrics as one text of Prometheus' form, told apart by a label.
//!
//! A family may be declared once only, with all its series below, so the texts are taken apart and put together by family.

use ogong_daemon::metrics::pair;
use std::{collections::BTreeMap, fmt};

/// Families in order of their names.
#[derive(Debug, Default)]
pub struct Exposition(BTreeMap<String, Family>);

#[derive(Debug, Default)]
struct Family {
    /// `# HELP` and `# TYPE`.
    declared: Vec<String>,
    samples: Vec<String>,
}

impl Exposition {
    /// Adds a process's text, each series with this label in front. Lines that are none of the form are left out.
    pub fn add(&mut self, label: &str, value: &str, text: &str) {
        let label = pair(label, value);
        let mut current = String::new();
        for line in text.lines() {
            if let Some(declared) = line.strip_prefix("# HELP ").or(line.strip_prefix("# TYPE ")) {
                current = declared.split(' ').next().unwrap_or_default().to_owned();
                let family = self.0.entry(current.clone()).or_default();
                if !family.declared.iter().any(|known| known == line) {
                    family.declared.push(line.to_owned());
                }
            } else if let Some((series, value)) = line.rsplit_once(' ') {
                let Some(family) = self.0.get_mut(&current).filter(|_| series.starts_with(&current)) else { continue };
                family.samples.push(match series.split_once('{') {
                    Some((name, labels)) => format!("{name}{{{label},{labels} {value}"),
                    None => format!("{series}{{{label}}} {value}"),
                });
            }
        }
    }
}

impl fmt::Display for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .values()
            .flat_map(|family| family.declared.iter().chain(&family.samples))
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_declared_once_with_all_their_series() {
        let text = "# HELP x_total X.\n# TYPE x_total counter\nx_total{a=\"b c\"} 1\n# HELP y Y.\n# TYPE y gauge\ny 0.5\nnonsense\n";
        let mut all = Exposition::default();
        all.add("model", "a \"b\"", text);
        all.add("model", "c", text);
        assert_eq!(
            all.to_string(),
            "# HELP x_total X.\n# TYPE x_total counter\nx_total{model=\"a \\\"b\\\"\",a=\"b c\"} 1\nx_total{model=\"c\",a=\"b c\"} 1\n\
             # HELP y Y.\n# TYPE y gauge\ny{model=\"a \\\"b\\\"\"} 0.5\ny{model=\"c\"} 0.5\n"
        );
    }
}
