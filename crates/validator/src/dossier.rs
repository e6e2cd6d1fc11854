//! The receipt of a reply as a person or a script reads it (SPEC §10 of the protocol: what anyone can check afterwards).

use ogong_audit::{Evidence, Marks, Verdict, decide};
use ogong_base::codec::Decode;
use ogong_base::hash::ChainKey;
use ogong_base::keys::NodePublic;
use ogong_commitment::order::Order;
use ogong_commitment::record::Record;
use ogong_net::wire::ReplyStatus;
use serde_json::{Map, Value, json};

use crate::error::Error;

/// Whom a settlement pays, in its order (SPEC 9.3).
const PAYEES: [&str; 5] = ["provider", "router", "validator", "reserve", "owner"];

/// One object with everything the node holds of a reply.
///
/// # Errors
/// When the node sent bytes that do not decode.
pub fn of(status: &ReplyStatus) -> Result<Value, Error> {
    let mut value = Map::new();
    value.insert("reply_id".to_owned(), json!(hex::encode(&status.reply_id)));
    value.insert("state".to_owned(), json!(status.state));
    if !status.waiting_for.is_empty() {
        value.insert("waiting_for".to_owned(), json!(status.waiting_for));
    }
    value.insert("record".to_owned(), record(&Record::from_bytes(&status.record)?));
    if !status.order.is_empty() {
        value.insert("order".to_owned(), order(&Order::from_bytes(&status.order)?));
    }
    if !status.evidence.is_empty() {
        let evidence = Evidence::from_bytes(&status.evidence)?;
        value.insert("beacon".to_owned(), beacon(&evidence));
        value.insert("audit".to_owned(), audit(&evidence));
    }
    if !status.verdict.is_empty() {
        value.insert("verdict".to_owned(), verdict(&Verdict::from_bytes(&status.verdict)?));
    }
    value.insert("cosigners".to_owned(), cosigners(status));
    if !status.transaction.is_empty() {
        value.insert("transaction".to_owned(), json!(status.transaction));
    }
    value.insert("fee".to_owned(), json!(status.fee));
    value.insert("amounts".to_owned(), amounts(status));
    Ok(Value::Object(value))
}

fn record(record: &Record) -> Value {
    json!({
        "req_hash": record.req_hash, "resp_hash": record.resp_hash, "model_root": record.model_root, "commit_root": record.commit_root,
        "n_tokens": record.n_tokens, "t0_ms": record.t0_ms, "t1_ms": record.t1_ms, "record_hash": record.record_hash(),
    })
}

fn order(order: &Order) -> Value {
    json!({
        "model_id": order.model_id, "provider": order.provider, "router": order.router, "owner": order.owner,
        "price_prompt": order.price_prompt, "price_completion": order.price_completion, "max_fee": order.max_fee,
        "max_tokens": order.max_tokens, "deadline_ms": order.deadline_ms,
    })
}

fn beacon(evidence: &Evidence) -> Value {
    json!({
        "round": evidence.beacon.round.0, "value": evidence.beacon.value, "participants": evidence.beacon.participants(),
        "solo": evidence.beacon.is_solo(), "bootstrap": evidence.beacon.is_bootstrap(), "alpha_ppm": evidence.alpha_ppm,
        "received_ms": evidence.receipt.body.received.0,
    })
}

/// What each verifier found; the evidence holds the node's own ground, so deciding again gives the same.
fn audit(evidence: &Evidence) -> Value {
    let decision = decide(evidence, &ogong_audit::Profile::default());
    let findings: Vec<Value> = decision
        .findings
        .iter()
        .zip(evidence.attempts.iter().filter(|attempt| attempt.report.is_some()))
        .map(|(finding, attempt)| {
            let mode = attempt.report.as_ref().map(|report| format!("{:?}", report.body.mode).to_lowercase());
            let word = match &finding.vote {
                Ok(vote) => format!("{vote:?}"),
                Err(reason) => reason.name().to_owned(),
            };
            json!({ "verifier": finding.verifier, "mode": mode, "word": word, "checks": checks(&finding.scores), "outvoted": finding.outvoted })
        })
        .collect();
    let billing = decision.billing.map(|billing| json!({ "n_prompt": billing.n_prompt, "n_billed": billing.n_billed }));
    json!({ "candidates": evidence.candidates.len(), "pinned": evidence.pinned, "findings": findings, "billing": billing })
}

fn verdict(verdict: &Verdict) -> Value {
    let marks: Vec<&str> =
        [(Marks::SOLO, "solo"), (Marks::PINNED, "pinned"), (Marks::BOOTSTRAP, "bootstrap"), (Marks::EXACT, "exact")]
            .into_iter()
            .filter(|(mark, _)| verdict.marks.has(*mark))
            .map(|(_, name)| name)
            .collect();
    json!({
        "outcome": verdict.outcome.name(), "reason": verdict.reason.name(), "culprit": format!("{:?}", verdict.culprit).to_lowercase(),
        "caught_by": verdict.reason.check().map(|check| check.name()), "round": verdict.round.0, "marks": marks,
        "checks": checks(&verdict.scores), "windows": verdict.windows, "verifiers": verdict.verifiers, "verdict_hash": verdict.hash(),
    })
}

fn checks(scores: &[ogong_audit::Score]) -> Value {
    let one = |score: &ogong_audit::Score| {
        // No limit applies to the mean margin of a short reply; it feeds the sequential test alone.
        let limit = (score.limit_ppm != u64::MAX).then_some(score.limit_ppm);
        (score.check.name().to_owned(), json!({ "value_ppm": score.value_ppm, "limit_ppm": limit }))
    };
    Value::Object(scores.iter().map(one).collect())
}

fn cosigners(status: &ReplyStatus) -> Value {
    let key = |bytes: &[u8]| {
        <[u8; 32]>::try_from(bytes).map(|bytes| ChainKey::from_bytes(bytes).to_string()).unwrap_or_default()
    };
    let all = status.cosignatures.iter().map(|one| {
        let node = NodePublic::from_bytes(&one.validator_public).map(|public| public.node_id().to_hex()).unwrap_or_default();
        json!({ "authority": key(&one.chain_key), "node_id": node, "chain_signature": hex::encode(&one.chain_signature), "signature": hex::encode(&one.signature) })
    });
    Value::Array(all.collect())
}

fn amounts(status: &ReplyStatus) -> Value {
    let refund = status.payees.len() == 1;
    let names = PAYEES.iter().copied().filter(|name| !refund || *name == "owner");
    let named = names.zip(&status.payees).map(|(name, payee)| (name.to_owned(), json!(payee.atoms)));
    Value::Object(named.collect())
}

/// The same for a terminal.
#[must_use]
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, 0);
    text
}

fn write(text: &mut String, value: &Value, depth: usize) {
    let Value::Object(fields) = value else { return };
    for (name, field) in fields {
        let indent = "  ".repeat(depth);
        match field {
            Value::Object(_) => {
                text.push_str(&format!("{indent}{name}\n"));
                write(text, field, depth + 1);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                for item in items {
                    text.push_str(&format!("{indent}{name}\n"));
                    write(text, item, depth + 1);
                }
            }
            Value::String(word) => text.push_str(&format!("{indent}{name:<18} {word}\n")),
            other => text.push_str(&format!("{indent}{name:<18} {other}\n")),
        }
    }
}
