"""What a stranger sends with curl: native routes, bad input, and the neighbours' peace."""

import concurrent.futures
import json
import socket
import threading
import time

import httpx
import pytest

from conftest import Server


def test_health_routes(raw):
    for path in ["/health", "/health_generate", "/ready"]:
        assert raw.get(path).status_code == 200


def test_native_generate(raw):
    body = {"text": "The capital of France is", "sampling_params": {"temperature": 0, "max_new_tokens": 8}}
    reply = raw.post("/generate", json=body).json()
    assert "Paris" in reply["text"]
    meta = reply["meta_info"]
    assert meta["completion_tokens"] == len(reply["output_ids"]) == 8
    assert meta["finish_reason"] == {"type": "length", "length": 8}


def test_native_stream_is_cumulative(raw):
    body = {"text": "One, two,", "stream": True, "sampling_params": {"temperature": 0, "max_new_tokens": 8}}
    texts, done = [], False
    with raw.stream("POST", "/generate", json=body) as reply:
        for line in reply.iter_lines():
            if line == "data: [DONE]":
                done = True
            elif line.startswith("data: "):
                texts.append(json.loads(line[6:])["text"])
    assert done
    assert all(later.startswith(earlier) for earlier, later in zip(texts, texts[1:]))


def test_native_batch_with_logprobs(raw):
    body = {"text": ["Hello", "The sun is"], "return_logprob": True, "logprob_start_len": 0, "top_logprobs_num": 2,
            "sampling_params": {"temperature": 0, "max_new_tokens": 4}}
    replies = raw.post("/generate", json=body).json()
    assert len(replies) == 2
    for reply in replies:
        meta = reply["meta_info"]
        assert len(meta["input_token_logprobs"]) == meta["prompt_tokens"]
        assert len(meta["output_token_logprobs"]) == 4
        assert [entry[1] for entry in meta["output_token_logprobs"]] == reply["output_ids"]


def test_second_request_hits_the_prefix_cache(raw):
    body = {"text": "A long shared prefix. " * 30 + str(time.time()), "sampling_params": {"temperature": 0, "max_new_tokens": 4}}
    first = raw.post("/generate", json=body).json()
    second = raw.post("/generate", json=body).json()
    assert second["meta_info"]["cached_tokens"] > 100
    assert second["text"] == first["text"]


def test_bytes_depend_neither_on_neighbours_nor_on_the_cache(server):
    """Ids and log-probabilities, alone and cold, are the same in a full batch and with a warm cache."""
    beginning = "The quick brown fox jumps over the lazy dog. " * 8
    bodies = [
        {"text": (beginning if i % 2 else "") + f"Question {i}: why is the sky {'blue' * (i % 5)}?", "return_logprob": True,
         "top_logprobs_num": 2, "sampling_params": {
             "temperature": 0.8 * (i % 3), "top_p": 0.95, "top_k": 40 if i % 4 else -1, "sampling_seed": i,
             "frequency_penalty": 0.3 * (i % 2), "max_new_tokens": 24 + i}}
        for i in range(16)
    ]

    def essence(reply):
        meta = reply["meta_info"]
        return reply["output_ids"], meta["output_token_logprobs"], meta["output_top_logprobs"]

    with httpx.Client(base_url=server.url, timeout=120) as http:
        alone = []
        for body in bodies:
            server.wait_until_idle()
            assert http.post("/flush_cache").status_code == 200
            alone.append(essence(http.post("/generate", json=body).json()))
        for _ in range(2):
            with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
                together = list(pool.map(lambda body: essence(http.post("/generate", json=body).json()), bodies))
            assert together == alone


def test_foreign_stop_tokens_change_nothing(raw):
    sampling = {"temperature": 0, "max_new_tokens": 6, "min_new_tokens": 4}
    body = {"text": "The sun is", "sampling_params": sampling}
    foreign = {"text": "The sun is", "sampling_params": sampling | {"stop_token_ids": [2147483647, -1, 49152]}}
    first, second = (raw.post("/generate", json=item).json() for item in [body, foreign])
    assert first["output_ids"] == second["output_ids"]


def test_tokenize_round_trip(raw):
    text = "Grüße, 世界! 👩‍👩‍👧 <|im_start|>\n\n  x"
    tokens = raw.post("/tokenize", json={"prompt": text}).json()
    assert tokens["count"] == len(tokens["tokens"])
    back = raw.post("/detokenize", json={"tokens": tokens["tokens"], "skip_special_tokens": False}).json()
    assert back["text"] == text


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'{"messages":', b"\xff\xfe", b'{"messages": "x"}', b'{"messages": []}',
    b'{"messages": [{"role": "user"}]}', b'{"messages": [{"role": 7, "content": "x"}]}',
    b'{"messages": [{"role": "user", "content": "\xc3"}]}',
    b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": 1e400}',
    b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": 99999999999999999999}',
    b'{"messages": [{"role": "user", "content": "x"}], "n": -3}',
    b'{"messages": [{"role": "user", "content": "x"}], "temperature": "hot"}',
    b'{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]}]}',
    b"[" * 100000,
])
def test_bad_bodies_are_client_errors(raw, body):
    reply = raw.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert 400 <= reply.status_code < 500, reply.text
    assert reply.json()["message"]


