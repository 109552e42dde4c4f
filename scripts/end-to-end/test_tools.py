"""Tool calls as agents make them, with the openai package and a model that knows how.

Runs where Qwen2.5-Coder-0.5B has been fetched (scripts/fetch-model qwen2.5-coder-0.5b); else it is skipped."""

import json
import os
import pathlib

import openai
import pytest

from conftest import Server

MODEL = pathlib.Path(os.environ["MARTLET_MODEL"]).with_name("Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf")
pytestmark = pytest.mark.skipif(not MODEL.exists(), reason="qwen2.5-coder-0.5b has not been fetched")

TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Current weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}},
    {"type": "function", "function": {
        "name": "search_files", "description": "Files whose text contains a word.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}}},
]
QUESTION = [{"role": "user", "content": "What is the weather in Paris?"}]


@pytest.fixture(scope="module")
def coder():
    server = Server("--model-path", str(MODEL), "--context-length", "4096").wait_until_ready()
    yield openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    server.stop()


def ask(client, **extra):
    return client.chat.completions.create(
        model="default", messages=extra.pop("messages", QUESTION), tools=TOOLS, temperature=0, max_tokens=96, **extra)


def test_a_named_call_has_its_name_and_arguments(coder):
    reply = ask(coder, tool_choice={"type": "function", "function": {"name": "get_weather"}})
    call, = reply.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["city"].startswith("Paris")
    assert reply.choices[0].finish_reason == "tool_calls"


def test_streamed_calls_equal_whole_ones(coder):
    whole = ask(coder, tool_choice="required").choices[0]
    call = whole.message.tool_calls[0]
    assert call.id and call.type == "function"
    names, arguments, finish = [], "", None
    for chunk in ask(coder, tool_choice="required", stream=True):
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for delta in choice.delta.tool_calls or []:
                if delta.index == 0:
                    names += [delta.function.name] if delta.function.name else []
                    arguments += delta.function.arguments or ""
    assert names == [call.function.name]
    assert arguments == call.function.arguments
    assert finish == whole.finish_reason


def test_the_stream_accumulator_of_the_client_reads_it(coder):
    with coder.chat.completions.stream(
            model="default", messages=QUESTION, tools=TOOLS, temperature=0, max_tokens=96,
            tool_choice={"type": "function", "function": {"name": "get_weather"}}) as stream:
        for _ in stream:
            pass
        call, = stream.get_final_completion().choices[0].message.tool_calls
    assert json.loads(call.function.arguments)["city"].startswith("Paris")


def test_a_result_is_answered(coder):
    first = ask(coder, tool_choice={"type": "function", "function": {"name": "get_weather"}}).choices[0].message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": '{"temperature": 31, "sky": "clear"}'}
    reply = ask(coder, messages=[*QUESTION, first.model_dump(), result], tool_choice="none")
    assert "31" in reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop"


def test_a_suffix_is_led_up_to(coder):
    before, after = "def add(a, b):\n    return ", "\n\nprint(add(1, 2))\n"
    reply = coder.completions.create(model="default", prompt=before, suffix=after, temperature=0, max_tokens=24)
    assert reply.choices[0].text.startswith("a + b")
    assert reply.choices[0].finish_reason == "stop"
    spelled = f"<|fim_prefix|>{before}<|fim_suffix|>{after}<|fim_middle|>"
    same = coder.completions.create(model="default", prompt=spelled, temperature=0, max_tokens=24)
    assert (same.choices[0].text, same.usage.prompt_tokens) == (reply.choices[0].text, reply.usage.prompt_tokens)
