"""Attack 2, plate reading. By analysis through synthesis (after Hill, Zhou, Saul and Shacham 2016): the attacker has a list of plates that may be it, draws
each at the same place and angle, masks it likewise and takes the one that explains best what he sees; light and contrast are unknown to him. And OCR on
what the masked plate looks like.

He knows font, layout, angle to the pixel and, under `coarse`, the car around the plate: the best case for him. Sensor noise and light are the target's own.
"""
import math
import pathlib
import shutil
import subprocess
import sys

import cv2
import numpy as np

import filters
import identify
import material

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from plates import render  # noqa: E402  (models/plates: draws plates)

WIDTHS = {48: (6, 4), 96: (6, 4), 160: (4, 3)}      # plate width: tiles on a sheet
FACES_A_PLATE = 3.5                                 # a plate of 52 cm beside a face of 15
GAIN, OFFSET, NOISE = .12, 10.0, 3.0                # the light of a target, against the attacker's drawing; sensor noise


def texts(count, rng):
    found = []
    while len(found) < count:
        text = render.random_text(rng, "99-AAA-9")
        if text not in found:
            found.append(text)
    return found


def blank_and_text(text):
    """A plate as models/plates draws Dutch ones, always in one font."""
    img = render.sheet(520, 112, (245, 190, 20), (15, 15, 20), 3)
    cv2.rectangle(img, (3, 3), (44, 108), (20, 50, 150), -1)
    render.text_fit(img, (60, 18, 446, 76), text, (15, 15, 20), render.FONTS[0], 0)
    return img


def quad(width, rng, cx, cy):
    """Corners of a plate seen a little from the side."""
    yaw, roll = rng.uniform(0, .45), np.radians(rng.normal(0, 3))
    w, h = width * math.cos(yaw), width * 112 / 520
    lean = h * math.sin(yaw) * rng.choice([-1, 1]) * .25
    q = np.array([[-w / 2, -h / 2 - lean], [w / 2, -h / 2 + lean], [w / 2, h / 2 - lean / 2], [-w / 2, h / 2 + lean / 2]])
    return q @ np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]]) + [cx, cy]


def car(tile, rng):
    """The back of a car, or what goes for it."""
    paint = rng.uniform(30, 200, 3) * .4 + rng.uniform(30, 200) * .6
    ramp = np.linspace(1.15, .8, tile)[:, None, None]
    out = np.ones((tile, tile, 3)) * paint * ramp
    out[int(tile * .72):] = rng.uniform(25, 60)
    out[: int(tile * .16)] = rng.uniform(40, 90)
    return cv2.GaussianBlur(out.astype(np.float32), (0, 0), tile / 90)


class Drawer:
    """Draws candidates at one place into a window of a tile."""

    def __init__(self, images, width):
        scale = min(1, 1.5 * width / 520)                             # shrink first: the warp does not average
        self.images = [cv2.resize(i, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for i in images]

    def draw(self, index, q, behind, x0=0, y0=0):
        img = self.images[index]
        h, w = img.shape[:2]
        m = cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), np.float32(q - [x0, y0]))
        size = behind.shape[1], behind.shape[0]
        a = cv2.warpPerspective(np.ones((h, w), np.float32), m, size, flags=cv2.INTER_LINEAR)[..., None]
        return behind * (1 - a) + cv2.warpPerspective(img.astype(np.float32), m, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) * a


def rank(seen, drawn, sigma, light=OFFSET):
    """How likely each of the candidates 0..n-1 is: log likelihood of what is seen, light integrated out. `light` is what it may add, alike or per channel."""
    c = drawn.reshape(len(drawn), -1).astype(np.float64)
    t = seen.reshape(-1).astype(np.float64)
    u = np.stack([GAIN * c, np.broadcast_to(light, drawn.shape).reshape(len(c), -1)], 2)              # n x k x 2
    r = t - c
    m = np.eye(2) + np.einsum("nki,nkj->nij", u, u) / sigma ** 2
    ur = np.einsum("nki,nk->ni", u, r)
    solved = np.linalg.solve(m, ur[..., None])[..., 0]
    far = (r * r).sum(1) / sigma ** 2 - (ur * solved).sum(1) / sigma ** 4
    return -.5 * (far + np.linalg.slogdet(m)[1])


def best(likelihood, truth):
    """1 when the truth is the only best guess, a share when others are as good."""
    top = likelihood >= likelihood.max() - 1e-9
    return top[truth] / top.sum()


