use super::*;
use std::process::Command;

fn path(dir: &tempfile::TempDir) -> std::path::PathBuf {
    dir.path().join("data").join("store.redb")
}

fn bytes(text: &str) -> Bytes {
    Bytes(text.as_bytes().to_vec())
}

#[tokio::test]
async fn entries_come_back_after_reopening() {
    let dir = tempfile::tempdir().expect("a directory");
    {
        let store = Store::open(&path(&dir)).expect("opened");
        let table = store.table::<Bytes>("records");
        assert_eq!(table.get("a").expect("read"), None);
        assert!(table.is_empty().expect("read"));
        table.put("a", &bytes("1")).await.expect("stored");
        table.put("b", &bytes("2")).await.expect("stored");
        table.delete("b").await.expect("removed");
        table.delete("never there").await.expect("removed");
    }
    let store = Store::open(&path(&dir)).expect("free at once");
    let table = store.table::<Bytes>("records");
    assert_eq!(table.get("a").expect("read"), Some(bytes("1")));
    assert!(!table.contains("b").expect("read"));
    assert_eq!(table.len().expect("read"), 1);
}

#[tokio::test]
async fn prefixes_and_ranges_follow_the_order_of_keys() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = Store::open(&path(&dir)).expect("opened").table::<Bytes>("t");
    for key in ["b2", "a1", "b1", "c1", "b3"] {
        table.put(key, &bytes(key)).await.expect("stored");
    }
    let keys = |found: Vec<(Vec<u8>, Bytes)>| -> Vec<String> {
        found.into_iter().map(|(key, _)| String::from_utf8(key).expect("text")).collect()
    };
    assert_eq!(keys(table.prefix("b").expect("read")), ["b1", "b2", "b3"]);
    assert_eq!(keys(table.prefix_limited("b", 2).expect("read")), ["b1", "b2"]);
    assert_eq!(table.prefix("").expect("read").len(), 5);
    table.delete_range("a", "b3").await.expect("removed");
    table.delete_range("z", "a").await.expect("an empty range is nothing");
    assert_eq!(keys(table.prefix("").expect("read")), ["b3", "c1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_exactly_one_is_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = Store::open(&path(&dir)).expect("opened").table::<Bytes>("t");
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..50 {
        let table = table.clone();
        tasks.spawn(async move { table.put_new("reply", &bytes(&i.to_string())).await });
    }
    let outcomes = tasks.join_all().await;
    let outcomes: Vec<Option<Bytes>> = outcomes.into_iter().map(|o| o.expect("stored")).collect();
    let winner = table.get("reply").expect("read");
    assert_eq!(outcomes.iter().filter(|existing| existing.is_none()).count(), 1);
    assert!(outcomes.iter().flatten().all(|existing| Some(existing) == winner.as_ref()));
}

#[tokio::test]
async fn a_batch_spans_tables() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(&path(&dir)).expect("opened");
    let (queue, done) = (store.table::<Bytes>("queue"), store.table::<Json<u64>>("done"));
    queue.put("x", &bytes("job")).await.expect("stored");
    store.batch().delete(&queue, "x").put(&done, "x", &Json(7)).commit().await.expect("stored");
    assert!(queue.is_empty().expect("read"));
    assert_eq!(done.get("x").expect("read"), Some(Json(7)));
}

#[test]
fn blocking_puts_work_outside_the_runtime() {
    let dir = tempfile::tempdir().expect("a directory");
    let table = Store::open(&path(&dir)).expect("opened").table::<Bytes>("t");
    table.put_blocking("k", &bytes("v")).expect("stored");
    assert_eq!(table.get("k").expect("read"), Some(bytes("v")));
}

#[test]
fn a_locked_store_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let _held = Store::open(&path(&dir)).expect("opened");
    let error = Store::open(&path(&dir)).expect_err("locked");
    assert!(matches!(error, Error::Open { why: OpenFault::Locked, .. }), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--home")));
}

#[test]
fn a_damaged_store_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let junk = dir.path().join("junk.redb");
    std::fs::write(&junk, vec![0x5a; 8192]).expect("written");
    let error = Store::open(&junk).expect_err("junk");
    assert!(matches!(error, Error::Open { why: OpenFault::Corrupt(_), .. }), "{error:?}");
    assert!(error.hint().is_some());
    let error = Store::open(dir.path()).expect_err("a directory");
    assert!(matches!(error, Error::Open { why: OpenFault::Io(_), .. }), "{error:?}");
}

#[test]
fn a_value_of_another_type_is_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(&path(&dir)).expect("opened");
    store.table::<Bytes>("t").put_blocking("k", &bytes("no json")).expect("stored");
    let error = store.table::<Json<u64>>("t").get("k").expect_err("another type");
    assert!(error.to_string().contains("table t"), "{error}");
}

const KILLED: &str = "OGONG_TEST_STORE_TO_FILL";

/// Runs this test binary again as a child that stores numbers and prints each once it is durable, kills it in the midst, and looks for every number that
/// was printed.
#[test]
fn nothing_confirmed_is_lost_when_the_process_is_killed() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().expect("a directory");
    for round in 0..3u64 {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "store::tests::fill_until_killed", "--nocapture", "--include-ignored"])
            .env(KILLED, path(&dir))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("started");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut confirmed = Vec::new();
        for line in output.lines() {
            let line = line.expect("read");
            if let Some(number) = line.strip_prefix("stored ") {
                confirmed.push(number.parse::<u64>().expect("a number"));
            }
            if confirmed.len() as u64 == 20 + round * 7 {
                break;
            }
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert!(!confirmed.is_empty(), "the child stored something");
        let table = Store::open(&path(&dir)).expect("repaired").table::<Json<u64>>("numbers");
        for number in confirmed {
            let entry = table.get(number.to_be_bytes()).expect("read");
            assert_eq!(entry, Some(Json(number)), "round {round}");
        }
    }
}

/// The child of the test above; without its environment it has nothing to do.
#[test]
fn fill_until_killed() {
    let Some(path) = std::env::var_os(KILLED) else { return };
    let table = Store::open(Path::new(&path)).expect("opened").table::<Json<u64>>("numbers");
    let first = table.len().expect("read");
    for number in first.. {
        table.put_blocking(number.to_be_bytes(), &Json(number)).expect("stored");
        println!("stored {number}");
    }
}
