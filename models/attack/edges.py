"""Attack 4, edges: what there is to see around a mask, in its form, and in its colour planes alone. On stills; what a clip adds is in frames.py.

Under the drawn faces clothes and background are new in every picture and no neck is bare, so that a right answer from the ring can only come from the
head: hair and ears that the mask did not reach, or colour that bled.
"""
import parrot
from report import Row

AROUND = ("none", "blur", "deface", "pixelate", "fill")


def stills(scale, seen, on):
    """Rows of one scale."""
    rows = []
    for name in AROUND:
        if name in seen and name not in ("none", "deface"):
            rows += [Row("4 ring", name, on, how, s) for how, s in parrot.ring(scale, seen, name).items()]
            rows += [Row("4 chroma inside", name, on, how, s) for how, s in parrot.planes(scale, seen, name).items()]
    rows += [Row("4 ring, chroma", "fill", on, how, s) for how, s in parrot.ring(scale, seen, "fill", chroma=True).items()]
    rows += [Row("4 form of the mask", "fill", on, how, s) for how, s in parrot.shape(scale).items()]
    return rows
