#!/usr/bin/env python3
"""Run a setting over data/dev with the reference decoder: a report for score.py, and the inference time on one thread.

The mask in the report is the decoded box itself, without the tracking and margins that the product adds, so these figures are
the detector's own. `--dashcam-held-out` keeps only the romanian-dashcam frames that were not trained on, plus all other sources.

    python evaluate.py --data DIR --setting fast --report OUT.jsonl
"""
import argparse
import json
import pathlib

import numpy as np

from picture import annotations, held_out, load
from runtime import Detector, FloatDetector


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--setting", default="fast")
    p.add_argument("--report", type=pathlib.Path, required=True)
    p.add_argument("--float", action="store_true", help="the network before quantisation")
    p.add_argument("--candidates", action="store_true", help="use the lower thresholds")
    p.add_argument("--dashcam-held-out", type=pathlib.Path, metavar="DIR",
                   help="also write DIR/annotations.jsonl, only what was never trained on, for score.py --data DIR")
    a = p.parse_args()
    det, times = (FloatDetector if a.float else Detector)(a.setting), []
    rows = annotations(a.data)
    if a.dashcam_held_out:
        a.dashcam_held_out.mkdir(parents=True, exist_ok=True)
        keep = [r for r in rows if r["source"] != "romanian-dashcam" or held_out(r["image"])]
        (a.dashcam_held_out / "annotations.jsonl").write_text("".join(json.dumps(r) + "\n" for r in keep))
    with open(a.report, "w") as out:
        for n, r in enumerate(rows):
            found = det.detect(load(a.data / "dev" / r["image"]), a.candidates)
            times.append(det.infer_ms)
            shape = lambda f: {"shape": "rect", **{k: round(f[k], 2) for k in "xywh"}}
            out.write(json.dumps({"image": r["image"], "frame": 0, "width": r["width"], "height": r["height"],
                                  "objects": [{"class": f["cls"], "score": round(f["score"], 4), **{k: round(f[k], 2) for k in "xywh"}} for f in found],
                                  "mask": [shape(f) for f in found], "ladder": "clear", "millis": {"infer": round(det.infer_ms, 3)}}) + "\n")
            if n % 100 == 0:
                print(f"{n}/{len(rows)}", flush=True)
    print(f"{det.model['name']}: {len(rows)} pictures, inference median {np.median(times):.2f} ms, p99 {np.percentile(times, 99):.2f} ms, one thread")


if __name__ == "__main__":
    main()
