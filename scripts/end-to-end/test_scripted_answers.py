"""Tool calls and reasoning, exact to the byte, through each client: a grammar with one word makes the model write it."""

import json
import os
import pathlib
import re

import anthropic
import httpx
import ollama
import openai
import pydantic
import pytest
from openai.types.responses import ResponseStreamEvent

from conftest import Server

REASONING, CONTENT = "They ask for é and 漢.", "Let me look.\n"
CALLS = [("get_weather", '{"city": "Zürich", "days": [1, 2]}'), ("get_time", '{"zone": "a\\"b"}')]
SCRIPT = f"<think>\n{REASONING}\n</think>\n\n{CONTENT}" + "\n".join(
    f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>' for name, arguments in CALLS)


def word(text):
    """The grammar of one text."""
    return re.sub(r"([\\{}\[\]().*+?^$|/])", r"\\\1", text)


PATTERN = word(SCRIPT)
QUESTION = [{"role": "user", "content": "What is the weather?"}]
PARAMETERS = {"type": "object", "properties": {}}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": PARAMETERS}} for name, _ in CALLS]
GOLDEN = pathlib.Path(__file__).with_name("golden")


@pytest.fixture(scope="module")
def scripted():
    server = Server("--tool-call-parser", "qwen25", "--reasoning-parser", "qwen3", "--context-length", "1024")
    yield server.wait_until_ready()
    assert server.stop() == 0


def undocumented(model, path=""):
    """Paths of what an answer holds beyond the client's own types."""
    found = {f"{path}{key}" for key in getattr(model, "model_extra", None) or {}}
    for key in getattr(type(model), "model_fields", {}):
        value = getattr(model, key)
        for item in value if isinstance(value, list) else [value]:
            found |= undocumented(item, f"{path}{key}.")
    return found


def compare(name, trace):
    """Compares a trace with its golden file, which GOLDEN=write makes anew."""
    text = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in trace)
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / name).write_text(text)
    assert text == (GOLDEN / name).read_text()


