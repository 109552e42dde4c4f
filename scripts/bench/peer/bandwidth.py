"""Bytes of weights that decoding reads a second, against a loop that only reads.

The loop runs over 1 GB, which is memory's speed, and over as many bytes as the weights have, of which caches may keep some.
"""
import pathlib
import statistics
import tempfile

from . import llama
from .machine import CORES, latency, run, say, table


def read_loop(directory):
    program = pathlib.Path(directory) / "reads"
    run("cc", "-O3", "-march=native", "-pthread", pathlib.Path(__file__).with_name("reads.c"), "-o", program)
    return program


def weight_bytes(path):
    """What one token reads: every tensor of the file, the embedding once as the output head that shares it."""
    script = ("import gguf, sys; r = gguf.GGUFReader(sys.argv[1]); names = {t.name for t in r.tensors}; "
              "print(sum(int(t.n_bytes) for t in r.tensors if t.name != 'token_embd.weight' or 'output.weight' not in names))")
    return int(run(llama.tools() / "python", "-c", script, path))


def decodes(options):
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        program = read_loop(directory)
        for kind in options.types:
            path = llama.model(kind)
            size = weight_bytes(path)
            rounds = [(size * latency(path)[1] / 1e9, float(run(program, 1_000_000_000, CORES)),
                       float(run(program, size, CORES))) for _ in range(options.rounds)]
            decode, memory, same = (statistics.median(side) for side in zip(*rounds))
            say(f"{kind}: decode {decode:.1f} GB/s, memory {memory:.1f}, as many bytes {same:.1f}")
            rows.append((kind.upper(), f"{size / 1e6:.0f}", f"{decode:.1f}", f"{memory:.1f}", f"{decode / memory:.0%}",
                         f"{same:.1f}", f"{decode / same:.0%}"))
    return table(("file", "weights, MB", "decode, GB/s", "read loop over 1 GB", "share", "over as many bytes", "share"), rows)