def run(program, deface, quick, log):
    """Everything at every width. {width: {filter: {"synthesis": Score, "ocr": Score, "characters": share}}}, the curve over cells, pictures for the sheet."""
    count, targets = (200, 60) if quick else (1000, 240)
    names = texts(count, np.random.default_rng(23))
    images = [blank_and_text(t) for t in names]
    result, curves, shown = {}, {}, []
    for width, (columns, rows) in WIDTHS.items():
        rng = np.random.default_rng([23, width])
        largest = material.WIDEST * width / FACES_A_PLATE
        cell = material.coarse_cell(largest)
        tile = math.ceil(1.9 * width / cell) * cell
        drawer = Drawer(images, width)
        jobs, tiles = [], []
        for k in range(targets):
            truth = int(rng.integers(count))
            behind = car(tile, rng)
            q = quad(width, rng, tile / 2 + rng.uniform(-3, 3), tile * .45 + rng.uniform(-3, 3))
            lit = drawer.draw(truth, q, behind) * (1 + rng.normal(0, GAIN)) + rng.normal(0, OFFSET)
            tiles.append(np.clip(lit + rng.normal(0, NOISE, lit.shape), 0, 255).astype(np.uint8))
            jobs.append((truth, q, behind))
        laid = material.lay_out(tiles, [j[0] for j in jobs], [False] * targets, width, tile, rng, (columns, rows))
        source = filters.write(program.work / f"plates-{width}" / "raw", laid.sheets)
        out, lines = program.run(source, f"plates-{width}/fill", "fill")
        masks = {int(n.split(".")[0]): filters.boxes_of(line) for (n, _), line in lines.items()}
        boxes = []
        for (s, tx, ty), (_, q, _) in zip(laid.where, jobs):
            cx, cy = q.mean(0) + [tx, ty]
            over = [b for b in masks[s] if b[0] <= cx <= b[0] + b[2] and b[1] <= cy <= b[1] + b[3] and b[2] > .7 * np.ptp(q[:, 0]) and b[2] < 1.7 * width]
            boxes.append(max(over, key=lambda b: b[2] * b[3], default=None))
        kept = [i for i, b in enumerate(boxes) if b is not None]
        seen = {"none": laid.sheets, "fill": filters.read(out), "pixelate": filters.read(program.run(source, f"plates-{width}/pixelate", "pixelate")[0]),
                "coarse": filters.read(program.run(source, f"plates-{width}/coarse", "coarse", largest=largest / laid.width)[0]),
                "blur": [filters.blur(p, masks[i]) for i, p in enumerate(laid.sheets)]}
        if deface:
            seen["deface"] = filters.read(filters.deface(deface, source, program.work / f"plates-{width}" / "deface"))
        log(f"plates of {width} px: {len(kept)} of {targets} masked; coarse cells of {cell} px")
        chance = 1 / count
        scores = {name: [] for name in seen}
        cells_scores = {n: [] for n in (1, 2, 3, 4, 6, 8, 12)}
        for i in kept:
            truth, q, behind = jobs[i]
            s, tx, ty = laid.where[i]
            x, y, w, h = boxes[i]
            x0, y0, x1, y1 = max(0, x - tx), max(0, y - ty), min(tile, x - tx + w), min(tile, y - ty + h)
            g0, h0, g1, h1 = (x0 // cell) * cell, (y0 // cell) * cell, min(tile, -(-x1 // cell) * cell), min(tile, -(-y1 // cell) * cell)
            wide = np.stack([drawer.draw(n, q, behind[h0:h1, g0:g1], g0, h0) for n in range(count)]).astype(np.float32)
            drawn = wide[:, y0 - h0:y1 - h0, x0 - g0:x1 - g0]
            small = lambda a: cv2.resize(a, (40, max(4, 40 * a.shape[0] // a.shape[1])), interpolation=cv2.INTER_AREA)       # the blur's sigma, w / 8, is 5 here
            shrunk = np.stack([small(d) for d in drawn])
            cut = lambda name: seen[name][s][ty + y0:ty + y1, tx + x0:tx + x1].astype(np.float32)
            for name in seen:
                if name == "coarse":
                    blocks = lambda a: a.reshape(-1, (h1 - h0) // cell, cell, (g1 - g0) // cell, cell, 3).mean((2, 4))
                    planes = lambda a: filters.planes(a, seen[name][s].shape[0])
                    real, ours = planes(blocks(seen[name][s][ty + h0:ty + h1, tx + g0:tx + g1].astype(np.float32))[0]), planes(blocks(wide))
                    noise = filters.COARSE_STEPS / math.sqrt(12)                        # rounding to a step is noise of that size
                    likelihood = rank(real / noise, ours / noise, 1.0, (OFFSET / noise[0], 0, 0))
                elif name == "fill":
                    likelihood = rank(cut(name), np.repeat(cut(name)[None], count, 0), NOISE)      # every candidate, filled, looks the same
                elif name == "pixelate":
                    real, ours = cells_of(cut(name), drawn, filters.PLATE_CELLS)
                    gray = lambda a: filters.luma(a, seen[name][s].shape[0])[..., None]
                    likelihood = rank(gray(real), gray(ours), filters.GRAY_STEP / math.sqrt(12))     # rounding to a gray is noise of that size
                elif name == "blur":
                    likelihood = rank(small(cut(name)), np.stack([cv2.GaussianBlur(d, (0, 0), 5.0) for d in shrunk]), 1.0)
                else:
                    likelihood = rank(small(cut(name)), shrunk, NOISE)
                scores[name].append(best(likelihood, truth))
            raw = cut("none")
            for n in cells_scores:
                real = filters.cell_means(np.round(raw), n, smallest=2)
                ours = filters.cell_means(drawn, n, smallest=2)
                cells_scores[n].append(best(rank(np.round(real), ours, 1.0), truth))
        people = np.arange(len(kept))
        result[width] = {name: {"synthesis": identify.score(v, people, chance)} for name, v in scores.items()}
        curves[width] = {n: identify.score(v, people, chance) for n, v in cells_scores.items()}
        read_at = kept[:24 if quick else 80]
        crops = {name: [pad_cut(seen[name], laid.where[i], boxes[i], tile) for i in read_at] for name in seen}
        for name, (right, characters) in ocr(crops, [names[jobs[i][0]] for i in read_at], program.work / f"plates-{width}" / "ocr").items():
            result[width][name]["ocr"] = identify.score(right, np.arange(len(right)), chance)
            result[width][name]["characters"] = characters
        shown.append((width, {name: crops[name][:3] for name in crops}))
    return {"scores": result, "curves": curves, "candidates": count, "targets": targets}, shown


def cells_of(real, drawn, cells):
    """Cells of what is seen (each is flat) and of what is drawn."""
    return filters.cell_means(real, cells), filters.cell_means(drawn, cells)


def pad_cut(pictures, where, box, tile):
    s, tx, ty = where
    x, y, w, h = box
    x0, y0, x1, y1 = max(tx, x - w // 10), max(ty, y - h // 4), min(tx + tile, x + w + w // 10), min(ty + tile, y + h + h // 4)
    return pictures[s][y0:y1, x0:x1]


def ocr(crops, truths, work):
    """Tesseract, one line, letters and digits of plates. {filter: (right per plate, share of characters at their place)}."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    result = {}
    for name, pictures in crops.items():
        files = []
        for i, p in enumerate(pictures):
            gray = cv2.cvtColor(np.ascontiguousarray(p), cv2.COLOR_RGB2GRAY)
            gray = cv2.resize(gray, None, fx=64 / max(1, gray.shape[0]) * 1.4, fy=64 / max(1, gray.shape[0]) * 1.4, interpolation=cv2.INTER_CUBIC)
            gray = cv2.normalize(gray, None, 0, 255, cv2.NORM_MINMAX)
            files.append(work / f"{name.replace('/', '')}-{i:03}.png")
            cv2.imwrite(str(files[-1]), cv2.copyMakeBorder(gray, 12, 12, 12, 12, cv2.BORDER_REPLICATE))
        listing = work / f"{name.replace('/', '')}.txt"
        listing.write_text("\n".join(map(str, files)) + "\n")
        said = subprocess.run(["tesseract", str(listing), "-", "--psm", "7", "-c", "tessedit_char_whitelist=ABCDEFGHJKLMNPRSTUVWXYZ0123456789-"],
                              capture_output=True, text=True, env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin:/bin:/usr/local/bin"}).stdout
        pages = (said.split("\f") + [""] * len(truths))[:len(truths)]
        plain = lambda text: "".join(c for c in text if c.isalnum())
        right = [float(plain(t) in plain(p)) for t, p in zip(truths, pages)]
        spots = [sum(a == b for a, b in zip(plain(t), plain(p))) / len(plain(t)) for t, p in zip(truths, pages)]
        result[name] = right, float(np.mean(spots)) if spots else float("nan")
    return result
