//! The round that draws, and what it drew (SPEC 5.1–5.3). What is wrong here is the handler's doing: nobody is charged.

use ogong_commitment::record::Record;

use super::{ensure, run};
use crate::selection::Draws;
use crate::{Check, Evidence, Profile, Reason};

/// What a round drew for a record.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    pub draws: Draws,
    pub selected: bool,
    pub windows: Vec<u32>,
}

/// Holds the receipt, the round and the handler's rate, and draws.
pub(crate) fn check(evidence: &Evidence, profile: &Profile, record: &Record) -> Result<Drawn, Reason> {
    run(profile, Check::Receipt, || receipt(evidence))?;
    run(profile, Check::Beacon, || beacon(evidence))?;
    run(profile, Check::Draw, || rates(evidence, profile))?;
    let (round, value) = (evidence.beacon.round, evidence.beacon.value);
    let draws = Draws::new(evidence.ground.network, round, value, evidence.record.record_hash());
    let extra = usize::try_from(evidence.extra_windows).unwrap_or(usize::MAX);
    let selected = draws.is_selected(evidence.alpha_ppm);
    let windows = if selected { draws.windows(record.n_tokens, extra) } else { Vec::new() };
    Ok(Drawn { draws, selected, windows })
}

fn receipt(evidence: &Evidence) -> Result<(), Reason> {
    let receipt = &evidence.receipt.body;
    let signer = evidence.receipt.node_id();
    let registered = evidence.ground.validators.by_node_id(signer).is_some();
    ensure(receipt.validator == signer && registered && evidence.receipt.verify().is_ok(), Reason::Receipt)?;
    let for_record =
        receipt.reply_id == evidence.order.reply_id() && receipt.record_hash == evidence.record.record_hash();
    ensure(for_record && receipt.names_its_round(&evidence.ground.schedule), Reason::Receipt)?;
    ensure(receipt.received.0 <= evidence.order.deadline_ms, Reason::Late)
}

fn beacon(evidence: &Evidence) -> Result<(), Reason> {
    let verified = evidence.beacon.verify(evidence.ground.network, &evidence.ground.validators);
    ensure(evidence.beacon.round == evidence.receipt.body.round && verified.is_ok(), Reason::Beacon)
}

fn rates(evidence: &Evidence, profile: &Profile) -> Result<(), Reason> {
    let enough =
        evidence.alpha_ppm >= evidence.ground.alpha_ppm && evidence.extra_windows >= profile.extra_windows_min();
    ensure(enough, Reason::Draw)
}
