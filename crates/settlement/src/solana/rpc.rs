//! JSON-RPC 2.0 over HTTP: the dozen methods OGONG needs.
//!
//! Written here because the official client draws in 224 crates, a second TLS provider and a BLS library for these few calls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use ogong_chain_interface::{Address, ChainError};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::error::Error;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const CALL_LIMIT: Duration = Duration::from_secs(20);
/// A call that found nobody, or a node that was too busy, is tried this often: nodes restart and limit rates.
const TRIES: u32 = 4;
/// Before the second try; it doubles with each.
const TRY_PAUSE: Duration = Duration::from_millis(300);
/// `getMultipleAccounts` takes no more.
pub(super) const ACCOUNTS_MAX: usize = 100;
/// What a settlement waits for: two thirds of the chain's stake have voted for the block.
const COMMITMENT: &str = "confirmed";
/// A transaction error's name.
const ALREADY_PROCESSED: &str = "AlreadyProcessed";

/// One node.
#[derive(Debug, Clone)]
pub(super) struct Rpc(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    url: String,
    next_id: AtomicU64,
}

/// An account as the chain holds it.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub lamports: u64,
    pub executable: bool,
    pub data: Vec<u8>,
}

/// A recent block's hash, and the block height up to which it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blockhash {
    /// What a message names.
    pub hash: [u8; 32],
    /// After this height a transaction that names it is dropped.
    pub last_valid_height: u64,
}

/// How far a sent transaction has come.
#[derive(Debug)]
pub(super) enum Status {
    Unknown,
    Confirmed,
    Failed(Error),
}

#[derive(Deserialize)]
struct Reply {
    result: Option<Value>,
    error: Option<ReplyError>,
}

#[derive(Deserialize)]
struct ReplyError {
    code: i64,
    message: String,
    data: Option<Value>,
}

#[derive(Deserialize)]
struct WithContext<T> {
    value: T,
}

#[derive(Deserialize)]
struct WireAccount {
    lamports: u64,
    executable: bool,
    data: (String, String),
}

#[derive(Deserialize)]
struct WireProgramAccount {
    pubkey: String,
    account: WireAccount,
}

