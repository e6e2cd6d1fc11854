//! `cargo xtask layers`: the table of allowed dependencies in ARCHITECTURE.md, held against `cargo metadata`.
//!
//! The table is the one source: a row names crates and what of ours they may depend on. Dev-dependencies may go anywhere, since they ship nowhere.

use crate::{paths, run};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const BEGIN: &str = "<!-- layers -->";
const END: &str = "<!-- /layers -->";
/// A row with this in the second column may depend on all of ours.
const ANYTHING: &str = "anything";

/// Checks every crate of the workspace.
///
/// # Errors
/// When a crate depends on what its row does not allow, or has no row.
pub fn run() -> Result<()> {
    let table = table(&std::fs::read_to_string(paths::root().join("ARCHITECTURE.md"))?)?;
    let metadata =
        run::output(run::cargo(&paths::root()).args(["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    let found = dependencies(&serde_json::from_str(&metadata)?)?;
    let wrong = violations(&table, &found);
    if !wrong.is_empty() {
        bail!(
            "layers:\n  {}\n  hint: move the noun down a ring, or change the table in ARCHITECTURE.md with its reason",
            wrong.join("\n  ")
        );
    }
    run::say(format_args!("layers: {} crates keep to the table", found.len()));
    Ok(())
}

type Graph = BTreeMap<String, BTreeSet<String>>;

fn violations(table: &Graph, found: &Graph) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, dependencies) in found {
        let Some(allowed) = table.get(name) else {
            wrong.push(format!("{name} has no row"));
            continue;
        };
        let extra = dependencies.iter().filter(|d| !allowed.contains(*d) && !allowed.contains(ANYTHING));
        wrong.extend(extra.map(|d| format!("{name} depends on {d}")));
    }
    wrong.extend(
        table.keys().filter(|name| !found.contains_key(*name)).map(|name| format!("{name} has a row but is no crate")),
    );
    wrong
}

fn table(text: &str) -> Result<Graph> {
    let (_, rest) = text.split_once(BEGIN).context("ARCHITECTURE.md has no layers table")?;
    let (body, _) = rest.split_once(END).context("the layers table does not end")?;
    let mut graph = Graph::new();
    for line in body.lines().filter(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [names, allowed] = cells[..] else { bail!("not two columns: {line}") };
        let allowed: BTreeSet<String> = words(allowed).collect();
        for name in words(names) {
            graph.insert(name, allowed.clone());
        }
    }
    Ok(graph)
}

fn words(cell: &str) -> impl Iterator<Item = String> {
    cell.split(',')
        .map(|word| word.trim().trim_matches('`').to_owned())
        .filter(|word| !word.is_empty() && word != "nothing of ours")
}

fn dependencies(metadata: &Value) -> Result<Graph> {
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let name = |value: &Value| value["name"].as_str().map(str::to_owned);
    // Ours are the path dependencies, wherever they lie: a dependency without a source is one.
    let mut graph = Graph::new();
    for package in packages {
        let ours = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|d| d["source"].is_null() && d["kind"].as_str() != Some("dev"));
        graph.insert(name(package).context("a package without a name")?, ours.filter_map(name).collect());
    }
    Ok(graph)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(rows: &[(&str, &[&str])]) -> Graph {
        rows.iter()
            .map(|(name, dependencies)| ((*name).to_owned(), dependencies.iter().map(|d| (*d).to_owned()).collect()))
            .collect()
    }

    #[test]
    fn the_table_reads_several_crates_a_row() {
        let text = format!(
            "{BEGIN}\n| crate | may depend on |\n|---|---|\n| `a`, b | nothing of ours |\n| c | a, `b` |\n{END}"
        );
        assert_eq!(table(&text).expect("a table"), graph(&[("a", &[]), ("b", &[]), ("c", &["a", "b"])]));
    }

    #[test]
    fn a_forbidden_dependency_a_missing_row_and_a_stale_row_are_named() {
        let allowed = graph(&[("a", &[]), ("b", &["a"]), ("m", &["anything"]), ("gone", &[])]);
        let found = graph(&[("a", &["b"]), ("b", &["a"]), ("m", &["a", "b"]), ("new", &[])]);
        assert_eq!(
            violations(&allowed, &found),
            ["a depends on b", "new has no row", "gone has a row but is no crate"]
        );
    }
}
