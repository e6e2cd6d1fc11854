//! The official Rust clients, and the `solana` tool where it is on PATH, at the development chain.

use crate::common::{Localnet, SOL, funded, transfer};
use ogong_chain_interface::Address;
use solana_keypair::Keypair;
use solana_pubsub_client::pubsub_client::PubsubClient;
use solana_rpc_client_api::{
    config::{
        RpcAccountInfoConfig, RpcProgramAccountsConfig, RpcSignatureSubscribeConfig, RpcTransactionLogsConfig,
        RpcTransactionLogsFilter, UiAccountEncoding,
    },
    filter::{Memcmp, RpcFilterType},
    response::RpcSignatureResult,
};
use solana_signer::Signer;
use std::{process::Command, time::Duration};
use surfpool_core::solana_commitment_config::CommitmentConfig;

/// A message that does not come is an error, not an endless wait.
const ARRIVES: Duration = Duration::from_secs(30);
const TOKEN_PROGRAM: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
const NATIVE_MINT: &str = "So11111111111111111111111111111111111111112";

#[test]
fn the_rpc_client_finds_history_and_accounts() {
    let chain = Localnet::start(&[]);
    let client = chain.client();
    let payer = funded(&client);
    let to = Keypair::new().pubkey();
    let signatures: Vec<_> = (1..=3u64)
        .map(|n| client.send_and_confirm_transaction(&transfer(&client, &payer, &to, n * SOL)).expect("confirmed"))
        .collect();
    assert_eq!(client.get_balance(&to).expect("a balance"), 6 * SOL);
    let history = client.get_signatures_for_address(&to).expect("a history");
    let newest_first: Vec<String> = signatures.iter().rev().map(ToString::to_string).collect();
    assert_eq!(history.iter().map(|entry| entry.signature.clone()).collect::<Vec<_>>(), newest_first);
    assert!(history.iter().all(|entry| entry.err.is_none() && entry.block_time.is_some()));

    let poor = client.send_and_confirm_transaction(&transfer(&client, &payer, &to, 1_000 * SOL));
    assert!(poor.expect_err("refused").to_string().contains("custom program error: 0x1"));

    let token_program: Address = TOKEN_PROGRAM.parse().expect("an address");
    let mints = |bytes: u64| {
        let accounts = RpcAccountInfoConfig { encoding: Some(UiAccountEncoding::Base64), ..Default::default() };
        // The native mint has neither authority, and nine decimals at offset 44.
        let decimals = RpcFilterType::Memcmp(Memcmp::new_raw_bytes(44, vec![9, 1]));
        let filters = Some(vec![RpcFilterType::DataSize(bytes), decimals]);
        let config = RpcProgramAccountsConfig { filters, account_config: accounts, ..Default::default() };
        client.get_program_ui_accounts_with_config(&token_program, config).expect("answers")
    };
    assert_eq!(mints(82).into_iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>(), [NATIVE_MINT]);
    assert!(mints(83).is_empty());
}

#[test]
fn the_pubsub_client_hears_signature_account_and_logs() {
    let chain = Localnet::start(&[]);
    let client = chain.client();
    let payer = funded(&client);
    let to = Keypair::new().pubkey();
    let transaction = transfer(&client, &payer, &to, SOL);
    let url = chain.ready.ws_url.as_str();
    let confirmed = Some(CommitmentConfig::confirmed());
    let signature_config = RpcSignatureSubscribeConfig { commitment: confirmed, enable_received_notification: None };
    let (signature, signatures) =
        PubsubClient::signature_subscribe(url, &transaction.signatures[0], Some(signature_config)).expect("subscribed");
    let account_config =
        RpcAccountInfoConfig { commitment: confirmed, encoding: Some(UiAccountEncoding::Base64), ..Default::default() };
    let (account, accounts) = PubsubClient::account_subscribe(url, &to, Some(account_config)).expect("subscribed");
    let mentions = RpcTransactionLogsFilter::Mentions(vec![to.to_string()]);
    let (subscription, logs) =
        PubsubClient::logs_subscribe(url, mentions, RpcTransactionLogsConfig { commitment: confirmed })
            .expect("subscribed");
    // The blocking client's drop waits for one more message, which never comes.
    std::mem::forget((signature, account, subscription));
    client.send_transaction(&transaction).expect("sent");

    let ended = signatures.recv_timeout(ARRIVES).expect("a signature notification").value;
    assert!(matches!(ended, RpcSignatureResult::ProcessedSignature(result) if result.err.is_none()));
    assert_eq!(accounts.recv_timeout(ARRIVES).expect("an account notification").value.lamports, SOL);
    let logged = logs.recv_timeout(ARRIVES).expect("a logs notification").value;
    assert_eq!(logged.signature, transaction.signatures[0].to_string());
    assert!(logged.logs.iter().any(|line| line.contains("11111111111111111111111111111111 success")));
}

/// What the tool asks of a validator, where somebody has the tool; elsewhere the clients above are the test.
#[test]
fn the_solana_tool_is_answered_where_it_is_on_path() {
    let chain = Localnet::start(&[]);
    let client = chain.client();
    let wallet = funded(&client).pubkey().to_string();
    assert_eq!(client.get_balance(&wallet.parse().expect("an address")).expect("a balance"), 100 * SOL);
    let solana = |args: &[&str]| {
        let output = Command::new("solana").args(["--url", &chain.ready.rpc_url]).args(args).output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "solana {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Some(said)
    };
    let Some(balance) = solana(&["balance", &wallet]) else {
        println!("no `solana` on PATH");
        return;
    };
    assert!(balance.starts_with("100 SOL"), "{balance}");
    solana(&["airdrop", "1", &wallet]);
    assert!(solana(&["account", &chain.ready.program_id]).is_some_and(|text| text.contains("Executable: true")));
    assert!(solana(&["transaction-history", &wallet]).is_some_and(|text| text.contains("2 transactions")));
}
