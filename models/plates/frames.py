"""Makes one training picture from a number: background, real and rendered plates, decoys, light, noise, compression.

`sample(i)` is a pure function of the seed and i, so a cache can be resumed or rebuilt. It does not touch the network. Returns the
picture and three lists of boxes (x, y, w, h): plates, and regions that must not be learned from either way.
"""
import pathlib

import cv2
import numpy as np

import picture
from plates import render, street

WIDTH, HEIGHT = 448, 288
SEED = 20_24


class Source:
    """Backgrounds held in memory: training dashcam frames with their boxes, clip frames, and gathered backgrounds (backgrounds.py)."""

    def __init__(self, data, ignore=None):
        data = pathlib.Path(data)
        self.ignore = ignore or {}
        self.dash = [(picture.load(data / "dev" / r["image"]), [[b[k] for k in "xywh"] for b in r["boxes"] if b["cls"] == "plate"],
                      self.ignore.get(r["image"], [])) for r in picture.training_frames(data)]
        self.clips = [f for c in picture.TRAIN_CLIPS for _, f in picture.clip_frames(data / "clips" / f"{c}.mp4", 3 if "one-by" not in c else 30)]
        self.clips = [(f, []) for f in self.clips]
        self.streets = [(picture.load(f), self.ignore.get(f.name, [])) for f in sorted((picture.CACHE / "backgrounds").glob("*.jpg"))]
        if not self.streets:
            raise SystemExit("no backgrounds: run backgrounds.py first")

    def sample(self, i):
        """Picture number i: (uint8 [HEIGHT,WIDTH,3], plates [n,4], ignored [m,4])."""
        rng = np.random.default_rng([SEED, i])
        which = rng.random()
        if which < .55:
            img, boxes, ignored = self._dashcam(rng)
        else:
            img, boxes, ignored = self._background(rng, self.clips if which < .7 else self.streets)
        if rng.random() < .06:
            render.caption(img, rng)
        img = weather(img, rng)
        return img, *sort_out(boxes, ignored)

    def _dashcam(self, rng):
        frame, boxes, ignored = self.dash[rng.integers(len(self.dash))]
        base = picture.SETTINGS["fast"][0] / frame.shape[1]
        zoom = base * float(np.exp(rng.uniform(np.log(.5), np.log(1.5)) if rng.random() < .6 else rng.uniform(np.log(1.3), np.log(5.0))))
        focus = boxes[rng.integers(len(boxes))] if boxes and rng.random() < .75 else [rng.random() * frame.shape[1], rng.random() * frame.shape[0], 0, 0]
        img, m = window(frame, zoom, focus, rng)
        put = lambda b: warp_box(b, m)
        boxes, ignored = [put(b) for b in boxes], [put(b) for b in ignored]
        fake = float(rng.choice([0, .5, 1], p=[.35, .3, .35]))
        for b in boxes:
            if rng.random() < fake and b[2] > 6:
                light = np.clip(img[int(max(0, b[1])):int(max(1, b[1] + b[3])), int(max(0, b[0])):int(max(1, b[0] + b[2]))].mean() / 130 if inside(b) > .5 else 1, .25, 1.6) * rng.uniform(.8, 1.3)
                b[:] = grown(img, rng, b, light)
        spots = occupied(boxes + ignored)
        decorate(img, rng, spots, boxes, most=2)
        return img, boxes, ignored

    def _background(self, rng, frames):
        frame, ignored = frames[rng.integers(len(frames))]
        zoom = 640 / frame.shape[1] * float(np.exp(rng.uniform(np.log(.7), np.log(4))))
        img, m = window(frame, zoom, [rng.random() * frame.shape[1], rng.random() * frame.shape[0], 0, 0], rng)
        boxes, ignored = [], [warp_box(b, m) for b in ignored]
        if rng.random() < .75:
            decorate(img, rng, occupied(ignored), boxes, most=4)
        return img, boxes, ignored


def inside(b):
    """Share of a box that lies in the picture."""
    w = min(b[0] + b[2], WIDTH) - max(b[0], 0)
    h = min(b[1] + b[3], HEIGHT) - max(b[1], 0)
    return max(0, w) * max(0, h) / max(1e-6, b[2] * b[3])


