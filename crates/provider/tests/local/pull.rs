//! `pull` against a server that drops, truncates and lies; killed half-way; two at once; a disk that is full.

use crate::common::{
    command,
    file_server::{FileServer, Manner},
    gguf, run, stderr, stdout,
};
use ogong_provider::local::manifest::{Origin, Provenance};
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

const FILE: &str = "tiny.gguf";

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn pulled(home: &Path) -> PathBuf {
    home.join("models").join(FILE)
}

/// Puts an entry `tiny` into the user's catalogue.
fn entry(home: &Path, sources: &[String], bytes: &[u8], chunks: &[String]) {
    let dir = home.join("catalog");
    fs::create_dir_all(&dir).expect("made");
    let sources: Vec<String> = sources.iter().map(|source| format!("{source:?}")).collect();
    let chunks: Vec<String> = chunks.iter().map(|chunk| format!("{chunk:?}")).collect();
    let text = format!(
        "model_id = \"ogong/verified/test/tiny\"\nlicense = \"MIT\"\nfile = \"{FILE}\"\nbytes = {}\nsha256 = \"{}\"\nsources = [{}]\nchunk_sha256 = [{}]\n",
        bytes.len(),
        sha256(bytes),
        sources.join(", "),
        chunks.join(", ")
    );
    fs::write(dir.join("tiny.toml"), text).expect("written");
}

/// No part, lock or note of a part is left beside the model.
fn is_tidy(home: &Path) -> bool {
    let names = fs::read_dir(home.join("models")).expect("listed").flatten().map(|entry| entry.file_name());
    !names.into_iter().any(|name| name.to_string_lossy().starts_with('.'))
}

#[test]
fn an_address_is_fetched_checked_and_noted() {
    let (home, server, model) = (home(), FileServer::start(), gguf(50_000));
    server.put("/m/tiny.gguf", model.clone(), Manner::Honest);
    let output = run(home.path(), &["pull", &server.url("/m/tiny.gguf")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output).trim(), "tiny");
    assert_eq!(fs::read(pulled(home.path())).expect("the file"), model);
    let origin = Origin::read(&pulled(home.path())).expect("noted");
    assert_eq!((origin.sha256, origin.provenance), (sha256(&model), Provenance::Computed));
    assert!(is_tidy(home.path()));
    // A second time nothing is fetched.
    let again = run(home.path(), &["pull", &server.url("/m/tiny.gguf")]);
    assert!(again.status.success() && stderr(&again).contains("here already"), "{}", stderr(&again));
    assert_eq!(server.log().len(), 1);
}

