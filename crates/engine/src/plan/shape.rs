//! The numbers of a model that its need of memory depends on.

use super::Wishes;
use std::collections::BTreeMap;

/// Rows of one decode call, which the working memory grows with.
const ROWS: u64 = 512;
/// Working memory beside that.
const WORK_BYTES: u64 = 96 << 20;
/// Context of a model that does not say what it was trained for.
const N_CTX_TRAIN: u64 = super::N_CTX_DEFAULT as u64;

/// What a model's file says of itself, as far as memory depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Whole numbers of the architecture by their names without its prefix, e.g. `block_count`; several where each layer has
    /// its own.
    pub numbers: BTreeMap<String, Vec<u64>>,
    /// Bytes of each tensor by its name.
    pub tensors: BTreeMap<String, u64>,
    /// Entries of the vocabulary.
    pub vocabulary: u64,
    /// Bytes of what is loaded beside the model: a projector, a drafter.
    pub beside_bytes: u64,
}

impl Description {
    fn number(&self, member: &str) -> Option<u64> {
        self.numbers.get(member)?.iter().copied().max()
    }

    /// Bytes by layer of the tensors that `wanted` takes.
    fn layers(&self, wanted: impl Fn(&str) -> bool) -> BTreeMap<u32, u64> {
        let mut layers = BTreeMap::new();
        for (name, bytes) in &self.tensors {
            let layer = name.strip_prefix("blk.").and_then(|rest| rest.split('.').next()?.parse().ok());
            if let Some(layer) = layer.filter(|_: &u32| wanted(name)) {
                *layers.entry(layer).or_default() += bytes;
            }
        }
        layers
    }
}

/// What a plan is made of.
pub(super) struct Shape {
    pub layers: u32,
    /// Experts of a layer; 0 in a dense model.
    pub experts: u32,
    /// Of these, how many a token is sent to.
    pub experts_used: u32,
    pub n_ctx_train: u32,
    pub weights: u64,
    /// Weights outside of the layers.
    pub ends: u64,
    pub layer_bytes: BTreeMap<u32, u64>,
    pub expert_bytes: BTreeMap<u32, u64>,
    pub kv_per_token: u64,
    pub work: u64,
}

impl Shape {
    pub fn of(model: &Description, wishes: &Wishes) -> Self {
        let number = |member: &str| model.number(member).unwrap_or(0);
        let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let layers = number("block_count");
        let layer_bytes = model.layers(|_| true);
        let weights = model.tensors.values().fold(model.beside_bytes, |sum, bytes| sum.saturating_add(*bytes));
        let inside: u64 = layer_bytes.values().sum();
        Self {
            layers: small(layers),
            experts: small(number("expert_count")),
            experts_used: small(number("expert_used_count")).max(1),
            n_ctx_train: small(model.number("context_length").unwrap_or(N_CTX_TRAIN)),
            weights,
            ends: weights.saturating_sub(inside),
            layer_bytes,
            expert_bytes: model.layers(|name| name.contains("_exps")),
            kv_per_token: kv_per_token(model, layers, wishes),
            work: [
                (ROWS * 16, number("embedding_length")),
                (ROWS * 8, number("feed_forward_length")),
                (128, model.vocabulary),
            ]
            .iter()
            .fold(WORK_BYTES, |sum, (each, count)| sum.saturating_add(each.saturating_mul(*count))),
        }
    }

    /// Bytes of the KV cache of so many slots.
    pub fn kv(&self, n_ctx: u32, slots: u32) -> u64 {
        self.kv_per_token.saturating_mul(u64::from(n_ctx)).saturating_mul(u64::from(slots))
    }

    /// Bytes that a slot of the expert cache takes, over all layers, as the engine counts it.
    pub fn expert_slot(&self) -> u64 {
        self.weights / u64::from(self.experts.max(1))
    }
}

/// Keys and values of one token over all layers. Layers without attention have no heads that hold any; where keys and values
/// are one compressed vector, it is held once.
fn kv_per_token(model: &Description, layers: u64, wishes: &Wishes) -> u64 {
    let number = |member: &str| model.number(member);
    let heads = number("attention.head_count").unwrap_or(1).max(1);
    let width = number("embedding_length").unwrap_or(0) / heads;
    let (key, value) =
        (number("attention.key_length").unwrap_or(width), number("attention.value_length").unwrap_or(width));
    let kv_heads = model.numbers.get("attention.head_count_kv").cloned().unwrap_or_else(|| vec![heads]);
    let of_layers: u64 = match kv_heads.as_slice() {
        [all] => all.saturating_mul(layers),
        each => each.iter().sum(),
    };
    let (key_bytes, value_bytes) = (type_bytes(&wishes.cache_type_k), type_bytes(&wishes.cache_type_v));
    let scaled = |width: u64, (bytes, block): (u64, u64)| of_layers.saturating_mul(width).saturating_mul(bytes) / block;
    if number("attention.kv_lora_rank").is_some_and(|rank| rank > 0) {
        return scaled(key, key_bytes);
    }
    scaled(key, key_bytes).saturating_add(scaled(value, value_bytes))
}

/// Bytes of a block of elements, and the block's length.
fn type_bytes(name: &Option<String>) -> (u64, u64) {
    match name.as_deref() {
        Some("f32") => (4, 1),
        Some("q8_0") => (34, 32),
        Some("q4_0") => (18, 32),
        _ => (2, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::model, *};

    #[test]
    fn compressed_and_missing_caches_count_as_they_are() {
        let mut compressed = model(1 << 27, 0);
        for (key, value) in
            [("attention.kv_lora_rank", 512), ("attention.key_length", 576), ("attention.head_count_kv", 1)]
        {
            compressed.numbers.insert(key.to_owned(), vec![value]);
        }
        assert_eq!(kv_per_token(&compressed, 32, &Wishes::default()), 32 * 576 * 2);
        let mut hybrid = model(1 << 27, 0);
        let heads = (0..32).map(|at| if at % 4 == 3 { 8 } else { 0 }).collect();
        hybrid.numbers.insert("attention.head_count_kv".into(), heads);
        assert_eq!(kv_per_token(&hybrid, 32, &Wishes::default()), 8 * 8 * 128 * 4);
    }

    #[test]
    fn numbers_that_lie_do_not_overflow() {
        let mut lying = model(1 << 27, 0);
        lying.numbers.insert("attention.head_count_kv".into(), vec![u64::MAX]);
        assert!(kv_per_token(&lying, u64::MAX, &Wishes::default()) > 0);
    }
}
