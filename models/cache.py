#!/usr/bin/env python3
"""Training pictures through the frozen backbone, once: shards of int8 features and boxes in cache/. Resumable, shard by shard.

Only the plate branch is trained, so its inputs (the four taps) can be computed ahead; a step then costs a tenth. Features are
stored with one scale per channel, measured on the first pictures. Does not train.

    python cache.py --data DIR [--shards 24] [--ignore FILE]
"""
import argparse
import json
import pathlib
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from picture import CACHE, SETTINGS, annotations, held_out, letterbox, load

PER_SHARD = 256
_source = None


def _start(data, ignore):
    global _source
    from plates.frames import Source
    _source = Source(data, json.loads(pathlib.Path(ignore).read_text()) if ignore else None)


def _sample(i):
    return _source.sample(i)


def trunk_model(height, width):
    """Picture -> taps, frozen."""
    import network
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(2)
    image, heads, taps = network.trunk(height, width, batch=None)
    model = network.keras.Model(image, taps)
    return tf.function(lambda x: model(x, training=False))


def ranges(feats):
    """Per-channel int8 scale of each tap."""
    return {k: np.maximum(np.percentile(np.abs(v), 99.98, axis=(0, 1, 2)), 1e-3).astype(np.float32) / 127 for k, v in feats.items()}


def pack(feats, scales):
    return {k: np.clip(np.round(v / scales[k]), -127, 127).astype(np.int8) for k, v in feats.items()}


def save(path, **arrays):
    tmp = path.with_suffix(".tmp.npz")
    np.savez(tmp, **arrays)
    tmp.rename(path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--shards", type=int, default=24)
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--ignore", help="JSON of regions to ignore per picture (mine.py)")
    p.add_argument("--name", default="train", help="prefix of the shard files")
    a = p.parse_args()
    from plates.frames import HEIGHT, WIDTH
    CACHE.mkdir(exist_ok=True)
    net, began = trunk_model(HEIGHT, WIDTH), time.time()
    run = lambda pics: {k: v.numpy() for k, v in net(np.stack(pics).astype(np.float32)).items()}
    scale_file = CACHE / "scales.npz"
    with ProcessPoolExecutor(1, initializer=_start, initargs=(a.data, a.ignore)) as pool:
        if not scale_file.exists():
            save(scale_file, **ranges(run([s[0] for s in pool.map(_sample, range(10**6, 10**6 + 64))])))
        scales = dict(np.load(scale_file))
        if not (CACHE / "val.npz").exists():
            validation(a.data, scales)
        for shard in range(a.first, a.shards):
            path = CACHE / f"{a.name}-{shard:03}.npz"
            if path.exists():
                continue
            feats, boxes, skips, batch = {k: [] for k in scales}, [], [], []
            for n, (img, keep, skip) in enumerate(pool.map(_sample, range(shard * PER_SHARD, (shard + 1) * PER_SHARD), chunksize=8)):
                batch.append(img)
                boxes += [[n, *b] for b in keep]
                skips += [[n, *b] for b in skip]
                if len(batch) == 16:
                    for k, v in pack(run(batch), scales).items():
                        feats[k].append(v)
                    batch = []
            save(path, boxes=np.array(boxes, np.float32).reshape(-1, 5), skips=np.array(skips, np.float32).reshape(-1, 5),
                 **{k: np.concatenate(v) for k, v in feats.items()})
            print(f"shard {shard + 1}/{a.shards}  {len(boxes)} plates  {time.time() - began:.0f} s", flush=True)


def validation(data, scales):
    """The held-out dashcam frames, letterboxed to `fast`, for watching the training; never trained on."""
    width, height = SETTINGS["fast"]
    net, feats, boxes = trunk_model(height, width), {k: [] for k in scales}, []
    rows = [r for r in annotations(data) if r["source"] == "romanian-dashcam" and held_out(r["image"])]
    for n, r in enumerate(rows):
        img, kx, ky = letterbox(load(data / "dev" / r["image"]), width, height)
        for k, v in pack({k: v.numpy() for k, v in net(img[None].astype(np.float32)).items()}, scales).items():
            feats[k].append(v)
        boxes += [[n, b["x"] / kx, b["y"] / ky, b["w"] / kx, b["h"] / ky] for b in r["boxes"]]
    save(CACHE / "val.npz", boxes=np.array(boxes, np.float32), **{k: np.concatenate(v) for k, v in feats.items()})


if __name__ == "__main__":
    main()
