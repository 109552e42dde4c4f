"""Schemas and expressions made to be costly: refused soon, whatever field they come in, while a neighbour goes on."""

import json
import statistics
import threading
import time

import httpx
import pytest

from conftest import Server

QUESTION = [{"role": "user", "content": "Who are you?"}]
DEEP = {}
for _ in range(300):
    DEEP = {"allOf": [DEEP]}
BRANCHES = {"oneOf": [{"properties": {f"p{index}": {"type": "integer"}}} for index in range(64)]}
PRODUCTS = {"allOf": [{"anyOf": [{"required": [f"a{index}"]}, {"required": [f"b{index}"]}]} for index in range(20)]}
DOUBLING = {"$defs": {f"d{index}": {"anyOf": 2 * [{"$ref": f"#/$defs/d{index + 1}"}]} for index in range(120)}
            | {"d120": {"type": "array"}}, "$ref": "#/$defs/d0"}
BOMB = "((a{1,30000}){1,30000}){1,30000}(?=b{9999})c"
SCHEMAS = [DEEP, BRANCHES, PRODUCTS, DOUBLING, {"$ref": "#"}, {"type": "string", "pattern": BOMB}]
PATTERNS = ["(" * 120_000, BOMB, "a" * 600_000]
GRAMMARS = ["start: " + "(" * 120_000, 'root ::= "a" root', "root ::= " + "(" * 120_000]


def bodies():
    """What a body has besides its messages."""
    function = {"name": "f", "strict": True}
    for schema in SCHEMAS:
        schema = {"type": "object", "properties": {"x": schema}, "required": ["x"]} if "$ref" not in schema else schema
        yield {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}
        yield {"response_format": {"type": "structural_tag", "format": {
            "type": "tag", "begin": "<a>", "end": "</a>", "content": {"type": "json_schema", "json_schema": schema}}}}
        tools = [{"type": "function", "function": function | {"parameters": schema}}]
        yield {"tools": tools, "tool_choice": "required"}
        yield {"tools": tools}
    for pattern in PATTERNS:
        yield {"regex": pattern}
        yield {"response_format": {"type": "structural_tag", "format": {"type": "regex", "pattern": pattern}}}
    for grammar in GRAMMARS:
        yield {"ebnf": grammar}


@pytest.fixture(scope="module")
def guarded():
    server = Server("--tool-call-parser", "qwen25").wait_until_ready()
    yield server
    assert server.stop() == 0


def resident_kilobytes(server):
    with open(f"/proc/{server.process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


MISTAKE = json.dumps({"messages": QUESTION, "regex": "("})
CONTENTS = [json.dumps({"messages": QUESTION, "max_tokens": 1} | body) for body in bodies()]


def attack(server):
    """Sends every body once, and a plain mistake behind each; the seconds that the answers to either took."""
    times, plain = [], []
    with httpx.Client(timeout=60) as client:
        for content in CONTENTS:
            for body, taken in ((content, times), (MISTAKE, plain)):
                start = time.monotonic()
                reply = client.post(server.url + "/v1/chat/completions", content=body,
                                    headers={"Content-Type": "application/json"})
                taken.append(time.monotonic() - start)
                assert reply.status_code == 400, f"{body[:200]}: {reply.status_code} {reply.text[:200]}"
                assert len(reply.text) < 2_000 and reply.json()["message"], reply.text[:300]
    return times, plain


def gaps(server, stop=lambda: False):
    """The seconds between the tokens of a stream of 256 tokens, or until `stop` says so."""
    times = []
    body = {"prompt": "Once upon a time", "max_tokens": 256, "ignore_eos": True, "temperature": 0, "stream": True}
    with httpx.stream("POST", server.url + "/v1/completions", json=body, timeout=60) as reply:
        for line in reply.iter_lines():
            if line.startswith("data: {"):
                times.append(time.monotonic())
                if stop():
                    break
    return [later - earlier for earlier, later in zip(times, times[1:])]


def test_hostile_grammars_are_refused_soon_and_a_neighbour_goes_on(guarded):
    alone = gaps(guarded)
    refusals, plain = attack(guarded)
    before = resident_kilobytes(guarded)
    rounds = []
    attacker = threading.Thread(target=lambda: [rounds.append(attack(guarded)) for _ in range(3)])
    attacker.start()
    beside = []
    while attacker.is_alive():
        beside += gaps(guarded, stop=lambda: not attacker.is_alive())
    attacker.join()
    assert len(rounds) == 3, "an attack failed"
    for times, mistakes in rounds:
        refusals, plain = refusals + times, plain + mistakes
    alone += gaps(guarded)
    # A compilation has 90 ms; the rest is what other requests on this machine wait, too.
    assert statistics.median(refusals) < 0.02 + 5 * statistics.median(plain), sorted(refusals)
    assert max(refusals) < 0.2 + 20 * max(plain), sorted(refusals)
    assert resident_kilobytes(guarded) - before < 64 << 10
    # A step shares the processors with a compilation; none waits for one.
    assert statistics.median(beside) < 3 * statistics.median(alone)
    assert max(beside) < 0.2 + 5 * max(alone)
    guarded.wait_until_idle()
