"""Every answer and every event on the wire is of the clients' own types, which are validated strictly, and holds no field
that they do not know but for those that are documented as ours."""

import json

import anthropic
import httpx
import openai
import pydantic
import pytest
from anthropic.types import Message, MessageTokensCount, RawMessageStreamEvent
from openai.pagination import SyncCursorPage
from openai.types import Batch, Completion, CreateEmbeddingResponse, FileObject, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.file_deleted import FileDeleted
from openai.types.responses import Response, ResponseStreamEvent

QUESTION = [{"role": "user", "content": "Name a colour."}]
# What OpenAI's clients may send and a server of one model has no use for.
POLITE = {"store": True, "metadata": {"a": "b"}, "service_tier": "auto", "user": "u", "safety_identifier": "s", "seed": 7}
CHAT = {"model": "m", "messages": [
    {"role": "developer", "content": "Be brief.", "name": "boss"},
    {"role": "user", "content": [{"type": "text", "text": "Name a colour."}], "name": "ann"},
    {"role": "assistant", "content": None, "refusal": "No."}, *QUESTION], "max_completion_tokens": 6, "temperature": 0, **POLITE}
OURS = {
    Completion: {"metadata", "choices.matched_stop", "usage.reasoning_tokens"},
    ChatCompletion: {"metadata", "choices.matched_stop", "choices.message.reasoning_content", "usage.reasoning_tokens"},
    ChatCompletionChunk: {"choices.matched_stop", "choices.delta.reasoning_content", "usage.reasoning_tokens"},
    CreateEmbeddingResponse: {"usage.prompt_tokens_details"},
    Model: {"root", "parent", "max_model_len"},
    SyncCursorPage[Batch]: {"object", "first_id", "last_id"}, SyncCursorPage[FileObject]: {"object", "first_id", "last_id"},
    ResponseStreamEvent: {"response.store"}, Response: {"store"},
}


def undocumented(value, path=""):
    if isinstance(value, list):
        return set().union(*(undocumented(item, path) for item in value))
    if not isinstance(value, pydantic.BaseModel):
        return set()
    found = {path + key for key in value.model_extra or {}}
    for key in type(value).model_fields:
        found |= undocumented(getattr(value, key), f"{path}{key}.")
    return found


def check(kind, text):
    value = pydantic.TypeAdapter(kind).validate_json(text, strict=True)
    assert undocumented(value) <= OURS.get(kind, set()), (kind, undocumented(value), text)
    return value


