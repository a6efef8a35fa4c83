#!/usr/bin/env python3
"""Makes clips whose truth is known, for `cargo xtask leak --clips OUT`: `<clip>.mp4` and `<clip>.jsonl` with the tracks.

The first line of each .jsonl says what kind of clip it is; the tables keep the kinds apart, for they prove different things:

| kind | what |
|---|---|
| `filmed` | a camera's video; references placed by eye (reference.py) |
| `sequence` | real pictures of one drive, about one a second: the only real plates in sequence that there are; never to be shown as video |
| `moved-still` | one real picture under a simulated camera that pans and zooms, 25 a second: real heads and plates, unreal movement |
| `rendered` | the default scene (tests/scene): drawn cars and plates, photographed people on drawn legs; as it is, under a panning camera, and behind poles |

Only pictures that no model was trained on are taken (trained-on.txt). Boxes with more than half hidden, or cut by the picture's edge to less
than half, are marked `ignore`: masking them is not false, missing them is not counted.

    python eval/clips.py --data DIR --scene ../.campari/scene --out OUT
    python eval/clips.py --data DIR --scene ../.campari/scene --out OTHER --held-out

The tracker's numbers were chosen on the first set. `--held-out` makes one that they were not chosen on: other stills, other movement, other poles
before the scene; nothing filmed and no sequence, for there are no more of those.
"""
import argparse
import json
import pathlib
import random
import re
import shutil
import subprocess

import cv2
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
FPS, SECONDS, WIDTH, HEIGHT = 25, 2, 960, 540


class Clip:
    """One clip being written."""

    def __init__(self, out, name, kind, fps, width, height):
        self.kind, self.rows, self.file = kind, [], out / f"{name}.jsonl"
        self.ffmpeg = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "-",
             "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p", "-bf", "0", str(out / f"{name}.mp4")], stdin=subprocess.PIPE)
        self.size, self.frame = (width, height), 0

    def add(self, picture, boxes):
        """`boxes`: (track, cls, x, y, w, h, visible share)."""
        self.ffmpeg.stdin.write(np.ascontiguousarray(picture).tobytes())
        for track, cls, x, y, w, h, visible in boxes:
            x1, y1, x2, y2 = max(0, x), max(0, y), min(self.size[0], x + w), min(self.size[1], y + h)
            if x2 - x1 < 1 or y2 - y1 < 1:
                continue
            shown = visible * (x2 - x1) * (y2 - y1) / (w * h)
            row = {"frame": self.frame, "track": track, "cls": cls, **dict(zip("xywh", (round(float(v), 1) for v in (x1, y1, x2 - x1, y2 - y1))))}
            self.rows.append(row | ({"ignore": True} if shown < .5 else {}))
        self.frame += 1

    def close(self):
        self.ffmpeg.stdin.close()
        self.ffmpeg.wait()
        lines = [{"kind": self.kind}, *self.rows]
        self.file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def moved_still(out, name, picture, boxes, chance):
    """A window over the picture, its middle on a bow through the picture and its size breathing."""
    h, w = picture.shape[:2]
    clip = Clip(out, name, "moved-still", FPS, WIDTH, HEIGHT)
    most = min(w / WIDTH, h / HEIGHT)
    start, turn, zoom = chance.uniform(0, 6.28), chance.choice([-1, 1]) * chance.uniform(.5, 1), chance.uniform(.55, .75)
    for n in range(FPS * SECONDS):
        part = n / (FPS * SECONDS)
        side = most * (zoom + .2 * np.sin(start + 3 * part))
        ww, wh = WIDTH * side, HEIGHT * side
        cx = w / 2 + (w - ww) / 2 * np.cos(start + turn * 3.5 * part)
        cy = h / 2 + (h - wh) / 2 * np.sin(start + turn * 3.5 * part)
        left, top = cx - ww / 2, cy - wh / 2
        matrix = np.array([[1 / side, 0, -left / side], [0, 1 / side, -top / side]])
        seen = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA if side > 1 else cv2.INTER_LINEAR)
        clip.add(seen, [(t, c, (x - left) / side, (y - top) / side, bw / side, bh / side, 1.) for t, c, x, y, bw, bh in boxes])
    clip.close()


def stills(data, out, most, held_out):
    lines = [json.loads(line) for line in (data / "dev/annotations.jsonl").read_text().splitlines()]
    trained = set((HERE / "trained-on.txt").read_text().split())
    chance = random.Random(7)
    movement = random.Random(8) if held_out else chance
    for source, cls in (("roboflow-mask-wearing", "head"), ("romanian-dashcam", "plate")):
        chosen = [line for line in lines if line["source"] == source and line["image"] not in trained and line["boxes"]]
        chance.shuffle(chosen)
        for n, line in enumerate(chosen[most:2 * most] if held_out else chosen[:most]):
            boxes = [(i + 1, cls, b["x"], b["y"], b["w"], b["h"]) for i, b in enumerate(line["boxes"])]
            picture = cv2.imread(str(data / "dev" / line["image"]))
            if picture.std() < 3:  # the dashcam has pictures that are annotated and black: nothing to find, nothing to show
                continue
            moved_still(out, f"moved-{cls}s-{n:02d}", picture, boxes, movement)


