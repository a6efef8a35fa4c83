"""What the attacks on faces are run on: every person's pictures, gallery and probes, laid out in tiles on sheets so that one look of the detector finds many.

A tile keeps its neighbours away from a mask, and is a whole number of `coarse` cells wide, so that gallery and probe are cut by the same grid; and the
heads lie in the middle of cells: the best case for the attacker.
"""
import concurrent.futures
import dataclasses
import json
import math
import pathlib

import cv2
import numpy as np

import faces
import filters

LAYOUT = {24: (6, 4), 48: (5, 3), 96: (4, 2)}       # tiles on a sheet: at most 64 objects are masked one by one
WIDEST = 1.1                                        # the view's largest face, in mean faces


@dataclasses.dataclass
class Scale:
    """All pictures at one face width."""
    face_px: int
    tile: int
    columns: int
    rows: int
    sheets: list                                    # RGB uint8
    who: np.ndarray                                 # per face
    gallery: np.ndarray                             # bool per face
    where: list                                     # (sheet, x, y) per face
    margin: int = 0                                 # left of the tiles and above them, so that heads lie in the middle of cells
    boxes: list = dataclasses.field(default_factory=list)   # the program's mask per face, or None

    @property
    def width(self):
        return self.columns * self.tile + self.margin

    def largest(self, times=1):
        """The view's largest face as a share of the picture's width, if it is `times` as wide as ours."""
        return min(1.0, times * WIDEST * self.face_px / self.width)

    def tile_of(self, pictures, i):
        s, x, y = self.where[i]
        return pictures[s][y:y + self.tile, x:x + self.tile]

    def adopt(self, lines):
        """Takes the masks out of a report. A face is masked when a mask covers the middle 60 % of it; where several do, the
        largest, which is what is seen of them."""
        masks = {int(name.split(".")[0]): filters.boxes_of(line) for (name, _), line in lines.items()}
        self.boxes = []
        for s, x, y in self.where:
            cx, cy, r = x + self.tile / 2, y + self.tile * .48, .3 * self.face_px
            over = [b for b in masks[s] if b[0] <= cx - r and b[0] + b[2] >= cx + r and b[1] <= cy - r and b[1] + b[3] >= cy + r and b[2] < 3 * self.face_px]
            self.boxes.append(max(over, key=lambda b: b[2] * b[3], default=None))
        return masks

    def kept(self):
        return [i for i, b in enumerate(self.boxes) if b is not None]


def tile_px(face_px, share=3.3):
    cell = coarse_cell(face_px * WIDEST)
    return math.ceil(share * face_px / cell) * cell


def middle(face_px):
    """What brings the middle of a tile of whole cells to the middle of a cell."""
    cell = coarse_cell(face_px * WIDEST)
    return 0 if tile_px(face_px) // cell % 2 else cell // 2 & ~1


def coarse_cell(largest_px):
    """As the product chooses it: two and a quarter times the largest face."""
    return (max(16, math.ceil(2.25 * largest_px - 1e-4)) + 1) & ~1


def _turned(job):
    cv2.setNumThreads(1)
    seed, person = job
    who = faces.identity(np.random.default_rng([7, person]))
    rng = np.random.default_rng(seed)
    colour, alpha = faces.light_and_turn(*faces.draw(who, rng), rng)
    return colour.astype(np.float16), alpha.astype(np.float16)


def drawn(people, gallery, probes, workers=2, wanted=lambda person, k: True):
    """Turned heads of people that do not exist: (who, is gallery, (colour, alpha))."""
    jobs = [((11, p, k), p) for p in range(people) for k in range(gallery + probes) if wanted(p, k)]
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        heads = list(pool.map(_turned, jobs, chunksize=8))
    return [(p, seed[2] < gallery, head) for (seed, p), head in zip(jobs, heads)]


