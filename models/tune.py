#!/usr/bin/env python3
"""Show what thresholds cost: misses against false area over a grid, so that the numbers in settings.json can be chosen by eye.

One pass of the detector per picture at very low thresholds, kept in cache/; every point of the grid is then scored on pictures reduced to
640 wide (within 0.2 points of the full-size score). False area is given with and without eval/extra-annotations.jsonl.
Chooses nothing and writes no settings.

    python tune.py --data DIR --setting full [--head .15 .2 .25] [--plate .2 .3] [--wide .4 .6] [--from 64 96] [--to 200 300] [--grow 1.0 1.1]
"""
import argparse
import itertools
import json
import pathlib
import pickle

import numpy as np

from decode import asked, decode_class, grow_head
from picture import CACHE, HERE, SETTINGS, annotations, held_out, load, settings
from runtime import Detector

WIDTH = 640


def collect(data, setting):
    """[(annotation line, kx, ky, found)] with found = [(class, score, raw box, landmarks)] in network pixels; cached by model hash."""
    det = Detector(setting)
    path = CACHE / f"tune-{setting}-{det.model['sha256'][:12]}.pickle"
    if path.exists():
        return pickle.loads(path.read_bytes())
    out = []
    for n, r in enumerate(annotations(data)):
        if r["source"] == "romanian-dashcam" and not held_out(r["image"]):
            continue
        t, kx, ky = det.tensors(load(data / "dev" / r["image"]))
        found = [(kind, f["score"], f["raw"], f.get("marks")) for kind in ("head", "plate")
                 for f in decode_class(kind, t, {**det.model, "head_growth": {**det.model["head_growth"]}}, .06)]
        out.append((r, kx, ky, found))
        if n % 100 == 0:
            print(f"{n} pictures", flush=True)
    path.write_bytes(pickle.dumps(out))
    return out


def grown(kind, raw, marks, conf, factor):
    """Mask box of one detection in network pixels; `factor` multiplies every growth."""
    if kind == "head":
        x1, y1, x2, y2 = grow_head(raw, marks, conf["head_growth"])
        return [raw[0] - (raw[0] - x1) * factor, raw[1] - (raw[1] - y1) * factor, raw[2] + (x2 - raw[2]) * factor, raw[3] + (y2 - raw[3]) * factor]
    gx, gy = conf["plate_growth"]["x"] * (raw[2] - raw[0]), conf["plate_growth"]["y"] * (raw[3] - raw[1])
    return [raw[0] - gx, raw[1] - gy, raw[2] + gx, raw[3] + gy]


def cells(box, shape):
    x1, y1, x2, y2 = (int(round(v)) for v in box)
    return slice(max(0, y1), max(0, min(shape[0], y2))), slice(max(0, x1), max(0, min(shape[1], x2)))


def share(mask, x, y, w, h):
    x1, y1 = int(max(0, round(x))), int(max(0, round(y)))
    part = mask[y1:int(min(mask.shape[0], max(round(y + h), y1 + 1))), x1:int(min(mask.shape[1], max(round(x + w), x1 + 1)))]
    return part.mean() if part.size else 0.0


def point(rows, extras, conf, head, plate, wide, factor):
    """Figures of one point of the grid: {class: (cover85, core85, touch, core85 at 16-32 px, false area, the same without extras)}."""
    boxes, false = {"face": [], "plate": []}, {"face": [], "plate": []}
    for r, kx, ky, found in rows:
        s = WIDTH / r["width"]
        shape = (max(1, round(r["height"] * s)), WIDTH)
        m, g, e = (np.zeros(shape, bool) for _ in range(3))
        for kind, score, raw, marks in found:
            if score < (head if kind == "head" else asked(raw[2] - raw[0], plate, wide)):
                continue
            b = grown(kind, raw, marks, conf, factor if kind == "head" else 1.0)
            m[cells((b[0] * kx * s, b[1] * ky * s, b[2] * kx * s, b[3] * ky * s), shape)] = True
        for b, mark in [(b, g) for b in r["boxes"]] + [(b, e) for b in extras.get(r["image"], [])]:
            x, y, w, h = (b[k] * s for k in "xywh")
            mark[cells((x - .3 * w, y - .3 * h, x + 1.3 * w, y + 1.3 * h), shape)] = True
        for b in r["boxes"]:
            x, y, w, h = (b[k] * s for k in "xywh")
            c, k = share(m, x, y, w, h), share(m, x + .2 * w, y + .2 * h, .6 * w, .6 * h)
            boxes[b["cls"]].append((w, c >= .85, k >= .85, c >= .25))
        false["face" if r["source"].startswith(("roboflow", "dlib")) else "plate"].append(((m & ~g & ~e).mean(), (m & ~g).mean()))
    out = {}
    for cls, b in boxes.items():
        if not b:
            continue
        b = np.array(b, float)
        small = b[(b[:, 0] >= 16) & (b[:, 0] < 32)]
        out[cls] = [100 * v for v in (*b[:, 1:].mean(0), small[:, 2].mean(), *np.mean(false[cls], 0))]
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--setting", choices=SETTINGS, default="full")
    for name in ("head", "plate", "wide", "from", "to", "grow"):
        p.add_argument(f"--{name}", type=float, nargs="+")
    a = vars(p.parse_args())
    conf = settings(a["setting"])
    now = {"head": conf["thresholds"]["head"], "plate": conf["thresholds"]["plate"], "wide": conf["plate_by_width"]["score"],
           "from": conf["plate_by_width"]["from"], "to": conf["plate_by_width"]["to"], "grow": 1.0}
    path = HERE / "eval" / "extra-annotations.jsonl"
    extras = {r["image"]: r["boxes"] for r in map(json.loads, path.read_text().splitlines())} if path.exists() else {}
    rows = collect(a["data"], a["setting"])
    print("head plate wide from to grow | heads cover85 core85 touch 16-32 false (without extras) | plates the same")
    for values in itertools.product(*(a[k] or [v] for k, v in now.items())):
        v = dict(zip(now, values))
        f = point(rows, extras, conf, v["head"], v["plate"], {"from": v["from"], "to": v["to"], "score": v["wide"]}, v["grow"])
        show = lambda c: " ".join(f"{x:5.1f}" for x in c[:4]) + f"  {c[4]:.2f} ({c[5]:.2f})"
        print(*(f"{x:g}" for x in values), "|", show(f["face"]), "|", show(f["plate"]), flush=True)


if __name__ == "__main__":
    main()
