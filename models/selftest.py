"""Draws the golden set of the eye's self-test: heads and plates that belong to nobody, and where they are -> selftest/.

Everything is drawn here with fixed seeds; nothing is photographed. The expected boxes are where things were drawn, never what a
model found. Each file is one NV12 frame (BT.601, 16..235) as a grey PNG: WIDTH columns, HEIGHT lines of luma, HEIGHT/2 lines of
interleaved Cb Cr.

    python selftest.py            writes selftest/*.png and selftest/expected.json
    python selftest.py --look DIR also as colour pictures, with the expected boxes, to look at
"""
import argparse
import json
import pathlib

import cv2
import numpy as np

from plates import render

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "selftest"
WIDTH, HEIGHT = 640, 360
FINE = 2                                                               # drawn at twice the size, for smooth edges


def number_plate(text, ground):
    """One line between a blue strip and the edge, as most of Europe has it; 520 x 112 mm."""
    img = render.sheet(520, 112, ground, (15, 15, 20), 3)
    cv2.rectangle(img, (3, 3), (44, 108), (20, 50, 150), -1)
    render.text_fit(img, (60, 18, 438, 76), text, (15, 15, 20), "DejaVuSans-Bold.ttf")
    return img


class Picture:
    """A canvas of FINE * (WIDTH x HEIGHT) and what was drawn on it. Coordinates are pixels of the finished picture."""

    def __init__(self, top, bottom):
        ramp = np.linspace(0, 1, HEIGHT * FINE)[:, None, None]
        self.rgb = np.repeat(np.array(top) * (1 - ramp) + np.array(bottom) * ramp, WIDTH * FINE, 1).astype(np.float32)
        self.objects, self.flats = [], []

    def blend(self, mask, colour, strength=1.0, soft=0.0):
        """Lays a colour over where mask (0..1) is; soft blurs the mask's edge by so many pixels."""
        if soft > 0:
            mask = cv2.GaussianBlur(mask, (0, 0), soft * FINE)
        a = mask[..., None] * strength
        self.rgb = self.rgb * (1 - a) + np.float32(colour) * a

    def empty(self):
        return np.zeros(self.rgb.shape[:2], np.float32)

    def ellipse(self, x, y, rx, ry, colour, strength=1.0, soft=0.0, start=0, end=360, angle=0):
        m = self.empty()
        p = lambda v: int(round(v * FINE * 16))
        cv2.ellipse(m, (p(x), p(y)), (max(1, p(rx)), max(1, p(ry))), angle, start, end, 1.0, -1, cv2.LINE_AA, 4)
        self.blend(m, colour, strength, soft)

    def polygon(self, points, colour, strength=1.0, soft=0.0):
        m = self.empty()
        cv2.fillPoly(m, [np.int32(np.round(np.array(points) * FINE * 16))], 1.0, cv2.LINE_AA, 4)
        self.blend(m, colour, strength, soft)

    def box(self, x, y, w, h, colour, soft=0.0):
        self.polygon([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], colour, 1.0, soft)

    def expect(self, kind, x, y, w, h):
        self.objects.append({"class": kind, "x": round(x), "y": round(y), "w": round(w), "h": round(h)})

    def flat(self, *places):
        """Where the finished picture is of one colour, which must reach the network as it is: middles of squares of 8 pixels."""
        self.flats += places

    def head(self, x, y, height, skin=(224, 172, 140), hair=(60, 42, 30), coat=(50, 60, 80), side=0.35, hat=None):
        """A person from the chest up, looking at the camera; (x, y) is the middle of a head `height` px high. `side` shades one cheek."""
        skin, hair = np.array(skin, float), np.array(hair, float)
        h = height / 2.0                                               # unit: half the head
        w = .76 * h
        dark, light = skin * .62, np.clip(skin * 1.12 + 8, 0, 255)
        soft = 1.05 + height / 250
        self.polygon([(x - 2.1 * h, y + 3.4 * h), (x - 1.9 * h, y + 1.75 * h), (x - .5 * h, y + 1.3 * h), (x + .5 * h, y + 1.3 * h),
                      (x + 1.9 * h, y + 1.75 * h), (x + 2.1 * h, y + 3.4 * h)], coat, 1, soft * 2)
        self.polygon([(x - .38 * h, y + .5 * h), (x + .38 * h, y + .5 * h), (x + .45 * h, y + 1.4 * h), (x - .45 * h, y + 1.4 * h)], dark, 1, soft * 2)
        self.ellipse(x, y - .12 * h, w * 1.02, .88 * h, hair, 1, soft)                      # hair behind
        for s in (-1, 1):
            self.ellipse(x + s * w * .93, y + .08 * h, .1 * h, .2 * h, skin * .82, 1, soft)  # ears
        self.ellipse(x, y + .12 * h, w * .91, .86 * h, skin, 1, soft)                       # face
        self.ellipse(x - side * w * 1.1, y + .15 * h, w * .35, .7 * h, light, .5, soft * 7)
        self.ellipse(x + side * w * 1.9, y + .2 * h, w * .3, .75 * h, dark, .62, soft * 6)  # shaded cheek
        m = self.empty()                                                                   # fringe: hair above the forehead
        p = lambda v: int(round(v * FINE * 16))
        cv2.ellipse(m, (p(x), p(y - .12 * h)), (p(w * 1.0), p(.86 * h)), 0, 180, 360, 1.0, -1, cv2.LINE_AA, 4)
        cut = self.empty()
        cv2.ellipse(cut, (p(x + .05 * h), p(y + .12 * h)), (p(w * .8), p(.62 * h)), 0, 0, 360, 1.0, -1, cv2.LINE_AA, 4)
        self.blend(np.clip(m - cut, 0, 1), hair, 1, soft)
        for s in (-1, 1):
            ex, ey = x + s * .3 * h, y + .1 * h
            self.ellipse(ex, ey - .02 * h, .22 * h, .15 * h, dark, .89, soft * 3)           # socket
            self.ellipse(ex, ey - .17 * h, .2 * h, .045 * h, hair * .8, .9, soft, angle=s * 6)  # brow
            self.ellipse(ex, ey, .136 * h, .066 * h, (235, 230, 225), .9, soft * .6)
            self.ellipse(ex, ey, .066 * h, .07 * h, (40, 30, 25), 1, soft * .6)
            self.ellipse(ex, ey - .065 * h, .16 * h, .03 * h, dark * .5, .9, soft * .6)     # lid
        self.ellipse(x, y + .3 * h, .07 * h, .2 * h, light, .55, soft * 3)                  # nose
        self.ellipse(x, y + .47 * h, .15 * h, .05 * h, dark * .75, .56, soft * 1.6)
        for s in (-1, 1):
            self.ellipse(x + s * .08 * h, y + .48 * h, .04 * h, .025 * h, dark * .4, .9, soft)
        self.ellipse(x, y + .7 * h, .26 * h, .05 * h, (150, 66, 62) * skin / 224, .6, soft)  # mouth
        self.ellipse(x, y + .69 * h, .25 * h, .018 * h, dark * .4, .9, soft * .7)
        self.ellipse(x, y + .8 * h, .18 * h, .03 * h, dark, .5, soft * 2)
        self.ellipse(x, y + 1.02 * h, .45 * h, .07 * h, dark * .7, .6, soft * 3)            # under the chin
        if hat is not None:
            self.ellipse(x, y - .42 * h, w * 1.1, .62 * h, hat, 1, soft, 180, 360)
            self.ellipse(x, y - .42 * h, w * 1.15, .1 * h, np.array(hat) * .6, 1, soft)
        self.expect("head", x - w * 1.02, y - h, 2.04 * w, 2 * h)

    def car(self, x, y, width, colour, plate, text, ground=(240, 240, 236)):
        """The front of a car with its plate; (x, y) is the middle of the plate, `plate` px wide."""
        c = np.array(colour, float)
        w = width / 2
        self.ellipse(x, y + .42 * w, 1.02 * w, .12 * w, (25, 25, 28), .8, 3)
        self.polygon([(x - .72 * w, y - .95 * w), (x + .72 * w, y - .95 * w), (x + .9 * w, y - .45 * w), (x - .9 * w, y - .45 * w)], (45, 55, 65), 1, 1)
        self.polygon([(x - w, y - .42 * w), (x - .86 * w, y - .52 * w), (x + .86 * w, y - .52 * w), (x + w, y - .42 * w), (x + w, y + .3 * w), (x + .93 * w, y + .36 * w),
                      (x - .93 * w, y + .36 * w), (x - w, y + .3 * w)], c, 1, 1)
        self.box(x - .95 * w, y - .04 * w, 1.9 * w, .4 * w, c * .6, 2)
        for s in (-1, 1):
            self.ellipse(x + s * .72 * w, y - .25 * w, .17 * w, .1 * w, (230, 232, 225), 1, 1.2)
        img, ph = number_plate(text, ground), plate * 112 / 520
        self.stick(img, x - plate / 2, y - ph / 2, plate, ph)
        self.expect("plate", x - plate / 2, y - ph / 2, plate, ph)

    def stick(self, img, x, y, w, h):
        x, y, w, h = (int(round(v * FINE)) for v in (x, y, w, h))
        self.rgb[y:y + h, x:x + w] = cv2.resize(img, (w, h), interpolation=cv2.INTER_AREA)

    def colour_plate(self, x, y, plate, text, middle, red, green, blue):
        """A plate on a dark board whose brightness is told by colour: of each shade v, channel c becomes middle[c] + share * (v - 120). With blue the negative of
        red, red and blue in each other's place show its negative."""
        p = Picture((124, 124, 124), (124, 124, 124))
        p.box(x - 75, y - 38, 150, 76, (70, 75, 80), 2)
        height = plate * 112 / 520
        p.stick(number_plate(text, (240, 240, 236)), x - plate / 2, y - height / 2, plate, height)
        here = np.s_[int((y - 45) * FINE):int((y + 45) * FINE), int((x - 80) * FINE):int((x + 80) * FINE)]
        shade = p.rgb[here].mean(2, keepdims=True) - 120
        self.rgb[here] = np.clip(np.float32(middle) + np.float32((red, green, blue)) * shade, 0, 255)
        self.expect("plate", x - plate / 2, y - height / 2, plate, height)

    def light(self, factor, glow=(), tint=(1, 1, 1)):
        """Night: everything times factor * tint, and lamps at (x, y, radius, strength) that light what is near."""
        field = np.full(self.rgb.shape[:2], factor, np.float32)
        yy, xx = np.mgrid[:field.shape[0], :field.shape[1]].astype(np.float32) / FINE
        for x, y, r, s in glow:
            field += s * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * r * r))
        self.rgb = np.clip(self.rgb * field[..., None] * np.float32(tint), 0, 255)

    def finish(self):
        return cv2.resize(np.clip(self.rgb, 0, 255), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).round().astype(np.uint8)


