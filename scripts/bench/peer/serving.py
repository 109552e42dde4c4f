"""Both servers under the same closed loop of clients."""
from . import llama
from .machine import MARTLET, load, say, server, table

# (load, flags of `martlet bench serving`, slots of llama-server: more of them share a step, fewer read a shared prefix less often)
LOADS = [
    ("32 clients, 32 to 256 tokens in, 16 to 64 out",
     ["--dataset-name", "random-ids", "--num-prompts", 64, "--random-input-len", 256, "--random-output-len", 64,
      "--random-range-ratio", 0.2, "--max-concurrency", 32], (32, 8)),
    ("32 clients, shared prefix of 1,024 tokens, 32 out",
     ["--dataset-name", "generated-shared-prefix", "--gsp-num-groups", 1, "--gsp-prompts-per-group", 64,
      "--gsp-system-prompt-len", 1024, "--gsp-question-len", 32, "--gsp-output-len", 32, "--max-concurrency", 32], (8, 4, 1)),
]
FIELDS = [("output tokens/s", "output_throughput"), ("p99 time to first token, ms", "p99_ttft_ms"),
          ("p99 inter-token latency, ms", "p99_itl_ms")]


def served(command, path, flags):
    with server(command) as (port, _):
        return load(port, path, *flags)


def loads(options):
    path = llama.model(options.types[0])
    rows = []
    for title, flags, choices in LOADS:
        mine = served([MARTLET, "serve", "--model-path", path], path, flags)
        say(f"{title}: martlet {mine['output_throughput']:.0f} tokens/s")
        others = {}
        for slots in choices:
            others[slots] = served(llama.server_command(path, slots, slots * 2048), path, flags)
            say(f"{title}: llama-server with {slots} slots {others[slots]['output_throughput']:.0f} tokens/s")
        slots = max(others, key=lambda count: others[count]["output_throughput"])
        for name, field in FIELDS:
            ours, theirs = mine[field], others[slots][field]
            rows.append((title, name, f"{ours:,.0f}", f"{theirs:,.0f} (slots: {slots})", f"{ours / theirs:.2f}"))
    return table(("load", "", "martlet", "llama-server, best count of slots", "ratio"), rows)
