"""The machine, the programs and how they are run."""
import contextlib
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("MARTLET_CACHE", ROOT / ".cache/models")).parent / "peers"
MARTLET = os.environ.get("MARTLET_BINARY", str(ROOT / ".build/release/martlet"))
CORES = len(os.sched_getaffinity(0))
LIMIT = 1200  # seconds that one measurement may take


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, timeout=LIMIT,
                          **options).stdout


def processor():
    name = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return name[1] if name else "this processor"


def median_ratio(pairs):
    """Medians of both sides, and the median, least and greatest of the rounds' ratios."""
    ratios = sorted(a / b for a, b in pairs)
    return (statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), statistics.median(ratios),
            ratios[0], ratios[-1])


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def last_result(command, flag):
    """The last JSON line that a `martlet bench` command appends to the file behind `flag`."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as results:
        run(*command, flag, results.name)
        return json.loads(results.read().splitlines()[-1])


def latency(path, *, batch=1, prompt=16, generated=32, repeats=3, flags=()):
    """Prefill and decode tokens a second of one batch."""
    row = last_result([MARTLET, "bench", "latency", path, "--batch-size", batch, "--input-len", prompt, "--output-len",
                       generated, "--repeats", repeats, *flags], "--result-filename")
    return row["prefill_throughput"], row["median_decode_throughput"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(command):
    """Runs a server on a free port and yields (port, process id) when it is healthy."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([str(part) for part in command] + ["--port", str(port)], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log)
        try:
            for _ in range(1200):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                    break
                except OSError:
                    if process.poll() is not None:
                        log.seek(0)
                        sys.exit(f"error: {command[0]} ended before it was ready:\n{log.read()[-2000:].decode()}")
                    time.sleep(0.1)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


def load(port, path, *flags):
    """The result of a load on a server that speaks OpenAI's completions."""
    return last_result([MARTLET, "bench", "serving", "--backend", "openai", "--base-url", f"http://127.0.0.1:{port}",
                        "--tokenizer", path, *flags], "--output-file")
