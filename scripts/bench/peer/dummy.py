"""A GGUF file with random weights in the shape of Llama-3.2-1B, which both programs read.

Run as a program by the Python that has gguf and numpy: dummy.py OUT writes it in BF16.
"""
import pathlib
import sys

if __name__ != "__main__":
    from . import llama
    from .machine import CACHE, run, say

LAYERS, HIDDEN, GATE, HEADS, KV_HEADS, HEAD, VOCABULARY = 16, 2048, 8192, 32, 8, 64, 128_256


def model(kind):
    base = CACHE / "Llama-3.2-1B-dummy.BF16.gguf"
    if not base.exists():
        say(f"making {base.name}")
        partial = base.with_suffix(".partial")
        run(llama.tools() / "python", __file__, partial)
        partial.rename(base)
    return base if kind == "bf16" else llama.requantized(base, CACHE / f"Llama-3.2-1B-dummy.{kind.upper()}.gguf", kind)


def vocabulary():
    """Byte-level BPE: every byte, then merges of bytes and of pairs with a byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(others))]
    tokens, merges = list(letters), []
    for left in (letters, [a + b for a in letters for b in letters]):
        for a in left:
            for b in letters:
                if len(tokens) == VOCABULARY - 2:
                    break
                tokens.append(a + b)
                merges.append(f"{a} {b}")
    return tokens + ["<|begin_of_text|>", "<|end_of_text|>"], merges


def write(path):
    import gguf
    import numpy

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Llama-3.2-1B dummy")
    writer.add_block_count(LAYERS)
    writer.add_context_length(131_072)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(GATE)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(500_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    tokens, merges = vocabulary()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * (VOCABULARY - 2) + [gguf.TokenType.CONTROL] * 2)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(VOCABULARY - 2)
    writer.add_eos_token_id(VOCABULARY - 1)
    random = numpy.random.default_rng(1)

    def matrix(name, rows, columns):
        values = random.standard_normal((rows, columns), dtype=numpy.float32) * 0.02
        bits = (values.view(numpy.uint32) >> 16).astype(numpy.uint16)
        writer.add_tensor(name, bits.view(numpy.uint8).reshape(rows, columns * 2), raw_dtype=gguf.GGMLQuantizationType.BF16)

    def norm(name):
        writer.add_tensor(name, numpy.ones(HIDDEN, dtype=numpy.float32))

    matrix("token_embd.weight", VOCABULARY, HIDDEN)
    norm("output_norm.weight")
    for layer in range(LAYERS):
        prefix = f"blk.{layer}."
        norm(prefix + "attn_norm.weight")
        norm(prefix + "ffn_norm.weight")
        matrix(prefix + "attn_q.weight", HEADS * HEAD, HIDDEN)
        matrix(prefix + "attn_k.weight", KV_HEADS * HEAD, HIDDEN)
        matrix(prefix + "attn_v.weight", KV_HEADS * HEAD, HIDDEN)
        matrix(prefix + "attn_output.weight", HIDDEN, HEADS * HEAD)
        matrix(prefix + "ffn_gate.weight", GATE, HIDDEN)
        matrix(prefix + "ffn_up.weight", GATE, HIDDEN)
        matrix(prefix + "ffn_down.weight", HIDDEN, GATE)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))
