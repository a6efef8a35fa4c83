#!/usr/bin/env python3
"""Reference tracks of heads in the clips that are only scored: `clips/<clip>.jsonl`, which `cargo xtask leak --clips` reads.

Boxes were placed by eye on the key frames of `clips/keyframes.json` (whole heads with hair, top to chin) and run evenly between them; no
detector had a say in them. `--check` holds a teacher against them that is not the model's parent: MTCNN (PyPI `mtcnn`, MIT, weights in the
package), on every frame enlarged, over the whole picture and over four overlapping quarters, whose faces are linked forward and
backward over the clip so that one missed in between is filled in. It tells of every face that lies in no reference head, and of every
reference head without a face; look at `--sheet` and settle it in keyframes.json. The sheet shows people: do not commit it.

    python eval/reference.py                                                 write clips/*.jsonl
    python -m venv V && V/bin/pip install 'mtcnn==1.0.0' 'tensorflow-cpu==2.21.*' opencv-python-headless
    V/bin/python eval/reference.py --check --data DIR [--sheet OUT.png]      needs the clips
"""
import argparse
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent / "clips"
ENLARGE, SURE, LINK_FRAMES = 2.5, .9, 5


def tracks():
    """clip -> [(frame, track, cls, x, y, w, h)], by frame and track."""
    clips = json.loads((HERE / "keyframes.json").read_text())
    return {clip: sorted(row for name, keys in named.items() for row in between(*name.split(), keys)) for clip, named in clips.items()}


def between(track, cls, keys):
    """Every frame from the first key frame to the last."""
    keys = sorted((int(frame), box) for frame, box in keys.items())
    for (first, a), (last, b) in zip(keys, keys[1:] + keys[-1:]):
        for frame in range(first, max(last, first + 1)):
            part = (frame - first) / max(1, last - first)
            yield frame, int(track), cls, *(round(p + (q - p) * part, 1) for p, q in zip(a, b))


def write():
    for clip, rows in tracks().items():
        lines = (dict(zip(("frame", "track", "cls", "x", "y", "w", "h"), row)) for row in rows)
        (HERE / f"{clip}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        print(f"{clip}: {len(rows)} boxes, {len({row[1] for row in rows})} tracks")


def faces(detector, rgb):
    """MTCNN's faces (x, y, w, h), found in the enlarged picture and in its overlapping quarters."""
    import cv2
    h, w = rgb.shape[:2]
    parts = [(0, 0, w, h)] + [(x, y, round(w * .6), round(h * .6)) for x in (0, round(w * .4)) for y in (0, round(h * .4))]
    found = []
    for x, y, pw, ph in parts:
        scale = ENLARGE if pw == w else 2 * ENLARGE
        part = cv2.resize(rgb[y:y + ph, x:x + pw], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        for face in detector.detect_faces(part) or []:
            if face["confidence"] >= SURE:
                bx, by, bw, bh = (v / scale for v in face["box"])
                found.append((x + bx, y + by, bw, bh))
    return found


def inside(face, head):
    """The face's centre lies in the head, and it is not larger than it."""
    (x, y, w, h), (hx, hy, hw, hh) = face, head
    return hx <= x + w / 2 <= hx + hw and hy <= y + h / 2 <= hy + hh and w <= 1.2 * hw and h <= 1.2 * hh


def check(data, sheet):
    import cv2
    import numpy as np
    from mtcnn import MTCNN
    detector, tiles = MTCNN(), []
    for clip, rows in tracks().items():
        video, frame, seen, stray = cv2.VideoCapture(str(data / "clips" / f"{clip}.mp4")), 0, {}, 0
        heads = {}
        for n, track, _, *box in rows:
            heads.setdefault(n, {})[track] = box
        while (read := video.read())[0]:
            rgb = read[1][..., ::-1].copy()
            found = faces(detector, rgb)
            for face in found:
                if not (on := [t for t, head in heads.get(frame, {}).items() if inside(face, head)]):
                    stray += 1
                    print(f"{clip} frame {frame}: a face at {[round(v) for v in face]} in no reference head")
                seen.setdefault(frame, set()).update(on)
            if sheet:
                tiles.append(draw(rgb, frame, found, heads.get(frame, {}).values()))
            frame += 1
        without = [(n, t) for n, of in heads.items() for t in of if not linked(seen, n, t)]
        print(f"{clip}: {frame} frames, {len(rows)} reference heads; without a face of the teacher nearby: {without or 'none'}; stray faces {stray}")
    if sheet:
        size = max(t.shape[1] for t in tiles), max(t.shape[0] for t in tiles)
        tiles = [cv2.copyMakeBorder(t, 0, size[1] - t.shape[0], 0, size[0] - t.shape[1], cv2.BORDER_CONSTANT) for t in tiles]
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 6)
        cv2.imwrite(str(sheet), np.vstack([np.hstack(tiles[i:i + 6]) for i in range(0, len(tiles), 6)])[..., ::-1])


def linked(seen, frame, track):
    """The teacher saw the track in this frame, or both before and after it within a few frames."""
    near = range(1, LINK_FRAMES + 1)
    on = lambda n: track in seen.get(n, ())
    return on(frame) or (any(on(frame - k) for k in near) and any(on(frame + k) for k in near))


def draw(rgb, frame, found, heads):
    import cv2
    for boxes, colour in ((heads, (0, 255, 0)), (found, (255, 255, 0))):
        for x, y, w, h in boxes:
            cv2.rectangle(rgb, (round(x), round(y)), (round(x + w), round(y + h)), colour, 1)
    cv2.putText(rgb, str(frame), (6, 24), cv2.FONT_HERSHEY_SIMPLEX, .8, (255, 255, 255), 2)
    return rgb


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--check", action="store_true", help="hold the teacher against the references")
    p.add_argument("--data", type=pathlib.Path, help="holds clips/")
    p.add_argument("--sheet", type=pathlib.Path, help="contact sheet of all frames (do not commit it)")
    a = p.parse_args()
    check(a.data, a.sheet) if a.check else write()


if __name__ == "__main__":
    main()
