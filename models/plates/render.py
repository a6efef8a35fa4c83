"""Draws number plates that belong to nobody: EU, NL, RO, DE, UK, US and BR styles with random text, and things that only look like plates.

Everything is drawn here from the fonts inside matplotlib (DejaVu, free licence) and OpenCV's stroke fonts; no template, no
photograph. Each function returns uint8 RGB; `place` warps one into a picture and says where it went.
"""
import functools
import pathlib

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONT_DIR = pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONTS = ["DejaVuSans-Bold.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSansDisplay.ttf"]
LETTERS, DIGITS = "ABCDEFGHJKLMNPRSTUVWXYZ", "0123456789"


@functools.lru_cache(maxsize=256)
def font(name, size):
    return ImageFont.truetype(str(FONT_DIR / name), size)


def text_fit(img, box, text, colour, name, stroke=0):
    """Draw text stretched to exactly fill box (x, y, w, h): plates use narrow faces that no free font here has."""
    x, y, w, h = (int(v) for v in box)
    f = font(name, max(8, min(96, h)))
    l, t, r, b = f.getbbox(text, stroke_width=stroke)
    m = Image.new("L", (max(1, r - l), max(1, b - t)), 0)
    ImageDraw.Draw(m).text((-l, -t), text, font=f, fill=255, stroke_width=stroke)
    a = cv2.resize(np.asarray(m), (max(1, w), max(1, h)), interpolation=cv2.INTER_AREA)[..., None] / 255.0
    img[y:y + h, x:x + w] = (img[y:y + h, x:x + w] * (1 - a[:img.shape[0] - y, :img.shape[1] - x]) + np.array(colour) * a[:img.shape[0] - y, :img.shape[1] - x]).astype(np.uint8)


def random_text(rng, pattern):
    """'A' a letter, '9' a digit, everything else itself."""
    return "".join(rng.choice(list(LETTERS)) if c == "A" else rng.choice(list(DIGITS)) if c == "9" else c for c in pattern)


def sheet(w, h, colour, border, border_px):
    """A plate blank."""
    img = np.empty((h, w, 3), np.uint8)
    img[:] = colour
    if border is not None:
        cv2.rectangle(img, (1, 1), (w - 2, h - 2), tuple(int(c) for c in border), border_px)
    return img


