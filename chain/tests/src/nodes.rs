//! Nodes with keys, registered and published: who can be accused, and who is challenged.

use crate::world::{NETWORK, World};
use crate::{Deal, Wallet};
use ogong_chain_interface::account::{NodeKey, Operator, Role, Validator, Work};
use ogong_chain_interface::ed25519::{Signed, verify};
use ogong_chain_interface::evidence::{self, Place};
use ogong_chain_interface::instruction::{PublishNodeKey, RegisterOperator};
use ogong_chain_interface::{Address, Instruction, PROGRAM_ID, address};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// The tests' network and program.
pub const PLACE: Place = Place { network: NETWORK, program: PROGRAM_ID };

/// Bytes of the ML-DSA half of a public key; the chain hashes it and reads nothing in it.
const MLDSA_BYTES: usize = 1_312;

/// A node's key.
#[derive(Debug)]
pub struct Node {
    pub key: Keypair,
    pub public: Vec<u8>,
    pub node_id: [u8; 32],
}

/// A registered node whose key is published.
#[derive(Debug)]
pub struct Known {
    pub wallet: Wallet,
    pub node: Node,
    /// Account of the published key.
    pub node_key: Address,
}

impl Node {
    /// The node of a seed.
    pub fn of(seed: u8) -> Self {
        let key = Keypair::new_from_array([seed; 32]);
        let mut public = key.pubkey().to_bytes().to_vec();
        public.extend(std::iter::repeat_n(seed, MLDSA_BYTES));
        let node_id = evidence::node_id(&public);
        Self { key, public, node_id }
    }

    /// The Ed25519 half.
    pub fn ed25519(&self) -> [u8; 32] {
        self.key.pubkey().to_bytes()
    }

    /// Signs a statement.
    pub fn sign(&self, message: Vec<u8>) -> Signed {
        let signature = self.key.sign_message(&message).into();
        Signed { signature, message }
    }

    /// The hash of statements of this node, as a case has it.
    pub fn evidence(&self, messages: &[Vec<u8>]) -> [u8; 32] {
        evidence::hash(&self.ed25519(), messages)
    }

    /// Has statements of this node verified.
    pub fn verified(&self, messages: impl IntoIterator<Item = Vec<u8>>) -> Instruction {
        let signed: Vec<Signed> = messages.into_iter().map(|message| self.sign(message)).collect();
        verify(&self.ed25519(), &signed)
    }
}

impl World {
    /// Publishes a node's key at the admin's expense.
    pub fn publish(&mut self, node: &Node) -> Address {
        let payer = self.admin.address();
        for part in PublishNodeKey::parts(&payer, node.node_id, &node.public) {
            self.must(part, &[self.admin.key.insecure_clone()]);
        }
        address::node_key(&PROGRAM_ID, &node.node_id, &payer)
    }

    /// A published key.
    pub fn node_key(&self, address: &Address) -> NodeKey {
        NodeKey::decode(&self.data(address)).expect("a node key")
    }

    /// Registers one more validator, whose key is known; it is not among `validators`, so it signs no quorum.
    pub fn known_validator(&mut self, seed: u8, stake: u64) -> Known {
        let (wallet, node) = (self.wallet(stake), Node::of(seed));
        let mut registration = self.registration(&wallet, &wallet, stake);
        registration.node_id = node.node_id;
        self.must(registration, &[wallet.key.insecure_clone()]);
        let node_key = self.publish(&node);
        Known { wallet, node, node_key }
    }

    /// Registers an operator, whose key is known, with itself as payout.
    pub fn known_operator(&mut self, seed: u8, role: Role, stake: u64) -> Known {
        let (wallet, node) = (self.wallet(stake), Node::of(seed));
        let registration = RegisterOperator {
            authority: wallet.address(),
            stake_source: wallet.token,
            role,
            node_id: node.node_id,
            payout: wallet.address(),
            stake,
            models: Vec::new(),
        };
        self.must(registration, &[wallet.key.insecure_clone()]);
        let node_key = self.publish(&node);
        Known { wallet, node, node_key }
    }

    /// Opens an escrow for a reply of registered nodes.
    pub fn open_known(&mut self, nonce: u8, max_fee: u64, provider: &Known, router: Option<&Known>) -> Deal {
        let mut order = self.order();
        order.nonce = [nonce; 32];
        order.max_fee = max_fee;
        // one token at a price that takes all
        order.price_prompt = max_fee.saturating_mul(10);
        order.provider = provider.node.node_id;
        let mut terms = self.terms();
        terms.provider_payout = provider.wallet.address();
        terms.provider_operator = Some(provider.wallet.address());
        if let Some(router) = router {
            order.router = router.node.node_id;
            terms.router_payout = router.wallet.address();
            terms.router_operator = Some(router.wallet.address());
        }
        let mut opening = self.opening(&order);
        opening.terms = terms;
        let reply_id = opening.reply_id();
        self.must(opening, &[self.owner.key.insecure_clone()]);
        Deal { order, reply_id }
    }

    /// An operator's registration.
    pub fn operator(&self, role: Role, authority: &Address) -> Operator {
        Operator::decode(&self.data(&address::operator(&PROGRAM_ID, role, authority))).expect("an operator")
    }

    /// A validator's registration.
    pub fn validator(&self, authority: &Address) -> Validator {
        Validator::decode(&self.data(&address::validator(&PROGRAM_ID, authority))).expect("a validator")
    }

    /// An operator's counters of an epoch.
    pub fn work(&self, epoch: u64, role: Role, authority: &Address) -> Work {
        Work::decode(&self.data(&address::work(&PROGRAM_ID, epoch, role, authority))).expect("a work account")
    }
}
