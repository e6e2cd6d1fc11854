//! Forty years of emission through the real program: every atom is minted by the ELF, and none past the curve or the cap.

use crate::approve_emission::{approval, emission};
use crate::curve::curve::{CAP_ATOMS, HALVING_S, TRANCHE_ATOMS, emitted};
use crate::{claim_audits, claim_work, record_liveness};
use ogong_chain_interface::account::Role;
use ogong_chain_interface::instruction::{AdvanceEpoch, PayVerifier, Served};
use ogong_chain_interface::{PROGRAM_ID, address};
use ogong_chain_tests::world::{EPOCH_MS, START_S};
use ogong_chain_tests::{Known, World, everybody};

/// Eight epochs a year: a few hundred in forty years, and 46 days are a long time to forget to claim.
const EPOCHS_A_YEAR: u64 = 8;
const YEARS: u64 = 40;

/// More than any epoch emits, so that fees are never the bound: then the curve must be.
const FEE: u64 = 2_000_000_000_000_000_000;

struct Network {
    world: World,
    provider: Known,
    router: Known,
    verifier: Known,
}

impl Network {
    fn launched() -> Self {
        let mut world = World::with_stakes(&[1_000; 3]);
        let provider = world.known_operator(111, Role::Provider, 0);
        let router = world.known_operator(112, Role::Router, 500);
        let verifier = world.known_operator(113, Role::Verifier, 500);
        world.launch();
        Self { world, provider, router, verifier }
    }

    /// A challenge answered and one reply paid, audited and routed: work for everybody.
    fn work(&mut self, nonce: u64) {
        let Self { world, provider, router, verifier } = self;
        for (role, known) in [(Role::Provider, &*provider), (Role::Router, router), (Role::Verifier, verifier)] {
            world.open_work(role, known.wallet.address());
        }
        let answer = record_liveness::answer_of(world, provider, 1);
        let after = answer.answered_ms / 1_000 + 1;
        world.set_time(i64::try_from(after).expect("a time"));
        let instructions = record_liveness::record(provider, answer, everybody(world));
        world.must_raw(&instructions, &world.quorum());
        // what went round in the years before is paid again, and the fees of test wallets are emptied
        let (owner, token) = (world.owner.address(), world.owner.token);
        world.fund(&owner, &token, FEE);
        let mut order = world.order();
        order.nonce[..8].copy_from_slice(&nonce.to_le_bytes());
        let deal = world.open_known(u8::try_from(nonce % 251).expect("a byte"), FEE, provider, Some(router));
        let mut settle = world.settlement(&deal);
        settle.verdict.verifiers = vec![verifier.wallet.address()];
        world.must(settle, &world.quorum());
        let mut release = world.payment(&deal);
        let (provider_token, operator) = (provider.wallet.token, Some(provider.wallet.address()));
        release.provider = Served::Provider { token: provider_token, operator };
        release.router_token = router.wallet.token;
        world.must(release, &world.quorum()[..1]);
        let pay = PayVerifier {
            reply_id: deal.reply_id,
            epoch: world.config().stake_epoch,
            verifier: verifier.wallet.address(),
            verifier_token: verifier.wallet.token,
        };
        world.must(pay, &world.quorum()[..1]);
        // room for the next reply: fees leave again, so that no balance runs over
        let purses: Vec<(ogong_chain_interface::Address, ogong_chain_interface::Address)> =
            [provider, router, verifier].map(|known| (known.wallet.address(), known.wallet.token)).to_vec();
        for (wallet, token) in purses {
            world.fund(&wallet, &token, 0);
        }
        let owners: Vec<_> = world.fee_owners.iter().map(|wallet| (wallet.address(), wallet.token)).collect();
        for (wallet, token) in owners {
            world.fund(&wallet, &token, 0);
        }
        let (config, reserve) = (address::config(&PROGRAM_ID), world.reserve());
        world.fund(&config, &reserve, 1_000_000);
    }

    /// Ends the epoch at `seconds` after the launch, approves it and lets everybody claim.
    fn close(&mut self, seconds: u64) {
        let world = &mut self.world;
        let epoch = world.config().stake_epoch;
        world.set_time(START_S + i64::try_from(seconds).expect("a time"));
        world.must(AdvanceEpoch { payer: world.admin.address(), epoch }, &[world.admin.key.insecure_clone()]);
        world.close_epoch();
        world.must(approval(epoch, everybody(world)), &world.quorum());
        let payer = [world.admin.key.insecure_clone()];
        for (role, known) in
            [(Role::Provider, &self.provider), (Role::Router, &self.router), (Role::Verifier, &self.verifier)]
        {
            world.must(claim_work::claim(world, epoch, role, known), &payer);
        }
        for place in 0..3 {
            world.must(claim_audits::claim(world, epoch, place), &payer);
        }
    }
}

#[test]
fn forty_years_of_emission() {
    let mut network = Network::launched();
    let launched = network.world.minted();
    assert_eq!(launched, CAP_ATOMS - TRANCHE_ATOMS);
    let epoch_s = HALVING_S / (4 * EPOCHS_A_YEAR);
    assert!(epoch_s * 1_000 > EPOCH_MS, "the epochs are long enough to be advanced");
    let mut atoms_by_year = Vec::new();
    for epoch in 0..YEARS * EPOCHS_A_YEAR {
        network.work(epoch);
        // to the halving's second at the end of each year
        let year_end = (epoch + 1).is_multiple_of(EPOCHS_A_YEAR);
        let end_s = if year_end { (epoch + 1) / EPOCHS_A_YEAR * (HALVING_S / 4) } else { (epoch + 1) * epoch_s };
        network.close(end_s);
        let world = &network.world;
        assert!(world.minted() <= CAP_ATOMS, "the cap, in epoch {epoch}");
        assert!(world.supply().emitted <= emitted(end_s), "the curve, in epoch {epoch}");
        assert_eq!(world.minted(), launched + world.supply().emitted, "nothing else mints");
        let emission = emission(world, epoch);
        assert!(emission.minted <= emission.amounts.iter().sum::<u64>());
        if year_end {
            atoms_by_year.push(world.supply().emitted);
        }
    }
    for (year, atoms) in (1u64..).zip(&atoms_by_year) {
        // each claim rounds down, six of them in an epoch; the parts of a role by one more
        let (released, rounding) = (emitted(year * HALVING_S / 4), 10 * EPOCHS_A_YEAR * year);
        assert!(*atoms <= released && released - atoms <= rounding, "year {year}: {atoms} of {released}");
    }
    let parts_per_million = |year: usize| u128::from(atoms_by_year[year - 1]) * 1_000_000 / u128::from(TRANCHE_ATOMS);
    for year in [4, 8, 12, 16, 20, 40] {
        println!("year {year}: {} ppm of the tranche minted", parts_per_million(year));
    }
    // "roughly 97% within 20 years"
    assert_eq!(parts_per_million(20), 968_749);
    assert!(parts_per_million(40) < 1_000_000 && network.world.minted() < CAP_ATOMS);
}
