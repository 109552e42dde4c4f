"""What is left when another process keeps one of the cores busy."""
import contextlib
import os
import statistics
import subprocess
import sys

from . import llama
from .machine import CORES, latency, say, table


@contextlib.contextmanager
def busy_core():
    """A process that spins on the first core that this one may use."""
    core = min(os.sched_getaffinity(0))
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"],
                               preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    try:
        yield
    finally:
        spinner.kill()
        spinner.wait()


def shared(options):
    path = llama.model(options.types[0])

    def ours():
        prefill, single = latency(path, prompt=512)
        return prefill, single, latency(path, batch=8, repeats=1)[1]

    def theirs():
        return (llama.single(path, CORES, prompt=512, repeats=1), llama.single(path, CORES, generated=8, repeats=1),
                llama.batch(path, CORES, 8))

    rows = []
    for name, measure, pairs in (("martlet", ours, options.busy_pairs), ("llama.cpp", theirs, 1)):
        quiet, busy = [], []
        for _ in range(pairs):
            quiet.append(measure())
            with busy_core():
                busy.append(measure())
        for index, title in enumerate(("prefill 512", "decode, 1", "decode, 8")):
            a, b = (statistics.median(sample[index] for sample in side) for side in (quiet, busy))
            shares = sorted(y[index] / x[index] for x, y in zip(quiet, busy))
            say(f"{name} {title}: {b / a:.0%} of quiet")
            rows.append((name, title, f"{a:,.0f}", f"{b:,.0f}", f"{statistics.median(shares):.0%}",
                         f"{shares[0]:.0%} to {shares[-1]:.0%} ({pairs})"))
    return table(("", "load", "quiet, tokens/s", "one core busy", "share", "of the pairs"), rows)