def european(rng):
    """EU layout, one or two lines; white or yellow, sometimes with the blue strip."""
    style = rng.choice(["RO", "D", "NL", "F", "GB", "B", "I"])
    colour = {"NL": (245, 190, 20), "GB": (240, 205, 40) if rng.random() < .5 else (240, 240, 240)}.get(style, (240, 240, 235))
    ink = (150, 20, 30) if style == "B" else (15, 15, 20)
    pattern = {"RO": ["A 99 AAA", "AA 99 AAA"], "D": ["AA·AA 999", "A AA 9999"], "NL": ["99-AAA-9", "AA-99-AA", "A-999-AA"],
               "F": ["AA-999-AA"], "GB": ["AA99 AAA"], "B": ["9-AAA-999"], "I": ["AA 999AA"]}[style]
    text = random_text(rng, rng.choice(pattern))
    name = rng.choice(FONTS[:5])
    two = rng.random() < .12
    w, h = (300, 210) if two else (520, 112)
    img = sheet(w, h, colour, ink if rng.random() < .7 else None, int(rng.integers(2, 5)))
    x0 = 14
    if rng.random() < .75 and style != "GB":
        cv2.rectangle(img, (3, 3), (44, h - 4), (20, 50, 150), -1)
        cv2.circle(img, (23, h // 4), 11, (235, 205, 40), 2)
        text_fit(img, (12, h * .62, 24, h * .25), "ROM"[0:1] if style == "RO" else style[0], (240, 240, 240), FONTS[0])
        x0 = 54
    if two:
        cut = len(text) // 2
        text_fit(img, (x0 + 10, 18, w - x0 - 34, 78), text[:cut].strip(" -") or "A", ink, name)
        text_fit(img, (x0 + 10, 112, w - x0 - 34, 78), text[cut:].strip(" -") or "1", ink, name)
    else:
        text_fit(img, (x0 + 6, 18, w - x0 - 22, 76), text, ink, name, int(rng.integers(0, 2)))
    return img


def american(rng):
    """US layout 2:1 with a state line, sometimes a picture-like backdrop and a slogan."""
    w, h = 400, 200
    base = rng.choice([[240, 240, 240], [200, 220, 240], [245, 240, 200], [225, 235, 225], [30, 60, 120], [250, 210, 120], [30, 30, 35], [240, 225, 225]])
    img = sheet(w, h, base, None, 0)
    dark = np.mean(base) < 120
    if rng.random() < .6:
        top, bottom = base, np.clip(np.array(base) + rng.integers(-60, 60, 3), 0, 255)
        ramp = np.linspace(0, 1, h)[:, None, None] ** rng.uniform(.5, 2)
        img[:] = (np.array(top) * (1 - ramp) + bottom * ramp).astype(np.uint8)
    if rng.random() < .4:
        for _ in range(rng.integers(1, 4)):
            c = tuple(int(v) for v in np.clip(np.array(base) + rng.integers(-70, 40, 3), 0, 255))
            cv2.ellipse(img, (int(rng.integers(0, w)), int(rng.integers(h // 3, h))), (int(rng.integers(20, 120)), int(rng.integers(8, 50))), float(rng.integers(0, 40)), 0, 360, c, -1)
    ink = (240, 240, 240) if dark else tuple(int(v) for v in rng.choice([[20, 30, 90], [20, 20, 20], [140, 20, 30], [20, 80, 40]]))
    ink2 = ink if rng.random() < .5 else tuple(int(v) for v in rng.integers(0, 200, 3))
    name = rng.choice(FONTS[:2])
    text_fit(img, (w * .2, 12, w * .6, 26), random_text(rng, "A" * int(rng.integers(5, 11))), ink2, FONTS[int(rng.integers(0, 5))])
    if rng.random() < .6:
        text_fit(img, (w * .22, 168, w * .56, 18), random_text(rng, "AAAAA AAA AAAAA"), ink2, FONTS[0])
    text = random_text(rng, rng.choice(["AAA 9999", "9AAA999", "AAA-999", "999 AAA", "AA 99999", "AAA9999"]))
    text_fit(img, (22, 50, w - 44, 104), text, ink, name)
    if rng.random() < .4:
        cv2.rectangle(img, (2, 2), (w - 3, h - 3), ink, int(rng.integers(2, 8)))
    for cx in (90, w - 90):
        cv2.circle(img, (cx, 14), 5, (90, 90, 90), -1)
    return img


def brazilian(rng):
    """BR layout: the grey one with a town line, or Mercosur with its blue band."""
    w, h = 400, 130
    name = rng.choice(FONTS[:4])
    if rng.random() < .6:
        base = rng.choice([[190, 190, 192], [170, 30, 35], [200, 200, 205]])
        img = sheet(w, h, base, (40, 40, 40), 3)
        ink = (20, 20, 20) if base[1] > 100 else (235, 235, 235)
        text_fit(img, (w * .2, 8, w * .6, 22), random_text(rng, "AA AAAAAAAA"), ink, FONTS[2])
        text_fit(img, (18, 38, w - 36, 80), random_text(rng, "AAA-9999"), ink, name)
    else:
        img = sheet(w, h, (242, 242, 242), (20, 20, 20), 3)
        cv2.rectangle(img, (0, 0), (w, 30), (20, 50, 140), -1)
        text_fit(img, (w * .35, 6, w * .3, 18), "BRASIL", (240, 240, 240), FONTS[0])
        text_fit(img, (24, 40, w - 48, 78), random_text(rng, "AAA9A99"), (15, 15, 15), name)
    return img


def plate(rng):
    """Any plate, with dirt, wear and a holder at times."""
    img = [european, american, brazilian][rng.choice(3, p=[.52, .30, .18])](rng)
    h, w = img.shape[:2]
    if rng.random() < .5:
        b = int(rng.integers(4, 14))
        shade = int(rng.integers(10, 90))
        img = cv2.copyMakeBorder(img, b, b + int(rng.integers(0, 14)), b, b, cv2.BORDER_CONSTANT, value=(shade, shade, shade))
        img = cv2.resize(img, (w, h), interpolation=cv2.INTER_AREA)
    if rng.random() < .12:                                             # a dealer's frame with its own lettering
        shade, ink = (int(v) for v in rng.choice([[20, 220], [225, 30], [110, 250]]))
        b = int(rng.integers(14, 30))
        img = cv2.copyMakeBorder(cv2.resize(img, (w - 2 * b // 2, h - 2 * b)), b, b, b // 2, b // 2, cv2.BORDER_CONSTANT, value=(shade,) * 3)
        for y in (2, img.shape[0] - b + 2):
            if rng.random() < .7:
                text_fit(img, (img.shape[1] * .2, y, img.shape[1] * .6, b - 5), random_text(rng, "AAAAAAAA AAAAAA"[: int(rng.integers(5, 15))]), (ink,) * 3, FONTS[2])
        img = cv2.resize(img, (w, h), interpolation=cv2.INTER_AREA)
    if rng.random() < .3:
        dirt = cv2.resize(rng.random((4, 9)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)[..., None]
        img = (img * (1 - .5 * np.clip(dirt - .4, 0, 1)) + 60 * .5 * np.clip(dirt - .4, 0, 1)).astype(np.uint8)
    return img


def decoy(rng):
    """Flat things with text or stripes that are no plate: signs, grilles, blank panels, shop fronts, printed cartons."""
    kind = rng.choice(["sign", "grille", "blank", "shop", "carton"], p=[.3, .2, .15, .2, .15])
    c1, c2 = (rng.integers(0, 256, 3) for _ in range(2))
    if kind in ("sign", "carton"):
        w, h = int(rng.integers(120, 400)), int(rng.integers(120, 400))
        ground = rng.choice([[20, 60, 150], [20, 110, 60], [240, 240, 240], [230, 200, 40]]) if kind == "sign" else c1
        img = sheet(w, h, ground, (240, 240, 240) if kind == "sign" else None, 5)
        y = int(rng.integers(8, 40))
        while y < h - 24:
            th = 34 if kind == "sign" else int(rng.integers(10, 60))
            if y + th > h - 4:
                break
            tw = int((w - 40) * (1 if kind == "sign" else rng.uniform(.3, 1)))
            ink = c2 if kind == "carton" else (10, 10, 10) if img[10, 10].mean() > 120 else (240, 240, 240)
            text_fit(img, (20, y, tw, th), random_text(rng, "AAAAAAAAAAAA"[: int(rng.integers(2, 9))]), ink, FONTS[int(rng.integers(0, 5))])
            y += th + int(rng.integers(8, 40))
        return img
    if kind == "shop":
        w, h = int(rng.integers(500, 900)), int(rng.integers(60, 100))
        img = sheet(w, h, c1, None, 0)
        text_fit(img, (10, 8, w - 20, h - 16), random_text(rng, "AAAAAAAAAAAAAAAAAA"[: int(rng.integers(7, 18))]), c2, FONTS[int(rng.integers(0, 5))])
        return img
    w, h = int(rng.integers(200, 500)), int(rng.integers(60, 160))
    img = sheet(w, h, c1, None, 0)
    if kind == "grille":
        step = int(rng.integers(8, 30))
        for i in range(0, max(w, h), step):
            a, b = ((0, i), (w, i)) if rng.random() < .9 else ((i, 0), (i, h))
            cv2.line(img, a, b, tuple(int(v) for v in c2), int(rng.integers(2, max(3, step // 2))))
    return img


def caption(img, rng):
    """Camera overlay text at an edge: never a plate."""
    h, w = img.shape[:2]
    th = int(rng.integers(8, 20))
    text = rng.choice(["CAM 04 ", "CH01 ", "2024-03-11 ", "Camera-2 "]) + random_text(rng, "99:99:99")
    tw = min(w - 8, int(th * len(text) * .6))
    x, y = (4 if rng.random() < .5 else w - tw - 4), (4 if rng.random() < .5 else h - th - 4)
    text_fit(img, (x, y, tw, th), text, (250, 250, 250) if rng.random() < .8 else (20, 20, 20), FONTS[int(rng.integers(0, 4))])


def place(canvas, img, rng, cx, cy, width, tilt=1.0, light=1.0):
    """Warp img into canvas at centre cx, cy with about `width` px; returns its bounding box (x, y, w, h)."""
    h, w = img.shape[:2]
    yaw, roll = rng.uniform(.0, .8) * tilt * rng.random(), np.radians(rng.normal(0, 5) * tilt)
    pw, ph = width * np.cos(yaw), width * h / w * rng.uniform(.85, 1.15)
    lean = ph * np.sin(yaw) * rng.choice([-1, 1]) * rng.uniform(0, .5)
    shear = pw * np.sin(yaw) * rng.uniform(-.35, .35) + lean * 0
    q = np.array([[-pw / 2, -ph / 2 - lean / 4 - shear / 2], [pw / 2, -ph / 2 + lean / 4 + shear / 2],
                  [pw / 2, ph / 2 - lean / 4 + shear / 2], [-pw / 2, ph / 2 + lean / 4 - shear / 2]])
    q = q @ np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]]) + [cx, cy]
    k = max(1.0, w / max(4.0, pw) / 1.5)
    if k > 1:                                                          # shrink first: warpPerspective does not average
        img = cv2.resize(img, (max(4, int(w / k)), max(2, int(h / k))), interpolation=cv2.INTER_AREA)
        h, w = img.shape[:2]
    m = cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), np.float32(q))
    H, W = canvas.shape[:2]
    a = cv2.warpPerspective(np.full((h, w), 255, np.uint8), m, (W, H), flags=cv2.INTER_LINEAR)[..., None] / 255.0
    p = cv2.warpPerspective(img, m, (W, H), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    canvas[:] = np.clip(canvas * (1 - a) + p * light * a, 0, 255).astype(np.uint8)
    (x1, y1), (x2, y2) = q.min(0), q.max(0)
    return float(x1), float(y1), float(x2 - x1), float(y2 - y1)
