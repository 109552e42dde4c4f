"""Random bodies for every route of /openapi.json: no server error, no hang, and a neighbour's answers stay what they are."""

import os
import threading

import httpx
import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import response_schema_conformance

from conftest import Server

LIMITS = {"max_tokens", "max_completion_tokens", "max_new_tokens", "num_predict", "n", "min_tokens", "min_new_tokens"}
QUESTION = {"messages": [{"role": "user", "content": "Count to ten."}], "temperature": 0, "max_tokens": 12}


def bound(value):
    """Lowers limits, so that valid requests end soon: 128 choices of a whole context take many seconds, rightly."""
    if isinstance(value, list):
        return [bound(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: min(item, 3) if key in LIMITS and type(item) is int else bound(item) for key, item in value.items()}


@pytest.fixture(scope="module")
def small():
    server = Server("--context-length", "128").wait_until_ready()
    yield server
    assert server.stop() == 0, "".join(server.log[-20:])


@pytest.fixture(scope="module")
def document(small):
    return schemathesis.openapi.from_url(small.url + "/openapi.json")


@pytest.fixture(scope="module", autouse=True)
def neighbour(small, document):
    """Asks the same thing all the time; each answer must be the first one."""
    def ask():
        return httpx.post(small.url + "/v1/chat/completions", json=QUESTION, timeout=60).json()["choices"][0]["message"]
    expected, answers, stop = ask(), [], threading.Event()

    def run():
        while not stop.is_set():
            try:
                answers.append(ask())
            except Exception as error:  # whatever it is, the assertion below shows it
                answers.append(repr(error))
    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()
    assert len(answers) > 3 and all(answer == expected for answer in answers), answers


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@hypothesis.settings(
    # RANDOM_BODIES=500 tries more of them, other ones each time.
    max_examples=int(os.environ.get("RANDOM_BODIES", 12)), deadline=None, derandomize="RANDOM_BODIES" not in os.environ,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck))
def test_no_body_breaks_a_route(case):
    if isinstance(case.body, (dict, list)):
        case.body = bound(case.body)
    response = case.call(timeout=30)
    assert response.status_code < 500, response.text
    if response.status_code == 200 and "json" in response.headers.get("content-type", [""])[0]:
        case.validate_response(response, checks=[response_schema_conformance])
