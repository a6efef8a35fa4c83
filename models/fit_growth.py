#!/usr/bin/env python3
"""Fit how far a head reaches beyond its face: the head_growth coefficients in settings.json.

Three rows of eight coefficients (sides, top, bottom; features in decode.growth_features) by quantile regression against the
whole-head boxes of the roboflow-mask-wearing source of data/dev. That source is for measuring only; fitting box geometry on it
is the stated exception, and nothing else is trained on it. Prints the figure of five-fold cross-validation.

    python fit_growth.py --data DIR [--quantile 0.9]
"""
import argparse
import pathlib

import numpy as np
from scipy.optimize import linprog

from decode import growth_features, grow_head, iou
from picture import SETTINGS, annotations, load, save_settings
from runtime import Detector


def pairs(data, setting):
    """(face box, landmarks, head box) in network pixels for every annotated head that the detector finds."""
    det, out = Detector(setting), []
    for n, r in enumerate(a for a in annotations(data) if a["source"] == "roboflow-mask-wearing"):
        faces, kx, ky = det.raw(load(pathlib.Path(data) / "dev" / r["image"]), "head", 0.2)
        for b in r["boxes"]:
            head = (b["x"] / kx, b["y"] / ky, (b["x"] + b["w"]) / kx, (b["y"] + b["h"]) / ky)
            cut = b["x"] <= 1 or b["y"] <= 1 or b["x"] + b["w"] >= r["width"] - 1 or b["y"] + b["h"] >= r["height"] - 1
            inside = [f for f in faces if head[0] <= (f["raw"][0] + f["raw"][2]) / 2 <= head[2]
                      and head[1] <= (f["raw"][1] + f["raw"][3]) / 2 <= head[3]]
            if inside and not cut:
                f = max(inside, key=lambda f: iou(f["raw"], head))
                if iou(f["raw"], head) > .15:
                    out.append((n, f["raw"], f["marks"].astype(float), head))
    return out


def quantile_fit(x, y, q, ridge=0.0005):
    """Linear pinball regression with an L1 pull towards zero on everything but the constant."""
    n, k = x.shape
    cost = np.r_[np.zeros(1), np.full(k - 1, ridge * n), np.zeros(1), np.full(k - 1, ridge * n), np.full(n, q), np.full(n, 1 - q)]
    r = linprog(cost, A_eq=np.c_[x, -x, np.eye(n), -np.eye(n)], b_eq=y, bounds=(0, None), method="highs")
    return r.x[:k] - r.x[k:2 * k]


def fit(rows, q):
    """Coefficients from pairs."""
    sides_x, sides_y, f_all, tops, bottoms = [], [], [], [], []
    for _, raw, lm, head in rows:
        w, h = raw[2] - raw[0], raw[3] - raw[1]
        f = growth_features(w, h, lm)
        sides_x += [f, [-v if i == 2 else v for i, v in enumerate(f)]]
        sides_y += [(raw[0] - head[0]) / w, (head[2] - raw[2]) / w]
        f_all.append(f)
        tops.append((raw[1] - head[1]) / h)
        bottoms.append((head[3] - raw[3]) / h)
    x = np.array(f_all)
    x2 = x.copy()
    x2[:, 2] = 0                                                       # top and bottom do not depend on which way it looks
    c = {"side": quantile_fit(np.array(sides_x), np.array(sides_y), q), "top": quantile_fit(x2, np.array(tops), q),
         "bottom": quantile_fit(x2, np.array(bottoms), q)}
    return {**{k: [round(float(v), 4) for v in row] for k, row in c.items()}, "min": 0.0, "max": 1.5}


def measure(rows, growth):
    """(share of heads covered to 85 %, mean box area over head area)."""
    covered, area = [], []
    for _, raw, lm, head in rows:
        b = grow_head(raw, lm, growth)
        hw, hh = head[2] - head[0], head[3] - head[1]
        c = max(0, min(b[2], head[2]) - max(b[0], head[0])) * max(0, min(b[3], head[3]) - max(b[1], head[1])) / (hw * hh)
        covered.append(c >= .85)
        area.append((b[2] - b[0]) * (b[3] - b[1]) / (hw * hh))
    return np.mean(covered), np.mean(area)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--quantile", type=float, default=0.9)
    a = p.parse_args()
    rows = [r for s in SETTINGS for r in pairs(a.data, s)]            # one set of coefficients serves both settings
    for q in sorted({.75, .85, .9, .93, .95, a.quantile}):
        parts = []
        for k in range(5):
            c = fit([r for r in rows if r[0] % 5 != k], q)
            held = [r for r in rows if r[0] % 5 == k]
            parts.append((len(held), *measure(held, c)))
        n, cov, area = np.array(parts).T
        print(f"quantile {q}: {len(rows)} heads, held out cover85 {100 * (n * cov).sum() / n.sum():.1f} %, area x{(n * area).sum() / n.sum():.2f}")
    growth = fit(rows, a.quantile)
    print("all:", measure(rows, growth), growth)
    save_settings("common", head_growth=growth)
    print("settings.json written; run export.py --manifest-only")


if __name__ == "__main__":
    main()