def post(server, path, body):
    reply = httpx.post(server.url + path, json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.text


def events(server, path, body):
    lines = post(server, path, {**body, "stream": True}).splitlines()
    return [line[6:] for line in lines if line.startswith("data: ") and line != "data: [DONE]"]


@pytest.mark.parametrize("change", [
    {}, {"n": 2}, {"logprobs": True, "top_logprobs": 2}, {"stop": "e"}, {"response_format": {"type": "json_object"}}])
def test_chats(server, change):
    whole = check(ChatCompletion, post(server, "/v1/chat/completions", CHAT | change))
    chunks = [check(ChatCompletionChunk, text) for text in events(
        server, "/v1/chat/completions", CHAT | change | {"stream_options": {"include_usage": True}})]
    assert whole.system_fingerprint and {chunk.system_fingerprint for chunk in chunks} == {whole.system_fingerprint}
    for choice in whole.choices:
        text = "".join(part.delta.content or "" for chunk in chunks for part in chunk.choices if part.index == choice.index)
        assert text == choice.message.content
    assert chunks[-1].usage == whole.usage.model_copy(update={"prompt_tokens_details": chunks[-1].usage.prompt_tokens_details})


def check_completion(text):
    """The client's type has no null where the service has: an open choice's reason, and what the first token of all lacks."""
    value = json.loads(text)
    for choice in value["choices"]:
        choice["finish_reason"] = choice["finish_reason"] or "stop"
        if choice["logprobs"] and choice["text"].startswith("One,"):
            assert choice["logprobs"]["token_logprobs"][0] is None and choice["logprobs"]["top_logprobs"][0] is None
            choice["logprobs"]["token_logprobs"][0], choice["logprobs"]["top_logprobs"][0] = 0, {}
    return check(Completion, json.dumps(value))


@pytest.mark.parametrize("change", [{}, {"n": 2, "logprobs": 2}, {"echo": True, "logprobs": 1}, {"stop": ["e"]}])
def test_completions(server, change):
    body = {"model": "m", "prompt": "One, two,", "max_tokens": 6, "temperature": 0, "user": "u", "seed": 1} | change
    whole = check_completion(post(server, "/v1/completions", body))
    chunks = [check_completion(text) for text in events(server, "/v1/completions", body)]
    for choice in whole.choices:
        assert choice.text == "".join(c.text for chunk in chunks for c in chunk.choices if c.index == choice.index)


def test_responses(server):
    body = {"model": "m", "input": QUESTION, "max_output_tokens": 6, "temperature": 0, "metadata": {"a": "b"}, "user": "u"}
    made = check(Response, post(server, "/v1/responses", body))
    check(Response, httpx.get(f"{server.url}/v1/responses/{made.id}").text)
    kinds = [check(ResponseStreamEvent, text).type for text in events(server, "/v1/responses", body)]
    assert kinds[0] == "response.created" and len(kinds) > 8


@pytest.mark.parametrize("change", [{}, {"stop_sequences": ["e"]}, {"system": "Be brief.", "top_k": 3, "metadata": {"user_id": "u"}}])
def test_messages(server, change):
    body = {"model": "m", "messages": QUESTION, "max_tokens": 6, "temperature": 0} | change
    check(Message, post(server, "/v1/messages", body))
    kinds = [check(RawMessageStreamEvent, text) for text in events(server, "/v1/messages", body) if "ping" not in text]
    assert [kinds[0].type, kinds[-1].type] == ["message_start", "message_stop"]
    del body["max_tokens"]
    check(MessageTokensCount, post(server, "/v1/messages/count_tokens", body))


def test_models_embeddings_files_and_batches(server):
    models = json.loads(httpx.get(server.url + "/v1/models").text)["data"]
    for model in models:
        check(Model, json.dumps(model))
        check(Model, httpx.get(f"{server.url}/v1/models/{model['id']}").text)
    check(CreateEmbeddingResponse, post(server, "/v1/embeddings", {"model": "m", "input": ["a", "b"]}))
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": QUESTION, "max_tokens": 2}}
    reply = httpx.post(server.url + "/v1/files", data={"purpose": "batch"}, files={"file": ("b.jsonl", json.dumps(line))})
    file = check(FileObject, reply.text)
    check(FileObject, httpx.get(f"{server.url}/v1/files/{file.id}").text)
    batch = check(Batch, post(server, "/v1/batches", {
        "input_file_id": file.id, "endpoint": line["url"], "completion_window": "24h", "metadata": {"a": "b"}}))
    while batch.status != "completed":
        batch = check(Batch, httpx.get(f"{server.url}/v1/batches/{batch.id}").text)
    answer = json.loads(httpx.get(f"{server.url}/v1/files/{batch.output_file_id}/content").text)
    check(ChatCompletion, json.dumps(answer["response"]["body"]))
    for kind, path in ((Batch, "/v1/batches"), (FileObject, "/v1/files")):
        check(SyncCursorPage[kind], httpx.get(server.url + path).text)
    check(FileDeleted, httpx.delete(f"{server.url}/v1/files/{file.id}").text)


def test_errors(server, client):
    """The clients find the message, the type, the field and the code where they look for them."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="m", messages=QUESTION, top_p=9)
    assert (caught.value.param, caught.value.type, caught.value.code) == ("top_p", "BadRequestError", "400")
    claude = anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0)
    with pytest.raises(anthropic.BadRequestError) as refused:
        claude.messages.create(model="m", messages=QUESTION, max_tokens=4, extra_body={"top_p": 9})
    text = json.dumps(refused.value.body)
    assert check(anthropic.types.ErrorResponse, text).error.type == "invalid_request_error" and "top_p" in text
