"""Attack 1, parrot re-identification (Newton, Sweeney and Malin 2005): the attacker has other pictures of everybody, masks them with the same program and
asks whose masked picture looks most like the one he has. And attack 4 on the same pictures: what is left when the mask's inside is taken away.
"""
import cv2
import numpy as np

import filters
import identify
import material

CELLS = (1, 2, 3, 4, 6, 8, 12, 16)
RATIOS = (1, 2, 4)                                  # how many times as wide as the faces shown the view's largest face is


def prepare(scale, program, deface, log):
    """Every filter's pictures of one scale: {filter: sheets}, and those faces that deface changed."""
    name = f"faces-{scale.face_px}"
    source = filters.write(program.work / name / "raw", scale.sheets)
    seen = {"none": scale.sheets}
    out, lines = program.run(source, f"{name}/fill", "fill")
    masks = scale.adopt(lines)
    seen["fill"] = filters.read(out)
    seen["pixelate"] = filters.read(program.run(source, f"{name}/pixelate", "pixelate")[0])
    for times in RATIOS:
        seen[f"coarse/{times}"] = filters.read(program.run(source, f"{name}/coarse{times}", "coarse", largest=scale.largest(times))[0])
    all_boxes = [masks[i] for i in range(len(scale.sheets))]
    seen["blur"] = [filters.blur(p, b) for p, b in zip(scale.sheets, all_boxes)]
    if deface:
        seen["deface"] = filters.read(filters.deface(deface, source, program.work / name / "deface"))
    kept = scale.kept()
    log(f"faces of {scale.face_px} px: {len(kept)} of {len(scale.who)} masked")
    return seen, all_boxes


def twin(scale, seen, all_boxes):
    return filters.check_twin(scale.sheets, seen["pixelate"], all_boxes)


def cut(scale, pictures, i, grow=0.0, whole=False):
    """What the attacker looks at: the mask's inside; `whole`, under coarse, the part of the picture where a head can be."""
    s, tx, ty = scale.where[i]
    if whole:
        f = scale.face_px
        cx, cy = tx + scale.tile / 2, ty + scale.tile * .48
        x, y, w, h = cx - .9 * f, cy - 1.0 * f, 1.8 * f, 2.0 * f
    else:
        x, y, w, h = scale.boxes[i]
        x, y, w, h = x - grow * w, y - grow * h, w * (1 + 2 * grow), h * (1 + 2 * grow)
    x, y, r, b = (int(round(v)) for v in (max(tx, x), max(ty, y), min(tx + scale.tile, x + w), min(ty + scale.tile, y + h)))
    return pictures[s][y:b, x:r]


def changed(scale, pictures, i):
    """Whether a program that finds faces by itself masked this one."""
    s, tx, ty = scale.where[i]
    f, cx, cy = scale.face_px, tx + scale.tile // 2, int(ty + scale.tile * .48)
    core = slice(int(cy - .25 * f), int(cy + .25 * f)), slice(int(cx - .25 * f), int(cx + .25 * f))
    return np.abs(scale.sheets[s][core].astype(int) - pictures[s][core]).mean() > 1.5


def attack(scale, look, kept):
    """Matches what `look` sees of each face; probes against the gallery."""
    seen = {i: look(i) for i in kept}
    in_gallery = [i for i in kept if scale.gallery[i]]
    known = set(scale.who[in_gallery])
    probes = [i for i in kept if not scale.gallery[i] and scale.who[i] in known]
    return identify.match([seen[i] for i in in_gallery], scale.who[in_gallery], [seen[i] for i in probes], scale.who[probes])


def inside(scale, seen, names):
    """Attack 1 at one scale: {filter: {matcher: Score}}."""
    result = {}
    for name in names:
        if name not in seen:
            continue
        kept = scale.kept()
        if name == "deface":
            kept = [i for i in kept if changed(scale, seen[name], i)]
        result[name] = attack(scale, lambda i: identify.feature(cut(scale, seen[name], i, whole=name.startswith("coarse"))), kept)
    return result


def curve(scale, cells=CELLS):
    """Success against the number of cells, by the second implementation: {(cells, colours): {matcher: Score}}; `gray` throws colour away, `3 grays` keeps
    three of them."""
    kept, result = scale.kept(), {}
    for n in cells:
        means = {i: cv2.resize(np.round(filters.cell_means(cut(scale, scale.sheets, i), n, smallest=2)).astype(np.float32), (n, n), interpolation=cv2.INTER_NEAREST) for i in kept}
        for colours in ("colour", "gray", "3 grays"):
            def look(i):
                cell = means[i].reshape(n * n, 3)
                if colours != "colour":
                    cell = cell.mean(1)
                return (np.floor(cell / filters.GRAY_STEP) if colours == "3 grays" else cell).ravel()
            result[n, colours] = attack(scale, look, kept)
    return result


def ring(scale, seen, name, grow=.25, chroma=False):
    """Attack 4: the ring around the mask, its inside blanked (what of hair and ears sticks out, the edge that is blended); or only its chroma."""
    def look(i):
        patch = cut(scale, seen[name], i, grow).astype(np.float32)
        h, w = patch.shape[:2]
        s, tx, ty = scale.where[i]
        x, y, bw, bh = scale.boxes[i]
        gx, gy = int(round(max(tx, x - grow * bw))), int(round(max(ty, y - grow * bh)))
        patch[y - gy:y - gy + bh, x - gx:x - gx + bw] = 128
        if chroma:
            gray = patch @ [.299, .587, .114]
            patch = np.dstack([patch[..., 2] - gray, patch[..., 0] - gray])
        return identify.feature(patch)
    return attack(scale, look, scale.kept())


def shape(scale):
    """Attack 4: nothing but the size and form of the mask."""
    def look(i):
        w, h = scale.boxes[i][2:]
        return np.array([w / scale.face_px, h / scale.face_px, w / h, np.log(w * h / scale.face_px ** 2)], np.float32)
    return attack(scale, look, scale.kept())


def planes(scale, seen, name):
    """Attack 4: chroma alone, inside the mask."""
    def look(i):
        patch = cut(scale, seen[name], i, whole=name.startswith("coarse")).astype(np.float32)
        gray = patch @ [.299, .587, .114]
        return identify.feature(np.dstack([patch[..., 2] - gray, patch[..., 0] - gray]))
    return attack(scale, look, scale.kept())
