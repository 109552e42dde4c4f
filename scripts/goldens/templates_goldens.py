#!/usr/bin/env python3
"""Makes Tests/MartletTextTests/Goldens/templates. Needs: jinja2==3.1.6, MarkupSafe==3.0.4, Python 3.11.

Renders the snippets of templates_snippets.txt and the chat templates of --templates FOLDER (llama.cpp's
models/templates) as transformers' apply_chat_template does. Templates named in COMMITTED go to --out, the others to
--more FOLDER, which MARTLET_TEST_ASSETS may name when the tests run.
"""
import argparse
import datetime
import json
import pathlib

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

NOW = datetime.datetime(2024, 7, 26, 15, 4, 5)
COMMITTED = """Qwen-Qwen3-0.6B Qwen3-Coder Qwen3.5-4B Qwen-QwQ-32B meta-llama-Llama-3.1-8B-Instruct
meta-llama-Llama-3.2-3B-Instruct mistralai-Mistral-Nemo-Instruct-2407 Mistral-Small-3.2-24B-Instruct-2506
mistralai-Ministral-3-14B-Reasoning-2512 deepseek-ai-DeepSeek-V3.1 deepseek-ai-DeepSeek-R1-Distill-Qwen-32B
google-gemma-2-2b-it openai-gpt-oss-120b Kimi-K2-Thinking GLM-4.6 microsoft-Phi-3.5-mini-instruct
ibm-granite-granite-3.3-2B-Instruct ByteDance-Seed-OSS NVIDIA-Nemotron-Nano-v2
NousResearch-Hermes-3-Llama-3.1-8B-tool_use MiniMax-M2 HuggingFaceTB-SmolLM3-3B LFM2-8B-A1B
google-gemma-4-31B-it""".split()


