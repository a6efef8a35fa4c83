#!/usr/bin/env python3
"""Check that the Keras CenterFace equals the ONNX one: largest difference per output on seeded noise, limit 1e-4.

It compares with onnxruntime at one size and does not look at pictures or at the plate branch's quality; it does check that
folding the branch's batch norm changes nothing.

    python check_network.py
"""
import sys

import numpy as np
import onnx
import onnxruntime

import network
from fetch import ONNX

LIMIT = 1e-4


def main():
    h, w = 192, 256
    x = np.random.default_rng(1).integers(0, 256, (1, h, w, 3)).astype(np.float32)
    proto = onnx.load(str(ONNX))
    for v in [*proto.graph.input, *proto.graph.output]:              # the file has a fixed batch of 10 at 32x32
        for d, n in zip(v.type.tensor_type.shape.dim, "BCHW"):
            d.dim_param = n + v.name
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    reference = session.run(list(network.HEADS), {"input.1": x.transpose(0, 3, 1, 2)})
    image, heads, taps = network.trunk(h, w)
    ours = network.keras.Model(image, heads).predict(x, verbose=0)
    worst = 0.0
    for (_, role), ref in zip(network.HEADS.items(), reference):
        diff = float(np.abs(ours[role] - ref.transpose(0, 2, 3, 1)).max() / max(1.0, np.abs(ref).max()))
        worst = max(worst, diff)
        print(f"{role:15} relative difference {diff:.2e}")
    rng = np.random.default_rng(2)
    feats = {k: rng.random((1, h // int(k[1:]), w // int(k[1:]), c), np.float32) for k, c in network.TAP_CHANNELS.items()}
    trained, tb = network.branch_model(bn=True)
    for name, layer in tb.named.items():
        if name.endswith("_bn"):
            layer.set_weights([rng.random(v.shape).astype(np.float32) + .5 for v in layer.get_weights()])
    plain, pb = network.branch_model(bn=False)
    network.fold_into(tb, pb)
    a, b = trained.predict(feats, verbose=0), plain.predict(feats, verbose=0)
    for role in a:
        diff = float(np.abs(a[role] - b[role]).max() / max(1.0, np.abs(a[role]).max()))
        worst = max(worst, diff)
        print(f"{role:15} folded difference   {diff:.2e}")
    sys.exit(0 if worst <= LIMIT else f"worst difference {worst:.2e} exceeds {LIMIT}")


if __name__ == "__main__":
    main()
