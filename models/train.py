#!/usr/bin/env python3
"""Train the plate branch on the cached features: centre heat (focal loss), log size and offset (L1). Resumable per epoch.

The backbone and the head branch stay as they are. After each epoch it prints
recall and false alarms on the held-out dashcam frames; it never trains on those and picks nothing by them.

    python train.py [--epochs 12] [--batch 16]      -> plates.weights.h5
"""
import argparse
import time

import network                                                        # before tensorflow: sets its environment
import numpy as np
import tensorflow as tf

from decode import iou, nms, peaks
from picture import CACHE, HERE

SEED = 613


class Shards:
    """All cached shards in memory, as int8."""

    def __init__(self, name, limit):
        files = sorted(CACHE.glob(f"{name}-*.npz"))[:limit]
        parts = [dict(np.load(f)) for f in files]
        self.feats = {k: [p[k] for p in parts] for k in network.TAP_CHANNELS}
        self.per = len(parts[0]["f4"])
        self.boxes = [[p["boxes"][p["boxes"][:, 0] == n, 1:] for n in range(self.per)] for p in parts]
        self.skips = [[p["skips"][p["skips"][:, 0] == n, 1:] for n in range(self.per)] for p in parts]
        self.count = len(parts) * self.per

    def take(self, ids):
        """Features and targets of some pictures."""
        at = [(i // self.per, i % self.per) for i in ids]
        x = {k: np.stack([v[s][n] for s, n in at]) for k, v in self.feats.items()}
        h, w = x["f4"].shape[1:3]
        return x, np.stack([targets(self.boxes[s][n], self.skips[s][n], h, w) for s, n in at])


def targets(boxes, skips, h, w):
    """[h, w, 8]: heat, heat weight, box weight, log size (y, x), offset (y, x), is centre."""
    t = np.zeros((h, w, 8), np.float32)
    t[..., 1] = 1
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32) + .5
    for x, y, bw, bh in skips / 4:
        t[max(0, int(y)):int(np.ceil(y + bh)), max(0, int(x)):int(np.ceil(x + bw)), 1] = 0
    for x, y, bw, bh in sorted(boxes.tolist(), key=lambda b: -b[2]):
        x, y, bw, bh = x / 4, y / 4, bw / 4, bh / 4
        cx, cy = x + bw / 2, y + bh / 2
        sx, sy = np.clip(.14 * bw, .6, 4), np.clip(.2 * bh, .6, 3)
        col, row = min(w - 1, int(cx)), min(h - 1, int(cy))
        g = np.exp(-.5 * (((xx - col - .5) / sx) ** 2 + ((yy - row - .5) / sy) ** 2))
        t[..., 0] = np.maximum(t[..., 0], g)
        near = g > .4
        t[near, 1] = 1
        t[near, 2] = g[near]
        t[near, 3], t[near, 4] = np.log(bh), np.log(bw)
        t[near, 5], t[near, 6] = cy - yy[near], cx - xx[near]
        t[row, col, 7] = 1
    return t


def losses(out, t):
    """Focal heat loss per plate, L1 of size and of offset."""
    z = tf.cast(out["plate_heat"][..., 0], tf.float32)
    p = tf.clip_by_value(tf.sigmoid(z), 1e-5, 1 - 1e-5)
    pos, n = t[..., 7], tf.maximum(1.0, tf.reduce_sum(t[..., 7]))
    hit = -pos * (1 - p) ** 2 * tf.math.log(p)
    miss = -(1 - pos) * (1 - t[..., 0]) ** 4 * t[..., 1] * p ** 2 * tf.math.log(1 - p)
    wsum = tf.maximum(1.0, tf.reduce_sum(t[..., 2]))
    size = tf.reduce_sum(tf.abs(out["plate_scale"] - t[..., 3:5]) * t[..., 2:3]) / wsum
    off = tf.reduce_sum(tf.abs(out["plate_offset"] - t[..., 5:7]) * t[..., 2:3]) / wsum
    return tf.reduce_sum(hit + miss) / n, size, off


def validate(model, scales, threshold=.3):
    """(recall at IoU 0.4, other detections per frame, mean log size error) on the held-out frames."""
    v = dict(np.load(CACHE / "val.npz"))
    hits, extra, total, frames = 0, 0, len(v["boxes"]), len(v["f4"])
    for n in range(frames):
        out = model({k: v[k][n:n + 1].astype(np.float32) * scales[k] for k in scales}, training=False)
        heat = tf.sigmoid(out["plate_heat"])[0, ..., 0].numpy()
        scale, off = out["plate_scale"][0].numpy(), out["plate_offset"][0].numpy()
        found = []
        for r, c in peaks(heat, threshold):
            h, w = np.exp(scale[r, c]) * 4
            cy, cx = (np.array([r, c]) + off[r, c] + .5) * 4
            found.append({"score": heat[r, c], "raw": (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)})
        found = nms(found, .4)
        truth = [(x, y, x + w, y + h) for x, y, w, h in v["boxes"][v["boxes"][:, 0] == n, 1:]]
        got = sum(any(iou(t, f["raw"]) > .4 for f in found) for t in truth)
        hits, extra = hits + got, extra + len(found) - got
    return hits / total, extra / frames


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--rate", type=float, default=2e-3)
    p.add_argument("--name", default="train")
    p.add_argument("--shards", type=int, default=None)
    p.add_argument("--start", help="begin from these weights")
    a = p.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(2)
    keras = network.keras
    keras.utils.set_random_seed(SEED)
    scales = dict(np.load(CACHE / "scales.npz"))
    data = Shards(a.name, a.shards)
    steps = data.count // a.batch
    model, _ = network.branch_model(bn=True, logits=True)
    if a.start:
        model.load_weights(a.start)
    rate = keras.optimizers.schedules.CosineDecay(a.rate * .1, steps * a.epochs, warmup_target=a.rate, warmup_steps=100, alpha=.01)
    opt = keras.optimizers.AdamW(rate, weight_decay=1e-4)
    opt.build(model.trainable_variables)
    epoch_done = tf.Variable(0, dtype=tf.int64)
    keep = tf.train.CheckpointManager(tf.train.Checkpoint(model=model, opt=opt, epoch=epoch_done), str(CACHE / f"checkpoint-{a.name}"), 1)
    if keep.latest_checkpoint:
        keep.checkpoint.restore(keep.latest_checkpoint)
        print(f"resuming after epoch {int(epoch_done)}")
    k = {name: tf.constant(v) for name, v in scales.items()}
    print(f"{data.count} pictures, {steps} steps an epoch, {model.count_params()} parameters", flush=True)

    @tf.function
    def step(x, t):
        x = {n: tf.cast(v, tf.float32) * k[n] for n, v in x.items()}
        with tf.GradientTape() as tape:
            heat, size, off = losses(model(x, training=True), t)
            loss = heat + .7 * size + .3 * off
        grads = tape.gradient(loss, model.trainable_variables)
        grads, _ = tf.clip_by_global_norm(grads, 10.0)
        opt.apply(grads, model.trainable_variables)
        return heat, size, off

    def batches(epoch):
        order = np.random.default_rng([SEED, epoch]).permutation(data.count)
        for s in range(steps):
            yield data.take(order[s * a.batch:(s + 1) * a.batch])

    began = time.time()
    for epoch in range(int(epoch_done), a.epochs):
        shapes = {n: tf.TensorSpec((None, None, None, c), tf.int8) for n, c in network.TAP_CHANNELS.items()}
        feed = tf.data.Dataset.from_generator(lambda: batches(epoch), output_signature=(shapes, tf.TensorSpec((None, None, None, 8)))).prefetch(3)
        sums = np.zeros(3)
        for s, (x, t) in enumerate(feed):
            sums += [float(v) for v in step(x, t)]
            if s % 50 == 49:
                print(f"epoch {epoch + 1}/{a.epochs} step {s + 1}/{steps} heat {sums[0] / (s + 1):.3f} size {sums[1] / (s + 1):.3f} "
                      f"offset {sums[2] / (s + 1):.3f}  {time.time() - began:.0f} s", flush=True)
        epoch_done.assign_add(1)
        keep.save()
        recall, extra = validate(model, scales)
        print(f"epoch {epoch + 1}: held-out dashcam recall {100 * recall:.1f} %, other detections a frame {extra:.2f}", flush=True)
    model.save_weights(HERE / "plates.weights.h5")


if __name__ == "__main__":
    main()
