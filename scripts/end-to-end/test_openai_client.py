"""What a user of the openai package does."""

import asyncio
import json
import math
import random
import re

import openai
import pytest

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]


def test_chat_answers(client):
    reply = client.chat.completions.create(model="default", messages=QUESTION, temperature=0, max_tokens=32)
    assert "Paris" in reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_streamed_equals_whole(client):
    settings = dict(model="default", messages=QUESTION, temperature=0.8, seed=7, max_tokens=48)
    whole = client.chat.completions.create(**settings)
    pieces, finish, usage = [], None, None
    for chunk in client.chat.completions.create(**settings, stream=True, stream_options={"include_usage": True}):
        if chunk.usage:
            usage = chunk.usage
        for choice in chunk.choices:
            pieces.append(choice.delta.content or "")
            finish = choice.finish_reason or finish
    assert "".join(pieces) == whole.choices[0].message.content
    assert finish == whole.choices[0].finish_reason
    assert usage.completion_tokens == whole.usage.completion_tokens


def test_n_choices_differ_and_repeat(client):
    settings = dict(model="default", messages=[{"role": "user", "content": "Write a line about the sea."}],
                    temperature=1.0, seed=11, n=4, max_tokens=24)
    first = [c.message.content for c in client.chat.completions.create(**settings).choices]
    second = [c.message.content for c in client.chat.completions.create(**settings).choices]
    assert first == second
    assert len(set(first)) > 1


def test_logprobs_are_a_distribution(client):
    reply = client.chat.completions.create(
        model="default", messages=QUESTION, temperature=0, max_tokens=8, logprobs=True, top_logprobs=5)
    content = reply.choices[0].logprobs.content
    assert len(content) == reply.usage.completion_tokens or len(content) == reply.usage.completion_tokens - 1
    for entry in content:
        assert entry.logprob <= 0
        assert len(entry.top_logprobs) == 5
        assert entry.top_logprobs[0].token == entry.token
        assert sum(math.exp(t.logprob) for t in entry.top_logprobs) <= 1.0001
    joined = b"".join(bytes(entry.bytes) for entry in content).decode()
    assert joined.startswith(reply.choices[0].message.content)


def test_completions_and_batches(client):
    prompts = ["The capital of France is", "One two three four"]
    both = client.completions.create(model="default", prompt=prompts, max_tokens=8, temperature=0)
    alone = [client.completions.create(model="default", prompt=p, max_tokens=8, temperature=0) for p in prompts]
    assert [c.text for c in both.choices] == [a.choices[0].text for a in alone]
    assert [c.index for c in both.choices] == [0, 1]


def test_completion_echo_with_logprobs(client):
    reply = client.completions.create(
        model="default", prompt="The sky is", max_tokens=4, temperature=0, echo=True, logprobs=2)
    choice = reply.choices[0]
    assert choice.text.startswith("The sky is")
    assert choice.logprobs.token_logprobs[0] is None
    assert all(value <= 0 for value in choice.logprobs.token_logprobs[1:])
    assert "".join(choice.logprobs.tokens) == choice.text


def test_stop_strings_are_cut(client):
    reply = client.completions.create(
        model="default", prompt="1, 2, 3, 4, 5, 6,", max_tokens=64, temperature=0, stop=["10"])
    assert "10" not in reply.choices[0].text
    assert "9" in reply.choices[0].text
    assert reply.choices[0].finish_reason == "stop"


def test_penalties_and_bias_change_the_output(client):
    base = dict(model="default", prompt="Hello hello hello hello", max_tokens=16, temperature=0)
    plain = client.completions.create(**base).choices[0].text
    biased = client.completions.create(**base, logit_bias={"28": 100}).choices[0].text
    penalised = client.completions.create(**base, frequency_penalty=2.0, presence_penalty=2.0).choices[0].text
    assert biased != plain
    assert penalised != plain


def test_models(client):
    models = client.models.list().data
    assert len(models) == 1
    assert client.models.retrieve(models[0].id).id == models[0].id
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