class Generation(jinja2.ext.Extension):
    """`{% generation %}`: the text is rendered as it is."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _text(self, context, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    result = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    result.filters["tojson"] = tojson
    result.globals["raise_exception"] = raise_exception
    result.globals["strftime_now"] = NOW.strftime
    return result


ENVIRONMENT = environment()
# Every snippet sees these.
CONTEXT = {
    "none_value": None, "yes": True, "no": False, "n": 7, "negative": -3, "x": 2.5, "text": "Hello, World",
    "spaced": "  a b\t\n c ", "quotes": "it's \"q\"", "lines": "one\ntwo\n\nthree", "html": "<a href='x'>&\"</a>",
    "unicode": "Grüße, 世界 👍🏽 e\u0301", "empty": "", "list": [1, 2, 3, 4, 5], "words": ["pear", "Apple", "fig"],
    "mixed": [1, "a", None, 2.5, True, [1], {"k": "v"}], "nested": [[1, 2], [3], []],
    "map": {"b": 1, "a": 2, "C": 3}, "deep": {"a": {"b": {"c": [10, {"d": "end"}]}}},
    "shadow": {"items": [1], "keys": 2, "get": 3, "name": "n"},
    "people": [{"name": "ann", "age": 30, "city": "Rome"}, {"name": "Bob", "age": 25, "city": "Oslo"},
               {"name": "cid", "age": 30, "city": "rome", "extra": None}],
    "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}, {"v": 5, "c": []}],
}

USER = {"role": "user", "content": "What's 2+2?"}
TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Weather of a city.",
        "parameters": {"type": "object", "required": ["city"], "properties": {
            "city": {"type": "string", "description": "The city, e.g. \"Zürich\""},
            "unit": {"type": "string", "enum": ["c", "f"], "default": "c"},
            "days": {"type": ["integer", "null"]}}}}},
    {"type": "function", "function": {
        "name": "add", "description": "Adds <numbers> & more", "strict": True,
        "parameters": {"type": "object", "properties": {
            "a": {"type": "array", "items": {"type": "number"}},
            "o": {"type": "object", "properties": {"deep": {"type": "boolean"}}}}},
        "return": {"type": "number"}}}]


def call(name, arguments, identifier="call00001"):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool_turns(arguments, reasoning=None):
    first = {"role": "assistant", "content": "", "tool_calls": [call("get_weather", arguments)]}
    if reasoning:
        first["reasoning_content"] = reasoning
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Zürich?"}, first,
            {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": "{\"t\": 21.5}"}]


def conversations():
    thoughts = {"role": "assistant", "content": "4", "reasoning_content": "Two and two.\n"}
    inline = {"role": "assistant", "content": "<think>\nhm\n</think>\n\n4"}
    more = {"role": "user", "content": "And 3+3? 世界 👍🏽\n\n  `x`"}
    parallel = tool_turns({"city": "Zürich", "days": 2, "unit": None, "f": 1.5e-07, "l": [1, {"k": "<v>"}], "b": True},
                          "Need both.")
    parallel[2]["tool_calls"].append(call("add", {"a": [1, 2.0]}, "call00002"))
    parallel += [{"role": "tool", "tool_call_id": "call00002", "name": "add", "content": "3"},
                 {"role": "assistant", "content": "21.5 degrees; 3."}, {"role": "user", "content": "Thanks"}]
    result = [
        ("user", dict(messages=[USER])),
        ("turns", dict(messages=[{"role": "system", "content": "You are  helpful.\n"}, USER,
                                 {"role": "assistant", "content": " 4 "}, more])),
        ("tools", dict(messages=[{"role": "system", "content": "Sys"}, USER], tools=TOOLS)),
        ("tools-no-system", dict(messages=[USER], tools=TOOLS[:1], date_string="01 Jan 2025")),
        ("tool-result", dict(messages=tool_turns({"city": "Zürich"}), tools=TOOLS[:1])),
        ("tool-result-text", dict(messages=tool_turns("{\"city\": \"Zürich\"}"), tools=TOOLS[:1])),
        ("parallel-calls", dict(messages=parallel, tools=TOOLS, enable_thinking=True)),
        ("thinking", dict(messages=[USER, thoughts, more], enable_thinking=True, thinking=True,
                          reasoning_effort="high")),
        ("no-thinking", dict(messages=[USER, inline, more], enable_thinking=False, thinking=False)),
        ("no-prompt", dict(messages=[USER, thoughts], add_generation_prompt=False)),
        ("parts", dict(messages=[{"role": "user", "content": [{"type": "text", "text": "Look "},
                                                              {"type": "text", "text": "here"}]}])),
        ("wrong-order", dict(messages=[{"role": "assistant", "content": None}, USER, USER,
                                       {"role": "critic", "content": "?"}])),
    ]
    for _, context in result:
        for key, value in (("add_generation_prompt", True), ("bos_token", "<s>"), ("eos_token", "</s>"),
                           ("tools", None), ("documents", None)):
            context.setdefault(key, value)
    return result


def outcome(source, context):
    try:
        text = ENVIRONMENT.from_string(source).render(**context)
        text.encode("utf-8")  # Half a surrogate pair cannot be sent.
        return {"expected": text}
    except Exception as error:  # Whatever jinja2 or Python raises is a refusal.
        return {"error": f"{type(error).__name__}: {error}"[:120]}


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":"), indent=0) + "\n", encoding="utf-8")


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--templates", type=pathlib.Path)
    arguments.add_argument("--more", type=pathlib.Path)
    arguments.add_argument("--out", type=pathlib.Path, default=root / "Tests/MartletTextTests/Goldens/templates")
    options = arguments.parse_args()
    # Snippets are separated by lines of "----".
    snippets = pathlib.Path(__file__).with_name("templates_snippets.txt").read_text(encoding="utf-8")
    cases = [{"template": source, **outcome(source, CONTEXT)} for source in snippets[:-1].split("\n----\n")]
    assert all(" object at 0x" not in case.get("expected", "") for case in cases)
    write(options.out / "snippets.json", {"context": CONTEXT, "cases": cases})
    write(options.out / "conversations.json", dict(conversations()))
    for path in sorted(options.templates.glob("*.jinja")) if options.templates else []:
        source = path.read_text(encoding="utf-8")
        folder = options.out if path.stem in COMMITTED else options.more
        if folder:
            write(folder / f"chat-{path.stem}.json", {"template": source, "cases": [
                {"conversation": name, **outcome(source, context)} for name, context in conversations()]})


if __name__ == "__main__":
    main()
