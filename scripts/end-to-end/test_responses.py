"""The Responses API with the official client: events, storage, background, tenants; streams that go on."""

import json
import os
import pathlib

import httpx
import openai
import pytest
from conftest import Server

GREEDY = dict(model="default", temperature=0)


CODER = pathlib.Path(os.environ["MARTLET_MODEL"]).with_name("Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf")
WEATHER = {
    "type": "function", "name": "get_weather", "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}


def check_strictly(response):
    """The SDK builds its types without validation; this validates."""
    return type(response).model_validate(response.model_dump(), strict=True)


def test_a_response_is_made_and_kept(client):
    made = client.responses.create(input="Name a colour.", instructions="Be brief.", max_output_tokens=12, metadata={"a": "b"}, **GREEDY)
    check_strictly(made)
    assert made.output_text and made.status in ("completed", "incomplete")
    assert made.usage.input_tokens + made.usage.output_tokens == made.usage.total_tokens
    kept = client.responses.retrieve(made.id)
    assert kept.model_dump() == made.model_dump()
    items = client.responses.input_items.list(made.id)
    assert [item.content[0].text for item in items] == ["Name a colour."]
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_the_prompt_is_the_chats(client):
    chat = client.chat.completions.create(messages=[{"role": "user", "content": "Hello."}], max_tokens=16, **GREEDY)
    made = client.responses.create(input="Hello.", max_output_tokens=16, store=False, **GREEDY)
    assert made.output_text == chat.choices[0].message.content
    assert made.usage.input_tokens == chat.usage.prompt_tokens
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_a_conversation_goes_on(client):
    first = client.responses.create(input="Hello.", max_output_tokens=8, **GREEDY)
    second = client.responses.create(input="And now?", previous_response_id=first.id, max_output_tokens=8, **GREEDY)
    messages = [
        {"role": "user", "content": "Hello."}, {"role": "assistant", "content": first.output_text},
        {"role": "user", "content": "And now?"}]
    chat = client.chat.completions.create(messages=messages, max_tokens=8, **GREEDY)
    assert second.output_text == chat.choices[0].message.content
    pages = client.responses.input_items.list(second.id, order="asc", limit=1)
    assert [item.role for item in pages] == ["user", "assistant", "user"]
    assert client.responses.input_items.list(second.id, limit=1).has_more
    with pytest.raises(openai.NotFoundError, match="resp_gone"):
        client.responses.create(input="x", previous_response_id="resp_gone", **GREEDY)


def test_events_come_in_order_and_numbered(client):
    with client.responses.stream(input="Name a colour.", max_output_tokens=12, **GREEDY) as stream:
        events = list(stream)
    for event in events:
        check_strictly(event)
    final = events[-1].response
    check_strictly(final)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    types = [event.type for event in events]
    assert types[:4] == ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]
    assert types[-4:-1] == ["response.output_text.done", "response.content_part.done", "response.output_item.done"]
    assert types[-1] == f"response.{final.status}"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == final.output_text == client.responses.create(input="Name a colour.", max_output_tokens=12, **GREEDY).output_text
    assert client.responses.retrieve(final.id).output_text == text


@pytest.mark.skipif(not CODER.exists(), reason="qwen2.5-coder-0.5b has not been fetched")
def test_a_tool_is_called_and_answered():
    server = Server("--model-path", str(CODER), "--context-length", "4096").wait_until_ready()
    try:
        coder = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
        ask = dict(tools=[WEATHER], max_output_tokens=64, **GREEDY)
        choice = {"type": "function", "name": "get_weather"}
        with coder.responses.stream(input="The weather in Paris?", tool_choice=choice, **ask) as stream:
            events = list(stream)
            final = stream.get_final_response()
        for event in events:
            check_strictly(event)
        call = next(item for item in final.output if item.type == "function_call")
        assert call.name == "get_weather" and "city" in json.loads(call.arguments)
        pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
        assert "".join(pieces) == call.arguments
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "31 degrees"}
        answer = coder.responses.create(input=[result], previous_response_id=final.id, **ask)
        assert answer.output_text
        manual = coder.responses.create(
            input=[{"role": "user", "content": "The weather in Paris?"}, call.model_dump(exclude_none=True), result], **ask)
        assert manual.output_text == answer.output_text and manual.usage.input_tokens == answer.usage.input_tokens
    finally:
        server.stop()


def test_a_body_as_curl_sends_it(server):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = json.dumps({"prompt": "One, two,", "max_tokens": 2})
    assert httpx.post(server.url + "/v1/completions", content=body, headers=form).status_code == 200
    page = {**form, "Origin": "http://other.example"}
    assert httpx.post(server.url + "/v1/completions", content=body, headers=page).status_code == 400
    assert httpx.post(server.url + "/v1/completions", content=body, headers={"Content-Type": "text/plain"}).status_code == 400


def test_structured_output(client):
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["n"], "additionalProperties": False}
    made = client.responses.create(
        input="A number?", text={"format": {"type": "json_schema", "name": "n", "schema": schema}}, max_output_tokens=64, **GREEDY)
    assert made.output_text.replace(" ", "").replace("\n", "").startswith('{"n":')