@pytest.mark.parametrize("change, field", [
    (dict(temperature=-1), "temperature"),
    (dict(top_p=1.5), "top_p"),
    (dict(max_tokens=-5), "max"),
    (dict(n=0), "n"),
    (dict(stop=["x"] * 100), "stop"),
    (dict(extra_body={"top_k": -7}), "top_k"),
    (dict(extra_body={"min_p": "high"}), "min_p"),
    (dict(logit_bias={"99999999": 1}), "logit_bias"),
    (dict(max_tokens=10**7), "max"),
    (dict(extra_body={"regex": "a("}), "regex"),
    (dict(extra_body={"regex": "a+", "ebnf": "root ::= \"a\""}), "ebnf"),
    (dict(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {
        "type": "array", "uniqueItems": True}}}), "uniqueItems"),
])
def test_bad_values_name_the_field(client, change, field):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**{**dict(model="default", messages=QUESTION, max_tokens=4), **change})
    assert field in str(caught.value)


def test_schema_holds(client):
    schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "age": {
        "type": "integer", "minimum": 0, "maximum": 150}}, "required": ["name", "age"], "additionalProperties": False}
    answers = client.chat.completions.create(
        model="default", messages=QUESTION, max_tokens=80, n=3, temperature=1,
        response_format={"type": "json_schema", "json_schema": {"name": "person", "schema": schema}},
        extra_body={"min_tokens": 60})
    for choice in answers.choices:
        if choice.finish_reason == "stop":
            value = json.loads(choice.message.content)
            assert list(value) == ["name", "age"] and len(value["name"]) <= 12 and 0 <= value["age"] <= 150
        else:
            assert choice.message.content.lstrip().startswith("{")
    text = client.completions.create(
        model="default", prompt="The year is", max_tokens=20, extra_body={"regex": "(19|20)[0-9]{2}"}).choices[0].text
    assert re.fullmatch("(19|20)[0-9]{2}", text)


def test_over_long_prompt_is_refused(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model="default", prompt="word " * 20000, max_tokens=4)
    assert "8192" in str(caught.value)


def test_thirty_two_streams_with_cancellations(server):
    """Cancelled streams free their pages, the others are what they are alone, and the pool is exact afterwards."""

    async def scenario():
        client = openai.AsyncOpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
        chooser = random.Random(3)

        async def one(index: int, leave_after: int | None):
            stream = await client.completions.create(
                model="default", prompt=f"Story number {index % 8}: once upon a time", temperature=0.7,
                seed=index % 8, max_tokens=40, stream=True)
            text, count = "", 0
            async for chunk in stream:
                text += chunk.choices[0].text if chunk.choices else ""
                count += 1
                if leave_after is not None and count >= leave_after:
                    await stream.close()
                    return None
            return text

        plan = [(i, chooser.randint(1, 20) if i % 3 == 0 else None) for i in range(32)]
        texts = await asyncio.gather(*(one(i, leave) for i, leave in plan))
        alone = [await one(i, None) for i in range(8)]
        await client.close()
        return texts, alone

    texts, alone = asyncio.run(scenario())
    for index, text in enumerate(texts):
        if index % 3 != 0:
            assert text == alone[index % 8]
    state = server.wait_until_idle()
    assert state["free_pages"] + state["cached_pages"] == state["total_pages"]


def test_a_predicted_output_is_checked_ahead_and_changes_nothing(client, server):
    ask = dict(model="default", messages=[{"role": "user", "content": "Write two sentences about the sea."}], temperature=0,
               max_tokens=48, extra_body={"ignore_eos": True})
    plain = client.chat.completions.create(**ask)
    text = plain.choices[0].message.content
    for prediction in (text, text[:60] + " QQ " + text[70:], "Nothing of the kind."):
        reply = client.chat.completions.create(prediction={"type": "content", "content": prediction}, **ask)
        assert reply.choices[0].message.content == text
        details = reply.usage.completion_tokens_details
        if prediction == text:
            assert details.accepted_prediction_tokens > 24 and details.rejected_prediction_tokens <= 8
        assert details.accepted_prediction_tokens <= 48
