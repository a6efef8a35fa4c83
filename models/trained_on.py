#!/usr/bin/env python3
"""Write eval/trained-on.txt: the annotated pictures that the models were trained or calibrated on, one images/NAME a line.

    python trained_on.py --data DIR

`cargo xtask leak` reads it, so that what was never trained on can be told apart. The rule is picture.training_frames.
"""
import argparse

from picture import HERE, training_frames


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    a = p.parse_args()
    names = sorted(row["image"] for row in training_frames(a.data))
    out = HERE / "eval" / "trained-on.txt"
    out.parent.mkdir(exist_ok=True)
    out.write_text("# Written by trained_on.py: annotated pictures that the models were trained or calibrated on.\n" + "".join(f"{n}\n" for n in names))
    print(f"{out}: {len(names)} pictures")


if __name__ == "__main__":
    main()