def street(top=(150, 185, 220), wall=(150, 140, 128), road=(98, 98, 102)):
    """Sky, a row of plain houses, pavement and road."""
    p = Picture(top, (205, 215, 225))
    for i, (x, w, h) in enumerate([(0, 150, 190), (150, 120, 215), (270, 170, 180), (440, 200, 205)]):
        p.box(x, 225 - h, w, h, np.array(wall) * (.85 + .1 * (i % 3)), .7)
    p.box(0, 222, WIDTH, 30, np.array(road) * 1.35, 1)
    p.box(0, 250, WIDTH, HEIGHT - 250, road, 1)
    p.polygon([(0, 330), (WIDTH, 300), (WIDTH, 305), (0, 336)], (205, 205, 200), 1, 1)
    return p


def close_by():
    """One large head, for the deep layers that see nothing else."""
    p = street(wall=(135, 140, 150))
    p.head(331, 145, 240, skin=(190, 140, 108), hair=(25, 20, 18), coat=(60, 80, 60), side=.35)
    p.flat((331, 345), (40, 280))
    return p


def near_by_day():
    p = street()
    p.car(478, 262, 230, (40, 70, 130), 100, "KH-482-P")
    p.head(144, 128, 63, skin=(140, 96, 70), hair=(90, 60, 40), coat=(150, 50, 45))
    p.head(331, 116, 109, hair=(25, 20, 18), coat=(190, 190, 185))
    p.flat((144, 210), (331, 240), (600, 350))
    return p


