//! Writing to a chain through a node that lies, dies or loses answers, and writing again after a crash: nothing moves twice, and
//! what happened is found again.

use std::process::Stdio;

use super::proxy::{Act, Proxy};
use super::world::{OWNER, PROVIDER, ROUTER, VALIDATORS, World, address, wallet};
use ogong_base::{RecordHash, ReplyId, hash::VerdictHash};
use ogong_settlement::{
    Chain, Error,
    interface::{Address, account::EscrowStatus},
    message::QuorumMessage,
    plan::{Decision, OUTCOME_ACCEPT, SettlePlan},
    solana::Closed,
    token::ATOMS_PER_TOKEN,
};
use serde_json::json;
use tokio::process::Command;

const HOUR_MS: u64 = 3_600_000;
const FEE: u64 = 900_000;
/// Provider, router, validator, reserve, owner after one settle.
const PAID: [u64; 5] = [765_000, 45_000, 45_000, 45_000, 100 * ATOMS_PER_TOKEN - FEE];

/// Opens an escrow over `chain`, for an order of its own.
async fn open(chain: &Chain, nonce: u8) -> Result<(ReplyId, u64), Error> {
    let (order, reply_id) = super::world::open(chain, nonce, HOUR_MS).await?;
    Ok((reply_id, order.deadline_ms))
}

/// Settles over `chain`, with co-signers that are always reachable.
async fn settle(chain: &Chain, reply_id: &ReplyId, expiry_ms: u64) -> Result<Closed, Error> {
    let handler = wallet(VALIDATORS[0]);
    let decision = Decision {
        record_hash: RecordHash::from_bytes([51; 32]),
        outcome: OUTCOME_ACCEPT,
        verdict_hash: VerdictHash::from_bytes([52; 32]),
        round: 7,
        n_prompt: 100,
        n_billed: 200,
        n_counted: 200,
        expiry_ms,
        verifiers: Vec::new(),
    };
    let accounts = chain.settle_accounts(reply_id, &handler.address()).await?;
    let plan = match SettlePlan::new(&accounts, &decision) {
        // As a handler that starts again: what is closed needs no plan.
        Err(Error::NotOpen { .. }) => {
            return chain.closed(reply_id).await?.ok_or(Error::Transaction("closed, and not".into()));
        }
        plan => plan?,
    };
    let ours = plan.clone();
    let peers = move |message: Vec<u8>, _: Vec<Address>| {
        let ours = QuorumMessage::check(&ours, &message).expect("the peers decide the same");
        let signed: Vec<_> =
            VALIDATORS[1..].iter().map(|seed| (address(*seed), wallet(*seed).sign(&ours.bytes))).collect();
        async move { signed }
    };
    let cosigners: Vec<Address> = VALIDATORS[1..].iter().map(|seed| address(*seed)).collect();
    chain.settle(&plan, &handler, &cosigners, peers).await
}

/// The world's chain, reached through a node that follows a script.
async fn behind(world: &World, script: impl Fn(&str, usize) -> Act + Send + Sync + 'static) -> (Proxy, Chain) {
    let proxy = Proxy::start(world.chain.rpc_url(), script).await;
    let chain = Chain::attach(&proxy.url, world.chain.program()).await.expect("attached");
    (proxy, chain)
}

