#!/usr/bin/env python3
"""Makes Tests/MartletTextTests/Goldens/tokenizers. Needs: tokenizers==0.23.3, gguf==0.19.0.

Trains a small byte-level BPE and writes its vocabulary in GGUF's terms, with the ids that `tokenizers` gives.
With --vectors DIRECTORY, converts the vocabularies and vectors that llama.cpp ships in its models folder (FILE.gguf,
FILE.gguf.inp, FILE.gguf.out) into --out instead. With --gguf FILE NAME, writes FILE's vocabulary and expected ids into --out instead (real files are not committed).
"""
import argparse
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CORPUS = [
    "The quick brown fox jumps over the lazy dog. It's 2024, and they'll've 1234567 reasons.",
    "def main():\n    return {\n\t'a': [1, 2.5e-3],\n    }\r\n\r\n",
    "Größe, naïve café, cafe\u0301, Ελληνικά, Русский язык, हिन्दी भाषा, العربية السلام عليكم, עברית",
    "你好，世界！こんにちは世界。안녕하세요 세계 ",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 e\u0301\u0323 \u00a0\u2003\u3000 x\u200b y",
    "  leading   runs    of\t\tspace \n \n\n trailing   ",
]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def texts():
    generator = random.Random(7)
    pieces = CORPUS + ["", " ", "\n", "\u0000", "a", "'S 'LL", "²³¼", "\U0010ffff"]
    pieces += [left + middle + right for left in SPECIALS for right in SPECIALS for middle in ("", " ", "a", "\n ")]
    pieces += ["<|im_start", "<|im_end|>>", "hi<|im_end|>\n", " <|endoftext|> x"]
    letters = sorted(set("".join(CORPUS)))
    pieces += ["".join(generator.choices(letters, k=generator.randint(1, 40))) for _ in range(60)]
    return pieces


def pre_tokenizer(name):
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=name != "qwen2")
    first = {"smollm": [pre_tokenizers.Digits(individual_digits=True)],
             "qwen2": [pre_tokenizers.Split(Regex(QWEN2), "isolated")]}.get(name, [])
    return pre_tokenizers.Sequence(first + [level])


def golden(name, tokenizer, tokens, types, merges):
    cases = [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in texts()]
    return {"pre": name, "tokens": tokens, "types": types, "merges": merges, "cases": cases}


def trained(name):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer(name)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=SPECIALS, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    types = [3 if token in SPECIALS else 1 for token in tokens]
    return golden(name, tokenizer, tokens, types, [" ".join(pair) for pair in model["merges"]])


def from_gguf(path):
    from gguf import GGUFReader
    fields = GGUFReader(path).fields
    def value(key): return fields["tokenizer.ggml." + key].contents()
    tokens, types, merges = value("tokens"), value("token_type"), value("merges")
    tokenizer = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)},
                                     [tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = pre_tokenizer(value("pre"))
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, types) if k == 3])
    return golden(value("pre"), tokenizer, tokens, types, merges)


def from_vectors(path):
    from gguf import GGUFReader
    fields = GGUFReader(path).fields
    def value(key, default=None):
        field = fields.get("tokenizer.ggml." + key)
        return default if field is None else field.contents()
    inputs = pathlib.Path(str(path) + ".inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
    outputs = pathlib.Path(str(path) + ".out").read_text().splitlines()
    cases = [{"text": text, "ids": [int(id) for id in ids.split()]} for text, ids in zip(inputs, outputs)]
    return {"model": value("model"), "pre": value("pre", "default"), "tokens": value("tokens"),
            "types": value("token_type"), "merges": value("merges", []), "scores": value("scores", []),
            "addsSpacePrefix": value("add_space_prefix"), "cases": cases}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--gguf", nargs=2)
    parser.add_argument("--vectors", type=pathlib.Path)
    parser.add_argument("--out", default="Tests/MartletTextTests/Goldens/tokenizers", type=pathlib.Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.vectors:
        made = {path.stem: from_vectors(path) for path in sorted(options.vectors.glob("*.gguf"))
                if pathlib.Path(str(path) + ".out").exists() and "bert" not in path.name}
    elif options.gguf:
        made = {options.gguf[1]: from_gguf(options.gguf[0])}
    else:
        made = {name: trained(name) for name in ("gpt-2", "smollm", "qwen2")}
    for name, content in made.items():
        (options.out / f"{name}.json").write_text(json.dumps(content, ensure_ascii=True))
