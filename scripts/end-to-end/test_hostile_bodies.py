"""What no JSON library sends: each route that takes a body refuses it at once, and answers others meanwhile."""

import concurrent.futures
import json
import socket
import threading
import time

import httpx
import pytest

from conftest import Server

BODIES = {
    "broken UTF-8": b'{"model": "\xff\xfe", "prompt": "\xc3"}',
    "a lone surrogate's bytes": b'{"prompt": "\xed\xa0\x80"}',
    "half of a body": b'{"prompt": "a',
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"messages":' * 50_000 + b"1" + b"}" * 50_000,
    "no object": b"[1, 2, 3]",
    "nothing": b"",
    "a NUL": b"\0",
    "two values": b'{"prompt": "a"} {"prompt": "b"}',
}
# A number for every field that a route describes.
NUMBERS = ["1e400", "-1" + "0" * 400]


def paths(server):
    document = httpx.get(server.url + "/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "requestBody" in operation:
                body = operation["requestBody"]["content"]["application/json"]
                yield method, path.replace("{id}", "none"), body["schema"], body.get("example")


def send(server, method, path, content, kind="application/json"):
    start = time.monotonic()
    reply = httpx.request(method, server.url + path, content=content, headers={"Content-Type": kind}, timeout=20)
    assert time.monotonic() - start < 10, f"{path} took its time"
    return reply


@pytest.mark.parametrize("name", BODIES)
def test_faulty_bodies_are_refused(server, name):
    for method, path, _, _ in paths(server):
        reply = send(server, method, path, BODIES[name])
        assert 400 <= reply.status_code < 500, f"{path}: {reply.status_code} {reply.text[:200]}"


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_beyond_their_types_do_no_harm(server, number):
    for method, path, schema, example in paths(server):
        if example is None:
            continue
        for field in schema["properties"]:
            # An answer that runs to the end of the context is right, and long.
            if field in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
                continue
            base = {key: value for key, value in example.items() if key != field}
            text = json.dumps(base)[:-1] + (", " if base else "") + f'"{field}": {number}}}'
            reply = send(server, method, path, text.encode())
            assert reply.status_code < 500, f"{path} {field}: {reply.text[:200]}"


def test_other_content_types_are_refused(server):
    for method, path, _, example in paths(server):
        for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=b", "\x7f/;;"):
            reply = send(server, method, path, json.dumps(example or {}).encode(), kind)
            assert 400 <= reply.status_code < 500, f"{path} {kind}: {reply.status_code}"


def test_bodies_that_never_end_hold_nothing_up(server, client):
    held = []
    for method, path, _, _ in paths(server):
        for head in ("Content-Length: 1000000\r\n\r\n{\"a\":", "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n"):
            connection = socket.create_connection(("127.0.0.1", server.port))
            request = f"{method.upper()} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{head}"
            connection.sendall(request.encode())
            held.append(connection)
    try:
        start = time.monotonic()
        assert client.completions.create(model="default", prompt="a", max_tokens=2).choices
        assert time.monotonic() - start < 10
    finally:
        for connection in held:
            connection.close()
    server.wait_until_idle()


def read_all(connection):
    """What comes until the server closes, and after how many seconds."""
    start, answer = time.monotonic(), b""
    connection.settimeout(20)
    while piece := connection.recv(1 << 16):
        answer += piece
    return answer.decode(), time.monotonic() - start


def wait_for_the_end(port, request, trickles):
    """What a server answers to a client that sends a request's beginning, and then nothing or a byte now and then."""
    stop = threading.Event()

    def trickle(connection):
        try:
            while not stop.wait(0.1):
                connection.sendall(b" ")
        except OSError:
            pass
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        thread = threading.Thread(target=trickle, args=(connection,))
        if trickles:
            thread.start()
        try:
            return read_all(connection)
        finally:
            stop.set()
            if trickles:
                thread.join()


def test_clients_that_are_too_slow_are_ended():
    """Heads and bodies that trickle get 408 in their dialect's form; a connection without a request does not stay."""
    shapes = {"/v1/chat/completions": ("message",), "/v1/responses": ("message",), "/v1/files": ("message",),
              "/v1/messages": ("error", "message"), "/api/chat": ("error",), "/generate": ("error", "message"),
              "/v1/audio": ("message",)}
    half, ask = b"GET /health HTTP/1.1\r\nX: ", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    requests = [(half, True), (ask, False), (ask + half, True)]
    for path in shapes:
        kind = "multipart/form-data; boundary=b" if path == "/v1/files" else "application/json"
        requests.append((f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 100000\r\n\r\n".encode(), True))
    server = Server("--request-timeout", "2", "--idle-timeout", "3").wait_until_ready()
    try:
        with concurrent.futures.ThreadPoolExecutor(len(requests)) as pool:
            answers = list(pool.map(lambda request: wait_for_the_end(server.port, *request), requests))
        assert answers[0][0].startswith("HTTP/1.1 408 ") and 1.5 < answers[0][1] < 6
        # Between requests a connection is closed without a word, whether its client is silent or trickles.
        for answer, seconds in answers[1:3]:
            assert answer.startswith("HTTP/1.1 200 ") and answer.count("HTTP/1.1") == 1 and 2 < seconds < 8
        for (path, place), (answer, seconds) in zip(shapes.items(), answers[3:]):
            assert 1.5 < seconds < 6, (path, seconds)
            if path == "/v1/audio":
                # No route, so the answer does not wait for the body.
                assert answer.startswith("HTTP/1.1 404 ")
                continue
            assert answer.startswith("HTTP/1.1 408 ") and "connection: close" in answer.lower(), (path, answer)
            value = json.loads(answer.split("\r\n\r\n", 1)[1])
            for key in place:
                value = value[key]
            assert "--request-timeout" in value
        body = {"prompt": "a", "max_tokens": 600, "ignore_eos": True, "temperature": 0}
        reply = httpx.post(server.url + "/v1/completions", json=body, timeout=60)
        assert reply.status_code == 200 and reply.json()["usage"]["completion_tokens"] == 600
    finally:
        assert server.stop() == 0
