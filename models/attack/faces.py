"""Faces that belong to nobody: a head of about forty numbers, drawn with pose, light, expression and noise that change from picture to picture.

An identity is a set of numbers (skull, jaw, eyes, brows, nose, mouth, skin, hair, beard, glasses, moles). A picture of it is a height field with colours,
turned, lit and put over a background. Clothes and background are drawn anew for each picture and the neck is covered, so that whatever an attack finds
comes from the head. What such faces can and cannot show is in README.md.
"""
import dataclasses
import functools
import pathlib

import cv2
import numpy as np

SIDE = 192                       # drawn at this size, then scaled
FACE = 64                        # width of a mean face at that size
HAIRS = [(22, 18, 16), (45, 30, 20), (85, 58, 36), (150, 112, 62), (196, 160, 96), (120, 118, 116), (205, 203, 200), (120, 48, 22)]
SKINS = [(236, 200, 176), (226, 184, 152), (208, 162, 124), (186, 136, 98), (150, 104, 72), (112, 76, 54), (82, 56, 42)]


@dataclasses.dataclass
class Identity:
    n: np.ndarray                # shape, about normal(0, 1)
    skin: np.ndarray
    hair: np.ndarray
    style: int                   # 0 bald, 1 short, 2 full, 3 long, 4 parted
    beard: float
    glasses: float
    iris: np.ndarray
    moles: np.ndarray


def identity(rng):
    """One person."""
    skin = np.array(SKINS[rng.integers(len(SKINS))], float) + rng.normal(0, 8, 3)
    hair = np.array(HAIRS[rng.integers(len(HAIRS))], float) + rng.normal(0, 8, 3)
    return Identity(np.clip(rng.normal(0, 1, 24), -2.2, 2.2), skin, np.clip(hair, 5, 250), int(rng.choice(5, p=[.12, .3, .24, .2, .14])),
                    float(rng.random() < .25) * rng.uniform(.4, .9), float(rng.random() < .25), np.array([[70, 45, 25], [60, 90, 130], [70, 100, 60]][rng.integers(3)], float),
                    np.stack([rng.uniform(-.8, .8, 3), rng.uniform(-.7, .9, 3), rng.uniform(.03, .07, 3)], 1))


@functools.cache
def grid():
    v, u = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    return (u - SIDE / 2) / (FACE / 2), (v - SIDE * .52) / (FACE / 2)                # x, y in half face widths; y down, 0 between the eyes


def bump(x, y, cx, cy, sx, sy):
    return np.exp(-((x - cx) / sx) ** 2 - ((y - cy) / sy) ** 2)


def soft(d, w=.05):
    """1 where d < 0, falling to 0 over w."""
    return np.clip(.5 - d / w, 0, 1)


def over(colour, alpha, paint):
    colour += (np.asarray(paint, np.float32) - colour) * alpha[..., None]


