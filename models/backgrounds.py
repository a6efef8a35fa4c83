#!/usr/bin/env python3
"""Gather backgrounds without annotated plates: daylight roads, a toll gate, rooms and hands, from four public repositories.

The dashcam set is one camera, mostly at dusk; what a branch never saw it takes for a plate. Each repository is pinned to a commit and
its licence allows training (SOURCES). Frames go to cache/backgrounds as JPEG; plates that happen to be in them are found by mine.py
and ignored. Nothing of it is kept in this repository.

    python backgrounds.py [--clones DIR]     DIR holds (or receives) clones named after the repositories
"""
import argparse
import fnmatch
import pathlib
import subprocess
import tempfile

import cv2

from picture import CACHE, clip_frames

FOLDER = CACHE / "backgrounds"
SOURCES = [                                                            # repository, commit, licence, {pattern: every n-th frame}
    ("intel-iot-devkit/sample-videos", "57978890822836f2b4743852f04f62fc511757e4", "CC-BY 4.0, Intel Corporation",
     {"car-detection.mp4": 12, "asl_gestures/*.mkv": 25}),
    ("udacity/CarND-Advanced-Lane-Lines", "91b080357290da37f533e2d0832f601c3e770d51", "MIT, Udacity",
     {"test_images/*.jpg": 1, "camera_cal/*.jpg": 1}),
    ("udacity/CarND-LaneLines-P1", "ce5681be7ef8140560c0e464ef2da611e40b4fc9", "MIT, Udacity",
     {"test_images/*.jpg": 1, "test_videos/solidWhiteRight.mp4": 6}),
    ("udacity/CarND-Vehicle-Detection", "66d678b186f4e70bbb283b52e1ae36d4187f2ff9", "MIT, Udacity", {"test_video.mp4": 4}),
]


def git(clone, *words):
    return subprocess.run(["git", "-C", str(clone), *words], check=True, capture_output=True).stdout


def frames(blob, suffix, step):
    """Decoded pictures of a file's bytes."""
    with tempfile.NamedTemporaryFile(suffix=suffix) as f:
        f.write(blob)
        f.flush()
        if suffix == ".jpg":
            yield 0, cv2.imread(f.name)
        else:
            for i, rgb in clip_frames(f.name, step):
                yield i, rgb[..., ::-1]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--clones", type=pathlib.Path, default=CACHE / "clones")
    a = p.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    count = 0
    for repo, commit, licence, wanted in SOURCES:
        name = repo.split("/")[1]
        clone = a.clones / name
        if not clone.exists():
            a.clones.mkdir(parents=True, exist_ok=True)
            subprocess.run(["git", "clone", "--no-checkout", f"https://github.com/{repo}.git", str(clone)], check=True)
        files = git(clone, "ls-tree", "-r", "--name-only", commit).decode().splitlines()
        for path in files:
            step = next((s for pattern, s in wanted.items() if fnmatch.fnmatch(path, pattern)), None)
            if step is None:
                continue
            for i, bgr in frames(git(clone, "show", f"{commit}:{path}"), pathlib.Path(path).suffix, step):
                out = f"{name}__{path.replace('/', '_').rsplit('.', 1)[0]}_{i:05}.jpg"
                cv2.imwrite(str(FOLDER / out), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
                count += 1
        print(f"{repo} ({licence}): {count} frames so far", flush=True)


if __name__ == "__main__":
    main()