def lay_out(tiles, who, gallery, face_px, tile, rng, layout=None, margin=0):
    columns, rows = layout or LAYOUT[face_px]
    order = rng.permutation(len(tiles))
    per = columns * rows
    sheets, where = [], [None] * len(tiles)
    for start in range(0, len(order), per):
        sheet = np.full((margin + rows * tile, margin + columns * tile, 3), 118, np.uint8)
        for slot, i in enumerate(order[start:start + per]):
            y, x = margin + (slot // columns) * tile, margin + (slot % columns) * tile
            sheet[y:y + tile, x:x + tile] = tiles[i]
            where[i] = (len(sheets), x, y)
        sheets.append(sheet)
    return Scale(face_px, tile, columns, rows, sheets, np.asarray(who), np.asarray(gallery), where, margin)


def drawn_scale(heads, face_px):
    rng = np.random.default_rng([13, face_px])
    tile = tile_px(face_px)
    tiles = []
    for _, _, (colour, alpha) in heads:
        shift, size = rng.uniform(-.06, .06, 2) * face_px, rng.uniform(.95, 1.05)
        tiles.append(faces.noisy(faces.place(colour.astype(np.float32), alpha.astype(np.float32), rng, face_px, tile, shift, size), rng))
    return lay_out(tiles, [h[0] for h in heads], [h[1] for h in heads], face_px, tile, rng, margin=middle(face_px))


def real(folder, program, most, log):
    """Pictures of real people: squares around the largest head found in each, 3.3 face widths wide: (who, is gallery, square)."""
    found = []
    for person, (name, pictures) in enumerate(faces.load(folder).items()):
        even = [p[:p.shape[0] & ~1, :p.shape[1] & ~1] for p in pictures[:most]]
        source = filters.write(program.work / "real" / f"{person:04}", even)
        _, lines = program.run(source, f"real-{person:04}", "fill")
        squares = []
        for i, p in enumerate(even):
            heads = [o for o in lines.get((f"{i:05}.png", 0), {}).get("objects", []) if o["class"] == "head"]
            if heads:
                o = max(heads, key=lambda o: o["w"] * o["h"])
                side = int(round(o["w"] / 1.5 * 3.3))                        # a mask is about 1.5 face widths wide
                squares.append(cv2.getRectSubPix(cv2.copyMakeBorder(p, side, side, side, side, cv2.BORDER_REPLICATE), (side, side), (side + o["x"] + o["w"] / 2, side + o["y"] + o["h"] / 2)))
        if len(squares) >= 4:
            found += [(person, i % 3 != 2, s) for i, s in enumerate(squares)]
    people = sorted({f[0] for f in found})
    log(f"{len(people)} people with four or more pictures in which a head was found, {len(found)} pictures")
    return [(people.index(p), g, s) for p, g, s in found]


def real_scale(found, face_px):
    rng = np.random.default_rng([17, face_px])
    tile = tile_px(face_px)
    tiles = [cv2.resize(s, (tile, tile), interpolation=cv2.INTER_AREA if s.shape[0] > tile else cv2.INTER_LINEAR) for _, _, s in found]
    return lay_out(tiles, [f[0] for f in found], [f[1] for f in found], face_px, tile, rng, margin=middle(face_px))


def same_picture(folder, most):
    """Annotated heads without names: every head is its own person, and its pictures are crops of the one photograph, moved, scaled, noisy and compressed. Far
    easier for the attacker than another photograph of the same person. (who, is gallery, square)."""
    folder = pathlib.Path(folder)
    base = folder / "dev" if (folder / "dev").is_dir() else folder
    found, rng, person = [], np.random.default_rng(41), 0
    for line in (base / "annotations.jsonl").read_text().splitlines():
        line = json.loads(line)
        boxes = [b for b in line["boxes"] if b["cls"] == "face" and b["w"] >= 28]
        if not boxes or person >= most:
            continue
        picture = next((cv2.imread(str(f)) for f in (base / line["image"], base / "images" / line["image"]) if f.is_file()), None)
        if picture is None:
            continue
        for b in boxes[:3]:
            side = 3.3 * b["w"] / (1.25 if "dlib" not in line["source"] else 1.0)
            for k in range(9):
                px, at = side * rng.uniform(.95, 1.05), (b["x"] + b["w"] / 2 + side * rng.uniform(-.02, .02), b["y"] + b["h"] / 2 + side * rng.uniform(-.02, .02))
                m = np.float32([[px / 240, 0, at[0] - px / 2], [0, px / 240, at[1] - px / 2]])
                square = cv2.warpAffine(picture[..., ::-1], m, (240, 240), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
                square = np.clip(square * rng.uniform(.9, 1.1) + rng.normal(0, 4, square.shape), 0, 255).astype(np.uint8)
                jpeg = cv2.imencode(".jpg", square, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 95))])[1]
                found.append((person, k < 6, cv2.imdecode(jpeg, cv2.IMREAD_COLOR)))
            person += 1
    return found