def draw(who, rng, still=0.0):
    """One picture of a person: RGB 0..255 float, alpha of the head, at SIDE. `still` 1 keeps expression and light fixed (frames of one moment)."""
    n, (x, y) = who.n, grid()
    smile, opened, brow = (rng.normal(0, 1, 3) * [.07, .06, .05] * (1 - still))
    opened = abs(opened)
    wide = 1 + .07 * n[0]
    jaw, chin = .76 + .09 * n[1], 1.55 + .12 * n[2]
    ey, ex = .02 + .05 * n[3], .44 + .045 * n[4]
    lip_y, lip_w = .98 + .06 * n[5], .40 + .06 * n[6]
    nose_y, nose_w, nose_h = .60 + .06 * n[7], .17 + .03 * n[8], .40 + .09 * n[9]
    # outline: an upper skull and a jaw that narrows
    half = np.where(y < .35, wide, wide * (1 - (1 - jaw) * np.clip((y - .35) / (chin - .35), 0, 1) ** 1.6))
    top = -1.05 + .08 * n[10]
    round_top = np.where(y < -.1, ((y + .1) / (top + .1)) ** 2, 0)
    round_chin = np.where(y > .55, np.clip((y - .55) / (chin - .55), 0, 2) ** 2.6, 0)
    face_d = np.sqrt((x / half) ** 2 + round_top + round_chin) - 1
    depth = np.sqrt(np.clip(1 - np.clip(face_d + 1, 0, 1) ** 2, 0, 1)) * .95
    depth = depth + (nose_h * bump(x, y, 0, nose_y - .06, nose_w * .9, .22) + .5 * nose_h * bump(x, y, 0, nose_y - .33, nose_w * .6, .22)
                     + (.13 + .04 * n[11]) * (bump(x, y, -ex, ey - .20, .30, .10) + bump(x, y, ex, ey - .20, .30, .10))
                     - .16 * (bump(x, y, -ex, ey, .2, .14) + bump(x, y, ex, ey, .2, .14))
                     + (.10 + .05 * n[12]) * (bump(x, y, -.55, .55, .25, .25) + bump(x, y, .55, .55, .25, .25))
                     + (.10 + .04 * n[13]) * bump(x, y, 0, chin - .22, .25, .14) + .07 * bump(x, y, 0, lip_y, lip_w, .12))
    colour = np.empty((SIDE, SIDE, 3), np.float32)
    colour[:] = who.skin
    flush = np.array([18, -10, -8]) * (.6 + .3 * n[14])
    colour += flush * (bump(x, y, -.55, .55, .3, .3) + bump(x, y, .55, .55, .3, .3) + .8 * bump(x, y, 0, nose_y, .2, .2))[..., None]
    for mx, my, mr in who.moles:
        over(colour, .6 * bump(x, y, mx, my + .3, mr, mr), who.skin * .4)
    over(colour, who.beard * soft(np.maximum(.80 - y, lip_y - .16 - y + 0 * x), .3) * (1 - bump(x, y, 0, lip_y, lip_w * .8, .09)), who.hair * .8)
    for side in (-1, 1):
        cx = side * ex
        opening = (.085 + .018 * n[15]) * (1 - .25 * max(smile, 0) * 4)
        over(colour, .35 * bump(x, y, cx, ey, .27, .17), who.skin * .55)
        eye = soft((np.abs(x - cx) / (.20 + .02 * n[16])) ** 2 + (np.abs(y - ey) / opening) ** 2 - 1, .4)
        over(colour, eye, (232, 230, 226))
        over(colour, eye * soft(np.hypot(x - cx, y - ey) - .10, .05), who.iris)
        over(colour, eye * soft(np.hypot(x - cx, y - ey) - .05, .04), (10, 10, 10))
        over(colour, .8 * soft(np.abs(y - ey + opening * .95) - .022, .05) * soft(np.abs(x - cx) - .22, .1), (30, 20, 18))
        by = ey - .29 - .05 * n[17] - brow + .10 * n[18] * side * (x - cx) + .25 * (x - cx) ** 2
        over(colour, .85 * soft(np.abs(y - by) - (.042 + .014 * n[19]), .05) * soft(np.abs(x - cx) - .27, .1), who.hair * .75)
        over(colour, .7 * bump(x, y, side * nose_w * .62, nose_y + .13, .06, .045), who.skin * .35)
    curve = lip_y - smile * 2 * ((x / lip_w) ** 2 - .4)
    lips = soft((x / lip_w) ** 2 + ((y - curve) / (.095 + .025 * n[20] + opened)) ** 2 - 1, .5)
    over(colour, .75 * lips, who.skin * [.84, .55, .55])
    over(colour, soft((x / lip_w * 1.1) ** 2 + ((y - curve) / (.018 + opened)) ** 2 - 1, .5), (60, 24, 24))
    if who.glasses:
        for side in (-1, 1):
            ring = np.abs(np.maximum(np.abs(x - side * ex) / .31, np.abs(y - ey - .02) / .22) - 1)
            over(colour, soft(ring - .09, .08), (25, 25, 30))
        over(colour, soft(np.abs(y - ey) - .03, .04) * soft(np.abs(x) - ex + .28, .05), (25, 25, 30))
    alpha = soft(face_d, .07)
    for side in (-1, 1):                                                             # ears
        ear = soft(((x - side * wide * 1.02) / .13) ** 2 + ((y - .15 - .05 * n[21]) / .30) ** 2 - 1, .3)
        over(colour, ear * (1 - alpha), who.skin * .85)
        alpha = np.maximum(alpha, ear)
    # hair: a cap with a line over the forehead, sides by style
    volume, line = .12 + .06 * n[22] + (.12 if who.style >= 2 else 0), -.62 + .09 * n[23]
    cap = np.sqrt((x / (wide + volume)) ** 2 + ((y + .1) / (1.0 + volume - .08 * n[10])) ** 2) - 1
    fringe = line + (.22 * x if who.style == 4 else .35 * x * x - .02) + rng.normal(0, .02 * (1 - still))
    down = {0: -9, 1: .0, 2: .35, 3: 1.5, 4: .1}[who.style]
    hair = soft(np.where(y < .0, cap, np.maximum(np.abs(x) - wide - volume, y - down)), .1) * np.maximum(soft(y - fringe, .12), soft(face_d * -1 + .02, .1) * soft(y - down, .2))
    if who.style == 0:
        hair = hair * 0
    strands = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 1.2, sigmaY=5)
    over(colour, hair, who.hair + 0 * colour)
    colour += (strands * 30 * hair)[..., None]
    depth = depth * (1 - hair) + hair * np.sqrt(np.clip(1.25 - (x ** 2 + (y + .1) ** 2) * .8, 0.01, 2))
    return colour, np.maximum(alpha, hair), depth.astype(np.float32)