def test_background_responses_are_polled_cancelled_and_read_again(client, server):
    made = client.responses.create(input="Count.", background=True, max_output_tokens=6, **GREEDY)
    assert made.status == "queued"
    server.wait_until_idle()
    assert client.responses.retrieve(made.id).status in ("completed", "incomplete")
    long = client.responses.create(
        input="Count.", background=True, max_output_tokens=1500, extra_body={"ignore_eos": True}, **GREEDY)
    assert client.responses.cancel(long.id).status == "cancelled"
    assert client.responses.retrieve(long.id).status == "cancelled"
    events = list(client.responses.create(input="Count.", background=True, stream=True, max_output_tokens=6, **GREEDY))
    again = list(client.responses.retrieve(events[0].response.id, stream=True, starting_after=3))
    assert [event.to_dict() for event in again] == [event.to_dict() for event in events[4:]]


@pytest.mark.parametrize("extra, named", [
    ({"tools": [{"type": "web_search"}]}, "web_search"), ({"conversation": "c"}, "conversation"),
    ({"truncation": "auto"}, "truncation"), ({"background": True, "store": False}, "background"),
    ({"include": ["file_search_call.results"]}, "file_search_call.results"), ({"prompt": {"id": "p"}}, "prompt"),
    ({"input": [{"type": "image_generation_call"}]}, "image_generation_call")])
def test_what_is_not_supported_is_named(raw, extra, named):
    reply = raw.post("/v1/responses", json={"model": "default", "input": "x", **extra})
    assert reply.status_code == 400 and named in reply.json()["message"]


def test_tenants_do_not_see_each_other_and_responses_outlive_the_process(tmp_path):
    arguments = ("--api-key", "one", "--admin-api-key", "two", "--state-directory", str(tmp_path / "state"))
    server = Server(*arguments).wait_until_ready()
    try:
        one, two = (openai.OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0) for key in ("one", "two"))
        made = one.responses.create(input="Hello.", max_output_tokens=4, **GREEDY)
        open_ = one.responses.create(
            input="Hello.", background=True, max_output_tokens=1500, extra_body={"ignore_eos": True}, **GREEDY)
        assert one.responses.retrieve(made.id).id == made.id
        for call in (two.responses.retrieve, two.responses.delete, two.responses.cancel, two.responses.input_items.list):
            with pytest.raises(openai.NotFoundError):
                call(made.id)
        with pytest.raises(openai.NotFoundError):
            two.responses.create(input="x", previous_response_id=made.id, **GREEDY)
    finally:
        server.process.kill()
        server.process.wait()
    server = Server(*arguments).wait_until_ready()
    try:
        one = openai.OpenAI(base_url=server.url + "/v1", api_key="one", max_retries=0)
        assert one.responses.retrieve(made.id).output_text == made.output_text
        assert one.responses.retrieve(open_.id).status == "failed"
    finally:
        server.stop()


def test_resumable_streams_go_on_where_they_stopped(raw, server):
    body = {"model": "default", "messages": [{"role": "user", "content": "Count."}], "stream": True, "temperature": 0,
            "max_tokens": 60, "ignore_eos": True}
    whole = raw.post("/v1/chat/completions", json={**body, "stream": False}).json()["choices"][0]["message"]["content"]
    lines = []
    with raw.stream("POST", "/v1/chat/completions", json=body, headers={"Martlet-Resume": "30"}) as reply:
        stream = reply.headers["martlet-stream"]
        for line in reply.iter_lines():
            lines.append(line)
            if line.startswith("id:") and line.endswith(":8"):
                break
    last = [line[4:] for line in lines if line.startswith("id: ")][-2]
    lines = lines[:-1]
    rest = httpx.post(server.url + "/v1/chat/completions", json=body, headers={"Last-Event-ID": last}, timeout=30)
    lines += rest.text.split("\n")
    numbers = [int(line.rsplit(":", 1)[1]) for line in lines if line.startswith("id: ")]
    assert numbers == list(range(len(numbers)))
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks) == whole
    assert lines.count("data: [DONE]") == 1
    again = httpx.get(f"{server.url}/v1/streams/{stream}", params={"starting_after": last.rsplit(":", 1)[1]})
    assert again.text == rest.text
    assert httpx.get(f"{server.url}/v1/streams/strm_other").status_code == 404


def test_without_the_wish_a_disconnect_ends_the_generation(raw, server):
    body = {"model": "default", "messages": [{"role": "user", "content": "Count."}], "stream": True,
            "max_tokens": 1500, "ignore_eos": True}
    for headers in ({}, {"Martlet-Resume": "0"}):
        before = server.wait_until_idle()["generated_tokens"]
        with httpx.stream("POST", server.url + "/v1/chat/completions", json=body, headers=headers) as reply:
            next(reply.iter_lines())
        assert server.wait_until_idle()["generated_tokens"] - before < 1400
