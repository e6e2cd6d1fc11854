//! Models of real architectures with random weights, for paths that no packaged model reaches.

use std::path::{Path, PathBuf};

use super::gguf::Gguf;
use super::model;

/// A projector as SmolVLM's (a SigLIP tower and Idefics 3's pixel shuffle), for SmolLM2-135M, which is SmolVLM-256M's own
/// language model: pictures of 32 pixels a side become 4 rows.
pub fn projector(dir: &Path) -> PathBuf {
    const WIDTH: usize = 32;
    let mut file = Gguf::new("clip")
        .truth("clip.has_vision_encoder", true)
        .text("clip.projector_type", "idefics3")
        .truth("clip.use_gelu", true)
        .number("clip.vision.embedding_length", 32)
        .number("clip.vision.attention.head_count", 2)
        .number("clip.vision.feed_forward_length", 64)
        .number("clip.vision.block_count", 1)
        .number("clip.vision.projection_dim", 576)
        .real("clip.vision.attention.layer_norm_epsilon", 1e-6)
        .number("clip.vision.image_size", 32)
        .number("clip.vision.patch_size", 8)
        .number("clip.vision.preproc_image_size", 64)
        .number("clip.vision.projector.scale_factor", 2)
        .reals("clip.vision.image_mean", &[0.5; 3])
        .reals("clip.vision.image_std", &[0.5; 3])
        .random("v.patch_embd.weight", &[8, 8, 3, WIDTH])
        .random("v.patch_embd.bias", &[WIDTH])
        .random("v.position_embd.weight", &[WIDTH, 16]);
    for name in ["attn_q", "attn_k", "attn_v", "attn_out"] {
        file = file.random(&format!("v.blk.0.{name}.weight"), &[WIDTH, WIDTH]);
        file = file.random(&format!("v.blk.0.{name}.bias"), &[WIDTH]);
    }
    for name in ["blk.0.ln1", "blk.0.ln2", "post_ln"] {
        file = file.ones(&format!("v.{name}.weight"), &[WIDTH]).random(&format!("v.{name}.bias"), &[WIDTH]);
    }
    file = file
        .random("v.blk.0.ffn_up.weight", &[WIDTH, 64])
        .random("v.blk.0.ffn_up.bias", &[64])
        .random("v.blk.0.ffn_down.weight", &[64, WIDTH])
        .random("v.blk.0.ffn_down.bias", &[WIDTH])
        .random("mm.model.fc.weight", &[WIDTH * 4, 576]);
    written(&file, dir, "mmproj.gguf")
}

/// A mixture of four experts of which two answer, with SmolLM2's vocabulary.
pub fn mixture(dir: &Path) -> PathBuf {
    written(&experts(), dir, "mixture.gguf")
}

/// Tokens of the vocabulary that [`code`] takes for what stands before a prefix, a suffix, the middle, a repository and a file.
pub const MARKS: [u32; 5] = [7, 8, 9, 3, 5];

/// The same mixture as a code model: it has tokens around a gap.
pub fn code(dir: &Path) -> PathBuf {
    let file = ["pre", "suf", "mid", "rep", "sep"]
        .into_iter()
        .zip(MARKS)
        .fold(experts(), |file, (mark, token)| file.number(&format!("tokenizer.ggml.fim_{mark}_token_id"), token));
    written(&file, dir, "code.gguf")
}

fn experts() -> Gguf {
    const WIDTH: usize = 64;
    let tokenizer = model("Q8_0");
    let mut file = Gguf::new("llama")
        .number("llama.block_count", 2)
        .number("llama.context_length", 512)
        .number("llama.embedding_length", 64)
        .number("llama.feed_forward_length", 96)
        .number("llama.attention.head_count", 4)
        .number("llama.attention.head_count_kv", 2)
        .real("llama.attention.layer_norm_rms_epsilon", 1e-5)
        .number("llama.rope.dimension_count", 16)
        .number("llama.expert_count", 4)
        .number("llama.expert_used_count", 2)
        .entries_of(&tokenizer, "tokenizer.")
        .random("token_embd.weight", &[WIDTH, 49152])
        .ones("output_norm.weight", &[WIDTH]);
    for layer in 0..2 {
        let name = |name: &str| format!("blk.{layer}.{name}.weight");
        file = file
            .ones(&name("attn_norm"), &[WIDTH])
            .ones(&name("ffn_norm"), &[WIDTH])
            .random(&name("attn_q"), &[WIDTH, 64])
            .random(&name("attn_k"), &[WIDTH, 32])
            .random(&name("attn_v"), &[WIDTH, 32])
            .random(&name("attn_output"), &[64, WIDTH])
            .random(&name("ffn_gate_inp"), &[WIDTH, 4])
            .random(&name("ffn_gate_exps"), &[WIDTH, 96, 4])
            .random(&name("ffn_up_exps"), &[WIDTH, 96, 4])
            .random(&name("ffn_down_exps"), &[96, WIDTH, 4]);
    }
    file
}

