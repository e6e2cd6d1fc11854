//! What the program's sources must not have: accounts that nobody checks without a reason, and checks written by hand where Anchor
//! has a constraint for them.

use std::path::{Path, PathBuf};

/// Shorter ones say nothing.
const REASON_BYTES: usize = 30;

/// Hand-written looks at owners, keys and signatures that no constraint can do, each with the reason why.
const BY_HAND: &[(&str, &str, &str)] = &[
    ("escrow.rs", "require_keys_eq!(order.program", "a field of the order's bytes, not an account"),
    ("escrow.rs", "require_keys_eq!(order.owner", "a field of the order's bytes, not an account"),
    ("quorum.rs", "account.is_signer", "co-signers are remaining accounts, as many as there are"),
    ("ed25519.rs", "require_keys_eq!(instruction.program_id", "the instruction in front, read from the sysvar"),
    ("instructions/release.rs", "to.owner == shard.payout", "a cohort's payees are remaining accounts"),
];

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../programs/chain/src");
    let (mut found, mut open): (Vec<(String, String)>, Vec<PathBuf>) = (Vec::new(), vec![root.clone()]);
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).expect("the sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let name = path.strip_prefix(&root).expect("below").to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).expect("a source")));
            }
        }
    }
    assert!(found.len() > 60, "{} sources", found.len());
    found
}

/// A field of an account that Anchor does not look at.
fn is_unchecked(line: &str) -> bool {
    let field = line.trim_start().starts_with("pub ") && line.contains(": ");
    field && (line.contains("UncheckedAccount<") || line.contains("AccountInfo<"))
}

/// The reason in the comment of a field, over its attributes.
fn reason(lines: &[&str], place: usize) -> String {
    let above = lines[..place].iter().rev().map(|line| line.trim());
    // a comment may end as it likes; a field ends with a comma, and the struct begins with a brace
    let belongs = |line: &&str| line.starts_with("///") || !line.ends_with([',', '{']);
    let own: Vec<&str> = above.take_while(belongs).collect();
    let text: Vec<&str> = own.into_iter().rev().filter_map(|line| line.strip_prefix("/// ")).collect();
    text.join(" ").split_once("CHECK:").map(|(_, reason)| reason.trim().to_owned()).unwrap_or_default()
}

#[test]
fn no_account_is_unchecked_without_a_reason() {
    let mut seen = 0;
    for (file, source) in sources() {
        let lines: Vec<&str> = source.lines().collect();
        for (place, line) in lines.iter().enumerate().filter(|(_, line)| is_unchecked(line)) {
            let reason = reason(&lines, place);
            assert!(reason.len() >= REASON_BYTES, "{file}:{}: {line}: no reason behind CHECK: {reason:?}", place + 1);
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen} are known");
}

/// The reader of reasons, on what it must find and must not.
#[test]
fn a_reason_is_read_from_its_own_field() {
    let source = "/// CHECK: of another field\npub a: UncheckedAccount<'info>,\n#[account(mut)]\npub b: UncheckedAccount<'info>,\n\
                  /// CHECK: in two lines,\n/// of them the second.\n#[account(mut)]\npub c: AccountInfo<'info>,";
    let lines: Vec<&str> = source.lines().collect();
    let found: Vec<usize> = (0..lines.len()).filter(|place| is_unchecked(lines[*place])).collect();
    assert_eq!(found, [1, 3, 7]);
    assert_eq!(reason(&lines, 1), "of another field");
    assert_eq!(reason(&lines, 3), "");
    assert_eq!(reason(&lines, 7), "in two lines, of them the second.");
}

#[test]
fn owners_and_signers_are_constraints() {
    let marks = ["is_signer", "require_keys", ".owner ==", "== *accounts", ".key() ==", ".owner !="];
    let mut unused: Vec<&str> = BY_HAND.iter().map(|(_, snippet, _)| *snippet).collect();
    for (file, source) in sources() {
        for (place, line) in source.lines().enumerate() {
            let line = line.trim();
            let by_hand = marks.iter().any(|mark| line.contains(mark));
            if !by_hand || line.starts_with("//") || line.contains("constraint = ") {
                continue;
            }
            let known = BY_HAND.iter().find(|(of, snippet, _)| *of == file && line.contains(snippet));
            let Some((_, snippet, _)) = known else { panic!("{file}:{}: by hand: {line}", place + 1) };
            unused.retain(|one| one != snippet);
        }
    }
    assert!(unused.is_empty(), "gone from the sources: {unused:?}");
}
