"""From the start of the process to its exit with one token, and its memory."""
import os
import statistics
import subprocess
import sys
import time

from . import llama
from .machine import CORES, MARTLET, table


def timed(*command):
    """Seconds from start to exit and the peak resident memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"error: {command[0]} failed with status {status}")
    return time.perf_counter() - started, usage.ru_maxrss / 1000


def starts(options):
    path, prompt = llama.model(options.types[0]), "The capital of France is"
    mine, other = [], []
    for _ in range(options.rounds):
        mine.append(timed(MARTLET, "generate", path, prompt, "--temperature", 0, "--max-new-tokens", 1))
        other.append(timed(llama.BINARIES / "llama-completion", "-m", path, "-p", prompt, "-n", 1, "-no-cnv",
                           "--no-warmup", "-t", CORES))
    rows = []
    for index, name in enumerate(("start to exit with one token, s", "peak memory, MB")):
        a, b = (statistics.median(sample[index] for sample in side) for side in (mine, other))
        rows.append((options.types[0].upper(), name, f"{a:.2f}", f"{b:.2f}", f"{a / b:.2f}"))
    return table(("file", "", "martlet", "llama.cpp", "ratio"), rows)
