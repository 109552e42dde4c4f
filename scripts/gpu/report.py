"""Puts the figures of `martlet bench offline` beside those of SGLang and vLLM, as a Markdown page."""

import argparse
import datetime
import json
import pathlib

# Measured on one H200 on 2026-11-23: SGLang 0.5.17, vLLM 0.26.0, bf16, CUDA graphs and prefix cache on, median of 3.
# Each row: SGLang, vLLM, our aim; in the unit of the figure.
PEERS = {
    "llama-3.1-8b": {
        "decode batch 1": (4.85, 4.91, 4.25),
        "decode batch 8": (5.01, 5.07, 4.4),
        "decode batch 32": (5.43, 5.51, 4.75),
        "decode batch 64": (6.02, 5.97, 5.2),
        "decode batch 128": (7.39, 7.26, 6.2),
        "decode batch 256": (11.07, 11.08, 9.2),
        "prefill 8 x 4096": (32768 / 41212, 32768 / 41109, 32768 / 43000),
        "first token of 4096": (104.7, 104.9, 98.0),
        "prefix 64 x (2048 + 128), cold": (1.071, 0.833, 0.78),
        "prefix 64 x (2048 + 128), warm prefix": (0.735, 0.785, 0.66),
        "prefix 64 x (2048 + 128), same prompts": (0.546, 0.660, 0.49),
        "prefix 64 x (2048 + 128), nothing shared": (3.894, 3.974, 3.7),
        "512 x (512 in, 256 out)": (13.66, 12.73, 11.2),
    },
    "llama-3.2-1b": {
        "decode batch 1": (1.44, 2.06, 0.90),
        "decode batch 8": (1.33, 2.02, 0.95),
        "decode batch 32": (1.45, 2.41, 1.05),
        "decode batch 64": (1.78, 2.93, 1.25),
        "decode batch 128": (2.16, 4.62, 1.6),
        "decode batch 256": (2.98, 7.25, 2.4),
        "prefill 8 x 4096": (32768 / 249299, 32768 / 241468, 32768 / 270000),
        "first token of 4096": (19.5, 22.6, 16.0),
        "prefix 64 x (2048 + 128), cold": (0.276, 0.348, 0.20),
        "prefix 64 x (2048 + 128), warm prefix": (0.234, 0.310, 0.16),
        "prefix 64 x (2048 + 128), same prompts": (0.204, 0.234, 0.13),
        "prefix 64 x (2048 + 128), nothing shared": (0.700, 0.751, 0.62),
        "512 x (512 in, 256 out)": (3.03, 4.16, 2.3),
    },
}
TITLES = {
    "llama-3.1-8b": "Llama-3.1-8B shape",
    "llama-3.2-1b": "Llama-3.2-1B shape",
    "qwen3-32b": "Qwen3-32B shape, `--quantization fp8`",
}


def rows(shape: str, figures: list[dict]) -> list[str]:
    peers_of = PEERS.get(shape)
    if peers_of is None:
        lines = ["| measure | Martlet |", "|---|---|"]
    else:
        lines = ["| measure | Martlet | SGLang 0.5.17 | vLLM 0.26.0 | SGLang / Martlet | aim | met |", "|---|---|---|---|---|---|---|"]
    for figure in figures:
        value, unit = figure["value"], figure["unit"]
        speed = figure.get("tokens_per_second")
        own = f"{value:.3f} {unit}" + (f" ({speed:,.0f} tok/s)" if speed else "")
        if peers_of is None:
            lines.append(f"| {figure['name']} | {own} |")
            continue
        peers = peers_of.get(figure["name"])
        if peers is None:
            lines.append(f"| {figure['name']} | {own} | | | | | |")
            continue
        sglang, vllm, aim = peers
        met = "yes" if value <= aim else "no"
        lines.append(
            f"| {figure['name']} | {own} | {sglang:.3f} | {vllm:.3f} | {sglang / value:.2f} | {aim:.3f} | {met} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--gpu", required=True)
    parser.add_argument("--repeats", type=int, required=True)
    arguments = parser.parse_args()
    print("# Benchmarks on a GPU\n")
    print("Written by `scripts/gpu/bench`; `Docs/gpu.md` says how to run it.\n")
    runs = "one run" if arguments.repeats == 1 else f"median of {arguments.repeats} runs"
    print(f"- Martlet: {arguments.gpu}; {datetime.date.today()}; {runs} after one that does not count")
    print("- SGLang and vLLM: one NVIDIA H200, driver 580, 2026-11-23, median of 3")
    print("- All: random bf16 weights (quantised where the heading says so), greedy, `ignore_eos`, random token ids, prefix cache and CUDA graphs on. A decode")
    print("  figure is (time for 256 outputs - time for 1 output) / 255 after prompts of 128 tokens. Lower is better in")
    print("  every row. `start to first token` holds the making of the random weights.")
    for path in sorted(arguments.results.glob("*.jsonl")):
        shape = path.stem
        figures = [json.loads(line) for line in path.read_text().splitlines()]
        print(f"\n## {TITLES.get(shape, shape)}\n")
        print("\n".join(rows(shape, figures)))


if __name__ == "__main__":
    main()
