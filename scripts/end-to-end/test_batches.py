"""Files and batches with the official client, a kill -9 in the middle included."""

import io
import json
import threading
import time

import httpx
import openai
import pytest
from conftest import Server


def lines(count: int, endpoint: str = "/v1/chat/completions", **body) -> bytes:
    body = {"model": "default", "temperature": 0, **body}
    if endpoint.endswith("chat/completions"):
        body["messages"] = [{"role": "user", "content": "Count."}]
    elif endpoint.endswith("responses"):
        body["input"] = "Count."
    else:
        body["prompt"] = "One, two,"
    return b"".join(
        json.dumps({"custom_id": f"line-{i}", "method": "POST", "url": endpoint, "body": body}).encode() + b"\n"
        for i in range(count))


def start(client, content: bytes, endpoint: str = "/v1/chat/completions", **more):
    file = client.files.create(file=("in.jsonl", io.BytesIO(content)), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more)


def wait(client, batch, seconds: float = 120):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        batch = client.batches.retrieve(batch.id)
        if batch.status not in ("validating", "in_progress", "finalizing", "cancelling"):
            return batch
        time.sleep(0.05)
    raise AssertionError(f"the batch did not end: {batch}")


def results(client, file_id) -> list[dict]:
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()] if file_id else []


def test_files_are_kept_listed_and_deleted(client):
    content = bytes(range(256)) * 10 + b"\r\n--not-the-boundary\r\n"
    file = client.files.create(file=("../a folder/data.bin", io.BytesIO(content)), purpose="user_data")
    assert (file.bytes, file.filename, file.purpose) == (len(content), "data.bin", "user_data")
    assert client.files.content(file.id).content == content
    assert file.id in [entry.id for entry in client.files.list(purpose="user_data")]
    assert client.files.retrieve(file.id) == file
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/completions", "/v1/responses"])
def test_a_batch_answers_as_the_endpoint_does(client, endpoint):
    limit = {"max_output_tokens": 6} if endpoint.endswith("responses") else {"max_tokens": 6}
    batch = start(client, lines(3, endpoint, **limit), endpoint, metadata={"k": "v"})
    batch = wait(client, batch)
    assert batch.status == "completed" and batch.error_file_id is None and batch.metadata == {"k": "v"}
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (3, 3, 0)
    answers = results(client, batch.output_file_id)
    assert [answer["custom_id"] for answer in answers] == ["line-0", "line-1", "line-2"]
    assert all(answer["response"]["status_code"] == 200 for answer in answers)
    body = answers[0]["response"]["body"]
    if endpoint.endswith("chat/completions"):
        chat = client.chat.completions.create(
            model="default", messages=[{"role": "user", "content": "Count."}], temperature=0, max_tokens=6)
        assert body["choices"][0]["message"]["content"] == chat.choices[0].message.content
    assert batch.id in [entry.id for entry in client.batches.list(limit=5)]


def test_faulty_lines_and_requests(client):
    bad = lines(1) + b"not json\n" + lines(1)
    batch = wait(client, start(client, bad))
    assert batch.status == "failed"
    assert {(error.line, error.code) for error in batch.errors.data} == {(2, "invalid_json_line"), (3, "duplicate_custom_id")}
    batch = wait(client, start(client, lines(2, max_tokens=-1)))
    assert batch.status == "completed" and batch.output_file_id is None and batch.request_counts.failed == 2
    answer = results(client, batch.error_file_id)[0]
    assert answer["response"]["status_code"] == 400 and "max_tokens" in str(answer["response"]["body"])


def test_a_batch_is_cancelled(client):
    batch = start(client, lines(400, max_tokens=30))
    client.batches.cancel(batch.id)
    batch = wait(client, batch)
    assert batch.status == "cancelled" and batch.request_counts.completed < 400
    assert len(results(client, batch.output_file_id)) == batch.request_counts.completed


def test_a_batch_survives_kill_9_with_each_line_answered_once(tmp_path):
    arguments = ("--api-key", "one", "--admin-api-key", "two", "--state-directory", str(tmp_path / "state"))
    total = 60
    server = Server(*arguments).wait_until_ready()
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="one", max_retries=0)
    batch = start(client, lines(total, max_tokens=20, ignore_eos=True))
    kills = 0
    try:
        for share in (0.1, 0.5):
            while client.batches.retrieve(batch.id).request_counts.completed < total * share:
                time.sleep(0.02)
            server.process.kill()
            server.process.wait()
            server = Server(*arguments).wait_until_ready()
            client = openai.OpenAI(base_url=server.url + "/v1", api_key="one", max_retries=0)
            before = client.batches.retrieve(batch.id)
            assert before.request_counts.completed >= total * share
            kills += before.status == "in_progress"
        assert kills > 0, "the batch ended before it could be killed"
        batch = wait(client, batch)
        assert batch.status == "completed" and batch.request_counts.completed == total
        answers = results(client, batch.output_file_id)
        assert [answer["custom_id"] for answer in answers] == [f"line-{i}" for i in range(total)]
        assert len({answer["response"]["body"]["choices"][0]["message"]["content"] for answer in answers}) == 1
        other = openai.OpenAI(base_url=server.url + "/v1", api_key="two", max_retries=0)
        for call, id_ in ((other.batches.retrieve, batch.id), (other.batches.cancel, batch.id),
                          (other.files.content, batch.output_file_id), (other.files.delete, batch.output_file_id)):
            with pytest.raises(openai.NotFoundError):
                call(id_)
        assert not list(other.files.list()) and not list(other.batches.list())
    finally:
        server.stop()


def test_batches_run_in_what_clients_leave(client, server):
    """Beside a client's request one line runs at a time; alone they run together."""
    server.wait_until_idle()
    body = {"prompt": "Count.", "max_tokens": 700, "ignore_eos": True}
    request = threading.Thread(target=lambda: httpx.post(server.url + "/v1/completions", json=body, timeout=60))
    request.start()
    while server.internal_state()["num_running_reqs"] == 0:
        time.sleep(0.005)
    batch = start(client, lines(40, max_tokens=60, ignore_eos=True))
    beside, alone = [], []
    while client.batches.retrieve(batch.id).status == "in_progress":
        state = server.internal_state()
        count = state["num_running_reqs"] + state["num_queue_reqs"]
        (beside if request.is_alive() else alone).append(count)
    request.join()
    # The answer arrives a little after its request has ended.
    assert len(beside) > 10 and max(beside[:-8]) == 2 and max(alone) > 2, (beside, alone)
