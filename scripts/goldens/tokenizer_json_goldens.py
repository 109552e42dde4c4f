#!/usr/bin/env python3
"""Makes Tests/MartletTextTests/Goldens/tokenizer-json. Needs: tokenizers==0.23.3, sentencepiece==0.2.3, protobuf==7.36.2.

Trains small vocabularies with the pipelines of well-known families and writes each one's tokenizer.json with the ids and
texts that `tokenizers` gives. With --nmt DIRECTORY, also writes one there whose normalizer is SentencePiece's own table.
"""
import argparse
import json
import pathlib
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)

from tokenizers_goldens import CORPUS, QWEN2, SPECIALS, texts

LLAMA3 = QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
FLAGS = [AddedToken("<l>", lstrip=True, normalized=False), AddedToken("<r>", rstrip=True, normalized=False),
         AddedToken("<both>", lstrip=True, rstrip=True, special=True), AddedToken("word", single_word=True),
         AddedToken("É NORM", normalized=True), AddedToken("<sp>", special=True, single_word=True)]
FLAG_TEXTS = ["a <l> b <r>  c \u3000<both>\u00a0 d", "<l><r><both><l>", "word sword words word, wordé _word word", "wordword",
              "x É NORM y", "É NORME\u0301 NORM", " <l> <l>\n<r> <r>", "<sp>a <sp> <sp><sp>", "  <r>\n\n  x", "a\u2581b \u2581 c"]


def bytes_bpe(pre, normalizer=None, ignore_merges=False, flags=False, size=480, post=None):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIALS, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(CORPUS, trainer)
    if flags:
        for token in FLAGS:
            (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    if post:
        tokenizer.post_processor = post
    return tokenizer


def piece_bpe(normalizer, pre, decoder, fallback=True, post=None, flags=False):
    base = ["<unk>", "<s>", "</s>"] + ([f"<0x{b:02X}>" for b in range(256)] if fallback else [])
    trainer_tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    trainer_tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    trainer_tokenizer.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    trainer_tokenizer.train_from_iterator(CORPUS + ["a    b        c"] * 2, trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<unk>"], show_progress=False, limit_alphabet=60))
    made = json.loads(trainer_tokenizer.to_str())["model"]
    tokens = base + [t for t in sorted(made["vocab"], key=made["vocab"].get) if t not in base]
    merges = [tuple(pair) for pair in made["merges"]]
    for width in (1, 2):
        pair = ("\u2581" * width, "\u2581" * width)
        tokens += [t for t in (pair[0], pair[0] * 2) if t not in tokens]
        merges += [pair] if pair not in merges else []
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges, unk_token="<unk>", fuse_unk=True,
                                     byte_fallback=fallback))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ["<unk>", "<s>", "</s>"] + SPECIALS])
    if flags:
        tokenizer.add_tokens([token for token in FLAGS if not token.special])
    if post:
        tokenizer.post_processor = post
    return tokenizer


def unigram(normalizer, fallback, scheme):
    with tempfile.TemporaryDirectory() as folder:
        corpus, rules = pathlib.Path(folder, "corpus"), pathlib.Path(folder, "rules")
        corpus.write_text("\n".join(line for text in CORPUS * 3 for line in text.splitlines()))
        # Hexadecimal code points: a ligature, full-width letters, a ring, a letter with its accent, a deleted mark.
        rules.write_text("FB01\t66 69\nFF21\t41\nFF22\t42\n212B\tC5\n65 301\tE9\n200B\t\n3000\t20\nA0\t20\n")
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=folder + "/m", vocab_size=600 if fallback else 340, model_type="unigram",
            byte_fallback=fallback, character_coverage=0.98, hard_vocab_limit=False, minloglevel=2,
            **({"normalization_rule_tsv": str(rules)} if normalizer != "nmt" else {"normalization_rule_name": "nmt_nfkc"}))
        proto = sentencepiece_model_pb2.ModelProto()
        proto.ParseFromString(pathlib.Path(folder, "m.model").read_bytes())
    tokenizer = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], 0, fallback))
    table = normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)
    tokenizer.normalizer = {"nfkc": normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]),
                            "map": normalizers.Sequence([table, normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), "\u2581")]),
                            "nmt": table}[normalizer]
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    metaspace = decoders.Metaspace(prepend_scheme=scheme)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), metaspace]) if fallback else metaspace
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"] + SPECIALS)
    return tokenizer


def template(tokenizer_tokens, end=True):
    return processors.TemplateProcessing(single="<|im_start|> $A" + (" <|im_end|>" if end else ""),
                                         special_tokens=list(tokenizer_tokens))


def families():
    level = pre_tokenizers.ByteLevel
    split = lambda regex: pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(regex), "isolated"),
                                                   level(add_prefix_space=False, use_regex=False)])
    llama = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                               decoders.Strip(" ", 1, 0)])
    gemma = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    marks = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    bos = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return {
        "gpt2": bytes_bpe(level(add_prefix_space=False)),
        "gpt2-prefix-flags": bytes_bpe(level(add_prefix_space=True), flags=True),
        "llama3": bytes_bpe(split(LLAMA3), ignore_merges=True, post=template([("<|im_start|>", 1), ("<|im_end|>", 2)])),
        "qwen2-flags": bytes_bpe(split(QWEN2), normalizers.NFC(), flags=True),
        "smollm": bytes_bpe(pre_tokenizers.Sequence([pre_tokenizers.Digits(True), level(add_prefix_space=False)])),
        "falcon": bytes_bpe(pre_tokenizers.Sequence([
            pre_tokenizers.Punctuation("contiguous"), level(add_prefix_space=False), pre_tokenizers.Digits(False),
            pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")])),
        "llama2": piece_bpe(marks, None, llama, post=bos, flags=True),
        "llama2-no-fallback": piece_bpe(marks, None, llama, fallback=False),
        "metaspace-first": piece_bpe(None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), llama),
        "metaspace-always": piece_bpe(None, pre_tokenizers.Metaspace(prepend_scheme="always"),
                                      decoders.Metaspace(prepend_scheme="always"), fallback=False),
        "metaspace-never": piece_bpe(None, pre_tokenizers.Metaspace(prepend_scheme="never", split=False),
                                     decoders.Metaspace(prepend_scheme="never"), fallback=False),
        "gemma": piece_bpe(normalizers.Replace(" ", "\u2581"), pre_tokenizers.Split(" ", "merged_with_previous"), gemma,
                           flags=True),
        "unigram-nfkc": unigram("nfkc", False, "always"),
        "unigram-map": unigram("map", True, "first"),
    }


def write(path, tokenizer, old_merges=False):
    tree = json.loads(tokenizer.to_str())
    if old_merges:
        tree["model"]["merges"] = [" ".join(pair) for pair in tree["model"]["merges"]]
    cases = []
    for text in texts() + FLAG_TEXTS + ["ﬁ ＡＢ Å é e\u0301x \u200by\u3000z"]:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        cases.append([text, ids, tokenizer.encode(text).ids, tokenizer.decode(ids, skip_special_tokens=False),
                      tokenizer.decode(ids, skip_special_tokens=True)])
    path.write_text(json.dumps({"tokenizer": tree, "cases": cases}, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--nmt", type=pathlib.Path)
    parser.add_argument("--out", default="Tests/MartletTextTests/Goldens/tokenizer-json", type=pathlib.Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, tokenizer in families().items():
        write(options.out / f"{name}.json", tokenizer, old_merges=name in ("gpt2", "llama2"))
    if options.nmt:
        write(options.nmt / "unigram-nmt.json", unigram("nmt", False, "always"))