/// The width of the models that copy.
const COPY_WIDTH: usize = 64;

/// A model of `architecture` whose three blocks add nothing, so that it says its last token again and again.
fn idle(architecture: &str) -> Gguf {
    let key = |key: &str| format!("{architecture}.{key}");
    let file = Gguf::new(architecture)
        .number(&key("block_count"), 3)
        .number(&key("context_length"), 512)
        .number(&key("embedding_length"), 64)
        .number(&key("feed_forward_length"), 96)
        .number(&key("attention.head_count"), 4)
        .number(&key("attention.head_count_kv"), 2)
        .real(&key("attention.layer_norm_rms_epsilon"), 1e-5)
        .entries_of(&model("Q8_0"), "tokenizer.")
        .random("token_embd.weight", &[COPY_WIDTH, 49152])
        .ones("output_norm.weight", &[COPY_WIDTH]);
    (0..3).fold(file, |file, layer| idle_block(file, layer, COPY_WIDTH, COPY_WIDTH))
}

/// A Llama that copies.
pub fn copying_llama(dir: &Path) -> PathBuf {
    written(&idle("llama"), dir, "copying-llama.gguf")
}

/// A Hunyuan 3 that copies, with a head for multi-token prediction that foretells just that.
pub fn copying(dir: &Path) -> PathBuf {
    let file = idle("hy_v3")
        .number("hy_v3.nextn_predict_layers", 1)
        .number("hy_v3.expert_feed_forward_length", 96)
        .identity("blk.2.nextn.eh_proj.weight", 2 * COPY_WIDTH, COPY_WIDTH)
        .ones("blk.2.nextn.enorm.weight", &[COPY_WIDTH])
        .ones("blk.2.nextn.hnorm.weight", &[COPY_WIDTH])
        .ones("blk.2.nextn.shared_head_norm.weight", &[COPY_WIDTH]);
    let file = (0..3).fold(file, |file, layer| {
        file.ones(&format!("blk.{layer}.attn_q_norm.weight"), &[16])
            .ones(&format!("blk.{layer}.attn_k_norm.weight"), &[16])
    });
    written(&file, dir, "copying.gguf")
}

/// A block of attention and feed-forward that adds nothing to the stream.
fn idle_block(file: Gguf, layer: usize, width: usize, inputs: usize) -> Gguf {
    // Two of four heads hold keys in the small ones, all nine in the other.
    let keys = if width == COPY_WIDTH { width / 2 } else { width };
    let name = |name: &str| format!("blk.{layer}.{name}.weight");
    file.ones(&name("attn_norm"), &[width])
        .ones(&name("ffn_norm"), &[width])
        .random(&name("attn_q"), &[inputs, width])
        .random(&name("attn_k"), &[inputs, keys])
        .random(&name("attn_v"), &[inputs, keys])
        .zeros(&name("attn_output"), &[width, width])
        .random(&name("ffn_gate"), &[width, 96])
        .random(&name("ffn_up"), &[width, 96])
        .zeros(&name("ffn_down"), &[96, width])
}

/// An EAGLE-3 layer that foretells what [`copying_llama`] says.
pub fn copying_eagle(dir: &Path) -> PathBuf {
    let file = eagle_head(64, 4, &[0, 1, 2]).identity("fc.weight", 3 * COPY_WIDTH, COPY_WIDTH);
    written(&idle_block(file, 0, COPY_WIDTH, 2 * COPY_WIDTH), dir, "copying-eagle3.gguf")
}

/// An EAGLE-3 layer for SmolLM2-135M that knows nothing.
pub fn ignorant_eagle(dir: &Path) -> PathBuf {
    let file = eagle_head(576, 9, &[2, 15, 27]).random("fc.weight", &[3 * 576, 576]);
    written(&idle_block(file, 0, 576, 2 * 576), dir, "ignorant-eagle3.gguf")
}

fn eagle_head(width: u32, heads: u32, layers: &[u32]) -> Gguf {
    let side = width as usize;
    Gguf::new("eagle3")
        .number("eagle3.block_count", 1)
        .number("eagle3.context_length", 2048)
        .number("eagle3.embedding_length", width)
        .number("eagle3.feed_forward_length", 96)
        .number("eagle3.attention.head_count", heads)
        .number("eagle3.attention.head_count_kv", if width == 64 { 2 } else { heads })
        .real("eagle3.attention.layer_norm_rms_epsilon", 1e-5)
        .number("eagle3.target_hidden_size", width)
        .numbers("eagle3.target_layers", layers)
        .entries_of(&model("Q8_0"), "tokenizer.")
        .ones("output_norm.weight", &[side])
        .ones("blk.0.attn_norm_2.weight", &[side])
}

fn written(file: &Gguf, dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    file.write(&path);
    path
}
