"""What no JSON library sends: each route that takes a body refuses it at once, and answers others meanwhile."""

import json
import socket
import time

import httpx
import pytest

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
