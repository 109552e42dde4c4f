"""Writes Tests/MartletTextTests/Goldens/grammar/regex.json: what Python's re says about patterns and texts.

    python scripts/goldens/regex_goldens.py   # Python 3.11"""

import itertools
import json
import pathlib
import random
import re

PATTERNS = [
    "a*b+c?", "(a|b)*abb", "[a-c]{2,4}", "[^a]+", "a{0}", "a{3}", "(ab){1,2}c", "^abc$", "^a|b$", "(?:a|ab)(?:c|bcd)",
    "(a*)*b", "(a|aa)+", "a.c", r"\d+(\.\d+)?", r"\w+\s\w+", r"[\w-]+@[\w]+", r"(?i)AbC", "(?=a)[ab]+", "(?!ab)[ab]*",
    r"a(?=b)b+", "(?!.*cc)[abc]{3}", r"\x61\u0062", r"[\d.]+", "a|", "(|a)b", r"(?P<x>a)b", "((a?)?)?b", "[a-]+",
    r"[\]a]+", "é+", "[à-ü]{2}", "a+?b", "x*", "(a?b?c?){2}", "^(a|b)+$", "(?=.{2,3}$)a*b*",
]
TEXTS = ["".join(text) for size in range(4) for text in itertools.product("abc", repeat=size)]
TEXTS += ["abb", "aabb", "abab", "abcd", "1.5", "12", "1.", "x y", "x-y@z", "AbC", "ABC", "é", "éé", "àü", "a-", "]a", "a\nc"]

random.seed(7)
cases = []
for pattern in PATTERNS:
    texts = TEXTS + ["".join(random.choices("abc1.-é ", k=random.randint(1, 7))) for _ in range(20)]
    compiled = re.compile(pattern, re.ASCII)
    cases.append({
        "pattern": pattern,
        "whole": [text for text in texts if re.fullmatch(compiled, text)],
        "found": [text for text in texts if re.search(compiled, text)],
        "texts": texts,
    })
target = pathlib.Path(__file__).parents[2] / "Tests/MartletTextTests/Goldens/grammar/regex.json"
target.write_text("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "\n]\n")
