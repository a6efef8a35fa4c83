#!/usr/bin/env python3
"""Share of the frames of a clip that show a face in which that face lies under the int8 model's head boxes.

Which frames show a face, and where, comes from a REFERENCE: float CenterFace (ONNX) at 1280 wide, threshold 0.35. It is of the
same family as the model under test, so a face that both miss is not counted; look at the frames too (--sheet writes a
contact sheet of the misses, or of all frames with --all). Boxes are per frame: no tracking, no margin, as `evaluate.py`.

    python eval_clip.py --data DIR --setting fast [--clip NAME] [--sheet OUT.png [--all]]
"""
import argparse
import pathlib

import cv2
import numpy as np
import onnx
import onnxruntime

from decode import iou
from fetch import ONNX
from picture import clip_frames, letterbox
from runtime import Detector


class Reference:
    """Float CenterFace on onnxruntime."""

    def __init__(self, width=1280, height=736, threshold=.35):
        self.size, self.threshold = (width, height), threshold
        proto = onnx.load(str(ONNX))
        for v in [*proto.graph.input, *proto.graph.output]:
            for d, n in zip(v.type.tensor_type.shape.dim, "BCHW"):
                d.dim_param = n + v.name
        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, 2
        self.session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def faces(self, rgb):
        """Face boxes (x1, y1, x2, y2, score) in picture pixels."""
        img, kx, ky = letterbox(rgb, *self.size)
        heat, scale, off, _ = self.session.run(["537", "538", "539", "540"], {"input.1": img.transpose(2, 0, 1)[None].astype(np.float32)})
        found = []
        for r, c in np.argwhere(heat[0, 0] > self.threshold):
            h, w = np.exp(scale[0, :, r, c]) * 4
            cy, cx = (np.array([r, c]) + off[0, :, r, c] + .5) * 4
            found.append(((cx - w / 2) * kx, (cy - h / 2) * ky, (cx + w / 2) * kx, (cy + h / 2) * ky, float(heat[0, 0, r, c])))
        keep = []
        for f in sorted(found, key=lambda f: -f[4]):
            if all(iou(f, k) < .3 for k in keep):
                keep.append(f)
        return keep


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--setting", default="fast")
    p.add_argument("--clip", default="face-demographics-walking")
    p.add_argument("--candidates", action="store_true", help="use the lower thresholds")
    p.add_argument("--sheet", type=pathlib.Path, help="contact sheet (do not commit it)")
    p.add_argument("--all", action="store_true", help="put every frame on the sheet")
    a = p.parse_args()
    det, ref = Detector(a.setting), Reference()
    faces = covered = frames = total = showing = 0
    tiles = []
    for n, rgb in clip_frames(a.data / "clips" / f"{a.clip}.mp4"):
        truth, found = ref.faces(rgb), det.detect(rgb, a.candidates)
        mask = np.zeros(rgb.shape[:2], bool)
        for f in found:
            if f["cls"] == "head":
                mask[max(0, round(f["y"])):round(f["y"] + f["h"]), max(0, round(f["x"])):round(f["x"] + f["w"])] = True
        ok = []
        for t in truth:
            x1, y1, x2, y2 = [int(round(max(0, v))) for v in t[:4]]
            ok.append(mask[y1:max(y2, y1 + 1), x1:max(x2, x1 + 1)].mean() >= .85)
        total, showing, frames = total + 1, showing + bool(truth), frames + (bool(truth) and all(ok))
        faces, covered = faces + len(ok), covered + sum(ok)
        if not all(ok):
            print(f"frame {n}: missed {[[round(v) for v in t[:4]] + [round(t[4], 2)] for t, k in zip(truth, ok) if not k]}")
        if a.sheet and (a.all or not all(ok)):
            tiles.append(draw(rgb, n, truth, found))
    print(f"{a.clip}, {det.model['name']}: {total} frames, {showing} show a face; all faces covered in {frames} "
          f"({100 * frames / max(1, showing):.1f} %); faces {covered}/{faces}")
    if tiles:
        cols = 5
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % cols)
        cv2.imwrite(str(a.sheet), np.vstack([np.hstack(tiles[i:i + cols]) for i in range(0, len(tiles), cols)])[..., ::-1])


def draw(rgb, n, truth, found):
    img = rgb.copy()
    for t in truth:
        cv2.rectangle(img, (int(t[0]), int(t[1])), (int(t[2]), int(t[3])), (255, 0, 0), 1)
    for f in found:
        cv2.rectangle(img, (int(f["x"]), int(f["y"])), (int(f["x"] + f["w"]), int(f["y"] + f["h"])), (0, 255, 0) if f["cls"] == "head" else (255, 255, 0), 2)
    cv2.putText(img, str(n), (6, 24), cv2.FONT_HERSHEY_SIMPLEX, .8, (255, 255, 255), 2)
    return cv2.resize(img, (384, 384 * img.shape[0] // img.shape[1]), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
