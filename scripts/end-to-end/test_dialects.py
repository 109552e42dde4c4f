"""Anthropic's and Ollama's clients against the same model as the openai package."""

import array
import json

import anthropic
import httpx
import ollama
import pytest

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
# The client has no argument for it.
GREEDY = {"temperature": 0}


@pytest.fixture(scope="module")
def claude(server):
    return anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def llama(server):
    return ollama.Client(host=server.url)


def test_all_dialects_answer_alike(client, claude, llama):
    chat = client.chat.completions.create(model="default", messages=QUESTION, temperature=0, max_tokens=32)
    message = claude.messages.create(model="default", messages=QUESTION, max_tokens=32, extra_body=GREEDY)
    line = llama.chat(model="default", messages=QUESTION, options={"temperature": 0, "num_predict": 32})
    assert message.content[0].text == line.message.content == chat.choices[0].message.content
    assert message.stop_reason == "end_turn" and line.done_reason == "stop"
    usage = message.usage
    assert usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens == line.prompt_eval_count == chat.usage.prompt_tokens
    assert usage.output_tokens == line.eval_count == chat.usage.completion_tokens
    assert usage.cache_read_input_tokens > 0
    assert claude.messages.count_tokens(model="default", messages=QUESTION).input_tokens == chat.usage.prompt_tokens


def test_streams_equal_whole_answers(claude, llama):
    settings = dict(model="default", messages=QUESTION, max_tokens=24, extra_body=GREEDY)
    with claude.messages.stream(**settings) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    whole = claude.messages.create(**settings)
    assert len(pieces) > 3 and "".join(pieces) == whole.content[0].text == final.content[0].text
    assert final.stop_reason == whole.stop_reason and final.usage.output_tokens == whole.usage.output_tokens
    lines = list(llama.chat(model="default", messages=QUESTION, stream=True, options={"temperature": 0, "num_predict": 24}))
    assert "".join(line.message.content for line in lines) == whole.content[0].text
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]


def test_pages_that_went_into_the_cache_are_told(server, claude):
    question = [{"role": "user", "content": "Tell me about one of the seven seas, please. " * 8}]
    before = server.wait_until_idle()
    first = claude.messages.create(model="default", messages=question, max_tokens=1, extra_body=GREEDY).usage
    after = server.wait_until_idle()
    written = (after["cached_pages"] - before["cached_pages"]) * after["page_size"]
    assert first.cache_creation_input_tokens == written > 0
    again = claude.messages.create(model="default", messages=question, max_tokens=1, extra_body=GREEDY).usage
    assert again.cache_creation_input_tokens == 0
    assert again.cache_read_input_tokens == first.cache_read_input_tokens + written


def test_a_stream_begins_with_the_true_counts_of_the_cache(claude):
    question = [{"role": "user", "content": "Tell me about one of the nine muses, please. " * 8}]
    settings = dict(model="default", messages=question, max_tokens=2, extra_body=GREEDY)
    for turn in range(2):
        events = list(claude.messages.create(stream=True, **settings))
        start = events[0].message.usage
        end = next(event.usage for event in events if event.type == "message_delta")
        assert (start.input_tokens, start.cache_read_input_tokens, start.cache_creation_input_tokens) == (
            end.input_tokens, end.cache_read_input_tokens, end.cache_creation_input_tokens)
        assert (start.cache_creation_input_tokens > 0) == (turn == 0)
        assert start.output_tokens == 0 and end.output_tokens == 2


def test_stop_sequences_and_limits(claude):
    cut = claude.messages.create(model="default", messages=QUESTION, max_tokens=2, extra_body=GREEDY)
    assert cut.stop_reason == "max_tokens"
    stopped = claude.messages.create(
        model="default", messages=QUESTION, max_tokens=32, stop_sequences=["Paris"], extra_body=GREEDY)
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "Paris")


def test_errors_are_those_of_the_client(claude, llama):
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        claude.messages.create(model="default", messages=[], max_tokens=8)
    with pytest.raises(ollama.ResponseError) as error:
        llama.show("missing")
    assert error.value.status_code == 404


def test_ollama_generates_and_lists(llama):
    reply = llama.generate(model="default", prompt="The capital of France is", raw=True, options={"temperature": 0, "num_predict": 4})
    assert reply.response and reply.eval_count <= 4 and reply.total_duration > 0
    name = llama.list().models[0].model
    assert llama.ps().models[0].model == name
    assert "completion" in llama.show(name).capabilities


def check_line(line, kind):
    """A line holds what the client's own type has, with values that it takes as they are."""
    known = {field.alias or name for name, field in kind.model_fields.items()}
    assert set(line) <= known | {"truncated_messages", "truncated_tokens", "cached_tokens"}, set(line) - known
    kind.model_validate_json(json.dumps(line), strict=True)


