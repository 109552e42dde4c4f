#!/usr/bin/env python3
"""Makes Tests/MartletModelTests/Goldens/gguf. Needs: gguf==0.19.0, numpy.

A GGUF file with a value of every metadata type and a matrix in every element format, and what the reference package
reads from it: metadata as text, matrices as float32.
"""
import base64
import json
import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Q

OUT = pathlib.Path(__file__).resolve().parents[2] / "Tests/MartletModelTests/Goldens/gguf"
ROWS, COLUMNS = 3, 512
# Offsets of the half-precision fields in a block whose bytes are otherwise random.
HALVES = {Q.Q2_K: (80, 82), Q.Q3_K: (108,), Q.Q4_K: (0, 2), Q.Q5_K: (0, 2), Q.Q6_K: (208,)}


def matrix(generator, kind):
    values = generator.normal(0, 1, (ROWS, COLUMNS)).astype(np.float32)
    if kind == Q.F32:
        return values
    if kind == Q.F16:
        return values.astype(np.float16)
    if kind not in HALVES:
        return gguf.quants.quantize(values, kind)
    size = gguf.GGML_QUANT_SIZES[kind][1] * COLUMNS // 256
    data = generator.integers(0, 256, (ROWS, size), dtype=np.uint8)
    block = gguf.GGML_QUANT_SIZES[kind][1]
    for start in range(0, size, block):
        for place in HALVES[kind]:
            scale = generator.uniform(0.001, 0.1, ROWS).astype(np.float16)
            data[:, start + place:start + place + 2] = scale.view(np.uint8).reshape(ROWS, 2)
    return data


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(11)
    writer = gguf.GGUFWriter(OUT / "formats.gguf", "llama")
    writer.add_uint8("t.u8", 255)
    writer.add_int8("t.i8", -128)
    writer.add_uint16("t.u16", 65535)
    writer.add_int16("t.i16", -32768)
    writer.add_uint32("t.u32", 4294967295)
    writer.add_int32("t.i32", -2147483648)
    writer.add_uint64("t.u64", 2**63 - 1)
    writer.add_int64("t.i64", -(2**63))
    writer.add_float32("t.f32", 0.5)
    writer.add_float64("t.f64", 0.1)
    writer.add_bool("t.bool", True)
    writer.add_string("t.string", "grüße\n世界")
    writer.add_array("t.strings", ["", "a", "é", "\u2581x"])
    writer.add_array("t.ints", [1, -2, 3])
    writer.add_array("t.floats", [0.25, -1.5])
    expected = {}
    for kind in [Q.F32, Q.F16, Q.BF16, Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0, *HALVES]:
        data = matrix(generator, kind)
        writer.add_tensor(f"m.{kind.name}", data, raw_dtype=kind)
        values = data.astype(np.float32) if kind in (Q.F32, Q.F16) else gguf.quants.dequantize(data, kind)
        expected[kind.name] = base64.b64encode(values.astype("<f4").tobytes()).decode()
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (OUT / "formats.json").write_text(json.dumps(expected, indent=0) + "\n")


if __name__ == "__main__":
    main()
