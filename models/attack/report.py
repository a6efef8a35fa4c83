"""Rows, bars, and how they are told: terminal, Markdown, JSON, a plot, a sheet of what the attacker sees."""
import dataclasses
import json

import cv2
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from identify import Score  # noqa: E402

STRONG, CONTROL = ("fill", "silhouette", "coarse"), ("none", "blur", "deface", "deface's blur", "anew")
BITES = 4.0                      # standard errors of chance: what an attack must reach on a weak filter to count as one


@dataclasses.dataclass
class Row:
    """One figure."""
    attack: str
    filter: str
    on: str                      # what was attacked: face or plate width, frames
    how: str                     # the matcher
    score: Score
    barred: bool = True

    @property
    def family(self):
        return self.filter.split("/")[0].split(",")[0]

    @property
    def bar(self):
        if not self.barred or self.score.n == 0:
            return None
        if self.family in STRONG:
            return self.score.chance + 2 * self.score.se_chance
        if self.family == "pixelate":
            return 2 * self.score.chance
        return None

    @property
    def missed(self):
        return self.bar is not None and self.score.success > self.bar + 1e-9

    def json(self):
        return {"attack": self.attack, "filter": self.filter, "on": self.on, "how": self.how, "bar": None if self.bar is None else round(self.bar, 5), "met": None if self.bar is None else not self.missed} | self.score.json()


def percent(v):
    return f"{100 * v:.2f}" if v < .0995 else f"{100 * v:.1f}"


def verdict(row):
    if row.bar is None:
        return "control" if row.family in CONTROL else "told"
    return "**missed**" if row.missed else "met"


def table(rows):
    head = ["attack", "filter", "on", "matcher", "success %", "± SE", "chance %", "times chance", "SE above chance", "trials", "bar"]
    lines = [[r.attack, r.filter, r.on, r.how, percent(r.score.success), percent(r.score.se), percent(r.score.chance), f"{r.score.times:.1f}", f"{r.score.z:+.1f}", str(r.score.n), verdict(r)]
             for r in rows if r.score.n]
    return head, lines


def markdown(head, lines):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(line) + " |" for line in lines)]) + "\n"


def plain(head, lines):
    lines = [[c.replace("**", "") for c in line] for line in lines]
    wide = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, wide)).rstrip() for line in [head, *lines]) + "\n"


def by_luck(rows):
    """How many bars of chance + 2 SE would be missed by luck alone, if nothing leaked."""
    return .0228 * sum(r.bar is not None and r.family in STRONG and r.score.success > 0 and r.score.se > 0 for r in rows)


def plot(path, panels, note):
    """Success against filter with error bars of two standard errors, one panel an attack; chance as a line."""
    figure, axes = plt.subplots(1, len(panels), figsize=(5.6 * len(panels), 4.6), constrained_layout=True)
    for axis, (title, rows) in zip(np.atleast_1d(axes), panels):
        names = list(dict.fromkeys(r.filter for r in rows))
        groups = list(dict.fromkeys((r.on, r.how) for r in rows))
        for g, key in enumerate(groups):
            own = [r for r in rows if (r.on, r.how) == key]
            at = [names.index(r.filter) + (g - (len(groups) - 1) / 2) * .7 / max(1, len(groups)) for r in own]
            axis.errorbar(at, [100 * r.score.success for r in own], [200 * r.score.se for r in own], fmt="o", ms=4, capsize=2, label=", ".join(k for k in key if k))
        chance = rows[0].score.chance * 100
        axis.axhline(chance, color="k", lw=.8, ls="--")
        axis.text(-.45, chance, "chance", va="bottom", fontsize=7)
        axis.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
        axis.set_yscale("symlog", linthresh=max(2.0, 2 * chance))
        axis.set_ylim(0, 110)
        axis.set_yticks([0, 1, 2, 5, 10, 20, 50, 100], [0, 1, 2, 5, 10, 20, 50, 100])
        axis.set_title(title, fontsize=9)
        # Beside the points, not over them.
        axis.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1, 1))
    np.atleast_1d(axes)[0].set_ylabel("right answers, %; bars are two standard errors")
    figure.text(.5, -.02, note, ha="center", va="top", fontsize=7)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "attack"}):          # text as text, and the same figures give the same file
        figure.savefig(path.with_suffix(".svg"), bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def curves(path, panels):
    """Success against the number of cells, as a multiple of chance."""
    figure, axes = plt.subplots(1, len(panels), figsize=(5 * len(panels), 4), constrained_layout=True)
    for axis, (title, lines) in zip(np.atleast_1d(axes), panels):
        for label, points in lines.items():
            cells = sorted(points)
            axis.errorbar(cells, [max(.1, points[c].times) for c in cells], [2 * points[c].se / points[c].chance for c in cells], fmt="o-", ms=3, capsize=2, label=label)
        axis.axhline(1, color="k", lw=.8, ls="--")
        axis.axhline(2, color="r", lw=.8, ls=":")
        axis.text(axis.get_xlim()[1], 2, "bar ", color="r", ha="right", va="bottom", fontsize=7)
        axis.set_yscale("log")
        axis.set_xlabel("cells across the longer side")
        axis.set_ylabel("success, times chance")
        axis.set_title(title, fontsize=9)
        axis.legend(fontsize=7)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def contact(path, rows, height=120):
    """Rows of pictures with their names: [(name, [RGB])]."""
    lines = []
    for name, pictures in rows:
        cells = []
        for p in pictures:
            p = np.ascontiguousarray(p)
            k = height / p.shape[0]
            cells.append(cv2.copyMakeBorder(cv2.resize(p, (max(1, int(p.shape[1] * k)), height), interpolation=cv2.INTER_NEAREST if k > 1 else cv2.INTER_AREA), 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255)))
        label = np.full((height + 4, 150, 3), 255, np.uint8)
        for k, part in enumerate(name.split("\n")):
            cv2.putText(label, part, (4, height // 2 + 16 * k), cv2.FONT_HERSHEY_SIMPLEX, .45, (0, 0, 0), 1, cv2.LINE_AA)
        lines.append(np.hstack([label, *cells]))
    wide = max(line.shape[1] for line in lines)
    sheet = np.vstack([cv2.copyMakeBorder(line, 0, 0, 0, wide - line.shape[1], cv2.BORDER_CONSTANT, value=(255, 255, 255)) for line in lines])
    cv2.imwrite(str(path), sheet[..., ::-1])


def write_json(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1) + "\n")
