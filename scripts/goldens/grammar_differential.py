"""Writes Tests/MartletTextTests/Goldens/grammar/differential.json: which texts other implementations accept.

    pip install jsonschema==4.26.0 lark==1.3.1 && python scripts/goldens/grammar_differential.py   # Python 3.11

Regular expressions (by `re`) and grammars (by Lark's Earley parser without a lexer) come with every accepted text over a
small alphabet up to a length; schemas (by `jsonschema`) with every document of a small universe that is valid, and some that
are not, members in declared order and without white space."""

import itertools
import json
import pathlib
import random
import re

import jsonschema
import lark

# Pattern, alphabet, and a length that no match exceeds: what begins a match is known exactly.
PATTERNS = [
    ("(a|b)?c{1,3}a?", "abc", 5), ("(ab|a)(bc|c)?", "abc", 4), ("(?=.{2,3}$)a{0,4}b{0,4}", "ab", 4),
    ("(?!ab)[ab]{1,3}c?", "abc", 4), ("[^a]{2,4}", "ab1", 4), ("(?:a{1,2}b){1,2}", "ab", 6), ("a{2,6}", "ab", 6),
    (r"\d{1,2}(\.\d)?", "1.a", 4), (r"(?i)ab?", "aAbB", 2), ("(?=.{0,4}$)(a|bb){1,3}1?", "ab1", 5),
    ("(?!.*11)[1a]{1,5}", "1a", 5), ("a|ab|abc|b{3}", "abc", 3), ("(a?b?){3}", "ab", 6),
]
# Grammar, alphabet, length; a text of at most half of it that begins a longer one begins one of this length.
GRAMMARS = [
    ('start: "a" start "b" | "ab"\n', "ab", 8),
    ('start: term | start "+" term\nterm: "1" | "(" start ")"\n', "1+()", 7),
    ('start: "[" (item ("," item)*)? "]"\nitem: "1" | start\n', "1,[]", 7),
    ('start: A b? "c"*\nA: "a"+\nb: "b" | "ba"\n', "abc", 6),
]
INTEGER = {"type": "integer"}
SCHEMAS = [
    {"type": "object", "properties": {"a": INTEGER, "b": {"type": "string"}}, "required": ["b"], "additionalProperties": False},
    {"type": "object", "properties": {"a": True}, "minProperties": 1, "maxProperties": 2},
    {"type": "object", "patternProperties": {"^a": INTEGER}, "additionalProperties": {"type": "boolean"}},
    {"type": "object", "propertyNames": {"pattern": "^[ab]$"}, "additionalProperties": {"type": ["null", "array"]}},
    {"type": "array", "items": {"enum": [1, "a", True]}, "minItems": 1, "maxItems": 2},
    {"type": "array", "prefixItems": [INTEGER, {"type": "string"}], "items": {"type": "boolean"}},
    {"type": "array", "contains": {"const": 1}}, {"type": "array", "contains": INTEGER, "minContains": 2},
    {"type": "array", "items": {"enum": [1, 2, True]}, "uniqueItems": True},
    {"anyOf": [{"type": "string", "minLength": 2}, {"type": "integer", "maximum": 5}]},
    {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 2}]},
    {"not": {"type": ["array", "object"]}}, {"not": {"enum": [1, "a", None]}},
    {"type": "object", "properties": {"a": {"enum": [1, True]}}, "required": ["a"],
     "if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}, "else": {"properties": {"b": False}}},
    {"$ref": "#/$defs/t", "$defs": {"t": {"type": ["integer", "array"], "items": {"$ref": "#/$defs/t"}}}},
    {"type": "number", "multipleOf": 2.5}, {"type": "number", "exclusiveMinimum": 1, "maximum": 12},
    {"allOf": [{"properties": {"a": INTEGER}}, {"properties": {"b": INTEGER}, "required": ["a"]}], "type": "object"},
    {"type": "string", "pattern": "b", "maxLength": 2}, {"const": {"a": [1, None]}},
    {"type": "object", "properties": {"a": INTEGER, "b": INTEGER}, "dependentRequired": {"a": ["b"]}},
]


def texts(alphabet, length):
    for size in range(length + 1):
        yield from map("".join, itertools.product(alphabet, repeat=size))


def parses(parser, text):
    try:
        parser.parse(text)
        return True
    except lark.exceptions.LarkError:
        return False


def universe():
    """Values of two levels; members in the order a, b, cd."""
    scalars = [None, True, False, 1, 2, 7, 12, 2.5, "", "a", "b", "ab", "é"]
    inner = [1, 2, "a", True, None, 2.5, [], [1], {}, {"a": 1}, "b"]
    values = scalars + [list(items) for size in range(4) for items in itertools.product(inner[:6], repeat=size)]
    values += [[item] for item in inner[6:]] + [[1, [1, [2]]], [1, "a", True, False], [[], [[]]]]
    for names in [[], ["a"], ["b"], ["cd"], ["a", "b"], ["a", "cd"], ["b", "cd"], ["a", "b", "cd"]]:
        values += [dict(zip(names, members)) for members in itertools.product(inner if len(names) < 3 else inner[:4],
                                                                              repeat=len(names))]
    return values + [{"a": [1, None]}, {"a": [None, 1]}]


def documents(schema, values):
    judge = jsonschema.Draft202012Validator(schema)
    found = {True: [], False: []}
    for value in values:
        found[judge.is_valid(value)].append(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    random.shuffle(found[True])
    random.shuffle(found[False])
    return {"schema": schema, "valid": sorted(found[True][:120]), "invalid": sorted(found[False][:120])}


random.seed(5)
values = universe()
golden = {
    "regex": [{"source": pattern, "alphabet": alphabet, "length": length,
               "texts": [text for text in texts(alphabet, length) if re.fullmatch(pattern, text)]}
              for pattern, alphabet, length in PATTERNS],
    "grammar": [],
    "schema": [documents(schema, values) for schema in SCHEMAS],
}
for grammar, alphabet, length in GRAMMARS:
    parser = lark.Lark(grammar, parser="earley", lexer="dynamic_complete")
    golden["grammar"].append({"source": grammar, "alphabet": alphabet, "length": length,
                              "texts": [text for text in texts(alphabet, length) if parses(parser, text)]})
target = pathlib.Path(__file__).parents[2] / "Tests/MartletTextTests/Goldens/grammar/differential.json"
lines = [f'"{name}":[\n' + ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases) + "\n]"
         for name, cases in golden.items()]
target.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print({name: len(cases) for name, cases in golden.items()}, target.stat().st_size, "bytes")
