"""The martlet command as it is typed."""

import json
import os
import subprocess

MODEL = os.environ["MARTLET_MODEL"]


def martlet(*arguments: str, stdin: str = "", expect: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [os.environ["MARTLET_BINARY"], *arguments], input=stdin, capture_output=True, text=True, timeout=120)
    assert done.returncode == expect or (expect and done.returncode), (done.returncode, done.stdout, done.stderr)
    assert "Fatal error" not in done.stderr
    return done


def test_generate_prints_a_json_line_for_each_prompt(tmp_path):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "One"}\n{"prompt": "Two"}\n')
    done = martlet("generate", MODEL, "Three", "--input", str(prompts), "--max-new-tokens", "4", "--temperature", "0")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["index"] for line in lines] == [0, 1, 2]
    assert all(line["completion_tokens"] == 4 and line["text"] for line in lines)
    assert "3/3 prompts" in done.stderr


def test_the_float_reference_agrees_with_the_quantised_file():
    arguments = ["generate", MODEL, "The capital of France is", "--max-new-tokens", "6", "--temperature", "0"]
    assert martlet(*arguments).stdout == martlet(*arguments, "--dtype", "float32").stdout


def test_speculation_does_not_change_the_answer():
    prompt = "one two three four five six one two three four five six one two three"
    arguments = ["generate", MODEL, prompt, "--max-new-tokens", "48", "--temperature", "0.3", "--seed", "5"]
    plain = martlet(*arguments, "--speculative-algorithm", "none").stdout
    assert plain == martlet(*arguments).stdout == martlet(*arguments, "--speculative-num-draft-tokens", "64").stdout
    assert "--speculative-num-draft-tokens" in martlet(
        *arguments, "--speculative-num-draft-tokens", "0", expect=1).stderr


def test_tokenize_counts_and_shows():
    assert martlet("tokenize", MODEL, "Hello world", "--count").stdout.strip() == "2"
    assert martlet("tokenize", MODEL, stdin="Hello world").stdout.split() == ["19556", "905"]


def test_chat_answers_commands_and_questions():
    done = martlet("chat", MODEL, "--max-new-tokens", "8", stdin="/help\nSay hi.\n/nonsense\n/stats\n/quit\n")
    assert "/retry" in done.stderr
    assert "unknown command" in done.stderr
    assert "2 messages" in done.stderr
    assert done.stdout.strip()


def test_plan_and_doctor_say_what_is_needed_and_there():
    assert "KV cache" in martlet("plan", MODEL).stdout
    assert "cores" in martlet("doctor").stdout


def test_quantize_writes_a_file_that_generates(tmp_path):
    output = str(tmp_path / "model.gguf")
    assert "211 q8_0" in martlet("quantize", MODEL, output, "--type", "q8_0").stdout
    done = martlet("generate", output, "The capital of France is", "--max-new-tokens", "2", "--temperature", "0")
    assert "Paris" in done.stdout
    assert "--force" in martlet("quantize", MODEL, output, "--type", "q8_0", expect=1).stderr


def test_bench_throughput_runs_a_load(tmp_path):
    results = tmp_path / "results.jsonl"
    martlet("bench", "throughput", MODEL, "--dataset-name", "random-ids", "--num-prompts", "3", "--random-input-len", "24",
            "--random-output-len", "8", "--random-range-ratio", "1", "--result-filename", str(results))
    line = json.loads(results.read_text())
    assert (line["successful_requests"], line["total_input_tokens"], line["total_output_tokens"]) == (3, 72, 24)
    assert line["output_throughput"] > 0


def test_profile_times_ops_and_writes_a_trace(tmp_path):
    trace = tmp_path / "trace.json"
    done = martlet("profile", MODEL, "--input-len", "32", "--steps", "2", "--trace", str(trace))
    assert "linear" in done.stdout and "attention" in done.stdout and "GOP/s" in done.stdout
    events = json.loads(trace.read_text())["traceEvents"]
    # 30 layers, a prefill step and two decode steps.
    assert sum(event["name"] == "attention" for event in events) == 90


def test_bench_scheduler_prints_its_curves():
    lines = martlet("bench", "scheduler", "--running", "8", "--queued", "0", "64", "--steps", "20", "--prefix-len", "256").stdout
    assert "us a sequence" in lines and "ns a token" in lines


def test_faults_end_with_one_clear_line():
    for arguments, words in [
        (["serve", "missing.gguf"], "missing.gguf"), (["serve", MODEL, "--port", "99999"], "--port"),
        (["serve", MODEL, "--host", "0.0.0.0"], "--api-key"), (["serve", MODEL, "--context-length", "1000000"], "8192"),
        (["plan", __file__], "not GGUF"), (["plan"], "give a model"), (["generate", MODEL], "--input"),
        (["generate", MODEL, "x", "--input", "missing.txt"], "missing.txt"),
        (["quantize", MODEL, "/proc/none/x.gguf", "--type", "q4_0"], "cannot be written"),
        (["quantize", __file__, "x.gguf", "--type", "q4_0"], "not GGUF"), (["quantize", MODEL, "x", "--type", "q9"], "q4_k"),
        (["serve", MODEL, "--device", "tpu"], "--device"), (["serve", MODEL, "--mem-fraction-static", "0.001"], "MiB"),
    ]:
        assert words in martlet(*arguments, expect=1).stderr


def test_bench_latency_and_serving(server, tmp_path):
    done = martlet("bench", "latency", MODEL, "--input-len", "32", "--output-len", "4", "--repeats", "1")
    assert "prefill" in done.stdout
    results, plot = tmp_path / "r.jsonl", tmp_path / "p.svg"
    for backend in ["martlet", "openai"]:
        martlet(
            "bench", "serving", "--base-url", server.url, "--backend", backend, "--dataset-name", "random-ids",
            "--num-prompts", "6", "--random-input-len", "16", "--random-output-len", "6", "--random-range-ratio", "1",
            "--output-file", str(results), "--plot", str(plot), "--output-details")
    first, second = map(json.loads, results.read_text().splitlines())
    for result in [first, second]:
        assert (result["completed"], result["failed"]) == (6, 0)
        assert result["total_output_tokens"] == 36
        assert result["p99_ttft_ms"] > 0
    assert plot.read_text().startswith("<svg")
    assert "ratio" in martlet("bench", "compare", str(results), str(results)).stdout
