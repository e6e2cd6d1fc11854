//! `--ledger DIR`: what a client saw confirmed is there after kill -9, and nothing is there by halves.

use crate::common::{Localnet, SOL, Scratch, call, funded, refused, signed, transfer};
use ogong_chain_interface::{Address, Instruction};
use serde_json::json;
use solana_keypair::Keypair;
use solana_rpc_client::rpc_client::RpcClient;
use solana_signature::Signature;
use solana_signer::Signer;
use surfpool_core::solana_commitment_config::CommitmentConfig;

/// The chain's fee for one signature.
const FEE: u64 = 5_000;
const KILLS: u64 = 5;
const SEED: u64 = 20_261_122;

struct Sent {
    signature: Signature,
    to: Address,
    lamports: u64,
    confirmed: bool,
}

/// Sends a few transfers, each as soon as the one before is in, and stops in the middle of things.
fn send_some(client: &RpcClient, payer: &Keypair, count: u64, all: &mut Vec<Sent>) {
    for _ in 0..count {
        let to = Keypair::new().pubkey();
        let lamports = SOL / 100 + all.len() as u64;
        let signature = client.send_transaction(&transfer(client, payer, &to, lamports)).expect("sent");
        all.push(Sent { signature, to, lamports, confirmed: false });
        for sent in all.iter_mut().filter(|sent| !sent.confirmed) {
            sent.confirmed = client.confirm_transaction(&sent.signature).expect("answers");
        }
    }
}

/// Whatever was confirmed is there; of the rest, all or nothing; and the payer's balance says the same.
fn check(client: &RpcClient, payer: &Keypair, start: u64, all: &[Sent]) {
    let now = CommitmentConfig::processed();
    let mut spent = 0;
    for sent in all {
        let balance = client.get_balance_with_commitment(&sent.to, now).expect("a balance").value;
        let status =
            client.get_signature_status_with_commitment_and_history(&sent.signature, now, true).expect("answers");
        assert!(!sent.confirmed || status == Some(Ok(())), "{} was confirmed and is lost", sent.signature);
        let is_in = status == Some(Ok(()));
        assert_eq!(balance, if is_in { sent.lamports } else { 0 }, "{}", sent.signature);
        spent += if is_in { sent.lamports + FEE } else { 0 };
    }
    assert_eq!(client.get_balance_with_commitment(&payer.pubkey(), now).expect("a balance").value, start - spent);
}

#[test]
fn what_was_confirmed_survives_kill_9() {
    let dir = Scratch::new("kill");
    let start = || Localnet::start(&["--ledger", dir.path()]);
    let chain = start();
    let payer = funded(&chain.client());
    let mut all = Vec::new();
    let mut seed = SEED;
    println!("seed {SEED}");
    chain.kill();
    for _ in 0..KILLS {
        let chain = start();
        check(&chain.client(), &payer, 100 * SOL, &all);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        send_some(&chain.client(), &payer, 2 + (seed >> 33) % 9, &mut all);
        chain.kill();
    }
    let chain = start();
    let client = chain.client();
    check(&client, &payer, 100 * SOL, &all);
    let confirmed: Vec<_> = all.iter().filter(|sent| sent.confirmed).collect();
    assert!(confirmed.len() > 5, "{} of {} were confirmed", confirmed.len(), all.len());
    let history = client.get_signatures_for_address(&payer.pubkey()).expect("a history");
    for sent in confirmed {
        assert!(history.iter().any(|entry| entry.signature == sent.signature.to_string()), "not in the history");
    }
}

#[test]
fn slots_clock_blockhash_and_program_go_on_where_they_were() {
    let dir = Scratch::new("goes-on");
    let chain = Localnet::start(&["--ledger", dir.path()]);
    let client = chain.client();
    let payer = funded(&client);
    let before_s = client.get_block_time(client.get_slot().expect("a slot")).expect("a time");
    call(&client, "surfnet_timeTravel", json!([{ "absoluteTimestamp": (before_s + 86_400) * 1_000 }]));
    let prepared = transfer(&client, &payer, &Keypair::new().pubkey(), SOL);
    client.send_and_confirm_transaction(&transfer(&client, &payer, &Keypair::new().pubkey(), SOL)).expect("confirmed");
    let slot = client.get_slot().expect("a slot");
    chain.kill();

    let chain = Localnet::start(&["--ledger", dir.path()]);
    let client = chain.client();
    assert!(client.get_slot_with_commitment(CommitmentConfig::processed()).expect("a slot") >= slot);
    client.send_and_confirm_transaction(&prepared).expect("signed before the kill, good after it");
    let clock = client.get_block_time(client.get_slot().expect("a slot")).expect("a time");
    assert!(clock >= before_s + 86_400, "the clock fell back from {} to {clock}", before_s + 86_400);
    let program: Address = chain.ready.program_id.parse().expect("an address");
    assert!(client.get_account(&program).expect("deployed").executable);
}

#[test]
fn a_ledger_serves_one_process_and_a_damaged_one_is_named() {
    let dir = Scratch::new("one");
    let chain = Localnet::start(&["--ledger", dir.path()]);
    let second = refused(&["--rpc-port", "0", "--ws-port", "0", "--ledger", dir.path()]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && said.contains("another chain uses this ledger"), "{said}");
    chain.kill();

    let journal = std::path::Path::new(dir.path()).join("chain.journal");
    let text = std::fs::read_to_string(&journal).expect("there");
    std::fs::write(&journal, text.replacen("\"put\"", "\"putt\"", 1)).expect("written");
    let damaged = refused(&["--rpc-port", "0", "--ws-port", "0", "--ledger", dir.path()]);
    let said = String::from_utf8_lossy(&damaged.stderr).into_owned();
    assert!(!damaged.status.success() && said.contains("damaged at line 2") && said.contains("hint:"), "{said}");
}

#[test]
fn accounts_that_the_validator_drops_from_memory_come_back_from_the_ledger() {
    let dir = Scratch::new("dropped");
    // The validator drops all accounts once an hour when it has a store; here every 20 slots.
    let every = "SURFPOOL_GARBAGE_COLLECTION_INTERVAL_SLOTS";
    let chain = Localnet::start_with(every, "20", &["--ledger", dir.path()]);
    let client = chain.client();
    let payer = funded(&client);
    let mut all = Vec::new();
    for _ in 0..3 {
        let until = client.get_slot().expect("a slot") + 25;
        while client.get_slot().expect("a slot") < until {
            std::thread::yield_now();
        }
        send_some(&client, &payer, 2, &mut all);
        for sent in &mut all {
            while !sent.confirmed {
                sent.confirmed = client.confirm_transaction(&sent.signature).expect("answers");
            }
        }
        check(&client, &payer, 100 * SOL, &all);
    }
    let program: Address = chain.ready.program_id.parse().expect("an address");
    assert!(client.get_account(&program).expect("deployed").executable);
    let call = Instruction { program_id: program, accounts: Vec::new(), data: vec![0; 8] };
    let refused = client.simulate_transaction(&signed(&client, &payer, call)).expect("answers").value;
    let logs = refused.logs.unwrap_or_default().join("\n");
    assert!(logs.contains(&format!("Program {program} invoke")), "the program still runs: {logs}");
    assert!(logs.contains("InstructionFallbackNotFound"), "{logs}");
    chain.kill();
    check(&Localnet::start(&["--ledger", dir.path()]).client(), &payer, 100 * SOL, &all);
}
