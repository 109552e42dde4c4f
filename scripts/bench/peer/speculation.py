"""Prompt lookup against plain decoding: an edit that repeats its prompt, and text that does not."""
import json
import tempfile
import textwrap

from . import llama
from .machine import MARTLET, load, median_ratio, say, server, table

EDIT = "Rename the variable `indent` to `leading` everywhere and print the whole file.\n```python\n{}\n```\n"


def edit_prompt():
    """A function of Python's standard library, of some 500 tokens, to be printed with one name changed."""
    with open(textwrap.__file__, encoding="utf-8") as file:
        text = file.read()
    return EDIT.format(text[text.index("def dedent"):text.index("def indent")].strip())


def compared(path, flags, rounds):
    """Output tokens a second with and without guesses, servers side by side, requests in turns."""
    with (server([MARTLET, "serve", "--model-path", path, "--mem-fraction-static", 0.3]) as (guessing, _),
          server([MARTLET, "serve", "--model-path", path, "--mem-fraction-static", 0.3, "--speculative-algorithm",
                  "none"]) as (plain, _)):
        pairs = []
        for number in range(rounds):
            ports = (guessing, plain) if number % 2 == 0 else (plain, guessing)
            figures = {port: load(port, path, *flags, "--seed", number)["output_throughput"] for port in ports}
            pairs.append((figures[guessing], figures[plain]))
        return median_ratio(pairs)


def lookups(options):
    coder, smol = llama.fetched("qwen2.5-coder-0.5b"), llama.model("q4_1")
    sampled = ["--dataset-name", "random", "--random-output-len", 128, "--random-range-ratio", 1, "--extra-request-body",
               '{"temperature": 1}', "--max-concurrency"]
    rows = []
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        json.dump({"prompt": edit_prompt(), "output_len": 256}, file)
        file.flush()
        works = [
            ("code edit, Qwen2.5-Coder-0.5B Q4_K_M", coder,
             ["--dataset-name", "custom", "--dataset-path", file.name, "--backend", "openai-chat"], 3),
            ("text at temperature 1, SmolLM2 Q4_1, one client", smol,
             [*sampled, 1, "--num-prompts", 8, "--random-input-len", 128], options.lookup_rounds),
            ("the same, 8 clients", smol, [*sampled, 8, "--num-prompts", 32, "--random-input-len", 128],
             options.lookup_rounds),
        ]
        for title, path, flags, rounds in works:
            a, b, ratio, low, high = compared(path, flags, rounds)
            say(f"{title}: {ratio:.3f}")
            rows.append((title, f"{a:,.0f}", f"{b:,.0f}", f"{ratio:.3f}", f"{low:.2f} to {high:.2f}"))
    return table(("load", "with guesses, tokens/s", "without", "ratio", "of the rounds"), rows)
