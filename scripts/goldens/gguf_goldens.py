#!/usr/bin/env python3
"""Makes Tests/MartletModelTests/Goldens/gguf. Needs: gguf==0.19.0, numpy, ml_dtypes, safetensors.

A GGUF file with a value of every metadata type and a matrix in every element format, and what the reference package
reads from it: matrices as float32. Besides, some of the tiny models of families_goldens.py as GGUF files, which must give the
same logits.
"""
import base64
import json
import pathlib

import gguf
import ml_dtypes  # noqa: F401 (registers bfloat16)
import numpy as np
import safetensors.numpy
from gguf import GGMLQuantizationType as Q

OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/MartletModelTests/Goldens/gguf"
ROWS, COLUMNS = 3, 512
# Offsets of the half-precision fields in a block whose bytes are otherwise random.
HALVES = {Q.Q2_K: (80, 82), Q.Q3_K: (108,), Q.Q4_K: (0, 2), Q.Q5_K: (0, 2), Q.Q6_K: (208,)}


def matrix(generator, kind):
    values = generator.normal(0, 1, (ROWS, COLUMNS)).astype(np.float32)
    if kind == Q.F32:
        return values
    if kind == Q.F16:
        return values.astype(np.float16)
    if kind not in HALVES:
        return gguf.quants.quantize(values, kind)
    size = gguf.GGML_QUANT_SIZES[kind][1] * COLUMNS // 256
    data = generator.integers(0, 256, (ROWS, size), dtype=np.uint8)
    block = gguf.GGML_QUANT_SIZES[kind][1]
    for start in range(0, size, block):
        for place in HALVES[kind]:
            scale = generator.uniform(0.001, 0.1, ROWS).astype(np.float16)
            data[:, start + place:start + place + 2] = scale.view(np.uint8).reshape(ROWS, 2)
    return data


NAMES = {
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight", "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
GEMMA = {"post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
         "post_feedforward_layernorm": "post_ffw_norm"}


def pairs(weights, heads):
    """Partners of a rotation side by side, as the llama architecture stores them in GGUF."""
    return weights.reshape(heads, 2, -1, weights.shape[-1]).swapaxes(1, 2).reshape(weights.shape)


def frequency_factors(scaling, base, half):
    """Llama 3's scaling as divisors of the plain frequencies."""
    plain = base ** (-np.arange(half) / half)
    wavelength, context = 2 * np.pi / plain, scaling["original_max_position_embeddings"]
    low, high, factor = scaling["low_freq_factor"], scaling["high_freq_factor"], scaling["factor"]
    smooth = (context / wavelength - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    return np.where(wavelength < context / high, 1, np.where(wavelength > context / low, factor, between))


def convert(name, architecture):
    folder = OUT.parent / "families" / name
    config = json.loads((folder / "config.json").read_text())
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    half = config.get("head_dim", config["hidden_size"] // heads) // 2
    rope = config.get("rope_parameters", {}).get("full_attention", config)
    writer = gguf.GGUFWriter(OUT / f"{name}.gguf", architecture)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    writer.add_key_length(2 * half)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])
    scaling = config.get("rope_scaling", rope)
    kind = scaling.get("rope_type", "default")
    if kind == "llama3":
        factors = frequency_factors(scaling, rope["rope_theta"], half)
        writer.add_tensor("rope_freqs.weight", factors.astype(np.float32))
    elif kind != "default":
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(scaling["factor"])
        if kind == "yarn":
            writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
    if architecture == "gemma3":
        writer.add_sliding_window(config["sliding_window"])
    tensors = {}
    for file in folder.glob("*.safetensors"):
        tensors |= safetensors.numpy.load_file(file)
    for key, value in sorted(tensors.items()):
        value = value.astype(np.float32)
        target = NAMES.get(key)
        if target is None:
            _, _, layer, rest = key.split(".", 3)
            module, suffix = rest.rsplit(".", 1)
            names = {**NAMES, **GEMMA} if architecture == "gemma3" else NAMES
            target = f"blk.{layer}.{names[module]}.{suffix}"
            if architecture == "llama" and names[module] in ("attn_q", "attn_k"):
                value = pairs(value, heads if names[module] == "attn_q" else kv)
        if architecture == "gemma3" and "norm" in target:
            value = value + 1
        if value.ndim == 2:
            packed = gguf.quants.quantize(value, Q.BF16)
            writer.add_tensor(target, packed, raw_dtype=Q.BF16)
        else:
            writer.add_tensor(target, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(11)
    writer = gguf.GGUFWriter(OUT / "formats.gguf", "llama")
    writer.add_uint8("t.u8", 255)
    writer.add_int8("t.i8", -128)
    writer.add_uint16("t.u16", 65535)
    writer.add_int16("t.i16", -32768)
    writer.add_uint32("t.u32", 4294967295)
    writer.add_int32("t.i32", -2147483648)
    writer.add_uint64("t.u64", 2**63 - 1)
    writer.add_int64("t.i64", -(2**63))
    writer.add_float32("t.f32", 0.5)
    writer.add_float64("t.f64", 0.1)
    writer.add_bool("t.bool", True)
    writer.add_string("t.string", "grüße\n世界")
    writer.add_array("t.strings", ["", "a", "é", "\u2581x"])
    writer.add_array("t.ints", [1, -2, 3])
    writer.add_array("t.floats", [0.25, -1.5])
    writer.add_array("t.bytes", bytes([0, 127, 255]))
    expected = {}
    for kind in [Q.F32, Q.F16, Q.BF16, Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0, *HALVES]:
        data = matrix(generator, kind)
        writer.add_tensor(f"m.{kind.name}", data, raw_dtype=kind)
        values = data.astype(np.float32) if kind in (Q.F32, Q.F16) else gguf.quants.dequantize(data, kind)
        expected[kind.name] = base64.b64encode(values.astype("<f4").tobytes()).decode()
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for name, architecture in [("llama-3-scaling", "llama"), ("qwen2-yarn", "qwen2"), ("qwen3", "qwen3"),
                               ("gemma3-pattern", "gemma3")]:
        convert(name, architecture)
    (OUT / "formats.json").write_text(json.dumps(expected, indent=0) + "\n")


if __name__ == "__main__":
    main()