def warp_box(b, m):
    """Box through a 2x3 axis-parallel affine map."""
    x1, x2 = sorted((m[0, 0] * b[0] + m[0, 2], m[0, 0] * (b[0] + b[2]) + m[0, 2]))
    y1, y2 = m[1, 1] * b[1] + m[1, 2], m[1, 1] * (b[1] + b[3]) + m[1, 2]
    return [x1, y1, x2 - x1, y2 - y1]


def window(frame, zoom, focus, rng):
    """Cut a training picture out of a frame at a zoom, around a focus, at times mirrored; returns (picture, 2x3 map)."""
    zx, zy = zoom * float(np.exp(rng.normal(0, .08))), zoom * float(np.exp(rng.normal(0, .08)))
    cx, cy = focus[0] + focus[2] / 2, focus[1] + focus[3] / 2
    tx, ty = rng.uniform(.1, .9) * WIDTH - zx * cx, rng.uniform(.1, .9) * HEIGHT - zy * cy
    slack = lambda t, size, full: min(max(t, size - full), 0) if full > size else t * 0 + rng.uniform(0, 1) * (size - full)
    tx, ty = slack(tx, WIDTH, zx * frame.shape[1]), slack(ty, HEIGHT, zy * frame.shape[0])
    m = np.array([[zx, 0, tx], [0, zy, ty]])
    if rng.random() < .4:
        m = np.array([[-zx, 0, WIDTH - tx], [0, zy, ty]])
    if zoom < 1:                                                       # average before shrinking
        frame = cv2.resize(frame, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
        n = m.copy()
        n[:, :2] /= zoom
    else:
        n = m
    img = cv2.warpAffine(frame, n, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=(picture.PAD,) * 3)
    return img, m


def grown(img, rng, b, light):
    """Paste a rendered plate over an annotated one, a little larger, so that nothing of it shows."""
    cx, cy = b[0] + b[2] / 2, b[1] + b[3] / 2
    p = render.plate(rng)
    width = max(b[2] * 1.04, b[3] * 1.04 * p.shape[1] / p.shape[0])
    return list(render.place(img, p, rng, cx, cy, width, tilt=.35, light=light))


def occupied(boxes):
    """Boxes grown by half their size: where nothing else is pasted."""
    return [[b[0] - b[2] * .5, b[1] - b[3] * .8, b[2] * 2, b[3] * 2.6] for b in boxes]


def decorate(img, rng, spots, boxes, most):
    """Street furniture and decoys, then up to `most` plates, some on a body-coloured panel with lights, all onto free ground."""
    def free(cx, cy, w, h):
        ok = all(cx + w / 2 < s[0] or cx - w / 2 > s[0] + s[2] or cy + h / 2 < s[1] or cy - h / 2 > s[1] + s[3] for s in spots)
        if ok:
            spots.append([cx - w * .6, cy - h * .7, w * 1.2, h * 1.4])
        return ok
    for _ in range(rng.integers(1, 4) if rng.random() < .6 else 0):
        draw, aspect = street.furniture(rng)
        w = float(np.exp(rng.uniform(np.log(20), np.log(420))))
        h = max(5.0, w / aspect)
        cx, cy = rng.random() * WIDTH, rng.random() * HEIGHT
        if free(cx, cy, w, h):
            draw(img, rng, int(cx - w / 2), int(cy - h / 2), int(w), int(h))
    for _ in range(rng.integers(0, 3) if rng.random() < .5 else 0):
        w = float(np.exp(rng.uniform(np.log(12), np.log(260))))
        d = render.decoy(rng)
        cx, cy = rng.random() * WIDTH, rng.random() * HEIGHT
        if free(cx, cy, w, w * d.shape[0] / d.shape[1]):
            render.place(img, d, rng, cx, cy, w, light=rng.uniform(.4, 1.2))
    for _ in range(rng.integers(0, most + 1)):
        w = float(np.exp(rng.uniform(np.log(13), np.log(110)) if rng.random() < .75 else rng.uniform(np.log(80), np.log(430))))
        p = render.plate(rng)
        cx, cy = rng.random() * WIDTH, rng.random() * HEIGHT
        h = w * p.shape[0] / p.shape[1]
        on_body = rng.random() < .6
        if free(cx, cy, w * (4 if on_body else 1.3), h * (7 if on_body else 2)):
            if on_body:
                body(img, rng, cx, cy, w, h)
            level = img[int(max(0, cy - h)):int(cy + h) + 1, int(max(0, cx - w)):int(cx + w) + 1].mean()
            boxes.append(list(render.place(img, p, rng, cx, cy, w, light=np.clip(level / 120, .35, 1.2) * rng.uniform(.7, 1.25))))


def body(img, rng, cx, cy, w, h):
    """A crude bumper or boot around a plate: a shaded panel, at times with a recess, a badge and lamps."""
    c = rng.choice([[230, 230, 232], [25, 25, 28], [130, 132, 136], [150, 20, 25], [30, 50, 110], [90, 95, 70]]) * rng.uniform(.5, 1.1)
    x1, x2 = int(cx - w * rng.uniform(.8, 2)), int(cx + w * rng.uniform(.8, 2))
    y1, y2 = int(cy - h * rng.uniform(1, 4)), int(cy + h * rng.uniform(.9, 3))
    X1, X2, Y1, Y2 = max(0, x1), min(WIDTH, x2), max(0, y1), min(HEIGHT, y2)
    if X2 <= X1 or Y2 <= Y1:
        return
    ramp = np.linspace(rng.uniform(.8, 1.2), rng.uniform(.5, 1), Y2 - Y1)[:, None, None]
    img[Y1:Y2, X1:X2] = np.clip(c * ramp, 0, 255).astype(np.uint8)
    if rng.random() < .5:
        cv2.rectangle(img, (int(cx - w * .62), int(cy - h * .8)), (int(cx + w * .62), int(cy + h * .8)), tuple(int(v) for v in c * .5), -1)
    if rng.random() < .5:
        for sx in (x1, x2):
            cv2.circle(img, (sx, int(y1 + h)), max(2, int(h * .7)), tuple(int(v) for v in rng.choice([[200, 30, 30], [250, 250, 240], [240, 150, 40]])), -1)
    if rng.random() < .4:
        cv2.circle(img, (int(cx), int(cy - 1.6 * h)), max(2, int(h * .35)), (190, 190, 195), -1)


def weather(img, rng):
    """Colour cast, exposure, night, blur, noise, low resolution and compression."""
    x = img.astype(np.float32)
    if rng.random() < .5:
        x *= x.mean() / (x.mean((0, 1)) + 1)                           # grey world: takes the dashcam's magenta away
    if rng.random() < .7:
        x *= rng.normal(1, .1, 3)
    grey = x.mean(2, keepdims=True)
    x = grey + (x - grey) * (0 if rng.random() < .12 else rng.uniform(.3, 1.5))
    x = 255 * np.clip(x / 255, 0, 1) ** float(np.exp(rng.normal(0, .3)))
    x = (x - 110) * rng.uniform(.6, 1.4) + 110 + rng.normal(0, 18)
    noise = 2.0
    if rng.random() < .12:
        x, noise = x * rng.uniform(.2, .6), 10.0
    x = np.clip(x, 0, 255).astype(np.uint8)
    if rng.random() < .25:
        k = float(rng.uniform(.4, 1.0))
        x = cv2.resize(cv2.resize(x, None, fx=k, fy=k, interpolation=cv2.INTER_AREA), (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    if rng.random() < .2:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(.4, 1.3))
    elif rng.random() < .12:
        k = np.zeros((7, 7), np.float32)
        n = int(rng.integers(3, 8))
        k[3, :n] = 1 / n
        x = cv2.filter2D(x, -1, k)
    if rng.random() < .5:
        x = np.clip(x + rng.normal(0, rng.uniform(.5, noise * 1.5), x.shape), 0, 255).astype(np.uint8)
    if rng.random() < .7:
        x = cv2.imdecode(cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))])[1], cv2.IMREAD_COLOR)
    return x


def sort_out(boxes, ignored):
    """Clip to the picture; what is tiny or mostly outside is ignored rather than learned."""
    keep, skip = [], [b for b in ignored if inside(b) > 0]
    for b in boxes:
        share = inside(b)
        if share <= 0:
            continue
        x1, y1, x2, y2 = max(0, b[0]), max(0, b[1]), min(WIDTH, b[0] + b[2]), min(HEIGHT, b[1] + b[3])
        (keep if share > .55 and b[2] >= 9 and b[3] >= 2.5 else skip).append([x1, y1, x2 - x1, y2 - y1])
    return np.array(keep, np.float32).reshape(-1, 4), np.array(skip, np.float32).reshape(-1, 4)
