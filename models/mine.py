#!/usr/bin/env python3
"""Find plates that nobody annotated in the training pictures, so that the next training ignores them instead of unlearning them.

Runs the float network with plates.weights.h5 at 1280 wide over the training frames and those backgrounds that show plates close by
(WITH_PLATES); a detection that overlaps no annotation and is not too large for a plate that an annotator overlooks becomes an ignored region. Regions are neither positive nor negative afterwards. Writes cache/ignore.json.

    python mine.py --data DIR [--weights FILE] [--threshold 0.45]
"""
import argparse
import json
import pathlib

import network                                                        # before tensorflow: sets its environment
import numpy as np
import tensorflow as tf

from decode import iou, nms, peaks
from backgrounds import FOLDER
from picture import CACHE, HERE, letterbox, load, training_frames

WITH_PLATES = "sample-videos__car-detection*.jpg"
LARGEST = .14                                                          # of the picture's width: larger ones were all annotated


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--threshold", type=float, default=.45)
    p.add_argument("--weights", type=pathlib.Path, default=HERE / "plates.weights.h5")
    a = p.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(2)
    width, height = 1280, 736
    model = network.whole(height, width, a.weights)
    run = tf.function(lambda x: model(x, training=False))
    rows = [(r["image"], a.data / "dev" / r["image"], r["boxes"]) for r in training_frames(a.data)]
    rows += [(f.name, f, []) for f in sorted(FOLDER.glob(WITH_PLATES))]
    out, total = {}, 0
    for n, (name, path, boxes) in enumerate(rows):
        img, kx, ky = letterbox(load(path), width, height)
        o = {k: v[0].numpy() for k, v in run(img[None].astype(np.float32)).items()}
        found = []
        for row, col in peaks(o["plate_heat"][..., 0], a.threshold):
            h, w = np.exp(o["plate_scale"][row, col]) * 4
            cy, cx = (np.array([row, col]) + o["plate_offset"][row, col] + .5) * 4
            found.append({"score": float(o["plate_heat"][row, col, 0]), "raw": ((cx - w / 2) * kx, (cy - h / 2) * ky, (cx + w / 2) * kx, (cy + h / 2) * ky)})
        truth = [(b["x"], b["y"], b["x"] + b["w"], b["y"] + b["h"]) for b in boxes]
        small = lambda raw: raw[2] - raw[0] <= LARGEST * width * kx
        extra = [f["raw"] for f in nms(found, .4) if small(f["raw"]) and all(iou(f["raw"], t) < .05 for t in truth)]
        out[name] = [[round(float(v), 1) for v in (e[0], e[1], e[2] - e[0], e[3] - e[1])] for e in extra]
        total += len(extra)
        if n % 50 == 0:
            print(f"{n}/{len(rows)} frames, {total} regions", flush=True)
    (CACHE / "ignore.json").write_text(json.dumps(out))
    print(f"{total} regions in {len(rows)} frames -> cache/ignore.json")


if __name__ == "__main__":
    main()