fn at(wanted: &'static str, times: usize, act: Act) -> impl Fn(&str, usize) -> Act {
    move |method, before| if method == wanted && before < times { act.clone() } else { Act::Pass }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_gets_lost_is_neither_a_failure_nor_a_second_payment() {
    let world = World::build().await;
    for (nonce, act) in [(1, Act::LoseAnswer), (2, Act::Garbage)] {
        let before = world.balances().await[4];
        let (proxy, chain) = behind(&world, at("sendTransaction", 1, act.clone())).await;
        open(&chain, nonce).await.expect("opened");
        assert_eq!(world.balances().await[4], before - ATOMS_PER_TOKEN, "{act:?}");
        assert_eq!(proxy.sent().first(), proxy.sent().last(), "{act:?}: only ever the same bytes");
    }
    let (reply_id, deadline_ms) = open(&world.chain, 3).await.expect("opened");
    let owner = world.balances().await[4];
    let (_proxy, chain) = behind(&world, at("sendTransaction", 1, Act::LoseAnswer)).await;
    let closed = settle(&chain, &reply_id, deadline_ms).await.expect("settled");
    assert_eq!(closed.escrow.status, EscrowStatus::Settled);
    assert!(closed.signature.is_some());
    assert_eq!(world.balances().await, [PAID[0], PAID[1], PAID[2], PAID[3], owner + ATOMS_PER_TOKEN - FEE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_dies_between_sending_and_hearing_of_it_finds_its_settlement_again() {
    let world = World::build().await;
    let (reply_id, deadline_ms) = open(&world.chain, 1).await.expect("opened");
    // The payees' accounts are the first transactions; the settlement is what makes the escrow close.
    let (proxy, chain) = behind(&world, |method, _| match method {
        "getSignatureStatuses" => Act::Hang,
        _ => Act::Pass,
    })
    .await;
    world
        .chain
        .create_token_accounts(&wallet(OWNER), &world.config.mint, &[PROVIDER, ROUTER].map(address))
        .await
        .expect("created");
    let dying = tokio::spawn(async move { settle(&chain, &reply_id, deadline_ms).await });
    proxy.passed_on().await;
    dying.abort();
    assert!(dying.await.is_err_and(|ended| ended.is_cancelled()), "it died before it heard anything");
    assert_eq!(proxy.sent().len(), 1, "it had sent its settlement");

    let found = settle(&world.chain, &reply_id, deadline_ms).await.expect("settled already, or now");
    assert_eq!(found.escrow.status, EscrowStatus::Settled);
    let [signature] =
        <[_; 1]>::try_from(proxy.sent()).expect("one").map(|bytes| bs58::encode(&bytes[1..65]).into_string());
    assert_eq!(found.signature, Some(signature), "found again: the transaction that the dead one sent");
    assert_eq!(world.balances().await, PAID);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_is_run_again_and_pays_once() {
    let world = World::build().await;
    let (reply_id, deadline_ms) = open(&world.chain, 1).await.expect("opened");
    let travel = json!({ "jsonrpc": "2.0", "id": 1, "method": "surfnet_timeTravel",
                         "params": [{ "absoluteTimestamp": deadline_ms + HOUR_MS }] });
    let client = reqwest::Client::new();
    let moved = client.post(world.chain.rpc_url()).json(&travel).send().await.expect("sent");
    assert!(moved.status().is_success());
    let dir = tempfile::tempdir().expect("a directory");
    let keypair = dir.path().join("owner.json");
    std::fs::write(&keypair, wallet(OWNER).to_json()).expect("written");
    let refund = |url: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ogong-chain"));
        command.args(["refund", &reply_id.to_string(), "--json", "--rpc-url", url, "--keypair"]).arg(&keypair);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let proxy = Proxy::start(world.chain.rpc_url(), at("sendTransaction", 1, Act::Hang)).await;
    let mut dying = refund(&proxy.url).spawn().expect("it starts");
    proxy.passed_on().await;
    dying.start_kill().expect("it runs");
    dying.wait().await.expect("it ends");

    let again = refund(world.chain.rpc_url()).output().await.expect("it starts");
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let escrow: serde_json::Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!(escrow["status"], "refunded");
    assert_eq!(world.balances().await, [0, 0, 0, 0, 100 * ATOMS_PER_TOKEN]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_denies_what_happened_makes_nobody_pay_twice() {
    let world = World::build().await;
    let (reply_id, deadline_ms) = open(&world.chain, 1).await.expect("opened");
    let (proxy, chain) = behind(&world, |method, _| match method {
        "getSignatureStatuses" => Act::Say(json!({ "context": { "slot": 1 }, "value": [null] })),
        "getBlockHeight" => Act::Say(json!(1_000_000_000u64)),
        _ => Act::Pass,
    })
    .await;
    // What it says of payees' accounts is a lie as well: they are made by somebody else.
    let owners: Vec<Address> = [PROVIDER, ROUTER, super::world::FEES, OWNER].map(address).into();
    world.chain.create_token_accounts(&wallet(OWNER), &world.config.mint, &owners).await.expect("created");
    let closed = settle(&chain, &reply_id, deadline_ms).await.expect("the escrow itself says what happened");
    assert_eq!(closed.escrow.status, EscrowStatus::Settled);
    assert!(closed.signature.is_some() && proxy.count("sendTransaction") >= 1);
    assert_eq!(world.balances().await, PAID);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_blockhash_is_refreshed_and_a_busy_node_is_asked_again() {
    let world = World::build().await;
    let old = json!({ "context": { "slot": 1 }, "value": {
        "blockhash": bs58::encode([9; 32]).into_string(), "lastValidBlockHeight": 1_000_000_000u64 } });
    let (proxy, chain) = behind(&world, at("getLatestBlockhash", 2, Act::Say(old.clone()))).await;
    let (reply_id, deadline_ms) = open(&chain, 1).await.expect("opened with the third");
    assert_eq!((proxy.count("getLatestBlockhash"), proxy.sent().len()), (3, 3));

    let (proxy, chain) = behind(&world, at("getMultipleAccounts", 3, Act::Busy)).await;
    let busy = proxy.count("getMultipleAccounts");
    assert_eq!(busy, 4, "attaching reads the program's account");
    settle(&chain, &reply_id, deadline_ms).await.expect("settled");
    assert_eq!(world.balances().await, PAID);

    // A co-signed settlement whose blockhash is old: signatures are collected for the next one.
    let (reply_id, deadline_ms) = open(&world.chain, 2).await.expect("opened");
    let (proxy, chain) = behind(&world, at("getLatestBlockhash", 2, Act::Say(old))).await;
    let closed = settle(&chain, &reply_id, deadline_ms).await.expect("settled with the third");
    assert_eq!(closed.escrow.status, EscrowStatus::Settled);
    let mut three: Vec<Vec<u8>> = proxy.sent();
    three.dedup();
    assert!(proxy.count("getLatestBlockhash") >= 3 && three.len() >= 3, "three messages, two of which never land");

    let (proxy, _) = behind(&world, |_, _| Act::Pass).await;
    let never = Proxy::start(&proxy.url, |_, _| Act::Busy).await;
    let refused = Chain::attach(&never.url, world.chain.program()).await.expect_err("it gives up");
    assert!(matches!(refused, Error::Unreachable { .. }) && never.count("getVersion") == 4, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_pay_is_paid_up_to_a_maximum() {
    /// `SetComputeUnitPrice` of n micro-lamports, as it stands in a transaction.
    fn price(n: u64) -> Vec<u8> {
        [[3].as_slice(), &n.to_le_bytes()].concat()
    }
    fn has(transaction: &[u8], part: &[u8]) -> bool {
        transaction.windows(part.len()).any(|window| window == part)
    }
    let world = World::build().await;
    let fees = json!([{ "slot": 1, "prioritizationFee": 7_777 }]);
    let (proxy, chain) = behind(&world, at("getRecentPrioritizationFees", usize::MAX, Act::Say(fees))).await;
    for (nonce, most, paid) in [(1, 100_000, 7_777), (2, 5_000, 5_000)] {
        open(&chain.clone().with_priority_fee_max(most), nonce).await.expect("opened");
        assert!(has(proxy.sent().last().expect("sent"), &price(paid)), "{paid}");
    }
    // What a quorum signs pays for its place too: the co-signers found the price in the handler's bytes.
    let (reply_id, deadline_ms) = open(&chain, 4).await.expect("opened");
    let before = proxy.sent().len();
    settle(&chain, &reply_id, deadline_ms).await.expect("settled");
    let signed_by_three = |bytes: &&Vec<u8>| bytes.first() == Some(&3);
    let settlements: Vec<Vec<u8>> = proxy.sent()[before..].iter().filter(signed_by_three).cloned().collect();
    assert!(!settlements.is_empty() && settlements.iter().all(|bytes| has(bytes, &price(7_777))));
    let asked = proxy.count("getRecentPrioritizationFees");
    open(&chain.with_priority_fee_max(0), 3).await.expect("opened");
    assert_eq!(proxy.count("getRecentPrioritizationFees"), asked);
    let plain = proxy.sent().last().expect("sent").len();
    assert_eq!(plain + 32 + 1 + 1 + 1 + 9, proxy.sent()[0].len(), "one key and one instruction less");
}