def far_by_day():
    p = street(wall=(120, 130, 125))
    p.car(150, 285, 190, (190, 190, 195), 86, "7-TGX-21")
    p.car(500, 290, 200, (130, 30, 30), 94, "ZB-351-L", (245, 190, 20))
    p.head(89, 107, 78, skin=(140, 96, 70), hair=(90, 60, 40), coat=(60, 80, 60))
    p.head(333, 144, 81, skin=(205, 155, 122), hair=(30, 25, 25), coat=(30, 30, 34), side=.15)
    p.head(532, 98, 69, skin=(240, 196, 168), hair=(30, 25, 25), coat=(190, 130, 40), side=-.15)
    p.flat((91, 200), (532, 175), (600, 350))
    return p


def by_night():
    p = street(top=(120, 130, 150))
    p.car(180, 250, 240, (70, 75, 80), 108, "RS-907-V")
    p.head(462, 140, 68, skin=(150, 104, 78), hair=(30, 25, 25), coat=(60, 66, 78), side=-.15)
    p.light(.27, [(450, 110, 120, .72), (180, 250, 110, .72)], (1.0, .93, .82))
    return p


def in_colour():
    """Blue on orange: plates that a network which takes red for blue does not find, for to it they are their own negatives."""
    p = street()
    p.colour_plate(240, 195, 94, "KH-482-P", (178, 120, 65), 1.03, .18, -1.01)
    p.colour_plate(400, 300, 102, "KH-482-P", (140, 122, 105), 1.04, .09, -.71)
    return p


