#!/usr/bin/env python3
"""Makes Tests/MartletTextTests/Goldens/responses/corpus.json: answers in each tool-call format, with what is in them.

Every scenario is written in each format as its model's chat template and documentation write it; the expectation is the
scenario itself. For formats that SGLang reads too, its own parser's outcome is stored beside. Needs Python 3.11 and
--sglang FOLDER, sglang==0.5.23's wheel unpacked (pip download --no-deps), with pydantic, orjson, openai==2.*,
partial-json-parser, msgspec and transformers==4.57.1; torch is not needed. Without --sglang the stored outcomes of the
existing file are kept.
"""
import argparse
import importlib.abc
import importlib.machinery
import json
import pathlib
import sys
import types

OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/MartletTextTests/Goldens/responses/corpus.json"


def function(name, properties, required=()):
    return {"type": "function", "function": {
        "name": name, "description": name, "parameters": {
            "type": "object", "properties": properties, "required": list(required)}}}


TOOLS = [
    function("get_weather", {
        "city": {"type": "string"}, "unit": {"type": "string", "enum": ["c", "f"]}, "days": {"type": "integer"}}),
    function("book-trip", {
        "trip": {"type": "object", "properties": {"from": {"type": "string"}}}, "stops": {"type": "array"},
        "price": {"type": "number"}, "refund": {"type": "boolean"}, "note": {"type": ["string", "null"]}}),
    function("write_file", {"path": {"type": "string"}, "content": {"type": "string"}}),
    function("ping", {}),
]
STRINGS = {"city", "unit", "path", "content", "note"}

WEATHER = ("get_weather", {"city": "Paris", "unit": "c"})
TOKYO = ("get_weather", {"city": "東京 👍🏽 Zürich", "days": 3})
TRIP = ("book-trip", {
    "trip": {"from": "Genève", "legs": [{"to": "Rome", "nights": 2}, {"to": "x", "nights": []}]}, "stops": ["a", "b]}"],
    "price": -12.5, "refund": True})
FILE = ("write_file", {"path": "src/a b.py", "content": "if a < b and c > d:\n    print(\"{x}: [1, 2]\")  # </b> & 100%\n\ttab"})
PING = ("ping", {})

# name, text in front, calls, text behind
SCENARIOS = [
    ("one call", "", [WEATHER], ""),
    ("unicode", "", [TOKYO], ""),
    ("nested JSON", "", [TRIP], ""),
    ("code", "", [FILE], ""),
    ("no arguments", "", [PING], ""),
    ("parallel calls", "", [WEATHER, TOKYO, PING], ""),
    ("text in front", "Let me look that up: é < 3.", [WEATHER], ""),
    ("text in front and parallel calls", "Zuerst das Wetter 🌦.", [TOKYO, TRIP], ""),
    ("text behind", "", [WEATHER], " I will tell you more."),
]
PLAIN = [
    "The answer is 42.", "", "a < b, c[0] = {1}, x|y <| and <tool and <｜ done", "Multi\n\nline\n\n\ntext with {braces} and [brackets].\n",
    "日本語のテキスト 👩‍👩‍👧‍👦 fin",
]


def dumps(value):
    return json.dumps(value, ensure_ascii=False)


def plain(key, value):
    return value if isinstance(value, str) else dumps(value)


def python_literal(value):
    return repr(value)


