"""The forms of an answer in every dialect and on the command line."""

import json
import re

import anthropic
import httpx
import pytest

from conftest import Server
from test_command_line import MODEL, martlet

QUESTION = [{"role": "user", "content": "Who are you?"}]
SCHEMA = {
    "type": "object", "additionalProperties": False, "required": ["full_name_of_the_person", "age", "tags"],
    "properties": {
        "full_name_of_the_person": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["red", "blue"]}, "minItems": 1, "maxItems": 3}}}


def is_instance(text):
    value = json.loads(text)
    return list(value) == list(SCHEMA["properties"]) and 0 <= value["age"] <= 150 and 1 <= len(value["tags"]) <= 3


def chat(server, **fields):
    body = {"messages": QUESTION, "temperature": 0, "max_tokens": 200} | fields
    reply = httpx.post(server.url + "/v1/chat/completions", json=body, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()["choices"][0]["message"]["content"]


def response_format(schema=SCHEMA):
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def test_white_space_is_what_a_request_says(server):
    texts = [chat(server, response_format=response_format(), **fields) for fields in (
        {"whitespace_pattern": ""}, {"any_whitespace": False}, {"whitespace_pattern": r"\n {2,8}"})]
    assert all(is_instance(text) for text in texts)
    assert texts[0] == json.dumps(json.loads(texts[0]), separators=(",", ":"), ensure_ascii=False)
    assert texts[1] == json.dumps(json.loads(texts[1]), ensure_ascii=False)
    assert len(re.findall(r"\n {2,8}", texts[2])) > 8 and not re.search(r"[:,{\[](?!\n)", texts[2].replace('": ', ""))
    bad = httpx.post(server.url + "/v1/chat/completions", json={
        "messages": QUESTION, "response_format": response_format(), "whitespace_pattern": "("})
    assert bad.status_code == 400


@pytest.mark.parametrize("flags, separators", [
    (["--constrained-json-disable-any-whitespace"], (", ", ": ")),
    (["--constrained-json-whitespace-pattern", ""], (",", ":"))])
def test_white_space_is_what_the_server_says(flags, separators):
    server = Server(*flags).wait_until_ready()
    try:
        text = chat(server, response_format=response_format())
        assert text == json.dumps(json.loads(text), separators=separators, ensure_ascii=False)
    finally:
        assert server.stop() == 0


def test_each_dialect_has_its_field(server):
    client = anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0)
    ask = dict(model="m", messages=QUESTION, max_tokens=200)
    form = {"type": "json_schema", "schema": SCHEMA}
    for extra in ({"output_config": {"format": form}}, {"output_format": form}):
        message = client.messages.create(**ask, extra_body=extra | {"temperature": 0})
        assert is_instance(message.content[0].text)
    with pytest.raises(anthropic.BadRequestError, match="output_config.format.type"):
        client.messages.create(**ask, extra_body={"output_config": {"format": {"type": "xml"}}})
    ollama = httpx.post(server.url + "/api/generate", timeout=60, json={
        "prompt": "Who?", "format": SCHEMA, "stream": False, "options": {"temperature": 0, "num_predict": 200}}).json()
    assert is_instance(ollama["response"])
    responses = httpx.post(server.url + "/v1/responses", timeout=60, json={
        "input": "Who?", "temperature": 0, "max_output_tokens": 200,
        "text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA, "strict": True}}}).json()
    assert is_instance(responses["output"][-1]["content"][0]["text"])
    native = httpx.post(server.url + "/generate", timeout=60, json={
        "text": "Who?", "sampling_params": {
            "json_schema": json.dumps(SCHEMA), "any_whitespace": False, "max_new_tokens": 400, "n": 4, "seed": 1}}).json()
    assert len({item["text"] for item in native}) > 1 and all(is_instance(item["text"]) for item in native)


def test_structural_tags_in_both_forms(server):
    inner = {"type": "object", "properties": {"x": {"enum": [1, 2]}}, "required": ["x"], "additionalProperties": False}
    older = {"type": "structural_tag", "triggers": ["<fn="], "at_least_one": True, "stop_after_first": True,
             "structures": [{"begin": "<fn=a>", "schema": inner, "end": "</fn>"}]}
    newer = {"type": "structural_tag", "format": {"type": "sequence", "elements": [
        {"type": "const_string", "value": "So: "},
        {"type": "tag", "begin": "<fn=a>", "end": "</fn>",
         "content": {"type": "json_schema", "json_schema": inner, "whitespace_pattern": " ?"}}]}}
    call = r'<fn=a>\{\s*"x"\s*:\s*[12]\s*\}</fn>'
    assert re.fullmatch(call, chat(server, response_format=older))
    assert re.fullmatch("So: " + call, chat(server, response_format=newer))


def test_the_command_line_generates_forms_and_speculation_changes_none(tmp_path):
    schema, grammar = tmp_path / "schema.json", tmp_path / "list.gbnf"
    schema.write_text(json.dumps(SCHEMA))
    grammar.write_text('root ::= "- " word ("\\n- " word)*\nword ::= [a-z]{3,8}\n')
    base = ["generate", MODEL, "A list:", "--max-new-tokens", "120", "--temperature", "0.7", "--seed", "11"]
    forms = [["--json-schema", str(schema)], ["--regex", "(yes|no), because [a-z ]{20,40}\\."], ["--grammar", str(grammar)]]
    texts = [json.loads(martlet(*base, *form).stdout.splitlines()[0])["text"] for form in forms]
    assert is_instance(texts[0])
    assert re.fullmatch("(yes|no), because [a-z ]{20,40}\\.", texts[1])
    assert re.match("- [a-z]{3,8}", texts[2])
    for form, text in zip(forms, texts):
        plain = martlet(*base, *form, "--speculative-algorithm", "none").stdout
        assert json.loads(plain.splitlines()[0])["text"] == text


def test_grammar_check_says_what_can_be_enforced(tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(SCHEMA))
    bad.write_text(json.dumps({"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}))
    done = martlet("grammar", "check", str(good), str(bad), "--json", "--model-path", MODEL, expect=1)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(reports[0]["samples"]) == 3 and all(is_instance(text) for text in reports[0]["samples"])
    assert reports[0]["compileMicroseconds"] > 0 and "error" not in reports[0]
    assert "uniqueItems" in reports[1]["error"] and "#/properties/a" in reports[1]["error"]
    assert "enforceable" in martlet("grammar", "check", "--regex", "a{3,5}b").stdout


BAD = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
BAD_FORM = {"type": "json_schema", "schema": BAD}


@pytest.mark.parametrize("path, fields, field", [
    ("/v1/chat/completions", {"response_format": response_format(BAD)}, "response_format"),
    ("/v1/responses", {"input": "x", "text": {"format": BAD_FORM | {"name": "x"}}}, "text.format"),
    ("/v1/messages", {"output_config": {"format": BAD_FORM}, "max_tokens": 9}, "output_config.format"),
    ("/v1/messages", {"output_format": BAD_FORM, "max_tokens": 9}, "output_format"),
    ("/api/chat", {"format": BAD}, "format"),
    ("/generate", {"text": "x", "sampling_params": {"json_schema": json.dumps(BAD)}}, "sampling_params.json_schema"),
])
def test_a_schema_that_cannot_be_kept_is_named_as_the_client_named_it(server, path, fields, field):
    body = {"messages": QUESTION} | fields if "text" not in fields else fields
    reply = httpx.post(server.url + path, json=body, timeout=60)
    assert reply.status_code == 400
    assert f'{field} cannot be enforced: uniqueItems at #/properties/a needs' in reply.text


@pytest.mark.parametrize("name", ["choice", "select"])
def test_one_of_the_texts_is_chosen(server, name):
    assert chat(server, **{name: ["heliotrope", "fuchsia"]}) in ("heliotrope", "fuchsia")


@pytest.mark.parametrize("name", ["guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs",
                                  "guided_whitespace_pattern", "grammar"])
def test_other_servers_constraints_are_not_left_out_silently(server, name):
    reply = httpx.post(server.url + "/v1/chat/completions", json={"messages": QUESTION, name: "a", "max_tokens": 1})
    assert reply.status_code == 400 and f"{name} is another server's field; use" in reply.text


def test_blank_lines_come_to_an_end(server):
    prefer = {}
    for text in ("\n", "\n\n"):
        for token in httpx.post(server.url + "/tokenize", json={"prompt": text}).json()["tokens"]:
            prefer[str(token)] = 100
    text = chat(server, response_format=response_format(), logit_bias=prefer)
    assert is_instance(text) and "\n\n" in text and "\n" * 5 not in text


def test_the_command_line_names_files_that_cannot_be_read(tmp_path):
    (tmp_path / "bytes.gbnf").write_bytes(b"root ::= \xff")
    missing = str(tmp_path / "none.json")
    for command in (["grammar", "check", missing], ["generate", MODEL, "A:", "--json-schema", missing]):
        done = martlet(*command, expect=1)
        assert f"{missing} does not exist" in done.stderr and "NSCocoa" not in done.stderr
    assert "not UTF-8" in martlet("grammar", "check", str(tmp_path / "bytes.gbnf"), expect=1).stderr
    assert "cannot be read" in martlet("grammar", "check", str(tmp_path), expect=1).stderr