def masked(value):
    """Ids, times and token counts differ between runs and machines."""
    if isinstance(value, list):
        return [masked(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: "*" if re.search("(^|_)(id|created|created_at|fingerprint|duration|count|tokens)$", key) and item is not None
            else masked(item) for key, item in value.items()}


def joined(trace, text_of):
    """Joins neighbouring pieces of one text: where a model's tokens are cut is not part of the protocol."""
    result, last = [], None
    for event in trace:
        place = text_of(event)
        if place and last and place[0] == last[0]:
            last[1][last[2]] += place[1][place[2]]
            continue
        last = place
        result.append(event)
    return result


def lines(server, path, body, prefix=""):
    reply = httpx.post(server.url + path, json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    return [json.loads(line[len(prefix):]) for line in reply.text.splitlines()
            if line.startswith(prefix) and line.strip() not in ("", "data: [DONE]")]


def test_the_openai_client_gets_each_byte(scripted):
    client = openai.OpenAI(base_url=scripted.url + "/v1", api_key="none", max_retries=0)
    ask = dict(model="m", messages=QUESTION, tools=TOOLS, temperature=0, max_tokens=400, extra_body={"regex": PATTERN})
    reply = client.chat.completions.create(**ask)
    message = reply.choices[0].message
    assert message.reasoning_content.strip() == REASONING and message.content == CONTENT.rstrip("\n")
    assert [(call.function.name, call.function.arguments) for call in message.tool_calls] == CALLS
    assert reply.choices[0].finish_reason == "tool_calls"
    assert undocumented(reply) <= {
        "metadata", "choices.matched_stop", "choices.message.reasoning_content",
        "choices.message.tool_calls.index", "usage.reasoning_tokens"}
    text, calls = "", {}
    for chunk in client.chat.completions.create(stream=True, **ask):
        assert undocumented(chunk) <= {"choices.matched_stop", "choices.delta.reasoning_content"}
        for call in chunk.choices[0].delta.tool_calls or []:
            entry = calls.setdefault(call.index, [call.function.name, ""])
            entry[1] += call.function.arguments or ""
        text += chunk.choices[0].delta.content or ""
    assert text == message.content and [tuple(call) for call in calls.values()] == CALLS


def test_reasoning_ends_with_its_budget(scripted):
    """The grammar lets the model reason as long as it likes, and then answer."""
    opened = {"model": "m", "messages": QUESTION, "temperature": 0, "max_tokens": 200, "regex": "(yes|no)!"}
    for limit in (1, 7):
        for field in ({"max_thinking_tokens": limit}, {"custom_params": {"thinking_budget": limit}},
                      {"reasoning": {"max_tokens": limit}}):
            reply = httpx.post(scripted.url + "/v1/chat/completions", json=opened | field, timeout=60).json()
            message, usage = reply["choices"][0]["message"], reply["usage"]
            assert message["content"] in ("yes!", "no!"), reply
            # The tags and a line break take a few tokens of their own.
            assert usage["completion_tokens_details"]["reasoning_tokens"] <= limit + 12
    client = anthropic.Anthropic(base_url=scripted.url, api_key="none", max_retries=0)
    message = client.messages.create(
        model="m", messages=QUESTION, max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024},
        extra_body={"regex": "(yes|no)!", "temperature": 0})
    assert message.content[-1].text in ("yes!", "no!")
    refused = httpx.post(scripted.url + "/v1/chat/completions", json=opened | {"max_thinking_tokens": -1}, timeout=60)
    assert refused.status_code == 400 and "max_thinking_tokens" in refused.text


def test_the_anthropic_client_gets_each_byte(scripted):
    client = anthropic.Anthropic(base_url=scripted.url, api_key="none", max_retries=0)
    tools = [{"name": name, "input_schema": PARAMETERS} for name, _ in CALLS]
    ask = dict(model="m", messages=QUESTION, tools=tools, max_tokens=400,
               extra_body={"regex": PATTERN, "temperature": 0})
    message = client.messages.create(**ask)
    assert undocumented(message) == set()
    assert message.content[0].thinking.strip() == REASONING and message.content[1].text == CONTENT.rstrip("\n")
    assert [(block.name, block.input) for block in message.content[2:]] == [
        (name, json.loads(arguments)) for name, arguments in CALLS]
    with client.messages.stream(**ask) as stream:
        final = stream.get_final_message()
    assert [block.model_dump(exclude={"id"}) for block in final.content] == [
        block.model_dump(exclude={"id"}) for block in message.content]


def test_the_ollama_client_gets_each_byte(scripted):
    client = ollama.Client(host=scripted.url)
    options = {"regex": PATTERN, "temperature": 0, "num_predict": 400}
    expected = [(name, json.loads(arguments)) for name, arguments in CALLS]
    whole = client.chat(model="m", messages=QUESTION, tools=TOOLS, options=options)
    assert whole.message.thinking.strip() == REASONING and whole.message.content == CONTENT.rstrip("\n")
    assert [(call.function.name, dict(call.function.arguments)) for call in whole.message.tool_calls] == expected
    streamed = list(client.chat(model="m", messages=QUESTION, tools=TOOLS, options=options, stream=True))
    calls = [call for line in streamed for call in line.message.tool_calls or []]
    assert [(call.function.name, dict(call.function.arguments)) for call in calls] == expected
    assert "".join(line.message.content or "" for line in streamed) == whole.message.content


def test_the_ollama_client_calls_python_functions_over_several_rounds(scripted):
    def get_degrees(city: str, days: int = 1) -> str:
        """Tell the temperature in a city.

        Args:
          city: the name of the city
          days: how many days ahead
        """
        return f"{city} in {days}: 31 degrees"

    client = ollama.Client(host=scripted.url)
    messages = [{"role": "user", "content": "How warm is it in Rome and in Oslo?"}]
    for city in ("Rome", "Zürich"):
        text = f'<tool_call>\n{{"name": "get_degrees", "arguments": {{"city": "{city}", "days": 2}}}}\n</tool_call>'
        options = {"regex": word(text), "temperature": 0, "num_predict": 200}
        for stream in (True, False):
            reply = client.chat(model="m", messages=messages, tools=[get_degrees], options=options, stream=stream)
            message = next(line.message for line in reply if line.message.tool_calls) if stream else reply.message
            call, = message.tool_calls
            assert (call.function.name, dict(call.function.arguments)) == ("get_degrees", {"city": city, "days": 2})
        result = get_degrees(**call.function.arguments)
        messages += [message, {"role": "tool", "tool_name": "get_degrees", "content": result}]
    final = client.chat(
        model="m", messages=messages, tools=[get_degrees], options={"regex": "31 degrees", "temperature": 0, "num_predict": 20})
    assert final.message.content == "31 degrees" and not final.message.tool_calls and final.done_reason == "stop"
    body = {"messages": [m if isinstance(m, dict) else m.model_dump() for m in messages], "stream": False,
            "options": {"num_predict": 1}, "return_token_ids": True}
    prompt = httpx.post(scripted.url + "/api/chat", json=body, timeout=60).json()["prompt_token_ids"]
    text = httpx.post(scripted.url + "/detokenize", json={"tokens": prompt}).json()["text"]
    assert text.index("Rome in 2: 31 degrees") < text.index("Zürich in 2: 31 degrees")


def test_the_former_functions_come_as_such(scripted):
    client = openai.OpenAI(base_url=scripted.url + "/v1", api_key="none", max_retries=0)
    functions = [{"name": name, "parameters": PARAMETERS} for name, _ in CALLS]
    ask = dict(model="m", messages=QUESTION, functions=functions, temperature=0, max_tokens=400, extra_body={"regex": PATTERN})
    choice = client.chat.completions.create(**ask).choices[0]
    call = choice.message.function_call
    assert (call.name, call.arguments) == CALLS[0] and choice.finish_reason == "function_call" and not choice.message.tool_calls
    name, arguments = "", ""
    for chunk in client.chat.completions.create(stream=True, **ask):
        delta = chunk.choices[0].delta.function_call
        name += delta and delta.name or ""
        arguments += delta and delta.arguments or ""
    assert (name, arguments) == CALLS[0] and chunk.choices[0].finish_reason == "function_call"


EVENT = pydantic.TypeAdapter(ResponseStreamEvent)
# What an item of each kind has between its beginning and its end: the part's deltas and their sum.
INSIDE = {"message": ("output_text", "text"), "reasoning": ("reasoning_text", "text"),
          "function_call": ("function_call_arguments", "arguments")}


def check_response_events(events):
    """The documented sequence, told apart from our own code: each item opens, grows and closes before the next."""
    for event in events:
        # The grammar that scripts the answer is ours, and the response repeats it. `store` and a call's `name` are the
        # service's own fields that this version of the types leaves out.
        event.get("response", {}).get("text", {})["format"] = {"type": "text"}
        assert undocumented(EVENT.validate_python(event, strict=True)) <= {"response.store", "name"}, event
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds[:2] == ["created", "in_progress"]
    final = events[-1]["response"]
    assert kinds[-1] == final["status"]
    at = 2
    for index, item in enumerate(final["output"]):
        def take(kind):
            nonlocal at
            event = events[at]
            assert kinds[at] == kind and event["output_index"] == index, (kind, event)
            assert event.get("item_id", event.get("item", {}).get("id")) == item["id"]
            assert event.get("content_index", 0) == 0
            at += 1
            return event
        name, field = INSIDE[item["type"]]
        begun = take("output_item.added")["item"]
        assert begun["status"] == "in_progress" and not begun.get("content") and not begun.get("arguments")
        if item["type"] != "function_call":
            assert take("content_part.added")["part"]["text"] == ""
        text = ""
        while kinds[at] == f"{name}.delta":
            text += take(f"{name}.delta")["delta"]
        assert text == take(f"{name}.done")[field]
        if item["type"] != "function_call":
            assert take("content_part.done")["part"] == item["content"][0] and item["content"][0]["text"] == text
        else:
            assert item["arguments"] == text
        assert take("output_item.done")["item"] == item
    assert at == len(events) - 1
    return final


def test_response_events_are_the_documented_ones(scripted):
    tools = [{"type": "function", "name": name, "parameters": PARAMETERS, "strict": False} for name, _ in CALLS]
    body = {"input": QUESTION, "tools": tools, "temperature": 0, "stream": True, "max_output_tokens": 400,
            "text": {"format": {"type": "regex", "pattern": PATTERN}}}
    final = check_response_events(lines(scripted, "/v1/responses", body, "data: "))
    assert [item["type"] for item in final["output"]] == ["reasoning", "message", "function_call", "function_call"]
    assert final["output"][0]["content"][0]["text"].strip() == REASONING
    assert final["output"][1]["content"][0]["text"] == CONTENT.rstrip("\n")
    assert [(item["name"], item["arguments"]) for item in final["output"][2:]] == CALLS
    assert 0 < final["usage"]["output_tokens_details"]["reasoning_tokens"] < final["usage"]["output_tokens"]
    # Cut off everywhere: in the reasoning, in the text, in a call.
    ends = set()
    for limit in range(1, final["usage"]["output_tokens"], 5):
        cut = check_response_events(lines(scripted, "/v1/responses", {**body, "max_output_tokens": limit}, "data: "))
        assert cut["incomplete_details"] == {"reason": "max_output_tokens"} and cut["usage"]["output_tokens"] == limit
        ends |= {(item["type"], item["status"]) for item in cut["output"]}
    assert {("reasoning", "incomplete"), ("message", "incomplete"), ("function_call", "incomplete")} <= ends


def test_a_cancelled_response_ends_its_stream_as_such(scripted):
    client = openai.OpenAI(base_url=scripted.url + "/v1", api_key="none", max_retries=0)
    made = client.responses.create(
        model="m", input="Count.", background=True, max_output_tokens=900, extra_body={"ignore_eos": True})
    assert client.responses.cancel(made.id).status == "cancelled"
    last = list(client.responses.retrieve(made.id, stream=True))[-1].to_dict()
    assert (last["type"], last["response"]["status"]) == ("response.cancelled", "cancelled")


def test_streams_have_their_golden_traces(scripted):
    chat = {"messages": QUESTION, "tools": TOOLS, "temperature": 0, "max_tokens": 400, "regex": PATTERN, "stream": True}

    def chat_text(event):
        delta = event["choices"][0]["delta"]
        for key in ("content", "reasoning_content"):
            if delta.get(key):
                return key, delta, key
        call = (delta.get("tool_calls") or [{}])[0]
        return None if call.get("id") or not call else (call["index"], call["function"], "arguments")
    compare("chat.jsonl", masked(joined(lines(scripted, "/v1/chat/completions", chat, "data: "), chat_text)))

    tools = [{"name": name, "input_schema": PARAMETERS} for name, _ in CALLS]

    def block_text(event):
        delta = event.get("delta", {})
        key = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}.get(delta.get("type"))
        return key and (event["index"], delta, key)
    compare("anthropic.jsonl", masked(joined(lines(scripted, "/v1/messages", {**chat, "tools": tools}, "data: "), block_text)))

    options = {"regex": PATTERN, "temperature": 0, "num_predict": 400}

    def line_text(event):
        for key in ("content", "thinking"):
            if not event["done"] and event["message"].get(key):
                return key, event["message"], key
    body = {"messages": QUESTION, "tools": TOOLS, "options": options}
    compare("ollama-chat.jsonl", masked(joined(lines(scripted, "/api/chat", body), line_text)))


def test_streams_of_plain_text_have_their_golden_traces(scripted):
    body = {"prompt": "x", "temperature": 0, "max_tokens": 50, "regex": "Größe 漢\\.", "stream": True}

    def choice_text(event):
        choice = event["choices"][0]
        return choice["text"] and not choice["finish_reason"] and ("text", choice, "text")
    compare("completions.jsonl", masked(joined(lines(scripted, "/v1/completions", body, "data: "), choice_text)))

    options = {"regex": body["regex"], "temperature": 0, "num_predict": 50}

    def line_text(event):
        return not event["done"] and ("response", event, "response")
    compare("ollama-generate.jsonl", masked(
        joined(lines(scripted, "/api/generate", {"prompt": "x", "options": options}), line_text)))