def nothing():
    """No head and no plate: a street with a ball, a lamp, a sign without words and a bin."""
    p = street(wall=(140, 120, 110))
    p.ellipse(120, 300, 30, 30, (170, 60, 50), 1, 1)
    p.box(300, 60, 6, 200, (70, 72, 75), .8)
    p.ellipse(303, 58, 16, 7, (235, 235, 220), 1, 1.5)
    p.polygon([(470, 70), (500, 125), (440, 125)], (190, 40, 40), 1, 1)
    p.polygon([(470, 85), (488, 119), (452, 119)], (235, 235, 235), 1, 1)
    p.box(540, 200, 40, 62, (60, 90, 70), 1)
    p.flat((120, 300), (560, 230))
    return p


SET = {"close-by": close_by, "near-by-day": near_by_day, "far-by-day": far_by_day, "by-night": by_night, "in-colour": in_colour, "nothing": nothing}


def nv12(rgb):
    """uint8 RGB -> grey uint8 [HEIGHT * 3 / 2, WIDTH]: luma above, Cb Cr below. BT.601, 16..235."""
    r, g, b = (rgb[..., i].astype(np.float64) for i in range(3))
    y = 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255
    cb = 128 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255
    cr = 128 + (112.0 * r - 93.786 * g - 18.214 * b) / 255
    half = lambda c: c.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean((1, 3))
    chroma = np.stack([half(cb), half(cr)], -1).reshape(HEIGHT // 2, WIDTH)
    return np.clip(np.concatenate([y, chroma]).round(), 0, 255).astype(np.uint8)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--look", type=pathlib.Path)
    look = a.parse_args().look
    OUT.mkdir(exist_ok=True)
    expected = []
    for name, draw in SET.items():
        picture = draw()
        rgb = picture.finish()
        cv2.imwrite(str(OUT / f"{name}.png"), nv12(rgb), [cv2.IMWRITE_PNG_COMPRESSION, 9])
        for x, y in picture.flats:
            if np.ptp(rgb[y - 8:y + 8, x - 8:x + 8].reshape(-1, 3).astype(int), 0).max() > 6:
                raise SystemExit(f"{name}: the picture is not of one colour round {x}, {y}: choose another place in flat()")
        flats = [{"x": x, "y": y, "rgb": [round(v) for v in rgb[y - 4:y + 4, x - 4:x + 4].reshape(-1, 3).mean(0).tolist()]} for x, y in picture.flats]
        expected.append({"picture": name, "objects": picture.objects, "flats": flats})
        if look:
            look.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(look / f"{name}-plain.png"), rgb[..., ::-1])
            for o in picture.objects:
                cv2.rectangle(rgb, (o["x"], o["y"]), (o["x"] + o["w"], o["y"] + o["h"]), (0, 255, 0) if o["class"] == "head" else (255, 0, 255), 1)
            cv2.imwrite(str(look / f"{name}.png"), rgb[..., ::-1])
    rows = ",\n".join(" " + json.dumps(row) for row in expected)
    (OUT / "expected.json").write_text(f"[\n{rows}\n]\n")


if __name__ == "__main__":
    main()