#[test]
fn a_server_that_hangs_up_is_asked_for_the_rest() {
    let (home, server, model) = (home(), FileServer::start(), gguf(50_000));
    server.put("/tiny.gguf", model.clone(), Manner::Drops(60_000));
    let output = run(home.path(), &["pull", &server.url("/tiny.gguf")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read(pulled(home.path())).expect("the file"), model);
    assert_eq!(server.log()[..3], ["/tiny.gguf", "/tiny.gguf bytes=60000-", "/tiny.gguf bytes=120000-"]);
    assert_eq!(server.sent(), model.len() as u64, "no byte came twice");
}

#[test]
fn a_killed_pull_goes_on_where_it_was() {
    let (home, server, model) = (home(), FileServer::start(), gguf(100_000));
    server.put("/tiny.gguf", model.clone(), Manner::Slow);
    let part = home.path().join("models").join(format!(".{FILE}.part"));
    let mut first =
        command(home.path()).args(["pull", &server.url("/tiny.gguf")]).stderr(Stdio::null()).spawn().expect("it runs");
    while part.metadata().map_or(0, |part| part.len()) < 20_000 {
        assert!(first.try_wait().expect("its state").is_none(), "it ended by itself");
        thread::sleep(Duration::from_millis(5));
    }
    first.kill().expect("killed");
    first.wait().expect("gone");
    let kept = part.metadata().expect("the part").len();
    server.put("/tiny.gguf", model.clone(), Manner::Honest);
    let output = run(home.path(), &["pull", &server.url("/tiny.gguf")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read(pulled(home.path())).expect("the file"), model);
    assert_eq!(server.log().last(), Some(&format!("/tiny.gguf bytes={kept}-")));
    assert!(is_tidy(home.path()));
}

#[test]
fn another_version_behind_the_address_is_fetched_whole() {
    let (home, server) = (home(), FileServer::start());
    let (old, new) = (gguf(50_000), gguf(50_001));
    server.put("/tiny.gguf", old, Manner::Drops(1_000));
    let models = home.path().join("models");
    fs::create_dir_all(&models).expect("made");
    let mut first =
        command(home.path()).args(["pull", &server.url("/tiny.gguf")]).stderr(Stdio::null()).spawn().expect("it runs");
    while models.join(format!(".{FILE}.part")).metadata().map_or(0, |part| part.len()) < 1_000 {
        thread::sleep(Duration::from_millis(5));
    }
    first.kill().expect("killed");
    first.wait().expect("gone");
    server.put("/tiny.gguf", new.clone(), Manner::Honest);
    let output = run(home.path(), &["pull", &server.url("/tiny.gguf")]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read(pulled(home.path())).expect("the file"), new);
}

#[test]
fn two_pulls_of_one_file_are_one() {
    let (home, server, model) = (home(), FileServer::start(), gguf(50_000));
    server.put("/tiny.gguf", model.clone(), Manner::Slow);
    let start = || {
        command(home.path())
            .args(["pull", &server.url("/tiny.gguf")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs")
    };
    let (first, second) = (start(), start());
    let outputs = [first.wait_with_output().expect("ends"), second.wait_with_output().expect("ends")];
    assert!(outputs.iter().all(|output| output.status.success()), "{}{}", stderr(&outputs[0]), stderr(&outputs[1]));
    assert_eq!(server.sent(), model.len() as u64);
    assert_eq!(fs::read(pulled(home.path())).expect("the file"), model);
    assert!(outputs.iter().any(|output| stderr(output).contains("another pull")), "one waited");
    assert!(is_tidy(home.path()));
}

#[test]
fn mirrors_are_tried_in_turn_and_every_lie_is_found() {
    let model = gguf(50_000);
    for lie in [
        Manner::Status(404),
        Manner::Status(500),
        Manner::Truncates(70_000),
        Manner::Corrupts(100_000, usize::MAX),
        Manner::TooMuch,
        Manner::Page,
        Manner::Says("not HTTP at all\r\n\r\n".into()),
    ] {
        let (home, server) = (home(), FileServer::start());
        server.put("/bad/tiny.gguf", model.clone(), lie.clone());
        server.put("/good/tiny.gguf", model.clone(), Manner::Honest);
        entry(home.path(), &[server.url("/bad/tiny.gguf"), server.url("/good/tiny.gguf")], &model, &[]);
        let output = run(home.path(), &["pull", "tiny"]);
        assert!(output.status.success(), "{lie:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("trying the next source"), "{lie:?}: {}", stderr(&output));
        assert_eq!(fs::read(pulled(home.path())).expect("the file"), model, "{lie:?}");
        let origin = Origin::read(&pulled(home.path())).expect("noted");
        assert_eq!((origin.provenance, origin.source), (Provenance::Catalog, Some(server.url("/good/tiny.gguf"))));
        assert!(is_tidy(home.path()), "{lie:?}");
    }
}

#[test]
fn a_lie_that_passes_is_fetched_whole_again() {
    let (home, server, model) = (home(), FileServer::start(), gguf(50_000));
    server.put("/tiny.gguf", model.clone(), Manner::Corrupts(100_000, 1));
    entry(home.path(), &[server.url("/tiny.gguf")], &model, &[]);
    let output = run(home.path(), &["pull", "tiny"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("fetching the whole file again"), "{}", stderr(&output));
    assert_eq!(server.log(), ["/tiny.gguf", "/tiny.gguf"]);
}

#[test]
fn without_ranges_the_whole_file_comes_again_and_a_wrong_range_is_not_appended() {
    for manner in [Manner::Whole, Manner::OtherRange] {
        let (home, server, model) = (home(), FileServer::start(), gguf(50_000));
        server.put("/tiny.gguf", model.clone(), manner.clone());
        entry(home.path(), &[server.url("/tiny.gguf")], &model, &[]);
        let models = home.path().join("models");
        fs::create_dir_all(&models).expect("made");
        fs::write(models.join(format!(".{FILE}.part")), &model[..50_000]).expect("a part");
        fs::write(models.join(format!(".{FILE}.part.json")), format!("{{\"url\":{:?}}}", server.url("/tiny.gguf")))
            .expect("its note");
        let output = run(home.path(), &["pull", "tiny"]);
        assert!(output.status.success(), "{manner:?}: {}", stderr(&output));
        assert_eq!(fs::read(pulled(home.path())).expect("the file"), model, "{manner:?}");
        assert_eq!(server.log()[0], "/tiny.gguf bytes=50000-", "{manner:?}");
    }
}

#[test]
fn only_damaged_pieces_are_fetched_again() {
    // Two pieces: 64 MiB and a little.
    let (home, server, model) = (home(), FileServer::start(), gguf((64 << 18) + 10_000));
    let chunks: Vec<String> = model.chunks(64 << 20).map(sha256).collect();
    assert_eq!(chunks.len(), 2);
    server.put("/tiny.gguf", model.clone(), Manner::Corrupts(model.len() - 100, 1));
    entry(home.path(), &[server.url("/tiny.gguf")], &model, &chunks);
    let output = run(home.path(), &["pull", "tiny"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 of 2 pieces are damaged"), "{}", stderr(&output));
    assert_eq!(sha256(&fs::read(pulled(home.path())).expect("the file")), sha256(&model));
    assert_eq!(server.log()[1..], [format!("/tiny.gguf bytes={}-{}", 64 << 20, model.len() - 1)]);
}

#[test]
fn without_a_hash_a_file_that_is_cut_short_is_found_by_its_head() {
    let (home, server, model) = (home(), FileServer::start(), gguf(50_000));
    server.put("/tiny.gguf", model, Manner::Truncates(70_000));
    let output = run(home.path(), &["pull", &server.url("/tiny.gguf")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cut short: 70000 bytes of at least"), "{}", stderr(&output));
    assert!(!pulled(home.path()).exists() && is_tidy(home.path()));
}

#[test]
fn nothing_that_listens_and_unknown_names_end_with_a_hint() {
    let home = home();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let output = run(home.path(), &["pull", &format!("http://127.0.0.1:{port}/tiny.gguf")]);
    assert!(stderr(&output).contains("online") && output.status.code() == Some(1), "{}", stderr(&output));
    let output = run(home.path(), &["pull", "smollm2"]);
    assert!(stderr(&output).contains("did you mean smollm2-135m-instruct?"), "{}", stderr(&output));
    assert_eq!(run(home.path(), &["pull"]).status.code(), Some(2));
    let listed = run(home.path(), &["pull", "--list"]);
    assert!(stdout(&listed).contains("smollm2-135m-instruct"), "{}", stdout(&listed));
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_keeps_what_came() {
    let (home, server, model) = (home(), FileServer::start(), gguf(50_000));
    server.put("/tiny.gguf", model.clone(), Manner::Honest);
    let part = home.path().join("models").join(format!(".{FILE}.part"));
    fs::create_dir_all(home.path().join("models")).expect("made");
    // The kernel answers every write there as a full disk does.
    std::os::unix::fs::symlink("/dev/full", &part).expect("linked");
    let output = run(home.path(), &["pull", &server.url("/tiny.gguf")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("free some space"), "{}", stderr(&output));
    assert_eq!(server.log().len(), 1, "a full disk is not tried again");
    fs::remove_file(&part).expect("unlinked");
    let output = run(home.path(), &["pull", &server.url("/tiny.gguf")]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn the_hubs_listing_redirect_and_hash_are_followed() {
    let (home, server, model) = (home(), FileServer::start(), gguf(50_000));
    let listing = format!(
        r#"[{{"type":"file","path":"README.md","size":3}},{{"type":"file","path":"tiny-Q8_0.gguf","size":1,"lfs":{{"oid":"{0}","size":1}}}},{{"type":"file","path":"tiny.gguf","size":{1},"lfs":{{"oid":"{0}","size":{1}}}}}]"#,
        sha256(&model),
        model.len()
    );
    server.put("/api/models/owner/repo/tree/main", listing.into_bytes(), Manner::Honest);
    server.put("/owner/repo/resolve/main/tiny.gguf", Vec::new(), Manner::Redirects("/store/abc".into()));
    server.put("/store/abc", model.clone(), Manner::Drops(120_000));
    let pull = |what: &str| {
        command(home.path()).env("HF_ENDPOINT", server.url("")).args(["pull", what]).output().expect("it runs")
    };
    let output = pull("hf:owner/repo:tiny.gguf");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read(pulled(home.path())).expect("the file"), model);
    assert_eq!(Origin::read(&pulled(home.path())).expect("noted").provenance, Provenance::Hub);
    assert!(server.log().contains(&"/store/abc bytes=120000-".to_owned()), "{:?}", server.log());
    // A file that is not what the hub's own hash says is refused.
    fs::remove_file(pulled(home.path())).expect("removed");
    server.put("/store/abc", model, Manner::Corrupts(100_000, usize::MAX));
    let output = pull("hf:owner/repo:tiny.gguf");
    assert!(!output.status.success() && stderr(&output).contains("sha256 is"), "{}", stderr(&output));
    let output = pull("hf:owner/nothing");
    assert!(!output.status.success() && stderr(&output).contains("404"), "{}", stderr(&output));
}

#[test]
fn models_are_listed_shown_and_removed() {
    let home = home();
    fs::create_dir_all(home.path().join("models")).expect("made");
    fs::write(pulled(home.path()), gguf(100)).expect("written");
    let listed = run(home.path(), &["list", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&stdout(&listed)).expect("json");
    assert_eq!(rows[0]["name"], "tiny");
    let shown = run(home.path(), &["show", "tiny", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&stdout(&shown)).expect("json");
    assert_eq!((&shown["architecture"], &shown["parameters"]), (&"llama".into(), &100.into()));
    assert_eq!(run(home.path(), &["rm", "nothing"]).status.code(), Some(1));
    assert!(run(home.path(), &["rm", "tiny"]).status.success());
    assert!(!pulled(home.path()).exists() && is_tidy(home.path()));
}
