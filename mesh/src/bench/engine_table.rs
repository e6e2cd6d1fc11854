//! What `bench engine` measured, for a person.

use serde_json::Value;
use std::fmt::Write;

/// The report as a table.
pub fn table(report: &Value) -> String {
    let mut text = format!(
        "{} weights, {} threads, median of {} pairs [lowest, highest]\n",
        report["format"].as_str().unwrap_or("?"),
        report["threads"],
        report["pairs"]
    );
    for (name, pairs) in members(&report["speed"]) {
        let (what, sequences) = name.split_once('_').unwrap_or((name, "?"));
        let _ = writeln!(text, "\n{what}, {sequences} at once");
        for (row, unit) in [
            ("plain", "tok/s"),
            ("commit", "tok/s"),
            ("llama_bench", "tok/s"),
            ("plain_cpu", "tok/CPU-s"),
            ("commit_cpu", "tok/CPU-s"),
            ("commit_over_plain", ""),
            ("commit_over_plain_cpu", ""),
            ("plain_over_llama_bench", ""),
            ("commit_over_llama_bench", ""),
        ] {
            if let Some(figures) = spread(&pairs[row]) {
                let _ = writeln!(text, "  {:<24} {figures} {unit}", row.replace('_', " "));
            }
        }
    }
    text.push_str("\nrho: scoring over generating\n");
    for (format, modes) in members(&report["rho"]) {
        for (mode, figures) in members(modes) {
            let part = |name: &str| spread(&figures[name]).unwrap_or_else(|| "-".to_owned());
            let _ = writeln!(text, "  {format:<5} {mode:<10} wall {}   CPU {}", part("wall"), part("cpu"));
        }
    }
    for (name, bytes) in members(&report["bytes"]) {
        let figure = |name: &str| bytes[name].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
        let _ =
            writeln!(text, "\nbytes of a reply of {} tokens ({name}), windows {}", bytes["tokens"], bytes["windows"]);
        let kept = figure("kept_per_reply_token");
        let _ = writeln!(text, "  kept by the provider     {} ({kept} a token)", bytes["kept"]);
        let (opened, reply) = (figure("opened_per_opened_token"), figure("opened_per_reply_token"));
        let _ = writeln!(
            text,
            "  opened to a validator    {} ({opened} an opened token, {reply} a reply token)",
            bytes["opened"]
        );
    }
    text
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn spread(value: &Value) -> Option<String> {
    let of = |name: &str| value[name].as_f64();
    let (median, low, high) = (of("median")?, of("low")?, of("high")?);
    let digits = if median < 10.0 { 3 } else { 1 };
    Some(format!("{median:>9.digits$} [{low:.digits$}, {high:.digits$}]"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_not_measured_is_left_out() {
        let measured = json!({ "median": 41.25, "low": 40.0, "high": 43.0 });
        let report = json!({
            "format": "Q8_0", "threads": 1, "pairs": 3,
            "speed": { "decode_8": { "plain": measured, "llama_bench": null } },
            "rho": { "Q8_0": { "exact": { "wall": measured, "cpu": null } } },
            "bytes": { "story": { "tokens": 512, "windows": [0, 15], "kept": 1024, "kept_per_reply_token": 2.0 } },
        });
        let text = table(&report);
        assert!(text.contains("decode, 8 at once") && text.contains("41.2 [40.0, 43.0] tok/s"), "{text}");
        assert!(!text.contains("llama bench") && text.contains("CPU -"), "{text}");
        assert!(text.contains("1024 (2.0 a token)"), "{text}");
    }
}
