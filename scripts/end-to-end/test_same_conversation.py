"""One conversation in every dialect: the same tokens go into the model, and the same tokens are drawn."""

import json
import os
import pathlib

import httpx
import pytest

from conftest import Server

CODER = pathlib.Path(os.environ["MARTLET_MODEL"]).with_name("Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf")
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ARGUMENTS = {"city": "Zürich"}
SAMPLING = {"temperature": 0.9, "top_p": 0.95, "seed": 11}


def conversation(with_tools):
    """Bodies of the chat endpoint, of Responses, Anthropic and Ollama, for the same turns."""
    system, question, later = "Answer briefly. Ünïcode is fine.", "Is it warm in Zürich?", "And what about 東京?"
    spoken = [("user", question), ("assistant", "It is 31 degrees."), ("user", later)]
    call = {"name": "get_weather", "arguments": ARGUMENTS}
    result = '{"degrees": 31}'
    tool = {"name": "get_weather", "description": "Weather of a city.", "parameters": PARAMETERS}

    chat = [{"role": role, "content": text} for role, text in spoken]
    responses, anthropic, ollama = list(chat), list(chat), list(chat)
    bodies = [{"messages": [{"role": "developer", "content": system}]}, {"instructions": system, "input": []},
              {"system": system, "messages": []}, {"messages": [{"role": "system", "content": system}]}]
    if with_tools:
        called = {"id": "call_1", "type": "function", "function": {**call, "arguments": json.dumps(ARGUMENTS)}}
        chat[1:1] = [{"role": "assistant", "content": None, "tool_calls": [called]},
                     {"role": "tool", "tool_call_id": "call_1", "content": result}]
        responses[1:1] = [
            {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": json.dumps(ARGUMENTS)},
            {"type": "function_call_output", "call_id": "call_1", "output": result}]
        anthropic[1:1] = [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "get_weather", "input": ARGUMENTS}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": result}]}]
        ollama[1:1] = [{"role": "assistant", "content": "", "tool_calls": [{"function": call}]},
                       {"role": "tool", "tool_name": "get_weather", "content": result}]
        wrapped = [{"type": "function", "function": tool}]
        bodies[0]["tools"] = bodies[3]["tools"] = wrapped
        bodies[1]["tools"] = [{"type": "function", **tool}]
        bodies[2]["tools"] = [{"name": tool["name"], "description": tool["description"], "input_schema": PARAMETERS}]
    bodies[0]["messages"] += chat
    bodies[1]["input"] += responses
    bodies[2]["messages"] += anthropic
    bodies[3]["messages"] += ollama
    return bodies


def ask(url, bodies, stream):
    """Each dialect's finished answer, and what it tells of the tokens."""
    chat, responses, anthropic, ollama = [{**body, "stream": stream, "return_token_ids": True} for body in bodies]
    requests = [
        ("/v1/chat/completions", {**chat, **SAMPLING, "max_tokens": 20}),
        ("/v1/responses", {**responses, **SAMPLING, "max_output_tokens": 20}),
        ("/v1/messages", {**anthropic, **SAMPLING, "max_tokens": 20}),
        ("/api/chat", {**ollama, "options": {**SAMPLING, "num_predict": 20}})]
    for path, body in requests:
        reply = httpx.post(url + path, json=body, timeout=60)
        assert reply.status_code == 200, reply.text
        if not stream:
            event = reply.json()
        else:
            lines = [line.removeprefix("data: ") for line in reply.text.splitlines() if "response_token_ids" in line]
            event = json.loads(lines[-1])
        event = event.get("response") or (event["choices"][0] if "choices" in event else event)
        yield path, event["prompt_token_ids"], event["response_token_ids"]


def check(url, with_tools):
    bodies = conversation(with_tools)
    answers = list(ask(url, bodies, False)) + list(ask(url, bodies, True))
    for path, prompt, drawn in answers:
        assert prompt == answers[0][1], path
        assert drawn == answers[0][2], path
    rendered = httpx.post(url + "/tokenize", json={key: bodies[0][key] for key in ("messages", "tools") if key in bodies[0]})
    assert rendered.json()["tokens"] == answers[0][1] and len(answers[0][2]) > 3
    # The bytes of a multi-byte word are in the prompt, so that this is about more than ASCII.
    text = httpx.post(url + "/detokenize", json={"tokens": answers[0][1]}).json()["text"]
    assert "東京" in text and (not with_tools or "get_weather" in text)


def test_plain_turns_are_the_same_in_every_dialect(server):
    check(server.url, with_tools=False)


@pytest.mark.skipif(not CODER.exists(), reason="qwen2.5-coder-0.5b has not been fetched")
def test_calls_and_results_are_the_same_in_every_dialect():
    server = Server("--model-path", str(CODER), "--context-length", "4096").wait_until_ready()
    try:
        check(server.url, with_tools=True)
    finally:
        server.stop()


def test_completions_tell_their_tokens(server):
    body = {"prompt": "One, two,", "max_tokens": 4, "return_token_ids": True, "temperature": 0}
    choice = httpx.post(server.url + "/v1/completions", json=body, timeout=60).json()["choices"][0]
    again = httpx.post(server.url + "/v1/completions", json={**body, "prompt": choice["prompt_token_ids"]}, timeout=60)
    assert again.json()["choices"][0]["token_ids"] == choice["token_ids"] and len(choice["token_ids"]) == 4
