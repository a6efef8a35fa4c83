"""Pictures into the network: loading, letterboxing, and where the data lies. No training, no decoding.

A picture of w x h pixels is scaled by s = min(W/w, H/h) to round(w*s) x round(h*s) (area average when shrinking, bilinear when
enlarging), placed top left, the rest filled with PAD.
"""
import json
import pathlib
import re

import cv2
import numpy as np

cv2.setNumThreads(1)
HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE / "cache"
PAD = 114
TRAIN_CLIPS = ("one-by-one-person-detection", "people-detection", "store-aisle-detection")
SETTINGS = {"light": (352, 192), "fast": (672, 384), "full": (1024, 576)}


def letterbox(rgb, width, height, pad=PAD):
    """uint8 RGB picture -> (uint8 [height,width,3], kx, ky); multiply network pixels by kx, ky to get picture pixels."""
    h, w = rgb.shape[:2]
    s = min(width / w, height / h)
    rw, rh = max(1, round(w * s)), max(1, round(h * s))
    small = cv2.resize(rgb, (rw, rh), interpolation=cv2.INTER_AREA if s < 1 else cv2.INTER_LINEAR)
    out = np.full((height, width, 3), pad, np.uint8)
    out[:rh, :rw] = small
    return out, w / rw, h / rh


def load(path):
    """Picture file -> uint8 RGB."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise FileNotFoundError(path)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def clip_frames(path, step=1):
    """Every step-th frame of a clip as (index, uint8 RGB)."""
    cap, i = cv2.VideoCapture(str(path)), 0
    while True:
        ok, bgr = cap.read()
        if not ok:
            return
        if i % step == 0:
            yield i, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        i += 1


def settings(setting):
    """The decoding numbers of one setting (settings.json): what all share, and its own."""
    all_of_them = json.loads((HERE / "settings.json").read_text())
    return {**all_of_them["common"], **all_of_them[setting]}


def save_settings(section, **values):
    """Replace numbers of one section of settings.json ("common" or a setting)."""
    path = HERE / "settings.json"
    conf = json.loads(path.read_text())
    conf[section].update(values)
    rows = lambda v: ",\n".join(f"  {json.dumps(a)}: {json.dumps(b)}" for a, b in v.items())
    path.write_text("{\n" + ",\n".join(f" {json.dumps(k)}: {{\n{rows(v)}\n }}" for k, v in conf.items()) + "\n}\n")


def annotations(data):
    """All lines of DATA/dev/annotations.jsonl."""
    return [json.loads(line) for line in open(pathlib.Path(data) / "dev" / "annotations.jsonl")]


def held_out(image):
    """True for the romanian-dashcam frames that are never trained on: whole stretches of a drive, about 20 %."""
    m = re.search(r"romanian-dashcam__(\w+?)_type\d_(\d+)\.mp4_t(\d+)\.jpg", image)
    drive, number, t = m.group(1), m.group(2), int(m.group(3))
    if drive == "nightride":
        return 380 <= t <= 480
    return {"001": 500 <= t <= 560 or t >= 1380, "002": False, "003": t >= 290}[number]


def training_frames(data):
    """The romanian-dashcam annotation lines that may be trained on."""
    return [r for r in annotations(data) if r["source"] == "romanian-dashcam" and not held_out(r["image"])]


def calibration(data, width, height, count=108):
    """Seeded, letterboxed pictures that the licences allow: a third each of training dashcam frames, the three clips, gathered backgrounds.

    Every fourth dashcam frame gets a rendered plate of a third of its width or more, so that the range of plate sizes reaches that far;
    the people of the backgrounds are enlarged by up to 3, so that the range of what a large face excites does.
    """
    from plates import render
    data, rng = pathlib.Path(data), np.random.default_rng(7)
    rows = training_frames(data)
    for n, i in enumerate(rng.choice(len(rows), count // 3, replace=False)):
        small = letterbox(load(data / "dev" / rows[i]["image"]), width, height)[0]
        if n % 4 == 0:
            render.place(small, render.plate(rng), rng, width / 2, height / 2, width * rng.uniform(.33, .85), tilt=.3)
        yield small
    frames = [f for c in TRAIN_CLIPS for _, f in clip_frames(data / "clips" / f"{c}.mp4", 2 if "one-by" not in c else 40)]
    for i in rng.choice(len(frames), count // 3, replace=False):
        yield letterbox(frames[i], width, height)[0]
    people = sorted((CACHE / "backgrounds").glob("sample-videos__asl*.jpg"))
    others = sorted(set((CACHE / "backgrounds").glob("*.jpg")) - set(people))
    for n in range(count // 3):
        if n % 3 == 2:
            yield letterbox(load(others[rng.integers(len(others))]), width, height)[0]
            continue
        rgb = load(people[rng.integers(len(people))])
        h, w = rgb.shape[:2]
        share = 1 / rng.uniform(1, 3)
        x, y = int((w - w * share) * rng.uniform(.35, .65)), int((h - h * share) * rng.uniform(0, .3))
        yield letterbox(rgb[y:y + int(h * share), x:x + int(w * share)], width, height)[0]
