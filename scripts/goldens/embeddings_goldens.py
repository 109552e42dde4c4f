"""Writes the final hidden states of the tiny models that families_goldens.py made.

Versions: torch 2.15, transformers 5.24, safetensors 0.8 (or later ones of the same major version).
Usage: python embeddings_goldens.py FAMILIES  ->  FAMILIES/<case>/hidden.json, for each case there

Computed in float32 with eager attention from the stored weights: the output of the final norm at each token of the
prompt, which pooling makes an embedding of.
"""

import base64
import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file


def write(folder):
    prompt = json.loads((folder / "expected.json").read_text())["prompt"]
    fields = json.loads((folder / "config.json").read_text())
    name = fields["architectures"][0]
    kind = name.removesuffix("ForCausalLM")
    configuration = getattr(transformers, "Gemma3TextConfig" if kind == "Gemma3" else kind + "Config")(**fields)
    configuration._attn_implementation = "eager"
    model = getattr(transformers, name)(configuration).float().eval()
    tensors = {}
    for file in folder.glob("*.safetensors"):
        tensors.update({key: value.float() for key, value in load_file(file).items()})
    missing, unknown = model.load_state_dict(tensors, strict=False)
    if unknown or set(missing) - {"lm_head.weight"}:
        sys.exit(f"{folder.name}: missing {missing}, unknown {unknown}")
    model.tie_weights()
    hidden = model.model(torch.tensor([prompt]), use_cache=False).last_hidden_state[0]
    # The same weights must give the logits that the other goldens hold.
    expected = torch.frombuffer(
        bytearray(base64.b64decode(json.loads((folder / "expected.json").read_text())["prefill"])), dtype=torch.float32)
    logits = model.lm_head(hidden)
    error = float((logits - expected.view_as(logits)).abs().max() / expected.abs().max())
    if error > 1e-5:
        sys.exit(f"{folder.name}: the logits differ by {error}")
    values = hidden.to(torch.float32).contiguous().numpy().tobytes()
    (folder / "hidden.json").write_text(
        json.dumps({"prompt": prompt, "hidden": base64.b64encode(values).decode()}) + "\n")
    print(folder.name, tuple(hidden.shape), "logits within", error)


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    print("torch", torch.__version__, "transformers", transformers.__version__)
    for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        if (path / "expected.json").exists():
            write(path)
