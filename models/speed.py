#!/usr/bin/env python3
"""What each setting costs beside CenterFace as published (int8, transposed convolutions, heads only), one thread, in the same run.

The runs alternate, and processor time is counted rather than the clock, so other work on the machine matters less. The shipped files are
measured; the peer is quantised here on noise, which changes its answers and not its speed.

    python speed.py [--runs 25] [--json FILE]
"""
import argparse
import json
import pathlib
import time

import network                                                        # before tensorflow: sets its environment
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from decode import manifest
from picture import HERE

PEERS = ((640, 384), (960, 544))


def peer(width, height):
    """CenterFace as published, int8."""
    image, heads, _ = network.trunk(height, width, transposed=True)
    c = tf.lite.TFLiteConverter.from_keras_model(network.keras.Model(image, heads))
    c.optimizations = [tf.lite.Optimize.DEFAULT]
    noise = np.random.default_rng(1)
    c.representative_dataset = lambda: ([noise.uniform(0, 255, (1, height, width, 3)).astype(np.float32)] for _ in range(2))
    c.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    c.inference_input_type = c.inference_output_type = tf.int8
    return Interpreter(model_content=c.convert(), num_threads=1)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--runs", type=int, default=25)
    p.add_argument("--json", type=pathlib.Path)
    a = p.parse_args()
    nets = {f"CenterFace {w}x{h}": peer(w, h) for w, h in PEERS}
    nets |= {m["setting"] + f" {m['input']['width']}x{m['input']['height']}": Interpreter(str(HERE / m["file"]), num_threads=1) for m in manifest()}
    took = {name: [] for name in nets}
    for net in nets.values():
        net.allocate_tensors()
        net.invoke()
    for _ in range(a.runs):
        for name, net in nets.items():
            began = time.process_time()
            net.invoke()
            took[name].append((time.process_time() - began) * 1000)
    median = {name: float(np.median(t)) for name, t in took.items()}
    if a.json:
        a.json.write_text(json.dumps({n.split()[0]: {"ms": ms, "peers": {q: ms / median[q] for q in list(nets)[:len(PEERS)]}}
                                      for n, ms in list(median.items())[len(PEERS):]}, indent=1) + "\n")
    for name, ms in median.items():
        print(f"{name:22} {ms:6.1f} ms  " + "  ".join(f"{ms / median[p]:.2f} x {p}" for p in list(nets)[:len(PEERS)]))


if __name__ == "__main__":
    main()
