"""Calls held to their schemas, with the openai package: any model's required call parses and obeys."""

import json

import anthropic
import openai
import pytest

from conftest import Server

TOOLS = [
    {"type": "function", "function": {
        "name": "book_table", "description": "Books a table.", "strict": True,
        "parameters": {
            "type": "object", "additionalProperties": False, "required": ["guests", "area", "wishes"],
            "properties": {
                "guests": {"type": "integer", "minimum": 1, "maximum": 12},
                "area": {"type": "string", "enum": ["inside", "terrace"]},
                "wishes": {"type": "array", "maxItems": 2, "items": {"enum": ["quiet", "window", "vegan"]}},
            }}}},
    {"type": "function", "function": {"name": "say_goodbye", "strict": True}},
]
QUESTION = [{"role": "user", "content": "A table on the terrace for four, please, with a vegan meal."}]


@pytest.fixture(scope="module", params=["qwen25", "llama3", "mistral", "qwen3_coder", "glm45", "pythonic", "kimi_k2", "gemma4", "gpt-oss"])
def caller(request):
    server = Server("--tool-call-parser", request.param).wait_until_ready()
    yield openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    server.stop()


def check(call):
    arguments = json.loads(call.function.arguments)
    if call.function.name == "say_goodbye":
        assert arguments == {}
        return
    assert call.function.name == "book_table"
    assert set(arguments) == {"guests", "area", "wishes"}
    assert type(arguments["guests"]) is int and 1 <= arguments["guests"] <= 12
    assert arguments["area"] in ("inside", "terrace")
    assert len(arguments["wishes"]) <= 2 and set(arguments["wishes"]) <= {"quiet", "window", "vegan"}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "book_table"}}])
def test_a_call_that_must_come_obeys(caller, choice):
    for seed in range(8):
        answer = caller.chat.completions.create(
            model="default", messages=QUESTION, tools=TOOLS, tool_choice=choice, parallel_tool_calls=False,
            temperature=1.2, seed=seed, max_tokens=200).choices[0]
        assert answer.finish_reason == "tool_calls"
        call, = answer.message.tool_calls
        check(call)


def test_calls_of_a_free_answer_obey(caller):
    for seed in range(4):
        answer = caller.chat.completions.create(
            model="default", messages=QUESTION, tools=TOOLS, temperature=1, seed=seed, max_tokens=200).choices[0]
        if answer.finish_reason == "tool_calls":
            for call in answer.message.tool_calls:
                check(call)


def test_a_strict_schema_that_cannot_be_kept_is_refused(caller):
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": r"(x)\1"}}}
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": schema}}
    with pytest.raises(openai.BadRequestError) as refused:
        caller.chat.completions.create(model="default", messages=QUESTION, tools=[tool], max_tokens=8)
    assert "tools[0].function.parameters" in str(refused.value) and "#/properties/a" in str(refused.value)


def test_strict_needs_a_known_format_of_calls(server, client):
    """SmolLM2's template has no tags of calls."""
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="default", messages=QUESTION, tools=[*reversed(TOOLS)], max_tokens=8)
    assert "tools[0].function.strict" in str(refused.value) and "--tool-call-parser" in str(refused.value)
    tool = {"name": "f", "strict": True, "input_schema": {"type": "object"}}
    with pytest.raises(anthropic.BadRequestError) as refused:
        anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0).messages.create(
            model="default", messages=QUESTION, tools=[tool], max_tokens=8)
    assert "tools[0].strict" in str(refused.value) and "--tool-call-parser" in str(refused.value)
    loose = {"type": "function", "function": {"name": "f"}}
    assert client.chat.completions.create(model="default", messages=QUESTION, tools=[loose], max_tokens=8).choices
