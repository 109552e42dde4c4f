"""Writes the goldens of the model families: tiny random models and their logits from Hugging Face transformers.

Versions: torch 2.11, transformers 5.17, safetensors 0.7 (or later ones of the same major version).
Usage: python families_goldens.py OUT  ->  OUT/<case>/{config.json, model*.safetensors, expected.json}

Weights are rounded to the stored type before transformers sees them, and everything is computed in float32 with eager
attention, so that a faithful engine agrees to float32 rounding.
"""

import base64
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file

PROMPT = 24
STEPS = 16
SHAPE = dict(
    vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=16, max_position_embeddings=256, rms_norm_eps=1e-5,
)

# name -> (class, overrides, stored type, shards). Old and new spellings of the rotary fields both occur in the wild.
CASES = {
    "llama": ("Llama", dict(tie_word_embeddings=True, rope_theta=10000.0), torch.float32, 1),
    "llama-3-scaling": (
        "Llama",
        dict(rope_theta=500.0, rope_scaling=dict(
            rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=32)),
        torch.bfloat16, 2),
    "llama-linear": (
        "Llama", dict(rope_theta=10000.0, attention_bias=True, rope_scaling=dict(type="linear", factor=4.0)),
        torch.float16, 1),
    "mistral-window": ("Mistral", dict(sliding_window=8, rope_theta=10000.0), torch.bfloat16, 1),
    "qwen2-yarn": (
        "Qwen2",
        dict(head_dim=None, rope_theta=1000.0, rope_scaling=dict(
            rope_type="yarn", factor=4.0, original_max_position_embeddings=64)),
        torch.bfloat16, 1),
    "qwen2-window": (
        "Qwen2",
        dict(head_dim=None, rope_theta=10000.0, use_sliding_window=True, sliding_window=6, max_window_layers=1),
        torch.bfloat16, 1),
    "qwen3": ("Qwen3", dict(rope_theta=1000000.0, tie_word_embeddings=True), torch.bfloat16, 1),
    "gemma3": (
        "Gemma3",
        dict(num_hidden_layers=3, sliding_window=6, query_pre_attn_scalar=24,
             layer_types=["sliding_attention", "full_attention", "sliding_attention"],
             rope_parameters=dict(
                 full_attention=dict(rope_type="linear", factor=2.0, rope_theta=1000000.0),
                 sliding_attention=dict(rope_type="default", rope_theta=10000.0)),
             hidden_activation="gelu_pytorch_tanh", rms_norm_eps=1e-6),
        torch.bfloat16, 1),
    # The published pattern of five sliding layers to a global one, as GGUF files imply it.
    "gemma3-pattern": (
        "Gemma3",
        dict(num_hidden_layers=7, sliding_window=6, query_pre_attn_scalar=16, rms_norm_eps=1e-6,
             layer_types=["sliding_attention"] * 5 + ["full_attention", "sliding_attention"],
             rope_parameters=dict(
                 full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0),
                 sliding_attention=dict(rope_type="default", rope_theta=10000.0)),
             hidden_activation="gelu_pytorch_tanh"),
        torch.bfloat16, 1),
}


def encode(tensor):
    return base64.b64encode(tensor.to(torch.float32).contiguous().numpy().tobytes()).decode()


def write(out, name, family, overrides, dtype, shards, seed):
    torch.manual_seed(seed)
    fields = {k: v for k, v in {**SHAPE, **overrides}.items() if v is not None}
    configuration = getattr(transformers, {"Gemma3": "Gemma3TextConfig"}.get(family, family + "Config"))(**fields)
    configuration._attn_implementation = "eager"
    model = getattr(transformers, family + "ForCausalLM")(configuration).float().eval()
    with torch.no_grad():
        for key, value in model.named_parameters():
            scale = 0.1 if "norm" in key else 0.5 / value.shape[-1] ** 0.25
            offset = 0.0 if family == "Gemma3" or "norm" not in key else 1.0
            value.copy_((torch.randn_like(value) * scale + offset).to(dtype).float())
    model.tie_weights()
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(
        json.dumps({"architectures": [family + "ForCausalLM"], **fields}, indent=1, sort_keys=True) + "\n")
    tensors = {k: v.to(dtype).contiguous() for k, v in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        tensors.pop("lm_head.weight", None)
    keys = sorted(tensors)
    parts = [keys[i::shards] for i in range(shards)]
    if shards == 1:
        save_file(tensors, folder / "model.safetensors")
    else:
        index = {}
        for number, part in enumerate(parts):
            file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
            save_file({key: tensors[key] for key in part}, folder / file)
            index.update({key: file for key in part})
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}, indent=1) + "\n")

    prompt = torch.randint(0, SHAPE["vocab_size"], (1, PROMPT))
    with torch.no_grad():
        prefill = model(prompt, use_cache=False).logits[0]
        tokens, decode = prompt, []
        for _ in range(STEPS):
            row = model(tokens, use_cache=False).logits[0, -1]
            decode.append(row)
            tokens = torch.cat([tokens, row.argmax().view(1, 1)], dim=1)
    (folder / "expected.json").write_text(json.dumps({
        "prompt": prompt[0].tolist(), "generated": tokens[0, PROMPT:].tolist(),
        "prefill": encode(prefill), "decode": encode(torch.stack(decode)),
    }) + "\n")
    print(name, "std", float(prefill.std()), "generated", tokens[0, PROMPT:].tolist())


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    torch.backends.cuda.matmul.allow_tf32 = False
    print("torch", torch.__version__, "transformers", transformers.__version__)
    for seed, (name, case) in enumerate(CASES.items()):
        write(pathlib.Path(sys.argv[1]), name, *case, seed=seed)