def test_ollama_answers_are_of_the_clients_types(server):
    chat = {"model": "default", "messages": QUESTION, "options": {"temperature": 0, "num_predict": 6}}
    generate = {"model": "default", "prompt": "One, two,", "options": chat["options"]}
    for path, body, kind in (("/api/chat", chat, ollama.ChatResponse), ("/api/generate", generate, ollama.GenerateResponse)):
        check_line(httpx.post(server.url + path, json={**body, "stream": False}, timeout=60).json(), kind)
        told = httpx.post(server.url + path, json={**body, "stream": False, "logprobs": True, "top_logprobs": 2}, timeout=60).json()
        check_line(told, kind)
        assert len(told["logprobs"]) == told["eval_count"] and len(told["logprobs"][0]["top_logprobs"]) == 2
        lines = httpx.post(server.url + path, json=body, timeout=60).text.splitlines()
        assert len(lines) > 3
        for line in lines:
            check_line(json.loads(line), kind)
    for path, kind in (("/api/tags", ollama.ListResponse), ("/api/ps", ollama.ProcessResponse)):
        check_line(httpx.get(server.url + path).json(), kind)
    entry = httpx.get(server.url + "/api/tags").json()["models"][0]
    name = entry["model"]
    assert entry["details"]["parameter_size"] == "135M" and entry["details"]["quantization_level"] == "Q4_1"
    assert 80e6 < entry["size"] < 110e6
    check_line(httpx.post(server.url + "/api/show", json={"model": name}).json(), ollama.ShowResponse)


def test_a_long_prompt_is_cut_only_when_asked(llama):
    turns = [{"role": "user", "content": "Remember the word lighthouse, please. " * 20}, {"role": "assistant", "content": "Yes."}]
    messages = [{"role": "system", "content": "Be brief."}, *turns, *QUESTION]
    options = {"temperature": 0, "num_predict": 16, "num_ctx": 128}
    with pytest.raises(ollama.ResponseError, match="truncate") as error:
        llama.chat(model="default", messages=messages, options=options)
    assert error.value.status_code == 400
    # The client has no argument for it.
    body = {"model": "default", "messages": messages, "options": options, "truncate": True, "stream": False}
    cut = llama._client.post("/api/chat", json=body).json()
    assert cut["truncated_messages"] == 2
    short = llama.chat(model="default", messages=[messages[0], *QUESTION], options=options)
    assert (cut["prompt_eval_count"], cut["message"]["content"]) == (short.prompt_eval_count, short.message.content)


def test_ollama_holds_its_format(llama):
    schema = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}}, "required": ["city"]}
    reply = llama.chat(model="default", messages=QUESTION, format=schema, options={"temperature": 0, "num_predict": 64})
    assert json.loads(reply.message.content) in ({"city": "Paris"}, {"city": "Rome"})


def test_embeddings_are_the_same_in_all_clients(client, llama):
    texts = ["The capital of France is Paris.", "Bread is baked in an oven."]
    answer = client.embeddings.create(model="default", input=texts)
    vectors = [array.array("f", item.embedding) for item in answer.data]
    assert [item.index for item in answer.data] == [0, 1] and answer.usage.prompt_tokens == answer.usage.total_tokens > 8
    for vector in vectors:
        assert sum(value * value for value in vector) == pytest.approx(1, abs=1e-5)
    floats = client.embeddings.create(model="default", input=texts, encoding_format="float")
    assert [array.array("f", item.embedding) for item in floats.data] == vectors
    embedded = llama.embed(model="default", input=texts)
    assert [array.array("f", vector) for vector in embedded.embeddings] == vectors
    assert embedded.prompt_eval_count == answer.usage.prompt_tokens
    assert array.array("f", llama.embeddings(model="default", prompt=texts[0]).embedding) == vectors[0]
    short = client.embeddings.create(model="default", input=texts[1], dimensions=64).data[0].embedding
    length = sum(value * value for value in vectors[1][:64]) ** 0.5
    assert short == pytest.approx([value / length for value in vectors[1][:64]], abs=1e-6)
    with pytest.raises(ollama.ResponseError, match="truncate"):
        llama.embed(model="default", input="a b " * 200, options={"num_ctx": 64})
    assert len(llama.embed(model="default", input="a b " * 200, truncate=True, options={"num_ctx": 64}).embeddings) == 1


def test_each_dialect_tells_what_came_from_the_cache(server, client, claude):
    """The same conversation again: all but the part of a page at its end comes from the cache, and each says so."""
    question = [{"role": "user", "content": "Tell me about one of the twelve months, please. " * 8}]
    settings = dict(model="default", temperature=0)
    first = client.chat.completions.create(messages=question, max_tokens=1, **settings).usage
    again = client.chat.completions.create(messages=question, max_tokens=1, **settings).usage
    cached = again.prompt_tokens_details.cached_tokens
    assert first.prompt_tokens - 64 < cached < first.prompt_tokens
    assert first.prompt_tokens_details.cached_tokens < cached
    made = client.responses.create(input=question, max_output_tokens=1, **settings).usage
    message = claude.messages.create(model="default", messages=question, max_tokens=1, extra_body=GREEDY).usage
    assert made.input_tokens_details.cached_tokens == message.cache_read_input_tokens == cached
    assert made.input_tokens == message.input_tokens + cached == first.prompt_tokens
    # The client's type has no field for it.
    body = {"messages": question, "stream": False, "options": {"temperature": 0, "num_predict": 1}}
    line = httpx.post(server.url + "/api/chat", json=body, timeout=60).json()
    assert line["prompt_eval_count"] == first.prompt_tokens and line["cached_tokens"] == cached
