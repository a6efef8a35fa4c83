"""Draws street furniture straight into a picture: what a plate branch takes for plates and must learn to leave alone.

Fences, railings, facades, wheels, rows of lamps, lettering without a plate, kerbs and crossings, car bodies without a plate. Each
function draws inside a rectangle (x, y, w, h in pixels, integers, clipped to the picture) and returns nothing. No photograph, no template.
"""
import cv2
import numpy as np

from plates import render


def colour(rng, dark=None):
    """A random paint, grey more often than not."""
    v = rng.integers(0, 256) if dark is None else rng.integers(0, 90) if dark else rng.integers(150, 256)
    c = np.full(3, v) + (rng.normal(0, 12, 3) if rng.random() < .6 else rng.normal(0, 60, 3))
    return tuple(int(t) for t in np.clip(c, 0, 255))


def fence(img, rng, x, y, w, h):
    """Bars or mesh, see-through, with rails."""
    layer, c = img.copy(), colour(rng)
    step = max(3, int(w * np.exp(rng.uniform(np.log(.02), np.log(.12)))))
    t = max(1, int(step * rng.uniform(.1, .5)))
    if rng.random() < .3:
        for i in range(-h, w + h, step):
            cv2.line(layer, (x + i, y), (x + i + h, y + h), c, max(1, t // 2), cv2.LINE_AA)
            cv2.line(layer, (x + i, y + h), (x + i + h, y), c, max(1, t // 2), cv2.LINE_AA)
    else:
        lean = rng.normal(0, .04) * h
        for i in range(0, w, step):
            cv2.line(layer, (x + i, y), (int(x + i + lean), y + h), c, t, cv2.LINE_AA)
    for k in range(rng.integers(1, 4)):
        ry = y + int(h * rng.random())
        cv2.line(layer, (x, ry), (x + w, ry + int(rng.normal(0, .03) * w)), c, max(1, int(t * rng.uniform(.8, 2))), cv2.LINE_AA)
    x1, y1, x2, y2 = max(0, x), max(0, y), max(0, x + w), max(0, y + h)
    img[y1:y2, x1:x2] = layer[y1:y2, x1:x2]


def facade(img, rng, x, y, w, h):
    """A wall with windows, or bricks and paving."""
    wall, glass = colour(rng), colour(rng)
    cv2.rectangle(img, (x, y), (x + w, y + h), wall, -1)
    nx, ny = int(rng.integers(2, 9)), int(rng.integers(1, 8))
    gap = rng.uniform(.06, .5)
    sx, sy = w / nx, h / ny
    brick = rng.random() < .35
    for j in range(ny):
        for i in range(-1, nx + 1):
            ox = (sx / 2 if brick and j % 2 else 0) + x + i * sx
            c = tuple(int(np.clip(v + rng.normal(0, 14), 0, 255)) for v in glass)
            a, b = (int(max(x, ox + gap * sx / 2)), int(y + j * sy + gap * sy / 2)), (int(min(x + w, ox + sx * (1 - gap / 2))), int(y + (j + 1) * sy - gap * sy / 2))
            if b[0] > a[0] and b[1] > a[1]:
                cv2.rectangle(img, a, b, c, -1)
                if not brick and rng.random() < .3:
                    cv2.rectangle(img, a, b, colour(rng, dark=False), 1)


def wheel(img, rng, x, y, w, h):
    """A tyre with a spoked rim, seen at an angle."""
    cx, cy, rx, ry = x + w // 2, y + h // 2, max(3, w // 2), max(3, h // 2)
    cv2.ellipse(img, (cx, cy), (rx, ry), 0, 0, 360, colour(rng, dark=True), -1, cv2.LINE_AA)
    inner = rng.uniform(.55, .8)
    cv2.ellipse(img, (cx, cy), (int(rx * inner), int(ry * inner)), 0, 0, 360, colour(rng), -1, cv2.LINE_AA)
    spokes, c, turn = int(rng.integers(4, 14)), colour(rng), rng.random()
    for k in range(spokes):
        a = 2 * np.pi * (k + turn) / spokes
        cv2.line(img, (cx, cy), (int(cx + np.cos(a) * rx * inner), int(cy + np.sin(a) * ry * inner)), c, max(1, int(rx * rng.uniform(.04, .2))), cv2.LINE_AA)


def lamps(img, rng, x, y, w, h):
    """A row of lamps, or one long one, glowing."""
    c = tuple(int(v) for v in rng.choice([[255, 250, 235], [255, 60, 40], [255, 180, 70], [240, 245, 255]]))
    layer = np.zeros_like(img)
    n = int(rng.integers(1, 8))
    for k in range(n):
        at = (int(x + w * (k + .5) / n), int(y + h / 2))
        size = (max(1, int(w / n * rng.uniform(.15, .48))), max(1, int(h * rng.uniform(.2, .5))))
        if rng.random() < .5:
            cv2.ellipse(layer, at, size, 0, 0, 360, c, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(layer, (at[0] - size[0], at[1] - size[1]), (at[0] + size[0], at[1] + size[1]), c, -1)
    glow = cv2.GaussianBlur(layer, (0, 0), max(.6, h * rng.uniform(.02, .3)))
    img[:] = np.maximum(img, np.maximum(glow, (layer * rng.uniform(.4, 1)).astype(np.uint8)))


def lettering(img, rng, x, y, w, h):
    """Letters on whatever is there: car badges, advertising, printed cloth."""
    H, W = img.shape[:2]
    x, y = max(0, x), max(0, y)
    w, h = min(w, W - x - 1), min(h, H - y - 1)
    if w < 6 or h < 4:
        return
    c = colour(rng)
    lines = int(rng.integers(1, 4))
    for k in range(lines):
        render.text_fit(img, (x, y + k * h // lines, w * rng.uniform(.5, 1), max(3, h // lines * rng.uniform(.5, .95))),
                        render.random_text(rng, "AAAAAAAAAAAA"[: int(rng.integers(2, 11))]), c, render.FONTS[int(rng.integers(0, 6))], int(rng.integers(0, 2)))


def kerb(img, rng, x, y, w, h):
    """Bright bands over the ground with a shadow each: kerbs, lane marks, a crossing."""
    n = 1 if rng.random() < .5 else int(rng.integers(2, 8))
    slope, upright = rng.normal(0, .25), rng.random() < .4
    c = colour(rng, dark=False)
    for k in range(n):
        if upright:
            x1 = x + w * k / n
            q = [[x1, y], [x1 + w / n * .55, y], [x1 + w / n * .55 + slope * h, y + h], [x1 + slope * h, y + h]]
        else:
            y1 = y + h * k / n
            q = [[x, y1], [x + w, y1 + slope * w], [x + w, y1 + slope * w + h / n * .5], [x, y1 + h / n * .5]]
        q = np.int32(q)
        cv2.fillPoly(img, [q + [0, max(1, h // (4 * n))]], colour(rng, dark=True), cv2.LINE_AA)
        cv2.fillPoly(img, [q], c, cv2.LINE_AA)


def bare_body(img, rng, x, y, w, h):
    """A bumper or boot with lamps, a badge and an empty recess: a car without a plate."""
    base = np.array(colour(rng), float)
    H, W = img.shape[:2]
    x1, y1, x2, y2 = max(0, x), max(0, y), min(W, x + w), min(H, y + h)
    if x2 <= x1 or y2 <= y1:
        return
    ramp = np.linspace(rng.uniform(.8, 1.25), rng.uniform(.45, 1), y2 - y1)[:, None, None]
    img[y1:y2, x1:x2] = np.clip(base * ramp, 0, 255).astype(np.uint8)
    for k in range(rng.integers(0, 4)):                                # seams and creases
        ly = y + int(h * rng.random())
        cv2.line(img, (x, ly), (x + w, ly + int(rng.normal(0, .03) * w)), tuple(int(v) for v in base * rng.uniform(.3, 1.1)), max(1, h // 50))
    if rng.random() < .5:
        rw, rh = int(w * rng.uniform(.25, .6)), int(h * rng.uniform(.15, .35))
        rx, ry = x + (w - rw) // 2, y + int(h * rng.uniform(.3, .6))
        cv2.rectangle(img, (rx, ry), (rx + rw, ry + rh), tuple(int(v) for v in base * rng.uniform(.3, .9)), -1)
        if rng.random() < .4:
            cv2.rectangle(img, (rx, ry), (rx + rw, ry + rh), tuple(int(v) for v in np.clip(base * 1.3, 0, 255)), max(1, h // 60))
    if rng.random() < .5:
        lamps(img, rng, x, y + int(h * rng.uniform(0, .3)), w // 6, max(3, h // 5))
        lamps(img, rng, x + w - w // 6, y + int(h * rng.uniform(0, .3)), w // 6, max(3, h // 5))
    if rng.random() < .5:
        lettering(img, rng, x + int(w * rng.uniform(.2, .5)), y + int(h * rng.uniform(.1, .6)), w // 4, max(4, h // 9))
    if rng.random() < .4:
        cv2.ellipse(img, (x + w // 2, y + h // 3), (max(2, w // 14), max(2, h // 12)), 0, 0, 360, colour(rng), max(1, h // 50))


KINDS = (fence, facade, wheel, lamps, lettering, kerb, bare_body)
SHARES = (.24, .14, .1, .1, .14, .14, .14)
ASPECTS = {fence: (.6, 5), facade: (.6, 4), wheel: (.5, 1.1), lamps: (1.5, 8), lettering: (1.2, 7), kerb: (1, 8), bare_body: (1, 3)}


def furniture(rng):
    """(what to draw, its width over its height)."""
    kind = KINDS[rng.choice(len(KINDS), p=SHARES)]
    return kind, float(np.exp(rng.uniform(*np.log(ASPECTS[kind]))))