def sequences(data, out):
    """Held-out pictures of the dashcam whose numbers follow one another, at least four; a plate keeps its track while it stays near."""
    trained = set((HERE / "trained-on.txt").read_text().split())
    drives = {}
    for line in map(json.loads, (data / "dev/annotations.jsonl").read_text().splitlines()):
        if line["source"] == "romanian-dashcam" and line["image"] not in trained:
            drive, t = re.fullmatch(r"images/romanian-dashcam__(.*)\.mp4_t(\d+)\.jpg", line["image"]).groups()
            drives.setdefault(drive, {})[int(t)] = line
    for drive, at in drives.items():
        for first in sorted(t for t in at if t - 1 not in at):
            run = [at[t] for t in range(first, first + len(at)) if all(u in at for u in range(first, t + 1))]
            if len(run) >= 4:
                clip, before, tracks = Clip(out, f"sequence-{drive}-t{first}", "sequence", 1, run[0]["width"], run[0]["height"]), [], 0
                for line in run:
                    now = []
                    for b in line["boxes"]:
                        near = [o for o in before if np.hypot(o[1] + o[3] / 2 - b["x"] - b["w"] / 2, o[2] + o[4] / 2 - b["y"] - b["h"] / 2) < 2 * max(o[3], b["w"])]
                        track = near[0][0] if near and near[0][0] not in [n[0] for n in now] else (tracks := tracks + 1)
                        now.append((track, b["x"], b["y"], b["w"], b["h"]))
                    clip.add(cv2.imread(str(data / "dev" / line["image"])), [(t, "plate", x, y, w, h, 1.) for t, x, y, w, h in now])
                    before = now
                clip.close()


POSTS = [(150, 34), (420, 22), (700, 46), (980, 28)]
OTHER_POSTS = [(60, 30), (300, 40), (560, 26), (860, 36), (1100, 44)]


def rendered(scene, out, held_out):
    """The scene as it is (unless held out), under a camera that pans, and behind poles."""
    truth = json.loads((scene / "scene-v1.json").read_text())
    names = sorted({o["actor"] for f in truth["frames"] for o in f["objects"]})
    boxes = [[(names.index(o["actor"]) + 1, o["class"], o["x"], o["y"], o["w"], o["h"], o["visible"]) for o in f["objects"]] for f in truth["frames"]]
    rows = []
    for frame, seen in enumerate(boxes):
        for track, cls, x, y, w, h, visible in seen:
            row = {"frame": frame, "track": track, "cls": cls, "x": x, "y": y, "w": w, "h": h}
            rows.append(row | ({"ignore": True} if visible < .5 else {}))
    if not held_out:
        shutil.copy(scene / "scene-v1.mp4", out / "scene-v1.mp4")
        (out / "scene-v1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [{"kind": "rendered"}, *rows]))
    video = cv2.VideoCapture(str(scene / "scene-v1.mp4"))
    pan = Clip(out, "scene-v1-pan", "rendered", 25, WIDTH, HEIGHT)
    poles = Clip(out, "scene-v1-poles", "rendered", 25, truth["width"], truth["height"])
    posts, quicker = (OTHER_POSTS, 1.6) if held_out else (POSTS, 1.)
    for frame, seen in enumerate(boxes):
        ok, picture = video.read()
        if not ok:
            break
        left, top = 160 + 160 * np.sin(frame / 25 * 1.3 * quicker), 90 + 80 * np.sin(frame / 25 * .7 * quicker)
        moved = cv2.warpAffine(picture, np.array([[1, 0, -left], [0, 1, -top]]), (WIDTH, HEIGHT))
        pan.add(moved, [(t, c, x - left, y - top, w, h, v) for t, c, x, y, w, h, v in seen])
        behind = []
        for t, c, x, y, w, h, v in seen:
            hidden = sum(max(0, min(x + w, px + pw) - max(x, px)) for px, pw in posts) / w
            behind.append((t, c, x, y, w, h, v * (1 - hidden)))
        for px, pw in posts:
            picture[:, px:px + pw] = (70, 78, 80)
        poles.add(picture, behind)
    pan.close()
    poles.close()


def filmed(data, out):
    """The clips that are only scored, with their references."""
    for reference in sorted((HERE / "clips").glob("*.jsonl")):
        shutil.copy(data / "clips" / f"{reference.stem}.mp4", out)
        (out / reference.name).write_text(json.dumps({"kind": "filmed"}) + "\n" + reference.read_text())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True, help="holds dev/ and clips/")
    p.add_argument("--scene", type=pathlib.Path, required=True, help="holds scene-v1.mp4 and scene-v1.json (cargo xtask setup makes them)")
    p.add_argument("--out", type=pathlib.Path, required=True, help="pictures of people and plates: never commit it")
    p.add_argument("--most", type=int, default=16, help="moved stills of each class")
    p.add_argument("--held-out", action="store_true", help="clips that no number of the tracker was chosen on")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    if not a.held_out:
        filmed(a.data, a.out)
        sequences(a.data, a.out)
    rendered(a.scene, a.out, a.held_out)
    stills(a.data, a.out, a.most, a.held_out)


if __name__ == "__main__":
    main()
