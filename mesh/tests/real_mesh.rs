//! The whole of OGONG as real processes with the real model, engine and chain.
//!
//! One test, because a mesh takes both cores: plain and streamed answers settle to the atom, then each role dies by SIGKILL once.

use anyhow::{Result, ensure};
use ogong_mesh::{
    Mesh, MeshConfig, Tools,
    chaos::{self, Dice, Victim},
    client::{Question, ask},
    tour::{FINAL, outcome},
};

/// Printed, so that a failure can be run again with the same choices.
const SEED: u64 = 20_261_122;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn honest_answers_settle_and_survive_a_kill_of_every_role() -> Result<()> {
    let config = MeshConfig { validators: 4, ..MeshConfig::default() };
    let mut mesh = Mesh::start(Tools::find()?, config, |step| eprintln!("   {step}")).await?;
    plain_and_streamed(&mesh).await?;
    eprintln!("   seed {SEED}");
    let victims = [Victim::Provider(0), Victim::Validator(2), Victim::Router, Victim::Gateway, Victim::Validator(0)];
    let tally = chaos::run(&mut mesh, &victims, &mut Dice::new(SEED)).await?;
    eprintln!("   {tally:?}");
    ensure!(tally.settled == tally.answered && tally.answered > 0, "{tally:?}");
    mesh.stop().await;
    Ok(())
}

async fn plain_and_streamed(mesh: &Mesh) -> Result<()> {
    let streamed = Question { temperature: 0.0, ..Question::new("Say hello in French.", 32) };
    let plain = Question { stream: false, ..streamed.clone() };
    let (one, two) = tokio::join!(ask(mesh.url(), &streamed, |_| ()), ask(mesh.url(), &plain, |_| ()));
    let (one, two) = (one?, two?);
    ensure!(one.text == two.text, "at temperature 0 both say the same: {:?} and {:?}", one.text, two.text);
    ensure!(one.finding.starts_with("ogong-verified") && two.finding == "ok", "{:?} {:?}", one.finding, two.finding);
    for reply in [&one, &two] {
        let outcome = outcome(mesh, &reply.reply_id, FINAL).await?;
        ensure!(outcome.verdict() == "accept" && outcome.escrow.fee > 0, "{}", outcome.receipt);
    }
    Ok(())
}
