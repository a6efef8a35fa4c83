"""Reference decoder: int8 output tensors and the manifest -> boxes in picture pixels. numpy and the standard library only.

This is what the Rust decoder must equal (golden/decode.json). It does not run the network and it does not track.
The formula is written out in README.md, "Decoding".
"""
import pathlib
import tomllib

import numpy as np

STRIDE = 4.0


def manifest(path=pathlib.Path(__file__).resolve().parent / "manifest.toml"):
    """All [[model]] tables of the manifest."""
    return tomllib.loads(pathlib.Path(path).read_text())["model"]


def dequantise(tensor, spec):
    """int8 [1,h,w,c] -> float32 [h,w,c]."""
    return (tensor[0].astype(np.float32) - spec["zero_point"]) * np.float32(spec["scale"])


def peaks(heat, threshold):
    """Cells in raster order whose score reaches the threshold and is not below any of its 8 neighbours."""
    padded = np.pad(heat, 1, constant_values=-1.0)
    h, w = heat.shape
    around = np.max([padded[dy:dy + h, dx:dx + w] for dy in range(3) for dx in range(3)], axis=0)
    return np.argwhere((heat >= threshold) & (heat >= around))


def iou(a, b):
    """Intersection over union of two (x1, y1, x2, y2)."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def nms(found, limit):
    """Keep by falling score (ties: raster order); drop a box whose IoU with a kept one exceeds the limit."""
    kept = []
    for f in sorted(found, key=lambda f: -f["score"]):                # sorted() is stable
        if all(iou(f["raw"], k["raw"]) <= limit for k in kept):
            kept.append(f)
    return kept


def growth_features(w, h, lm):
    """Geometry of one face: w, h its box; lm ten numbers (y, x per point) relative to the box."""
    y, x = lm[0::2], lm[1::2]                                          # left eye, right eye, nose, mouth left, mouth right
    nose_x = x[2] - 0.5
    return [1.0, np.log(h / w), nose_x, abs(nose_x), y[2] - 0.5, (y[0] + y[1]) / 2, (y[3] + y[4]) / 2, x[1] - x[0]]


def grow_head(raw, lm, growth):
    """Face box -> head box. One coefficient row each for the sides, the top and the bottom; the right side sees the face mirrored."""
    x1, y1, x2, y2 = raw
    w, h = x2 - x1, y2 - y1
    left = growth_features(w, h, lm)
    right = [-v if i == 2 else v for i, v in enumerate(left)]
    amount = lambda row, f: min(max(float(np.dot(growth[row], f)), growth["min"]), growth["max"])
    return (x1 - amount("side", left) * w, y1 - amount("top", left) * h,
            x2 + amount("side", right) * w, y2 + amount("bottom", left) * h)


def decode_class(kind, tensors, model, threshold):
    """One class in network pixels: [{cls, score, raw, box}], box and raw as (x1, y1, x2, y2)."""
    spec = model["outputs"]
    part = {k: dequantise(tensors[f"{kind}_{k}"], spec[f"{kind}_{k}"]) for k in ("heat", "scale", "offset")}
    marks = dequantise(tensors["head_landmarks"], spec["head_landmarks"]) if kind == "head" else None
    found = []
    for row, col in peaks(part["heat"][:, :, 0], threshold):
        h, w = np.exp(part["scale"][row, col]) * STRIDE
        cy, cx = (np.array([row, col]) + part["offset"][row, col] + 0.5) * STRIDE
        raw = (float(cx - w / 2), float(cy - h / 2), float(cx + w / 2), float(cy + h / 2))
        found.append({"cls": kind, "score": float(part["heat"][row, col, 0]), "raw": raw, "cell": (int(row), int(col))})
    found = nms(found, model["nms_iou"][kind])
    for f in found:
        x1, y1, x2, y2 = f["raw"]
        if kind == "head":
            f["marks"] = marks[f["cell"]]
            f["box"] = grow_head(f["raw"], f["marks"], model["head_growth"])
        else:
            gx, gy = model["plate_growth"]["x"] * (x2 - x1), model["plate_growth"]["y"] * (y2 - y1)
            f["box"] = (x1 - gx, y1 - gy, x2 + gx, y2 + gy)
    return found


def asked(width, narrow, wide, which="score"):
    """The score asked of a plate (or of a candidate, `which`) `width` network pixels wide; narrow ones need `narrow`."""
    share = min(max((width - wide["from"]) / (wide["to"] - wide["from"]), 0.0), 1.0)
    return narrow + share * (wide.get(which, narrow) - narrow)


def asked_of_head(box, width, height, kx, narrow, wide):
    """The same of a candidate for a head whose `box` lies in a picture of width x height, in its pixels; half a head at the edge is a weak one."""
    x1, y1, x2, y2 = box
    cut = min(x1, y1, width - x2, height - y2) < .5
    share = min(max(((x2 - x1) / kx * (wide["at_edge"] if cut else 1) - wide["from"]) / (wide["to"] - wide["from"]), 0.0), 1.0)
    return narrow + share * (wide["score"] - narrow)


def decode(tensors, model, kx=1.0, ky=1.0, width=None, height=None, candidates=False):
    """Both classes in picture pixels, clipped to width x height if given: [{cls, score, x, y, w, h}].

    tensors: {role: int8 array}; model: one manifest table; kx, ky: picture pixels per network pixel.
    """
    out = []
    for kind in ("head", "plate"):
        limit = model["thresholds"][f"{kind}_candidate" if candidates else kind]
        for f in decode_class(kind, tensors, model, limit):
            wide = model.get("plate_by_width") if kind == "plate" else None
            if wide and f["score"] < asked(f["raw"][2] - f["raw"][0], limit, wide, "candidate" if candidates else "score"):
                continue
            x1, y1, x2, y2 = f["box"][0] * kx, f["box"][1] * ky, f["box"][2] * kx, f["box"][3] * ky
            if width:
                x1, y1, x2, y2 = max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2)
            wide = model.get("head_by_width") if kind == "head" and candidates and width else None
            if wide and f["score"] < model["thresholds"]["head"] and f["score"] < asked_of_head((x1, y1, x2, y2), width, height, kx, limit, wide):
                continue
            if x2 > x1 and y2 > y1:
                out.append({"cls": kind, "score": f["score"], "x": x1, "y": y1, "w": x2 - x1, "h": y2 - y1})
    return out