def test_unknown_route(raw):
    assert raw.get("/v1/nothing").status_code == 404


@pytest.mark.parametrize("path", ["/nope", "/v1/chat/completions", "/v1/responses/x", "/v1/models", "/"])
def test_an_answer_to_head_has_no_body(server, path):
    """What stands behind it is the next answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\nGET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode()
    assert answer.split("\r\n\r\n")[1].startswith("HTTP/1.1 200 OK")


def test_a_client_that_leaves_frees_its_pages(server):
    with httpx.Client(base_url=server.url, timeout=60) as http:
        body = {"text": "Count for ever:", "stream": True, "sampling_params": {"max_new_tokens": 4000, "ignore_eos": True}}
        with http.stream("POST", "/generate", json=body) as reply:
            next(reply.iter_lines())
    started = time.monotonic()
    server.wait_until_idle(5)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("stream", [False, True])
def test_connections_are_kept(raw, stream):
    addresses = set()
    for _ in range(3):
        body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "stream": stream}
        reply = raw.post("/v1/chat/completions", json=body)
        assert reply.status_code == 200
        addresses.add(reply.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(addresses) == 1


def test_a_client_that_does_not_wait_frees_its_pages(server):
    body = json.dumps({"text": "Count:", "sampling_params": {"max_new_tokens": 4000, "ignore_eos": True}}).encode()
    head = f"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    for pause in [0, 0, 0, 0.02, 0.1]:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head.encode() + body)
            time.sleep(pause)
    started = time.monotonic()
    server.wait_until_idle(5)
    assert time.monotonic() - started < 1


def test_bad_input_does_not_disturb_a_neighbour(server):
    body = {"text": "The history of Rome", "sampling_params": {"temperature": 0.9, "sampling_seed": 5, "max_new_tokens": 96}}
    with httpx.Client(base_url=server.url, timeout=60) as http:
        alone = http.post("/generate", json=body).json()["text"]
        result = {}
        worker = threading.Thread(target=lambda: result.update(http.post("/generate", json=body).json()))
        worker.start()
        with httpx.Client(base_url=server.url, timeout=60) as other:
            while worker.is_alive():
                other.post("/generate", content=b"{bad")
                other.post("/generate", json={"input_ids": [1 << 40]})
                other.post("/generate", json={"text": "hi", "sampling_params": {"max_new_tokens": 2}})
        worker.join()
    assert result["text"] == alone


def test_keys_close_the_server():
    server = Server("--api-key", "secret").wait_until_ready()
    try:
        assert httpx.get(server.url + "/v1/models").status_code == 401
        assert httpx.get(server.url + "/health").status_code == 200
        allowed = httpx.get(server.url + "/v1/models", headers={"authorization": "Bearer secret"})
        assert allowed.status_code == 200
    finally:
        server.stop()


TEXT = "Count to one hundred. " * 20
MESSAGES = {"messages": [{"role": "user", "content": TEXT}]}
TIMED = {
    "/v1/chat/completions": MESSAGES | {"max_tokens": 60}, "/v1/completions": {"prompt": TEXT, "max_tokens": 60},
    "/v1/messages": MESSAGES | {"max_tokens": 60}, "/v1/responses": {"input": TEXT, "max_output_tokens": 60},
    "/api/chat": MESSAGES | {"options": {"num_predict": 60}}, "/api/generate": {"prompt": TEXT, "options": {"num_predict": 60}},
}


def timings(value):
    """All that an answer says about its times."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in ([item] if key == "timing" else timings(item))]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", TIMED)
def test_the_phases_of_a_request_sum_to_the_time_that_its_client_waited(raw, path, stream):
    gaps = []
    for asks, headers in (({"timing": True}, {}), ({}, {"Martlet-Timing": "true"})) * 3:
        start = time.monotonic()
        reply = raw.post(path, json=TIMED[path] | {"stream": stream} | asks, headers=headers)
        waited = (time.monotonic() - start) * 1000
        lines = [line.removeprefix("data: ") for line in reply.text.splitlines()]
        timing, = timings([json.loads(line) for line in lines if line.startswith("{")])
        total = sum(timing[f"{phase}_ms"] for phase in ("prepare", "queue", "prefill", "decode"))
        assert abs(total - timing["total_ms"]) < 0.01 and timing["cached_tokens"] < timing["prompt_tokens"]
        gaps.append(waited - total)
    assert all(gap > -0.5 for gap in gaps) and min(gaps) < 8, gaps
    assert not timings(raw.post(path, json=TIMED[path] | {"stream": False}).json())


def test_idle_server_uses_no_cpu(server):
    server.wait_until_idle()
    time.sleep(0.5)

    def ticks() -> int:
        fields = open(f"/proc/{server.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(2)
    assert ticks() - before <= 2
