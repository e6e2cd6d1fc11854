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
    written(&file, dir, "mixture.gguf")
}

fn written(file: &Gguf, dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    file.write(&path);
    path
}