def light_and_turn(colour, alpha, depth, rng, hard=1.0, yaw=None, light=None):
    """Turns the head by some degrees and lights it."""
    yaw, pitch, roll = np.radians(rng.normal(0, 1, 3) * [9, 6, 4] * hard) if yaw is None else yaw
    v, u = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    gx, gy = cv2.Sobel(depth, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(depth, cv2.CV_32F, 0, 1, scale=1 / 8)
    k = FACE / 2
    normal = np.dstack([-gx * k, -gy * k, np.ones_like(gx)])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    if light is None:
        light = np.array([rng.normal(0, .55) * hard, -.45 + rng.normal(0, .3) * hard, 1.0]), rng.uniform(.35, .65), rng.uniform(.72, 1.12), 1 + rng.normal(0, .04, 3) * hard
    direction, ambient, gain, tint = light
    lit = ambient + (1 - ambient) * np.clip(normal @ (direction / np.linalg.norm(direction)), 0, 1) * 1.15
    picture = np.clip(colour * lit[..., None] * gain * tint, 0, 255).astype(np.float32)
    # inverse warp of the turned height field, by fixed point
    cx, cy = SIDE / 2, SIDE * .52
    c, s = np.cos(roll), np.sin(roll)
    px, py = c * (u - cx) + s * (v - cy), -s * (u - cx) + c * (v - cy)
    sx, sy = px / np.cos(yaw), py / np.cos(pitch)
    for _ in range(4):
        z = cv2.remap(depth, (sx + cx).astype(np.float32), (sy + cy).astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0) * k
        sx, sy = (px - z * np.sin(yaw)) / np.cos(yaw), (py - z * np.sin(pitch)) / np.cos(pitch)
    at = (sx + cx).astype(np.float32), (sy + cy).astype(np.float32)
    warp = lambda a: cv2.remap(a, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return warp(picture), warp(alpha.astype(np.float32))


def backdrop(rng, side):
    """Something behind: a few blurred blocks."""
    small = rng.uniform(60, 190, (int(rng.integers(2, 5)), int(rng.integers(2, 5)), 1)) + rng.normal(0, 18, (1, 1, 3))
    return cv2.resize(np.clip(small, 0, 255).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)


def dressed(colour, alpha, rng, k):
    """A turned head with a collar over its neck and shoulders, new at every call, ready to be put somewhere k times as large."""
    v, u = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    x, y = (u - SIDE / 2) / (FACE / 2), (v - SIDE * .52) / (FACE / 2)
    body = np.maximum(soft(np.maximum(np.abs(x) - .62, 1.25 - y), .1), soft((np.abs(x) / 1.9) ** 2 + ((y - 3.2) / 1.35) ** 2 - 1, .1))
    cloth = np.clip(rng.uniform(20, 220, 3) * np.ones((SIDE, SIDE, 3)) + rng.normal(0, 3, (SIDE, SIDE, 1)), 0, 255)
    both = np.maximum(alpha, body).astype(np.float32)
    premul = ((cloth * (1 - alpha[..., None]) + colour * alpha[..., None]) * both[..., None]).astype(np.float32)
    if k < 1:                                                                        # average before shrinking
        premul, both = cv2.GaussianBlur(premul, (0, 0), .45 / k), cv2.GaussianBlur(both, (0, 0), .45 / k)
    return premul, both


def put(premul, alpha, behind, k, shift=(0, 0)):
    """Puts what `dressed` made over a tile, `shift` pixels from its middle. RGB float."""
    tile = len(behind)
    m = np.float32([[k, 0, tile / 2 - k * SIDE / 2 + shift[0]], [0, k, tile * .46 - k * SIDE * .52 + shift[1]]])
    a = cv2.warpAffine(alpha, m, (tile, tile), flags=cv2.INTER_LINEAR)[..., None]
    return behind * (1 - a) + cv2.warpAffine(premul, m, (tile, tile), flags=cv2.INTER_LINEAR)


def place(colour, alpha, rng, face_px, tile, shift=(0, 0), scale=1.0):
    """A turned head of face_px width over a backdrop and in clothes of its own. RGB float."""
    behind, k = backdrop(rng, tile), face_px / FACE * scale
    return put(*dressed(colour, alpha, rng, k), behind, k, shift)


def noisy(picture, rng, sigma=3.0):
    return np.clip(picture + rng.normal(0, sigma, picture.shape), 0, 255).astype(np.uint8)


def shot(who, rng, face_px, tile, jitter=True):
    """A whole picture of a person in one tile, RGB float without noise."""
    turned = light_and_turn(*draw(who, rng), rng)
    shift = rng.uniform(-.06, .06, 2) * face_px if jitter else (0, 0)
    return place(*turned, rng, face_px, tile, shift, rng.uniform(.95, 1.05) if jitter else 1.0)


def load(folder):
    """Real pictures: one folder an identity. {name: [RGB uint8]}."""
    found = {}
    for person in sorted(p for p in pathlib.Path(folder).iterdir() if p.is_dir()):
        pictures = [cv2.imread(str(f)) for f in sorted(person.iterdir()) if f.suffix.lower() in (".jpg", ".jpeg", ".png")]
        pictures = [p[..., ::-1] for p in pictures if p is not None]
        if len(pictures) >= 4:
            found[person.name] = pictures
    return found