def gemma_literal(value, quote):
    if isinstance(value, str):
        return quote + value + quote
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{gemma_literal(v, quote)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(gemma_literal(v, quote) for v in value) + "]"
    return dumps(value)


def hermes(calls):
    return "\n".join(f'<tool_call>\n{dumps({"name": n, "arguments": a})}\n</tool_call>' for n, a in calls)


def json_list(open, close, name="name", arguments="arguments", extra=None, indent=None):
    def render(calls):
        items = [{**(extra(i) if extra else {}), name: n, arguments: a} for i, (n, a) in enumerate(calls)]
        return open + json.dumps(items, ensure_ascii=False, indent=indent) + close
    return render


def llama3(calls):
    return "; ".join(dumps({"name": n, "parameters": a}) for n, a in calls)


def mistral_new(calls):
    return "".join(f"[TOOL_CALLS]{n}[ARGS]{dumps(a)}" for n, a in calls)


def deepseek_v3(calls):
    inner = "\n".join(
        f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{n}\n```json\n{dumps(a)}\n```<｜tool▁call▁end｜>" for n, a in calls)
    return f"<｜tool▁calls▁begin｜>{inner}<｜tool▁calls▁end｜>"


def deepseek_v31(calls):
    inner = "".join(f"<｜tool▁call▁begin｜>{n}<｜tool▁sep｜>{dumps(a)}<｜tool▁call▁end｜>" for n, a in calls)
    return f"<｜tool▁calls▁begin｜>{inner}<｜tool▁calls▁end｜>"


def dsml(block):
    def render(calls):
        def parameter(key, value):
            is_string = "true" if isinstance(value, str) else "false"
            return f'<｜DSML｜parameter name="{key}" string="{is_string}">{plain(key, value)}</｜DSML｜parameter>\n'
        inner = "".join(
            f'<｜DSML｜invoke name="{n}">\n' + "".join(parameter(k, v) for k, v in a.items()) + "</｜DSML｜invoke>\n"
            for n, a in calls)
        return f"<｜DSML｜{block}>\n{inner}</｜DSML｜{block}>"
    return render


def dsml_json(calls):
    inner = "".join(f'<｜DSML｜invoke name="{n}">\n{dumps(a)}\n</｜DSML｜invoke>\n' for n, a in calls)
    return f"<｜DSML｜function_calls>\n{inner}</｜DSML｜function_calls>"


def glm(newline):
    def render(calls):
        return newline.join(
            f"<tool_call>{n}{newline}" + "".join(
                f"<arg_key>{k}</arg_key>{newline}<arg_value>{plain(k, v)}</arg_value>{newline}" for k, v in a.items())
            + "</tool_call>" for n, a in calls)
    return render


def hunyuan(calls):
    return "<tool_calls>\n" + "".join(
        f"<tool_call>{n}<tool_sep>\n" + "".join(
            f"<arg_key>{k}</arg_key>\n<arg_value>{plain(k, v)}</arg_value>\n" for k, v in a.items()) + "</tool_call>\n"
        for n, a in calls) + "</tool_calls>"


def function_tags(open, close):
    def render(calls):
        return "\n".join(
            f"{open}\n<function={n}>\n" + "".join(f"<parameter={k}>\n{plain(k, v)}\n</parameter>\n" for k, v in a.items())
            + f"</function>\n{close}" for n, a in calls)
    return render


def invoke_tags(open, close):
    def render(calls):
        return f"{open}\n" + "".join(
            f'<invoke name="{n}">\n' + "".join(f'<parameter name="{k}">{plain(k, v)}</parameter>\n' for k, v in a.items())
            + "</invoke>\n" for n, a in calls) + close
    return render


def minicpm(calls):
    return "\n".join(
        f'<function name="{n}">' + "".join(f'<param name="{k}">{plain(k, v)}</param>' for k, v in a.items())
        + "</function>" for n, a in calls)


def step3(calls):
    return "<｜tool_calls_begin｜>\n" + "".join(
        f'<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="{n}">'
        + "".join(f'<steptml:parameter name="{k}">{plain(k, v)}</steptml:parameter>' for k, v in a.items())
        + "</steptml:invoke><｜tool_call_end｜>\n" for n, a in calls) + "<｜tool_calls_end｜>"


def kimi(calls):
    return "<|tool_calls_section_begin|>" + "".join(
        f"<|tool_call_begin|>functions.{n}:{i}<|tool_call_argument_begin|>{dumps(a)}<|tool_call_end|>"
        for i, (n, a) in enumerate(calls)) + "<|tool_calls_section_end|>"


def internlm(calls):
    return "".join(
        f'<|action_start|> <|plugin|>\n{dumps({"name": n, "parameters": a})}<|action_end|>' for n, a in calls)


def pythonic(open, close, separator=", "):
    def render(calls):
        return open + separator.join(
            f"{n.replace('-', '_')}(" + ", ".join(f"{k}={python_literal(v)}" for k, v in a.items()) + ")" for n, a in calls) + close
    return render


def gemma(open, close, quote):
    def render(calls):
        return "".join(
            f"{open}call:{n}{{" + ",".join(f"{k}:{gemma_literal(v, quote)}" for k, v in a.items()) + f"}}{close}"
            for n, a in calls)
    return render


# Martlet's name, a variant, how calls are written, SGLang's name of its parser
FORMATS = [
    ("qwen25", "", hermes, "qwen25"),
    ("qwen25", "one line", lambda calls: "\n".join(
        f'<tool_call>{dumps({"name": n, "arguments": a})}</tool_call>' for n, a in calls), "hermes"),
    ("qwen25", "arguments first", lambda calls: "\n".join(
        f'<tool_call>\n{dumps({"arguments": a, "name": n})}\n</tool_call>' for n, a in calls), "qwen25"),
    ("qwen3_coder", "", function_tags("<tool_call>", "</tool_call>"), "qwen3_coder"),
    ("seed_oss", "", function_tags("<seed:tool_call>", "</seed:tool_call>"), None),
    ("llama3", "", llama3, "llama3"),
    ("llama3", "tag", lambda calls: "<|python_tag|>" + llama3(calls), "llama3"),
    ("llama3", "type", lambda calls: "; ".join(dumps({"type": "function", "name": n, "parameters": a}) for n, a in calls), "llama3"),
    ("pythonic", "", pythonic("[", "]"), "pythonic"),
    ("pythonic", "tags", pythonic("<|python_start|>[", "]<|python_end|>"), "pythonic"),
    ("lfm2", "", pythonic("<|tool_call_start|>[", "]<|tool_call_end|>"), "lfm2"),
    ("olmo3", "", pythonic("<function_calls>", "</function_calls>", "\n"), None),
    ("mistral", "list", json_list("[TOOL_CALLS] ", ""), "mistral"),
    ("mistral", "compact", mistral_new, "mistral"),
    ("mistral", "call ids", lambda calls: "".join(
        f"[TOOL_CALLS]{n}[CALL_ID]abcdef12{i}[ARGS]{dumps(a)}" for i, (n, a) in enumerate(calls)), None),
    ("deepseekv3", "", deepseek_v3, "deepseekv3"),
    ("deepseekv31", "", deepseek_v31, "deepseekv31"),
    ("deepseekv32", "", dsml("function_calls"), "deepseekv32"),
    ("deepseekv32", "JSON", dsml_json, "deepseekv32"),
    ("deepseekv4", "", dsml("tool_calls"), "deepseekv4"),
    ("glm45", "", glm("\n"), "glm45"),
    ("glm45", "4.7", glm(""), "glm47"),
    ("kimi_k2", "", kimi, "kimi_k2"),
    ("minimax-m2", "", invoke_tags("<minimax:tool_call>", "</minimax:tool_call>"), "minimax-m2"),
    ("dots", "", invoke_tags("<dots_function_call>", "</dots_function_call>"), "dots"),
    ("gemma", "", gemma("<start_function_call>", "<end_function_call>", "<escape>"), None),
    ("gemma4", "", gemma("<|tool_call>", "<tool_call|>", '<|"|>'), "gemma4"),
    ("granite", "", json_list("<|tool_call|>", ""), None),
    ("phi4", "", json_list("<|tool_call|>", "<|/tool_call|>"), None),
    ("phi4", "functools", json_list("functools", ""), None),
    ("nemotron", "", json_list("<TOOLCALL>", "</TOOLCALL>"), None),
    ("jamba", "", json_list("<tool_calls>", "</tool_calls>"), None),
    ("internlm", "", internlm, "interns1"),
    ("command_r", "", json_list("<|START_ACTION|>", "<|END_ACTION|>", "tool_name", "parameters",
                                lambda i: {"tool_call_id": str(i)}, indent=4), "cohere_command4"),
    ("command_r", "fence", json_list("Action: ```json\n", "\n```", "tool_name", "parameters", indent=4), None),
    ("step3", "", step3, "step3"),
    ("minicpm5", "", minicpm, "minicpm5"),
    ("hunyuan", "", hunyuan, "hunyuan"),
]
WITH_IDS = {"kimi_k2": lambda n, i: f"functions.{n}:{i}", ("command_r", ""): lambda n, i: str(i),
            ("mistral", "call ids"): lambda n, i: f"abcdef12{i}"}
# Formats in which a call without an opener stands alone.
ALONE = {("llama3", ""), ("llama3", "type")}


def format_cases():
    for name, variant, render, reference in FORMATS:
        for scenario, front, calls, behind in SCENARIOS:
            if (name, variant) in ALONE and front:
                continue
            renamed = [(n.replace("-", "_") if "ythonic" in render.__qualname__ else n, a) for n, a in calls]
            ids = WITH_IDS.get((name, variant)) or WITH_IDS.get(name)
            gap = "\n" if front and not name == "mistral" else ""
            yield {
                "name": f"{name} {variant} {scenario}".replace("  ", " "), "tools": name, "reference_parser": reference,
                "text": front + gap + render(calls) + behind, "content": front + behind,
                "calls": [{"name": n, "arguments": a, **({"id": ids(n, i)} if ids else {})} for i, (n, a) in enumerate(renamed)],
            }
        for text in PLAIN:
            yield {"name": f"{name} {variant} plain", "tools": name, "text": text, "content": text, "calls": []}


W = {"name": "get_weather", "arguments": {"city": "Paris"}}

# Faulty, cut and odd answers: tools, name, text, content, calls (arguments as text where they are not JSON)
ODD = [
    ("qwen25", "an opener and no call", "<tool_call>\nnothing here\n</tool_call> ok", "<tool_call>\nnothing here\n</tool_call> ok", []),
    ("qwen25", "no name", '<tool_call>\n{"arguments": {"a": 1}}\n</tool_call>', '<tool_call>\n{"arguments": {"a": 1}}\n</tool_call>', []),
    ("qwen25", "a name that is no string", '<tool_call>{"name": 3}</tool_call>', '<tool_call>{"name": 3}</tool_call>', []),
    ("qwen25", "a faulty call, then a good one", '<tool_call>{oops</tool_call>\n<tool_call>{"name": "ping", "arguments": {}}</tool_call>', "<tool_call>{oops</tool_call>", [{"name": "ping", "arguments": {}}]),
    ("qwen25", "cut in the name", 'Hm.\n<tool_call>\n{"name": "get_we', 'Hm.\n<tool_call>\n{"name": "get_we', []),
    ("qwen25", "cut in the arguments", '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Pa', "", [{"name": "get_weather", "arguments_text": '{"city": "Pa'}]),
    ("qwen25", "a brace is missing", '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}\n</tool_call>', "", [W]),
    ("qwen25", "arguments inside a string", '<tool_call>\n{"name": "get_weather", "arguments": "{\\"city\\": \\"Paris\\"}"}\n</tool_call>', "", [W]),
    ("qwen25", "arguments are null", '<tool_call>\n{"name": "ping", "arguments": null}\n</tool_call>', "", [{"name": "ping", "arguments": {}}]),
    ("qwen25", "no arguments member", '<tool_call>\n{"name": "ping"}\n</tool_call>', "", [{"name": "ping", "arguments": {}}]),
    ("qwen25", "a raw line break inside a string", '<tool_call>\n{"name": "write_file", "arguments": {"path": "a", "content": "x\ny"}}\n</tool_call>', "", [{"name": "write_file", "arguments": {"path": "a", "content": "x\ny"}}]),
    ("qwen25", "the closing tag inside a string", '<tool_call>\n{"name": "write_file", "arguments": {"path": "a", "content": "</tool_call>"}}\n</tool_call>', "", [{"name": "write_file", "arguments": {"path": "a", "content": "</tool_call>"}}]),
    ("qwen25", "no closing tag", '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}', "", [W]),
    ("qwen25", "OpenAI's nesting", '<tool_call>{"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}</tool_call>', "", [W]),
    ("qwen25", "further members", '<tool_call>{"id": "x1", "name": "get_weather", "arguments": {"city": "Paris"}, "why": {"a": ["}"]}}</tool_call>!', "!", [{**W, "id": "x1"}]),
    ("qwen25", "an unknown function", '<tool_call>{"name": "launch", "arguments": {}}</tool_call>', "", [{"name": "launch", "arguments": {}}]),
    ("qwen3_coder", "no tag around", "<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>", "", [W]),
    ("qwen3_coder", "no end of the parameter", "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</function>\n</tool_call>", "", [W]),
    ("qwen3_coder", "no end of the function", "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</tool_call>", "", [W]),
    ("qwen3_coder", "cut in a string", "<tool_call>\n<function=get_weather>\n<parameter=city>\nPar", "", [{"name": "get_weather", "arguments_text": '{"city": "Par'}]),
    ("qwen3_coder", "an integer that is none", "<tool_call>\n<function=get_weather>\n<parameter=days>\nsoon\n</parameter>\n</function>\n</tool_call>", "", [{"name": "get_weather", "arguments": {"days": "soon"}}]),
    ("qwen3_coder", "Python's truth", "<tool_call>\n<function=book-trip>\n<parameter=refund>\nTrue\n</parameter>\n<parameter=note>\nNone\n</parameter>\n<parameter=stops>\n['a', True]\n</parameter>\n</function>\n</tool_call>", "", [{"name": "book-trip", "arguments": {"refund": True, "note": None, "stops": ["a", True]}}]),
    ("qwen3_coder", "empty and blank strings", "<tool_call>\n<function=write_file>\n<parameter=path>\n\n</parameter>\n<parameter=content></parameter>\n</function>\n</tool_call>", "", [{"name": "write_file", "arguments": {"path": "", "content": ""}}]),
    ("qwen3_coder", "line breaks at both ends", "<tool_call>\n<function=write_file>\n<parameter=content>\n\n\nx\n\n\n</parameter>\n</function>\n</tool_call>", "", [{"name": "write_file", "arguments": {"content": "\n\nx\n\n"}}]),
    ("qwen3_coder", "a tag and no call", "Use <function=x and <tool_call> in text.", "Use <function=x and <tool_call> in text.", []),
    ("llama3", "JSON that is no call", '{"answer": 42, "name": "get_weather"}', '{"answer": 42, "name": "get_weather"}', []),
    ("llama3", "an unknown function", '{"name": "launch", "parameters": {}}', '{"name": "launch", "parameters": {}}', []),
    ("llama3", "text behind the tag", "<|python_tag|>print(1)", "<|python_tag|>print(1)", []),
    ("pythonic", "a list that is no call", "[1, 2] and [link](http://x) and [get_weather] and [get_weather(1)]", "[1, 2] and [link](http://x) and [get_weather] and [get_weather(1)]", []),
    ("pythonic", "an unknown function", "[launch(a=1)]", "[launch(a=1)]", []),
    ("pythonic", "escapes and spaces", r"""[ get_weather( city = 'It\'s "so"\n\u00e9\x41\d' , days = 3 ) ]""", "", [{"name": "get_weather", "arguments": {"city": 'It\'s "so"\n\u00e9A\\d', "days": 3}}]),
    ("pythonic", "cut in a string", "[get_weather(city='Par", "", [{"name": "get_weather", "arguments_text": '{"city": "Par'}]),
    ("pythonic", "tuples and nesting", "[get_weather(city=('a', {'b': [None, True]}))]", "", [{"name": "get_weather", "arguments": {"city": ["a", {"b": [None, True]}]}}]),
    ("mistral", "an opener and no call", "[TOOL_CALLS] hello", "[TOOL_CALLS] hello", []),
    ("mistral", "cut behind the name", "[TOOL_CALLS]get_weather[AR", "[TOOL_CALLS]get_weather[AR", []),
    ("deepseekv3", "an opener and no call", "<｜tool▁calls▁begin｜>hm<｜tool▁calls▁end｜>", "<｜tool▁calls▁begin｜>hm<｜tool▁calls▁end｜>", []),
    ("deepseekv31", "text behind the calls", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>ping<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>\n\nDone.", "\n\nDone.", [{"name": "ping", "arguments": {}}]),
    ("deepseekv32", "no block around", '<｜DSML｜invoke name="ping">\n</｜DSML｜invoke>', "", [{"name": "ping", "arguments": {}}]),
    ("glm45", "values without a declared type", "<tool_call>other\n<arg_key>n</arg_key>\n<arg_value>3</arg_value>\n<arg_key>s</arg_key>\n<arg_value>three</arg_value>\n</tool_call>", "", [{"name": "other", "arguments": {"n": 3, "s": "three"}}]),
    ("glm45", "a JSON call", '<tool_call>{"name": "ping"}</tool_call>', '<tool_call>{"name": "ping"}</tool_call>', []),
    ("kimi_k2", "a bare counter", "<|tool_calls_section_begin|><|tool_call_begin|>3<|tool_call_argument_begin|>{}<|tool_call_end|>", "<|tool_calls_section_begin|><|tool_call_begin|>3<|tool_call_argument_begin|>{}<|tool_call_end|>", []),
    ("kimi_k2", "no prefix", "<|tool_calls_section_begin|><|tool_call_begin|>ping:7<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>", "", [{"name": "ping", "arguments": {}, "id": "ping:7"}]),
    ("minimax-m2", "an opener and no call", "<minimax:tool_call>\nhm</minimax:tool_call>", "<minimax:tool_call>\nhm</minimax:tool_call>", []),
    ("gemma", "an opener and no call", "<start_function_call>hm<end_function_call>", "<start_function_call>hm<end_function_call>", []),
    ("gemma", "cut in a string", "<start_function_call>call:get_weather{city:<escape>Par<esc", "", [{"name": "get_weather", "arguments_text": '{"city": "Par<esc'}]),
    ("gemma4", "an empty list and bare words", '<|tool_call>call:f{a:[],b:{},c:north west,d:null}<tool_call|>', "", [{"name": "f", "arguments": {"a": [], "b": {}, "c": "north west", "d": None}}]),
    ("granite", "an empty list", "<|tool_call|>[]", "<|tool_call|>[]", []),
    ("gemma_tool_code", "a fence", "I call it.\n```tool_code\nprint(get_weather(city=\"Paris\"))\n```", "I call it.", [W]),
    ("gemma_tool_code", "several lines", "```tool_code\nget_weather(city='Paris')\nping()\n```", "", [W, {"name": "ping", "arguments": {}}]),
]

HARMONY = [
    ("an answer", "<|channel|>analysis<|message|>Hm, 2+2.<|end|><|start|>assistant<|channel|>final<|message|>4", "Hm, 2+2.", "4", []),
    ("a call", '<|channel|>analysis<|message|>Look it up.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city":"Paris"}<|call|>', "Look it up.", "", [W]),
    ("the recipient first", '<|channel|>analysis<|message|>x<|end|><|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>{"city":"Paris"}', "x", "", [W]),
    ("a preamble and two calls", '<|channel|>commentary<|message|>I will check.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather<|constrain|>json<|message|>{"city":"Paris"}<|call|><|start|>assistant<|channel|>commentary to=functions.ping <|constrain|>json<|message|>{}<|call|>', "", "I will check.", [W, {"name": "ping", "arguments": {}}]),
    ("two thoughts", "<|channel|>analysis<|message|>a 🤔<|end|><|start|>assistant<|channel|>analysis<|message|>b<|end|><|start|>assistant<|channel|>final<|message|>c < d", "a 🤔b", "c < d", []),
    ("plain text", "Just text, with <| and <|chan.", "", "Just text, with <| and <|chan.", []),
    ("cut in a thought", "<|channel|>analysis<|message|>Hm", "Hm", "", []),
    ("an empty call", "<|channel|>commentary to=functions.ping<|message|><|call|>", "", "", [{"name": "ping", "arguments": {}}]),
    ("cut in a header", "<|channel|>final<|mess", "", "<|channel|>final<|mess", []),
]

# reasoning format, tools, prompt's end, name, text, reasoning, content, calls
REASONING = [
    ("qwen3", None, "<|im_start|>assistant\n", "thought and answer", "<think>\nHm, é.\n</think>\n\nIt is 4.", "Hm, é.", "It is 4.", []),
    ("qwen3", None, "<|im_start|>assistant\n", "no thought", "It is <think> 4.", "", "It is <think> 4.", []),
    ("qwen3", None, "<|im_start|>assistant\n<think>\n\n</think>\n\n", "switched off", "It is 4. </think>", "", "It is 4. </think>", []),
    ("qwen3", None, "<|im_start|>assistant\n<think>\n", "opened by the prompt", "Hm.\n</think>\n\n4", "Hm.", "4", []),
    ("qwen3", None, "<|im_start|>assistant\n", "a literal tag behind", "<think>\na\n</think>\n\nUse <think>b</think>.", "a", "Use <think>b</think>.", []),
    ("qwen3", None, "<|im_start|>assistant\n", "cut in the thought", "<think>\nHm, </thin", "Hm, </thin", "", []),
    ("qwen3", None, "<|im_start|>assistant\n", "an empty thought", "<think>\n\n</think>\n\n4", "", "4", []),
    ("qwen3", "qwen25", "<|im_start|>assistant\n", "thought and call", '<think>\nHm.\n</think>\n\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>', "Hm.", "", [W]),
    ("qwen3", "qwen25", "<|im_start|>assistant\n", "a call ends the thought", '<think>\nHm.\n<tool_call>\n{"name": "ping"}\n</tool_call>', "Hm.", "", [{"name": "ping", "arguments": {}}]),
    ("qwen3", "qwen25", "<|im_start|>assistant\n", "thought, text and call", '<think>\nHm.\n</think>\n\nI look.\n\n<tool_call>\n{"name": "ping"}\n</tool_call>\n', "Hm.", "I look.", [{"name": "ping", "arguments": {}}]),
    ("deepseek-r1", None, "<｜Assistant｜>", "no opening tag", "Hm.\n</think>\n\n4", "Hm.", "4", []),
    ("deepseek-r1", None, "<｜Assistant｜>", "an opening tag", "<think>Hm.</think>4", "Hm.", "4", []),
    ("deepseek-v3", "deepseekv31", "<｜Assistant｜></think>", "switched off", "4 < 5", "", "4 < 5", []),
    ("glm45", "glm45", "<|assistant|>", "thought and call", "\n<think>Let me see.</think>\n<tool_call>ping\n</tool_call>", "Let me see.", "", [{"name": "ping", "arguments": {}}]),
    ("kimi", None, "", "its own tags", "◁think▷Hm ◁ ▷◁/think▷4", "Hm ◁ ▷", "4", []),
    ("kimi_k2", "kimi_k2", "", "a call ends the thought", "<think>Hm.<|tool_calls_section_begin|><|tool_call_begin|>functions.ping:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>", "Hm.", "", [{"name": "ping", "arguments": {}, "id": "functions.ping:0"}]),
    ("minimax", "minimax-m2", "]~b]ai\n<think>\n", "thought and call", 'Hm.\n</think>\n\n<minimax:tool_call>\n<invoke name="ping">\n</invoke>\n</minimax:tool_call>', "Hm.", "", [{"name": "ping", "arguments": {}}]),
    ("minimax-append-think", None, "<think>\n", "appended", "Hm.</think>4", "", "<think>Hm.</think>4", []),
    ("mistral", "mistral", "[/INST]", "thought and call", '[THINK]Hm.[/THINK]Ok.[TOOL_CALLS]ping[ARGS]{}', "Hm.", "Ok.", [{"name": "ping", "arguments": {}}]),
    ("step3", "step3", "", "thought and call", 'Hm.</think>\n<｜tool_calls_begin｜>\n<｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="ping"></steptml:invoke><｜tool_call_end｜>\n<｜tool_calls_end｜>', "Hm.", "", [{"name": "ping", "arguments": {}}]),
    ("nemotron_3", "qwen3_coder", "<think>\n", "thought and call", "Hm.\n</think>\n<tool_call>\n<function=ping>\n</function>\n</tool_call>\n", "Hm.", "", [{"name": "ping", "arguments": {}}]),
    ("cohere_command4", "command_r", "", "thought and call", '<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "ping", "parameters": {}}\n]<|END_ACTION|>', "Hm.", "", [{"name": "ping", "arguments": {}, "id": "0"}]),
    ("seed_oss", "seed_oss", "", "thought and call", "<seed:think>Hm.</seed:think>\n<seed:tool_call>\n<function=ping>\n</function>\n</seed:tool_call>", "Hm.", "", [{"name": "ping", "arguments": {}}]),
    ("gemma4", "gemma4", "", "thought and call", "<|channel>thought\nHm.\n<channel|><|tool_call>call:ping{}<tool_call|>", "Hm.", "", [{"name": "ping", "arguments": {}}]),
]


def odd_cases():
    for tools, name, text, content, calls in ODD:
        yield {"name": f"{tools} {name}", "tools": tools, "text": text, "content": content, "calls": calls}
    for name, text, reasoning, content, calls in HARMONY:
        yield {"name": f"gpt-oss {name}", "tools": "gpt-oss", "reasoning_format": "gpt-oss", "text": text,
               "reasoning": reasoning, "content": content, "calls": calls}
    for format, tools, prompt, name, text, reasoning, content, calls in REASONING:
        yield {"name": f"{format} {name}", "reasoning_format": format, "tools": tools, "prompt": prompt, "text": text,
               "reasoning": reasoning, "content": content, "calls": calls}


class Stub(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (), {"__class_getitem__": classmethod(lambda cls, key: cls)})
        setattr(self, name, made)
        return made


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ("torch", "xgrammar", "triton", "zmq"):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = Stub(spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module):
        pass


def reference_parser(folder):
    """SGLang's FunctionCallParser, with its request classes replaced by the two fields that parsers read."""
    from pydantic import BaseModel

    class Function(BaseModel):
        name: str | None = None
        description: str | None = None
        parameters: dict | None = None
        strict: bool = False

    class Tool(BaseModel):
        type: str = "function"
        function: Function

    sys.meta_path.insert(0, Finder())
    for path in ["", "/srt", "/srt/function_call", "/srt/entrypoints", "/srt/entrypoints/openai", "/srt/parser"]:
        module = types.ModuleType("sglang" + path.replace("/", "."))
        module.__path__ = [folder + "/sglang" + path]
        sys.modules[module.__name__] = module
    protocol = Stub("sglang.srt.entrypoints.openai.protocol")
    protocol.Tool, protocol.Function = Tool, Function
    sys.modules[protocol.__name__] = protocol
    from sglang.srt.function_call.function_call_parser import FunctionCallParser
    return lambda name, tools: FunctionCallParser([Tool(**tool) for tool in tools], name)


def add_reference(cases, folder):
    make = reference_parser(folder)
    for case in cases:
        name = case.get("reference_parser")
        if not name:
            continue
        tools = TOOLS
        if name in ("pythonic", "lfm2"):
            tools = json.loads(json.dumps(TOOLS).replace("book-trip", "book_trip"))
        try:
            text, calls = make(name, tools).parse_non_stream(case["text"])
            case["reference"] = [{"name": c.name, "arguments": json.loads(c.parameters)} for c in calls]
        except Exception as error:
            case["reference_error"] = type(error).__name__


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sglang", help="folder with sglang 0.5.23 unpacked")
    folder = options.parse_args().sglang
    cases = [*format_cases(), *odd_cases()]
    if folder:
        add_reference(cases, folder)
    elif OUT.exists():
        before = {case["name"]: case for case in json.loads(OUT.read_text())["cases"]}
        for case in cases:
            old = before.get(case["name"], {})
            if old.get("text") == case["text"]:
                case.update({k: v for k, v in old.items() if k.startswith("reference") and k != "reference_parser"})
    OUT.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    OUT.write_text(f'{{"tools": {json.dumps(TOOLS, ensure_ascii=False)},\n"cases": [\n{lines}\n]}}\n')
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
