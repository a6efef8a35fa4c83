"""What is attacked: the real `campari-mask`, deface, Gaussian blur, and a second implementation of `pixelate` with any number of cells.

The second implementation is there because an attacker has one too, and because the program has its number of cells built in. `check_twin` compares it
with the program in every run.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess

import cv2
import numpy as np


def write(folder, pictures):
    """Pictures as PNG files, named by number."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for i, p in enumerate(pictures):
        cv2.imwrite(str(folder / f"{i:05}.png"), p[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return folder


def read(folder, names=None):
    return [cv2.imread(str(f))[..., ::-1] for f in sorted(pathlib.Path(folder).glob("*.png"))]


class Program:
    """campari-mask as it is built."""

    def __init__(self, path, manifest, work):
        self.path, self.manifest, self.work = path, pathlib.Path(manifest), pathlib.Path(work)

    def run(self, source, name, flt, largest=None, setting="fast", manifest=None):
        """Masks a folder or clip; returns the folder of masked ones and the report's lines by name (clips: by name and frame)."""
        out = self.work / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        report = out / "report.jsonl"
        call = [str(self.path), str(source), "--out", str(out / "out"), "--report", str(report), "--filter", flt, "--setting", setting, "--manifest", str(manifest or self.manifest)]
        if largest:
            call += ["--largest-face", f"{largest:.7f}"]
        done = subprocess.run(call, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(call)}\n{done.stderr[-2000:]}")
        lines = {}
        for line in report.read_text().splitlines():
            line = json.loads(line)
            lines[line["image"], line["frame"]] = line
        return out / "out", lines

    def blind(self):
        """A manifest of the same models with thresholds that hardly anything reaches: a detector that misses everybody."""
        folder = self.work / "blind"
        folder.mkdir(parents=True, exist_ok=True)
        for model in self.manifest.parent.glob("*.tflite"):
            if not (folder / model.name).exists():
                os.symlink(model.resolve(), folder / model.name)
        high = "[model.thresholds]\nhead = 0.99\nplate = 0.99\nhead_candidate = 0.98\nplate_candidate = 0.98\n"
        told = re.sub(r"\[model\.thresholds\]\n(?:\w+ = [\d.]+\n)+", high, self.manifest.read_text())
        # What is asked of small ones lies between the thresholds of candidates and of what is found, whichever numbers the manifest has.
        told = re.sub(r"^score = [\d.]+", "score = 0.99", told, flags=re.MULTILINE)
        told = re.sub(r"^candidate = [\d.]+", "candidate = 0.98", told, flags=re.MULTILINE)
        (folder / "manifest.toml").write_text(told)
        return folder / "manifest.toml"


def deface(program, source, out, *flags):
    """deface, its defaults, on every picture of a folder."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    files = sorted(source.glob("*.png"))
    twins = [out / f.name for f in files]
    links = out / "in"
    links.mkdir()
    for f in files:
        os.symlink(f, links / f.name)
    subprocess.run([str(program), *flags, *(str(links / f.name) for f in files)], check=True, capture_output=True)
    for f, t in zip(files, twins):
        os.replace(links / f"{f.stem}_anonymized{f.suffix}", t)
    shutil.rmtree(links)
    return out


def deface_clip(program, source, out):
    subprocess.run([str(program), str(source), "--output", str(out)], check=True, capture_output=True)
    return out


def blur(picture, boxes, share=1 / 8):
    """Gaussian blur of each box, sigma a share of its width."""
    out = picture.copy()
    for x, y, w, h in boxes:
        if w >= 2 and h >= 2:
            out[y:y + h, x:x + w] = cv2.GaussianBlur(picture[y:y + h, x:x + w], (0, 0), max(.5, share * w))
    return out


def grid(w, h, cells, smallest=8):
    """Columns and rows of `pixelate` over a mask of w by h pixels."""
    cell = max(-(-max(w, h) // cells), smallest)
    return tuple(int(np.clip(v // cell, 1, cells)) for v in (w, h))


def cuts(length, count):
    return [(length * i // count) & ~1 for i in range(count + 1)]


def cell_means(patch, cells, smallest=8):
    """Mean colours of the cells of a mask's inside, rows x columns x 3; of one picture or of many of one size."""
    h, w = patch.shape[-3:-1]
    columns, rows = grid(w, h, cells, smallest)
    xs, ys = cuts(w, columns), cuts(h, rows)
    total = np.add.reduceat(np.add.reduceat(patch, ys[:-1], axis=-3, dtype=np.float32), xs[:-1], axis=-2)
    return total / (np.diff(ys)[:, None] * np.diff(xs)[None])[..., None]


def repaint(means, w, h):
    """Cells over w by h pixels."""
    rows, columns = means.shape[:2]
    xs, ys = cuts(w, columns), cuts(h, rows)
    row = np.repeat(np.arange(rows), np.diff(ys))
    column = np.repeat(np.arange(columns), np.diff(xs))
    return means[row][:, column]


def pixelate(picture, boxes, cells, smallest=8):
    """Coloured cells, as many as one likes."""
    out = picture.copy()
    for x, y, w, h in boxes:
        patch = picture[y:y + h, x:x + w]
        if min(patch.shape[:2]) >= 2:
            out[y:y + h, x:x + w] = np.clip(repaint(cell_means(patch, cells, smallest), patch.shape[1], patch.shape[0]) + .5, 0, 255).astype(np.uint8)
    return out


HEAD_CELLS, PLATE_CELLS, GRAY_STEP = 2, 1, 86                          # what the program paints (firmware/mask/src/cells.rs)
COARSE_STEPS = np.float32([64, 32, 32])                                                       # between values of a cell of `coarse`: luma and both colours (firmware/mask/src/coarse.rs)


def luma(colours, height):
    """Full-range luma of RGB: BT.709 in pictures of 720 lines and more, BT.601 below."""
    return colours @ np.float32([.2126, .7152, .0722] if height >= 720 else [.299, .587, .114])


def planes(colours, height):
    """Full-range luma, and blue and red difference around 0, of RGB."""
    kr, kb = (.2126, .0722) if height >= 720 else (.299, .114)
    y = luma(colours, height)
    return np.stack([y, (colours[..., 2] - y) / (2 - 2 * kb), (colours[..., 0] - y) / (2 - 2 * kr)], -1)


def coarse_values(picture, cell):
    """What `coarse` shows of each whole cell: luma, and both differences, as steps."""
    h, w = picture.shape[0] // cell, picture.shape[1] // cell
    means = picture[:h * cell, :w * cell].reshape(h, cell, w, cell, 3).mean((1, 3), dtype=np.float32)
    return planes(means, picture.shape[0]) / COARSE_STEPS + [0, .5, .5]


def check_coarse(raw, masked, cell):
    """Share of whole cells in which the program paints something else than the second implementation, where a mean does not lie between two values."""
    off = total = 0
    for picture, real in zip(raw, masked):
        ours, seen = coarse_values(picture, cell), coarse_values(real, cell)
        clear = np.abs(ours - np.round(ours)).min(-1) > .06
        off += int((np.floor(ours) != np.floor(seen)).any(-1)[clear].sum())
        total += int(clear.sum())
    return off / max(1, total)


def check_twin(raw, masked, boxes):
    """How far the second implementation, in three grays, is from what the program paints over heads: share of mask pixels that differ by more than 4."""
    # Boxes that meet others or the edge are painted twice or cut; the twin need not follow there, nor where a mean lies between two grays.
    off = total = 0
    for picture, real, found in zip(raw, masked, boxes):
        h, w = picture.shape[:2]
        for i, b in enumerate(found):
            alone = all(j == i or b[0] + b[2] <= o[0] or o[0] + o[2] <= b[0] or b[1] + b[3] <= o[1] or o[1] + o[3] <= b[1] for j, o in enumerate(found))
            if alone and b[0] > 0 and b[1] > 0 and b[0] + b[2] < w and b[1] + b[3] < h:
                x, y, bw, bh = b
                means = luma(cell_means(picture[y:y + bh, x:x + bw], HEAD_CELLS), h)
                clear = np.abs((means + GRAY_STEP / 2) % GRAY_STEP - GRAY_STEP / 2) > 2
                grays = repaint(np.dstack([np.floor(means / GRAY_STEP) * GRAY_STEP + GRAY_STEP / 2, clear]), bw, bh)
                difference = np.abs(grays[..., :1] - real[y:y + bh, x:x + bw].astype(int)).max(2)[grays[..., 1] > 0]
                off += int((difference > 4).sum())
                total += difference.size
    return off / max(1, total)


def boxes_of(line):
    """Masks of a report's line as (x, y, w, h)."""
    return [tuple(int(s[k]) for k in "xywh") for s in line["mask"]]


def clip(path, frames, fps=25):
    """Frames as a lossless clip."""
    h, w = frames[0].shape[:2]
    path.parent.mkdir(parents=True, exist_ok=True)
    pipe = subprocess.Popen(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{w}x{h}", "-r", str(fps), "-i", "-",
                             "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-pix_fmt", "yuv420p", str(path)], stdin=subprocess.PIPE)
    for f in frames:
        pipe.stdin.write(np.ascontiguousarray(f).tobytes())
    pipe.stdin.close()
    if pipe.wait():
        raise RuntimeError(f"ffmpeg could not write {path}")
    return path


def frames_of(path):
    """All frames of a clip, RGB."""
    source, frames = cv2.VideoCapture(str(path)), []
    while True:
        good, frame = source.read()
        if not good:
            return frames
        frames.append(frame[..., ::-1])
