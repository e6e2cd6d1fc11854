//! The frozen vectors: recomputed and compared byte for byte, and none of them idle.

#[path = "common/vectors.rs"]
mod vectors;

use ogong_base::codec::Decode;
use ogong_base::{HybridSignature, NodePublic, Tag, domain};
use ogong_commitment::leaf::{Header, WindowLeaf};
use ogong_commitment::order::Order;
use ogong_commitment::record::Record;
use serde_json::Value;
use std::path::{Path, PathBuf};

#[test]
fn every_vector_is_what_the_code_computes() {
    for (name, text) in vectors::all() {
        let stored = std::fs::read_to_string(vectors::directory().join(name)).unwrap_or_default();
        let differs = stored.lines().zip(text.lines()).position(|(a, b)| a != b);
        assert!(stored == text, "{name} differs, first at line {:?}: bytes changed", differs.map(|line| line + 1));
    }
}

#[test]
fn stored_bytes_decode_to_the_fields_beside_them() {
    let file = |name: &str| vectors::stored(name).expect(name);
    let bytes = |value: &Value| hex::decode(value.as_str().expect("hex text")).expect("hex");
    let order: Order = serde_json::from_value(file("order.json")["order"].clone()).expect("an order");
    assert_eq!(Order::from_bytes(&bytes(&file("order.json")["bytes"])), Ok(order));
    let record: Record = serde_json::from_value(file("record.json")["record"].clone()).expect("a record");
    assert_eq!(Record::from_bytes(&bytes(&file("record.json")["bytes"])), Ok(record));
    for header in file("header.json")["headers"].as_array().expect("a list") {
        let header = Header::from_bytes(&bytes(&header["bytes"])).expect("a header");
        assert_eq!((header.n_prompt, header.n_tokens), (5, 33));
    }
    let window = WindowLeaf::from_bytes(&bytes(&file("window.json")["bytes"])).expect("a window");
    assert_eq!(window.ids, [3, 200, 70_000]);
}

#[test]
fn the_stored_signature_holds_and_a_changed_one_does_not() {
    let file = vectors::stored("node.json").expect("node.json");
    let public: NodePublic = serde_json::from_value(file["public"].clone()).expect("a public key");
    let signature: HybridSignature = serde_json::from_value(file["signature"].clone()).expect("a signature");
    let message = hex::decode(file["message"].as_str().expect("hex text")).expect("hex");
    let tag: Tag = domain::RECORD;
    assert_eq!(file["tag"], tag.as_str());
    assert_eq!(file["node_id"], public.node_id().to_hex());
    assert_eq!(public.verify(tag, &message, &signature), Ok(()));
    for at in [0, 63, 64, 2_483] {
        let mut changed = *signature.as_raw();
        changed[at] ^= 1;
        assert!(public.verify(tag, &message, &HybridSignature::from_raw(changed)).is_err(), "byte {at}");
    }
}

/// A vector that no test names is a promise that nobody keeps.
#[test]
fn every_vector_file_is_read_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = String::new();
    for part in ["crates", "engines", "chain", "mesh"] {
        for path in files(&root.join(part)).into_iter().filter(|p| p.extension().is_some_and(|e| e == "rs")) {
            sources.push_str(&std::fs::read_to_string(path).unwrap_or_default());
        }
    }
    let mut seen = 0;
    for path in files(&vectors::directory()) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(sources.contains(name), "spec/vectors/{name} is read by no test");
        seen += 1;
    }
    assert!(seen > vectors::all().len(), "the vectors of others are there too");
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let built = |path: &Path| path.file_name().is_some_and(|name| name == "target" || name == ".git");
    entries
        .map(|entry| entry.path())
        .filter(|path| !built(path))
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}