#[derive(Deserialize)]
struct WireSignature {
    signature: String,
    err: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePriorityFee {
    prioritization_fee: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireBlockhash {
    blockhash: String,
    last_valid_block_height: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireStatus {
    err: Option<Value>,
    confirmation_status: Option<String>,
}

impl Rpc {
    pub fn new(url: &str) -> Result<Self, Error> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Lost races are fine: somebody installed one.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(CALL_LIMIT)
            .build()
            .map_err(|source| Error::Unreachable { url: url.to_owned(), source })?;
        Ok(Self(Arc::new(Inner { http, url: url.to_owned(), next_id: AtomicU64::new(1) })))
    }

    pub fn url(&self) -> &str {
        &self.0.url
    }

    pub async fn version(&self) -> Result<String, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Version {
            solana_core: String,
        }
        Ok(self.call::<Version>("getVersion", json!([])).await?.solana_core)
    }

    /// Accounts in the order asked for, absent ones as `None`.
    pub async fn accounts(&self, addresses: &[Address]) -> Result<Vec<Option<Account>>, Error> {
        const METHOD: &str = "getMultipleAccounts";
        let mut found = Vec::with_capacity(addresses.len());
        for some in addresses.chunks(ACCOUNTS_MAX) {
            let keys: Vec<String> = some.iter().map(Address::to_string).collect();
            let params = json!([keys, { "encoding": "base64", "commitment": COMMITMENT }]);
            let reply: WithContext<Vec<Option<WireAccount>>> = self.call(METHOD, params).await?;
            if reply.value.len() != some.len() {
                return Err(answer(METHOD, format!("{} accounts for {} addresses", reply.value.len(), some.len())));
            }
            for account in reply.value {
                found.push(account.map(|account| account.decode(METHOD)).transpose()?);
            }
        }
        Ok(found)
    }

    /// All accounts of `program` that hold these bytes at these places.
    pub async fn program_accounts(
        &self,
        program: &Address,
        holds: &[(usize, &[u8])],
    ) -> Result<Vec<(Address, Account)>, Error> {
        const METHOD: &str = "getProgramAccounts";
        let filters: Vec<Value> = holds
            .iter()
            .map(|(offset, bytes)| {
                json!({ "memcmp": { "offset": offset, "bytes": bs58::encode(bytes).into_string(), "encoding": "base58" } })
            })
            .collect();
        let params =
            json!([program.to_string(), { "encoding": "base64", "commitment": COMMITMENT, "filters": filters }]);
        let found: Vec<WireProgramAccount> = self.call(METHOD, params).await?;
        found
            .into_iter()
            .map(|found| {
                let address = base58(METHOD, &found.pubkey)?;
                Ok((Address::new_from_array(address), found.account.decode(METHOD)?))
            })
            .collect()
    }

    pub async fn blockhash(&self) -> Result<Blockhash, Error> {
        const METHOD: &str = "getLatestBlockhash";
        let reply: WithContext<WireBlockhash> = self.call(METHOD, json!([{ "commitment": COMMITMENT }])).await?;
        let WireBlockhash { blockhash, last_valid_block_height } = reply.value;
        Ok(Blockhash { hash: base58(METHOD, &blockhash)?, last_valid_height: last_valid_block_height })
    }

    pub async fn block_height(&self) -> Result<u64, Error> {
        self.call("getBlockHeight", json!([{ "commitment": COMMITMENT }])).await
    }

    pub async fn request_airdrop(&self, to: &Address, lamports: u64) -> Result<String, Error> {
        self.call("requestAirdrop", json!([to.to_string(), lamports])).await
    }

    /// Signatures of the transactions that touched an account and succeeded, newest first.
    pub async fn signatures(&self, account: &Address, limit: usize) -> Result<Vec<String>, Error> {
        let params = json!([account.to_string(), { "limit": limit, "commitment": COMMITMENT }]);
        let found: Vec<WireSignature> = self.call("getSignaturesForAddress", params).await?;
        Ok(found.into_iter().filter(|found| found.err.is_none()).map(|found| found.signature).collect())
    }

    /// What transactions on these accounts paid per compute unit in the last blocks, micro-lamports.
    pub async fn recent_priority_fees(&self, accounts: &[Address]) -> Result<Vec<u64>, Error> {
        let keys: Vec<String> = accounts.iter().map(Address::to_string).collect();
        let found: Vec<WirePriorityFee> = self.call("getRecentPrioritizationFees", json!([keys])).await?;
        Ok(found.into_iter().map(|found| found.prioritization_fee).collect())
    }

    /// Sends a transaction; `checked` has the node try it first and say why it fails.
    pub async fn send(&self, transaction: &[u8], checked: bool) -> Result<(), Error> {
        let options = json!({ "encoding": "base64", "skipPreflight": !checked, "preflightCommitment": COMMITMENT, "maxRetries": 0 });
        let params = json!([BASE64_STANDARD.encode(transaction), options]);
        match self.call::<String>("sendTransaction", params).await {
            // The node has it from an earlier try whose answer was lost.
            Err(Error::Transaction(why)) if why == ALREADY_PROCESSED => Ok(()),
            sent => sent.map(drop),
        }
    }

    pub async fn status(&self, signature: &str) -> Result<Status, Error> {
        let params = json!([[signature], { "searchTransactionHistory": true }]);
        let reply: WithContext<Vec<Option<WireStatus>>> = self.call("getSignatureStatuses", params).await?;
        let Some(status) = reply.value.into_iter().next().flatten() else { return Ok(Status::Unknown) };
        if let Some(failure) = status.err {
            return Ok(Status::Failed(transaction_error(&failure, || failure.to_string())));
        }
        Ok(match status.confirmation_status.as_deref() {
            Some("confirmed" | "finalized") => Status::Confirmed,
            _ => Status::Unknown,
        })
    }

    async fn call<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, Error> {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let mut tries = 1;
        let reply = loop {
            match self.post(&body).await {
                Ok(reply) => break reply,
                Err(source) if tries < TRIES && (source.is_connect() || is_busy(&source)) => {
                    tokio::time::sleep(TRY_PAUSE * 2u32.pow(tries - 1)).await;
                    tries += 1;
                }
                Err(source) if source.is_decode() => return Err(answer(method, source.to_string())),
                Err(source) => return Err(Error::Unreachable { url: self.0.url.clone(), source }),
            }
        };
        if let Some(error) = reply.error {
            return Err(refusal(method, error));
        }
        serde_json::from_value(reply.result.unwrap_or(Value::Null)).map_err(|error| answer(method, error.to_string()))
    }

    async fn post(&self, body: &Value) -> Result<Reply, reqwest::Error> {
        let response = self.0.http.post(&self.0.url).json(body).send().await?;
        response.error_for_status()?.json().await
    }
}

impl WireAccount {
    fn decode(self, method: &'static str) -> Result<Account, Error> {
        let (data, encoding) = self.data;
        if encoding != "base64" {
            return Err(answer(method, format!("account data in {encoding}, asked for base64")));
        }
        let data = BASE64_STANDARD.decode(data).map_err(|error| answer(method, error.to_string()))?;
        Ok(Account { lamports: self.lamports, executable: self.executable, data })
    }
}

/// A node, or the proxy before it, that asks for patience; it has not looked at the request.
fn is_busy(source: &reqwest::Error) -> bool {
    matches!(source.status().map(|status| status.as_u16()), Some(429 | 502 | 503))
}

fn answer(method: &'static str, why: String) -> Error {
    Error::Answer { method, why }
}

fn base58(method: &'static str, text: &str) -> Result<[u8; 32], Error> {
    let bytes = bs58::decode(text).into_vec().map_err(|error| answer(method, error.to_string()))?;
    <[u8; 32]>::try_from(bytes).map_err(|bytes| answer(method, format!("32 bytes expected, got {}", bytes.len())))
}

/// A refused call; a transaction that failed its trial run is taken apart.
fn refusal(method: &'static str, error: ReplyError) -> Error {
    let failure = error.data.as_ref().and_then(|data| data.get("err")).filter(|err| !err.is_null());
    match failure {
        Some(failure) => transaction_error(failure, || error.message.clone()),
        None => Error::Rpc { method, code: error.code, message: error.message },
    }
}

/// `{"InstructionError":[i,{"Custom":n}]}` with a number of our program becomes that error.
fn transaction_error(failure: &Value, otherwise: impl FnOnce() -> String) -> Error {
    match failure.as_str() {
        Some("BlockhashNotFound") => return Error::Expired,
        Some(ALREADY_PROCESSED) => return Error::Transaction(ALREADY_PROCESSED.to_owned()),
        _ => {}
    }
    let custom = failure
        .get("InstructionError")
        .and_then(|error| error.get(1))
        .and_then(|error| error.get("Custom"))
        .and_then(Value::as_u64)
        .and_then(|number| u32::try_from(number).ok());
    custom.and_then(ChainError::from_number).map_or_else(|| Error::Transaction(otherwise()), Error::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_our_program_are_told_from_others() {
        let custom = |number: u32| json!({ "InstructionError": [0, { "Custom": number }] });
        let text = || "raw".to_owned();
        let ours = ChainError::EscrowNotOpen;
        assert!(matches!(transaction_error(&custom(ours.number()), text), Error::Refused(e) if e == ours));
        for foreign in [custom(1), json!({ "InstructionError": [0, "InvalidArgument"] }), json!("AccountInUse")] {
            assert!(matches!(transaction_error(&foreign, text), Error::Transaction(raw) if raw == "raw"));
        }
        assert!(matches!(transaction_error(&json!("BlockhashNotFound"), text), Error::Expired));
    }

    #[test]
    fn a_refusal_without_a_transaction_error_keeps_its_code() {
        let refused = |data| refusal("m", ReplyError { code: -32002, message: "no".into(), data });
        assert!(matches!(refused(None), Error::Rpc { code: -32002, .. }));
        assert!(matches!(refused(Some(json!({ "err": null }))), Error::Rpc { .. }));
        let failed = json!({ "err": { "InstructionError": [1, { "Custom": ChainError::QuorumNotReached.number() }] } });
        assert!(matches!(refused(Some(failed)), Error::Refused(ChainError::QuorumNotReached)));
    }

    #[test]
    fn replies_parse_with_the_workspaces_json_features() {
        let text = r#"{"jsonrpc":"2.0","result":{"context":{"slot":1,"apiVersion":"x"},"value":[null,
            {"lamports":18446744073709551615,"executable":false,"owner":"x","rentEpoch":18446744073709551615,
             "space":1,"data":["AQ==","base64"]}]},"id":1}"#;
        let reply: Reply = serde_json::from_str(text).expect("a reply");
        let value: WithContext<Vec<Option<WireAccount>>> =
            serde_json::from_value(reply.result.expect("a result")).expect("accounts");
        let account = value.value.into_iter().nth(1).flatten().expect("there").decode("m").expect("decodes");
        assert_eq!((account.lamports, account.data), (u64::MAX, vec![1]));
    }
}
