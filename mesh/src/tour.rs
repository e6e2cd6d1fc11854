//! What became of a reply, as the demo shows it: waits for the chain, then reads the receipt from a validator.

use crate::{Mesh, provision::json};
use anyhow::{Context, Result, bail};
use ogong_base::hash::ReplyId;
use ogong_settlement::interface::Address;
use ogong_settlement::interface::account::{Escrow, EscrowStatus, Role};
use ogong_settlement::solana::unpaid;
use serde_json::Value;
use std::{ffi::OsStr, time::Duration};
use tokio::time::{Instant, sleep};

/// A reply is settled or refunded within, on a busy machine.
pub const FINAL: Duration = Duration::from_secs(180);
/// How often the chain is asked.
const LOOK: Duration = Duration::from_millis(200);

/// A reply at its end.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The escrow, settled or refunded.
    pub escrow: Escrow,
    /// The validator's receipt.
    pub receipt: Value,
    /// Wallets of the registered verifiers that were paid for the audit, whatever came of it.
    pub verifiers: Vec<Address>,
    /// What each of them got, atoms.
    pub verifier_fee: u64,
}

impl Outcome {
    /// `accept`, `reject`, ...
    pub fn verdict(&self) -> &str {
        self.receipt["verdict"]["outcome"].as_str().unwrap_or("none")
    }

    /// The check that caught a cheat.
    pub fn caught_by(&self) -> Option<&str> {
        self.receipt["verdict"]["caught_by"].as_str()
    }

    /// Whether the consumer has the money back.
    pub fn is_refunded(&self) -> bool {
        self.escrow.status == EscrowStatus::Refunded
    }
}

/// Waits until a reply is final on the chain, its verifiers paid, and reads its receipt.
///
/// # Errors
/// What it still waits for when it takes too long.
pub async fn outcome(mesh: &Mesh, reply_id: &str, within: Duration) -> Result<Outcome> {
    let id = ReplyId::from_hex(reply_id)?;
    let deadline = Instant::now() + within;
    let escrow = loop {
        match mesh.ledger.chain.escrow(&id).await? {
            Some(escrow) if is_final(&escrow) => break escrow,
            _ if Instant::now() > deadline => bail!(
                "reply {reply_id} is not final: {}\n  hint: logs are in {}",
                waiting_for(mesh, reply_id).await,
                mesh.dir().display()
            ),
            _ => sleep(LOOK).await,
        }
    };
    let receipt = final_receipt(mesh, reply_id, deadline).await?;
    let named: Vec<Address> =
        escrow.decision.verifiers.iter().copied().filter(|key| *key != Address::default()).collect();
    let operators = mesh.ledger.chain.operators(Role::Verifier, &named).await?;
    let verifiers = operators.into_iter().flatten().map(|operator| operator.payout).collect();
    let verifier_fee = mesh.ledger.chain.config().await?.verifier_fee;
    Ok(Outcome { escrow, receipt, verifiers, verifier_fee })
}

/// Paid out or given back, and nothing owed to verifiers.
fn is_final(escrow: &Escrow) -> bool {
    !matches!(escrow.status, EscrowStatus::Open | EscrowStatus::Decided) && unpaid(escrow).is_empty()
}

/// The receipt of whoever handled the reply: the one that holds the transaction.
async fn final_receipt(mesh: &Mesh, reply_id: &str, deadline: Instant) -> Result<Value> {
    loop {
        for receipt in receipts(mesh, reply_id).await {
            if receipt["transaction"].is_string() && receipt["handler"].is_string() && receipt["verdict"].is_object() {
                return Ok(receipt);
            }
        }
        if Instant::now() > deadline {
            return receipts(mesh, reply_id).await.pop().context("no validator holds a receipt");
        }
        sleep(LOOK).await;
    }
}

async fn receipts(mesh: &Mesh, reply_id: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for pair in &mesh.validators {
        let Ok(program) = mesh.tools.bin("ogong-validatord") else { continue };
        let role = &pair.role;
        let args = [
            OsStr::new("receipt"),
            reply_id.as_ref(),
            "--json".as_ref(),
            "--node".as_ref(),
            role.endpoint.as_ref(),
            "--data-dir".as_ref(),
            role.home.as_ref(),
        ];
        if let Ok(mut receipt) = json(&program, args, &[]).await {
            // The one that gathered co-signatures handled the reply.
            if receipt["cosigners"].as_array().is_some_and(|all| !all.is_empty()) {
                receipt["handler"] = Value::String(pair.authority.to_string());
            }
            found.push(receipt);
        }
    }
    found
}

async fn waiting_for(mesh: &Mesh, reply_id: &str) -> String {
    let all = receipts(mesh, reply_id).await;
    let texts: Vec<String> = all
        .iter()
        .map(|receipt| {
            format!(
                "{} ({})",
                receipt["state"].as_str().unwrap_or("?"),
                receipt["waiting_for"].as_str().unwrap_or("nothing")
            )
        })
        .collect();
    if texts.is_empty() { "no validator holds its record".to_owned() } else { texts.join("; ") }
}
