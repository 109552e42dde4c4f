"""Prefill and decode of every format, and of larger models."""
from . import dummy, llama
from .machine import latency, median_ratio, say, table


def cases(path, prompt=512, batches=(8, 32)):
    """(title, Martlet's figure, the peer's figure with so many threads)"""
    yield (f"prefill {prompt:,}", lambda: latency(path, prompt=prompt, generated=2)[0],
           lambda threads: llama.single(path, threads, prompt=prompt))
    yield "decode, 1", lambda: latency(path)[1], lambda threads: llama.single(path, threads, generated=32)
    for size in batches:
        yield (f"decode, {size}", lambda size=size: latency(path, batch=size, repeats=1)[1],
               lambda threads, size=size: llama.batch(path, threads, size))


def long_prefill(path):
    yield ("prefill 4,096", lambda: latency(path, prompt=4096, generated=2, repeats=1)[0],
           lambda threads: llama.single(path, threads, prompt=4096, repeats=1))


def measured(name, work, rounds):
    rows = []
    for title, ours, theirs in work:
        threads = llama.CORES if title.startswith("prefill") else llama.best_threads(theirs)
        a, b, ratio, low, high = median_ratio([(ours(), theirs(threads)) for _ in range(rounds)])
        say(f"{name:24} {title:13} martlet {a:8.1f}  llama.cpp {b:8.1f}  ratio {ratio:.2f} ({low:.2f} to {high:.2f})")
        rows.append((name, title, f"{a:,.0f}" if a >= 100 else f"{a:.1f}", f"{b:,.0f}" if b >= 100 else f"{b:.1f}",
                     f"{ratio:.2f}", f"{low:.2f} to {high:.2f}"))
    return rows


HEADS = ("file", "load", "martlet, tokens/s", "llama.cpp, tokens/s", "ratio", "of the rounds")


def formats(options):
    rows = []
    for kind in options.types:
        rows += measured(kind.upper(), cases(llama.model(kind)), options.rounds)
    for kind in options.long:
        rows += measured(kind.upper(), long_prefill(llama.model(kind)), min(3, options.rounds))
    return table(HEADS, rows)


def larger(options):
    rows = measured("Qwen2.5-Coder-0.5B Q4_K_M", cases(llama.fetched("qwen2.5-coder-0.5b")), options.larger_rounds)
    for kind in ("bf16", "q8_0", "q4_k_s"):
        rows += measured(f"1B dummy {kind.upper()}", cases(dummy.model(kind), batches=(8,)), options.larger_rounds)
    return table(HEADS, rows)
