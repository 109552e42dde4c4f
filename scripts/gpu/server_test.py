"""Servers on the GPU and on the CPU answer the same questions: server_test.py MARTLET MODEL LIBRARY

Log-probabilities of the CPU's answers are compared (greedy texts are shown: near ties part them), and 32 streams at
once, answers bound to a JSON schema and a client that leaves are tried. A deterministic server gives the same bytes
streamed and whole, alone and among 64 requests, with a cold and a warm prefix, and with prompts in chunks of another
size. Python's standard library only."""

import concurrent.futures
import http.client
import json
import math
import subprocess
import sys
import threading
import time

MARTLET, MODEL, LIBRARY = sys.argv[1:4]
QUESTIONS = [
    "What is the capital of France?",
    "Write one sentence about the sea.",
    "What is 2 + 2?",
    "Name three colours.",
]
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
failures = 0


def check(condition, what):
    global failures
    failures += not condition
    print(("ok      " if condition else "FAILED  ") + what, flush=True)


class Server:
    def __init__(self, name, *arguments):
        command = [MARTLET, "serve", "--model-path", MODEL, "--port", "0", "--max-total-tokens", "65536", *arguments]
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.log, self.port = [], None
        threading.Thread(target=self._read, daemon=True).start()
        while not self.port or not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > self.started + 120:
                self.process.kill()
                sys.exit(f"FAILED  the {name} server does not start:\n" + "".join(self.log))
            time.sleep(0.02)
        print(f"        {name} server ready after {time.monotonic() - self.started:.2f} s", flush=True)

    def _read(self):
        for line in self.process.stdout:
            self.log.append(line)
            if not self.port and "127.0.0.1:" in line:
                digits = line.split("127.0.0.1:")[1]
                self.port = int(digits[: len(digits) - len(digits.lstrip("0123456789"))] or 0)

    def _is_ready(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def post(self, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse()

    def chat(self, question, **more):
        body = {"model": "m", "messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 48}
        reply = self.post("/v1/chat/completions", {**body, **more})
        text = reply.read().decode()
        if reply.status != 200:
            raise RuntimeError(f"{reply.status}: {text}")
        if not more.get("stream"):
            return json.loads(text)["choices"][0]
        events = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
        assert events[-1] == "[DONE]"
        pieces = [json.loads(event)["choices"] for event in events[:-1]]
        return "".join(choice["delta"].get("content") or "" for choices in pieces for choice in choices)

    def generate(self, text, tokens=32, **sampling):
        body = {"text": text, "sampling_params": {"temperature": 0, "max_new_tokens": tokens, **sampling}}
        return json.loads(self.post("/generate", {**body, "return_logprob": True}).read())

    def score(self, text):
        """The log-probability of each token of a text."""
        body = {"text": text, "sampling_params": {"temperature": 0, "max_new_tokens": 1}, "return_logprob": True}
        reply = json.loads(self.post("/generate", {**body, "logprob_start_len": 0}).read())
        return [entry[0] for entry in reply["meta_info"]["input_token_logprobs"] if entry[0] is not None]

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)


def shared(one, other):
    """How many characters two texts share at their start."""
    return next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def compare_answers(cpu, gpu):
    wanted = [cpu.chat(question)["message"]["content"] for question in QUESTIONS]
    answers = [gpu.chat(question)["message"]["content"] for question in QUESTIONS]
    for question, want, answer in zip(QUESTIONS, wanted, answers):
        print(f"        {question} CPU {want[:60]!r} GPU {answer[:60]!r}, {shared(want, answer)} characters the same")
    check("4" in answers[2], "2 + 2 is 4")
    scores = [[s.score(question + answer) for s in (cpu, gpu)] for question, answer in zip(QUESTIONS, wanted)]
    worst = max(sum(abs(a - b) for a, b in zip(one, other)) / len(one) for one, other in scores)
    check(worst < 0.1, f"the GPU gives the CPU's answers the same log-probabilities (mean difference {worst:.4f})")
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        started = time.monotonic()
        many = list(pool.map(lambda i: gpu.chat(QUESTIONS[i % 4], stream=True), range(32)))
        print(f"        32 streams took {time.monotonic() - started:.2f} s")
    check(all(len(text) > 0 for text in many), "32 streams at once all answer")
    check(all("4" in text for text in many[2::4]), "and say 4 where they should")


def check_features(gpu):
    schema = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
    texts = [gpu.chat("Describe a person.", response_format=schema, temperature=1, seed=i, max_tokens=96)["message"]
             for i in range(4)]
    values = [json.loads(text["content"]) for text in texts]
    holds = all(set(value) == {"name", "age"} and isinstance(value["age"], int) for value in values)
    check(holds, f"a JSON schema holds: {values[0]}")
    tokens = gpu.chat(QUESTIONS[0], logprobs=True, top_logprobs=3, max_tokens=4)["logprobs"]["content"]
    best = [[top["logprob"] for top in token["top_logprobs"]] for token in tokens]
    check(all(len(b) == 3 and b == sorted(b, reverse=True) and b[0] == token["logprob"] and math.isfinite(b[2])
              for b, token in zip(best, tokens)), "greedy tokens are the first of their top log-probabilities")
    reply = gpu.post("/v1/chat/completions", {
        "model": "m", "messages": [{"role": "user", "content": "Count."}], "stream": True, "max_tokens": 1500,
        "ignore_eos": True})
    reply.read(200)
    reply.close()
    deadline = time.monotonic() + 10
    running = 1
    while running and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", gpu.port, timeout=5)
        connection.request("GET", "/server_info")
        running = json.loads(connection.getresponse().read())["internal_states"][0]["num_running_reqs"]
    check(running == 0, "a client that leaves ends its request")


def check_determinism(deterministic, chunked):
    prompt = "The history of the sea begins long before people sailed on it. " * 24 + "And so"
    ask = lambda server, text=prompt: json.dumps(
        [server.generate(text)[key] if key == "text" else server.generate(text)["meta_info"]["output_token_logprobs"]
         for key in ("text", "logprobs")])
    whole = [deterministic.chat(question)["message"]["content"] for question in QUESTIONS]
    streamed = [deterministic.chat(question, stream=True) for question in QUESTIONS]
    check(streamed == whole, "deterministic: streamed the same text as whole")
    cold = ask(deterministic)
    check(ask(deterministic) == cold, "deterministic: a warm prefix gives the same bytes")
    noise = [f"Story {i}: " + "once upon a time, " * (i % 17) for i in range(63)]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        others = [pool.submit(deterministic.generate, text, 48) for text in noise]
        busy = pool.submit(ask, deterministic).result()
        [other.result() for other in others]
    check(busy == cold, "deterministic: among 64 requests the same bytes")
    check(ask(chunked) == cold, "deterministic: prompts in chunks of 64 give the same bytes")


def main():
    gpu_flags = ("--device", "cuda", "--cuda-library", LIBRARY)
    cpu, gpu = Server("CPU", "--device", "cpu", "--threads", "4"), Server("GPU", *gpu_flags)
    compare_answers(cpu, gpu)
    check_features(gpu)
    check(gpu.stop() == 0, "the GPU server stops with exit code 0")
    cpu.stop()
    deterministic = Server("deterministic", *gpu_flags, "--deterministic")
    chunked = Server("chunked", *gpu_flags, "--deterministic", "--chunked-prefill-size", "64")
    check_determinism(deterministic, chunked)
    deterministic.stop()
    chunked.stop()
    print("server: all as wanted" if failures == 0 else f"server: {failures} failed")
    sys.exit(failures > 0)


main()
