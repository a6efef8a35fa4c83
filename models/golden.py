#!/usr/bin/env python3
"""Write golden/decode.json: small synthetic int8 output tensors and the boxes the reference decoder makes of them.

The tensors are seeded noise with planted peaks on an 8 x 12 grid; no picture is involved. A decoder in another language is
right when it gives the same boxes in the same order, scores and pixels to 1e-3. The file carries its own manifest values, so
that it stays valid when thresholds or coefficients change.

    python golden.py [--check]      --check: decode the tensors in the file and compare, write nothing
"""
import json
import re
import sys

import numpy as np

from decode import decode
from picture import HERE

ROWS, COLS = 8, 12
SPEC = {"head_heat": (1, 1 / 256, -128), "head_scale": (2, 0.0229, -128), "head_offset": (2, 0.0046, 4),
        "head_landmarks": (10, 0.0053, -116), "plate_heat": (1, 1 / 256, -128), "plate_scale": (2, 0.025, -100),
        "plate_offset": (2, 0.02, 3)}
MODEL = {"thresholds": {"head": 0.25, "plate": 0.3, "head_candidate": 0.08, "plate_candidate": 0.1},
         "nms_iou": {"head": 0.4, "plate": 0.4}, "plate_growth": {"x": 0.05, "y": 0.1},
         "head_growth": {"side": [0.1, 0.2, 0.5, 0.1, -0.2, 0.1, 0.05, -0.1], "top": [0.4, -0.1, 0.05, 0.1, 0.3, 0.2, 0.0, 0.1],
                         "bottom": [0.2, 0.1, 0.0, -0.1, -0.3, 0.1, 0.1, 0.2], "min": 0.0, "max": 1.5}}
# class, row, col, score, log height, log width: two overlapping heads, an equal pair, one at the edge, weak ones, plates
PEAKS = [("head", 2, 3, .81, 1.5, 1.2), ("head", 2, 5, .62, 1.5, 1.25), ("head", 5, 9, .5, 1.0, .9), ("head", 5, 10, .5, 1.0, .9),
         ("head", 0, 11, .4, 1.3, 1.1), ("head", 7, 0, .12, 1.0, 1.0), ("head", 6, 5, .25, .8, .7), ("plate", 4, 4, .9, .3, 1.4),
         ("plate", 4, 6, .7, .3, 1.4), ("plate", 7, 11, .35, .2, 1.5), ("plate", 1, 8, .15, .1, 1.0), ("plate", 3, 0, .31, .4, 1.6)]


def quantise(x, scale, zero):
    return np.clip(np.round(x / scale) + zero, -128, 127).astype(np.int8)


def check(path):
    """Exit with an error unless decode.py still gives what the file expects."""
    g = json.loads(path.read_text())
    spec = g["model"]["outputs"]
    tensors = {r: np.array(v, np.int8).reshape(spec[r]["shape"]) for r, v in g["tensors"].items()}
    for key, low in (("expected", False), ("expected_candidates", True)):
        got = decode(tensors, g["model"], g["kx"], g["ky"], g["picture_width"], g["picture_height"], low)
        same = len(got) == len(g[key]) and all(a["cls"] == b["cls"] and all(abs(a[f] - b[f]) < 1e-3 for f in ("score", "x", "y", "w", "h"))
                                               for a, b in zip(got, g[key]))
        if not same:
            sys.exit(f"{key}: decode.py gives {got}")
    print("golden/decode.json: decode.py agrees")


def main():
    if "--check" in sys.argv:
        return check(HERE / "golden" / "decode.json")
    rng = np.random.default_rng(613)
    real = {}
    for role, (c, _, _) in SPEC.items():
        real[role] = rng.normal(0, .05, (1, ROWS, COLS, c))
    for k in ("head_heat", "plate_heat"):
        real[k] = np.abs(real[k]) * .4
    points = np.array([.35, .3, .35, .7, .55, .5, .75, .35, .75, .65])
    real["head_landmarks"] = points + rng.normal(0, .08, (1, ROWS, COLS, 10))
    for kind, row, col, score, lh, lw in PEAKS:
        real[f"{kind}_heat"][0, row, col, 0] = score
        real[f"{kind}_scale"][0, row, col] = lh, lw
    tensors = {r: quantise(v, *SPEC[r][1:]) for r, v in real.items()}
    model = {**MODEL, "outputs": {r: {"tensor": r, "shape": [1, ROWS, COLS, c], "scale": s, "zero_point": z} for r, (c, s, z) in SPEC.items()}}
    kx, ky, width, height = 2.0, 2.01, 96, 64
    runs = {name: decode(tensors, model, kx, ky, width, height, candidates=c) for name, c in (("expected", False), ("expected_candidates", True))}
    out = {"about": "synthetic; made by golden.py; tensors are NHWC, flattened in C order", "model": model,
           "kx": kx, "ky": ky, "picture_width": width, "picture_height": height,
           "tensors": {r: [int(v) for v in t.ravel()] for r, t in tensors.items()},
           **{k: [{**b, **{f: round(float(b[f]), 5) for f in ("score", "x", "y", "w", "h")}} for b in v] for k, v in runs.items()}}
    (HERE / "golden").mkdir(exist_ok=True)
    text = json.dumps(out, indent=1)
    text = re.sub(r"\[\s+(-?[\d.e-]+(?:,\s+-?[\d.e-]+)*)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m.group(1)) + "]", text)
    (HERE / "golden" / "decode.json").write_text(text + "\n")
    print({k: len(v) for k, v in runs.items()})


if __name__ == "__main__":
    main()
