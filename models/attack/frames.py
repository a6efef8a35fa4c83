"""Attack 3, several frames: heads that move by fractions of a pixel a frame; the attacker lays 1, 5 or 25 masked frames over each other along the true
motion (shift and add, Elad and Hel-Or 2001) and matches what comes out. `anew` is pixelation as others do it, each frame by itself on a grid that
belongs to the picture: it shows what held cells are for.

`silhouette` gets clips of its own: a still street until it is learned, then heads; once with the detector, and once with one that never looks after the first
picture, so that only what the filter promises of people whom nobody detects keeps them covered.

And attack 4 on clips: what encoder and deblocking leave inside a filled mask, and how much of a head is seen before its first mask.
"""
import concurrent.futures

import cv2
import numpy as np

import faces
import filters
import identify
import material

FACE, COLUMNS, ROWS = 48, 5, 3
FRAMES, FIRST = 32, 6                               # of a clip; the first one the attacker uses: tracks stand by then
TAKES = (1, 5, 25)
WINDOW = 48                                         # pixels across what is laid over each other
STILL, SLOW_FPS = 46, 4                             # pictures without anybody before `silhouette` is attacked: eleven seconds and a half
UNSEEN = "silhouette, never detected"


def slots(columns=COLUMNS, rows=ROWS):
    """Left and top edge of each tile."""
    tile, margin = material.tile_px(FACE), material.middle(FACE)
    return [(margin + k % columns * tile, margin + k // columns * tile) for k in range(columns * rows)]


def blank(frames, columns=COLUMNS, rows=ROWS):
    tile, margin = material.tile_px(FACE), material.middle(FACE)
    return np.full((frames, margin + rows * tile, margin + columns * tile, 3), 118, np.uint8)


def moving(heads, rng, still=0, apart=1):
    """One clip of a sheet of moving heads, one every `apart` tiles, which come after `still` pictures without anybody: frames, and per head its shift in each
    frame since."""
    tile = material.tile_px(FACE)
    sheet = blank(still + FRAMES)
    paths = []
    for (x, y), (colour, alpha) in zip(slots()[::apart], heads):
        start, speed = rng.uniform(-6, 6, 2), rng.uniform(-.45, .45, 2)
        steps = start + speed * np.arange(FRAMES)[:, None] + rng.normal(0, .15, (FRAMES, 2))
        paths.append(steps)
        own = np.random.default_rng(rng.integers(1 << 40))
        behind, k = faces.backdrop(own, tile), FACE / faces.FACE * own.uniform(.95, 1.05)
        head = faces.dressed(colour.astype(np.float32), alpha.astype(np.float32), own, k)
        for t in range(still):
            sheet[t, y:y + tile, x:x + tile] = faces.noisy(behind, rng)
        for t in range(FRAMES):
            sheet[still + t, y:y + tile, x:x + tile] = faces.noisy(faces.put(*head, behind, k, steps[t]), rng)
    return sheet, paths


def check(program):
    """Fails when the manifest of the blind detector is not one that the program takes."""
    gray = filters.write(program.work / "blind-check", [np.full((96, 128, 3), 118, np.uint8)])
    program.run(gray, "blind-checked", "fill", setting="light", manifest=program.blind())


def _still(job):
    """Heads that come into a street which `silhouette` knows."""
    program, number, heads = job
    cv2.setNumThreads(1)
    sheet, paths = moving([h[2] for h in heads], np.random.default_rng([43, number]), STILL, apart=2)
    tile, places = material.tile_px(FACE), slots()[::2]
    source = filters.clip(program.work / "clips" / f"still-{number:03}.mkv", list(sheet), SLOW_FPS)
    found = [(who, gallery, {}) for who, gallery, _ in heads]
    for name, manifest in (("silhouette", None), (UNSEEN, program.blind())):
        out, lines = program.run(source, f"clips/still-{'un' * bool(manifest)}seen-{number:03}", "silhouette", material.WIDEST * FACE / sheet.shape[2], "light", manifest)
        if manifest and any(line["objects"] for line in lines.values()):
            raise RuntimeError("the blind detector found somebody")
        masked = filters.frames_of(next(out.glob("*.mkv")))
        for (x, y), path, (_, _, seen) in zip(places, paths, found):
            at = lambda t: along(masked[STILL + t], x + tile / 2 + path[t, 0], y + tile * .46 + path[t, 1])
            for n in TAKES:
                seen[name, "motion", n] = laid_over([at(t) for t in range(FIRST, FIRST + n)]).astype(np.float16)
    last = np.abs(masked[-1].astype(int) - sheet[-1]).mean(2)                     # the street must be there around the heads, or nothing was attacked
    return found, float((last < 25).mean())


def _clip(job):
    """Draws, masks and cuts one sheet; runs in a process of its own."""
    program, number, heads = job
    cv2.setNumThreads(1)
    rng = np.random.default_rng([29, number])
    sheet, paths = moving([h[2] for h in heads], rng)
    tile = material.tile_px(FACE)
    source = filters.clip(program.work / "clips" / f"{number:03}.mkv", list(sheet))
    decoded = filters.frames_of(source)
    masked, report = {}, None
    for name in ("pixelate", "fill", "coarse"):
        largest = material.WIDEST * FACE / sheet.shape[2] if name == "coarse" else None
        out, lines = program.run(source, f"clips/{name}-{number:03}", name, largest)
        masked[name] = filters.frames_of(next(out.glob("*.mkv")))
        report = lines if name == "fill" else report
    boxes = [filters.boxes_of(report[f"{number:03}.mkv", t]) for t in range(FRAMES)]
    cell = max(8, -(-int(2.1 * FACE) // 6)) & ~1
    masked["inside of fill x16"] = masked["fill"]
    masked["none"] = decoded
    masked["blur"] = [filters.blur(p, b) for p, b in zip(decoded, boxes)]
    masked["deface's blur"] = [deface_blur(p, b) for p, b in zip(decoded, boxes)]
    masked["anew"] = [on_picture_grid(p, b, cell) for p, b in zip(decoded, boxes)]
    found = []
    for slot, ((tx, ty), (who, gallery, _)) in enumerate(zip(slots(), heads)):
        own = [mask_over(boxes[t], tx + tile / 2 + paths[slot][t, 0], ty + tile * .48 + paths[slot][t, 1]) for t in range(FRAMES)]
        if any(b is None for b in own[FIRST:FIRST + max(TAKES)]):
            continue
        seen = {}
        for name, pictures in masked.items():
            for n in TAKES:
                if name == "inside of fill x16":
                    seen["fill", "inside x16", n] = 16 * (laid_over([inside(pictures[t], own[t]) for t in range(FIRST, FIRST + n)]) - 128)
                    continue
                seen[name, "motion", n] = laid_over([along(pictures[t], tx + tile / 2 + paths[slot][t, 0], ty + tile * .46 + paths[slot][t, 1]) for t in range(FIRST, FIRST + n)])
                if name == "pixelate":
                    seen[name, "box", n] = laid_over([inside(pictures[t], own[t]) for t in range(FIRST, FIRST + n)])
        found.append((who, gallery, {k: v.astype(np.float16) for k, v in seen.items()}))
    return found, len(heads)


def mask_over(boxes, cx, cy):
    over = [b for b in boxes if b[0] <= cx <= b[0] + b[2] and b[1] <= cy <= b[1] + b[3] and b[2] < 3 * FACE]
    return min(over, key=lambda b: abs(b[0] + b[2] / 2 - cx) + abs(b[1] + b[3] / 2 - cy), default=None)


def along(picture, cx, cy):
    """The head's window at its true place, to a fraction of a pixel."""
    k = 2.1 * FACE / WINDOW
    m = np.float32([[k, 0, cx - k * (WINDOW - 1) / 2], [0, k, cy - k * (WINDOW - 1) / 2]])
    return cv2.warpAffine(picture, m, (WINDOW, WINDOW), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)


def inside(picture, box):
    x, y, w, h = box
    patch = picture[max(0, y):y + h, max(0, x):x + w]
    return cv2.resize(patch, (WINDOW, WINDOW), interpolation=cv2.INTER_AREA)


def laid_over(patches):
    return identify.feature(np.mean(np.asarray(patches, np.float32), axis=0))


def deface_blur(picture, boxes):
    """As deface 1.5.0 paints by default: a box blur of half the size, in an ellipse."""
    out = picture.copy()
    for x, y, w, h in boxes:
        patch = picture[y:y + h, x:x + w]
        if min(patch.shape[:2]) >= 4:
            ellipse = cv2.ellipse(np.zeros(patch.shape[:2], np.uint8), (w // 2, h // 2), (w // 2, h // 2), 0, 0, 360, 1, -1)[..., None]
            out[y:y + h, x:x + w] = np.where(ellipse, cv2.blur(np.ascontiguousarray(patch), (w // 2, h // 2)), patch)
    return out


def on_picture_grid(picture, boxes, cell):
    """Each box in the cells of a grid over the whole picture."""
    h, w = picture.shape[:2]
    small = cv2.resize(picture[:h // cell * cell, :w // cell * cell], (w // cell, h // cell), interpolation=cv2.INTER_AREA)
    whole = picture.copy()
    whole[:h // cell * cell, :w // cell * cell] = cv2.resize(small, (w // cell * cell, h // cell * cell), interpolation=cv2.INTER_NEAREST)
    out = picture.copy()
    for x, y, bw, bh in boxes:
        out[y:y + bh, x:x + bw] = whole[y:y + bh, x:x + bw]
    return out


def run(program, heads, workers, log):
    """{(filter, registration, frames): {matcher: Score}}, and of how much of the street `silhouette` knew when the heads came."""
    rng = np.random.default_rng(31)
    per = COLUMNS * ROWS
    order = rng.permutation(len(heads))
    jobs = [(program, k, [heads[i] for i in order[k * per:(k + 1) * per]]) for k in range(-(-len(order) // per))]
    found, all_heads, come, known = [], 0, [], []
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        for part, count in pool.map(_clip, jobs):
            found += part
            all_heads += count
        few = len(slots()[::2])
        for part, share in pool.map(_still, [(program, k, [heads[i] for i in order[k * few:(k + 1) * few]]) for k in range(-(-len(order) // few))]):
            come += part
            known.append(share)
    log(f"moving heads: {len(found)} of {all_heads} masked in every frame used; silhouette knew {100 * np.mean(known):.0f} % of the street")
    return scores_of(found) | scores_of(come), float(np.mean(known))


def scores_of(found):
    who, gallery = np.array([f[0] for f in found]), np.array([f[1] for f in found])
    probe = ~gallery & np.isin(who, np.unique(who[gallery]))
    result = {}
    for key in found[0][2]:
        x = np.array([f[2][key] for f in found], np.float32)
        result[key] = identify.match(x[gallery], who[gallery], x[probe], who[probe])
    return result


def appearing(program, heads, log):
    """Heads that come out from behind a wall: frames in which half or more of a head is seen and its middle is not covered, up to its first mask."""
    rng = np.random.default_rng(37)
    tile = material.tile_px(FACE)
    sheet = blank(FRAMES, 6, 4)
    paths = []
    for (x, y), (_, _, (colour, alpha)) in zip(slots(6, 4), heads):
        behind, speed = faces.backdrop(rng, tile), rng.uniform(1.5, 4)
        path = -1.25 * FACE + speed * np.maximum(0, np.arange(FRAMES) - 4)
        path = np.minimum(path, .5 * FACE)
        paths.append(path)
        wall = int(tile / 2 - .45 * FACE)
        shade, k = rng.uniform(60, 160), FACE / faces.FACE
        head = faces.dressed(colour.astype(np.float32), alpha.astype(np.float32), rng, k)
        for t in range(FRAMES):
            picture = faces.put(*head, behind, k, (path[t], 0))
            picture[:, :wall] = shade
            sheet[t, y:y + tile, x:x + tile] = faces.noisy(picture, rng)
    source = filters.clip(program.work / "clips" / "appear.mkv", list(sheet))
    _, lines = program.run(source, "clips/appear", "fill")
    bare = []
    for (tx, ty), path in zip(slots(6, 4), paths):
        count = 0
        for t in range(FRAMES):
            cx, cy = tx + tile / 2 + path[t], ty + tile * .46
            if cx < tx + tile / 2 - .45 * FACE:                               # less than half is out
                continue
            if mask_over(filters.boxes_of(lines["appear.mkv", t]), cx, cy):
                break
            count += 1
        bare.append(count)
    bare = np.array(bare)
    result = {"heads": len(bare), "with_a_bare_frame": int((bare > 0).sum()), "mean_frames": round(float(bare.mean()), 2), "most_frames": int(bare.max())}
    log(f"heads that appear: {result}")
    return result
