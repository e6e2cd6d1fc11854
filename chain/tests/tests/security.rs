//! `chain/SECURITY.md` names a test for each threat; here those tests exist.

use std::path::Path;

#[test]
fn every_threat_s_test_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../SECURITY.md")).expect("the page");
    let mut seen = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat")) {
        let tests = row.rsplit(" | ").next().expect("a column");
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {row}");
        let mut module = String::new();
        for name in named {
            // a name without its module is one of the module before it
            let item = match name.split_once("::") {
                Some((of, item)) => {
                    of.clone_into(&mut module);
                    item
                }
                None => name,
            };
            let found = if module.is_empty() { any_module_has(root, item) } else { has(root, &module, item) };
            assert!(found, "{module}::{item} is named, but is not there: {row}");
            seen += 1;
        }
        for case in tests.split('"').skip(1).step_by(2).filter(|case| !case.starts_with("another …")) {
            assert!(any_module_has(root, case), "no refusal is called {case:?}: {row}");
        }
    }
    assert!(seen > 30, "{seen} tests are named");
}

fn has(root: &Path, module: &str, item: &str) -> bool {
    let source = std::fs::read_to_string(root.join(format!("tests/{module}.rs"))).unwrap_or_default();
    source.contains(item)
}

fn any_module_has(root: &Path, item: &str) -> bool {
    let modules = std::fs::read_dir(root.join("tests")).expect("the tests");
    modules.flatten().any(|file| {
        let path = file.path();
        path.file_name().is_none_or(|name| name != "security.rs")
            && std::fs::read_to_string(path).unwrap_or_default().contains(item)
    })
}
