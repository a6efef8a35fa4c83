"""The attacker's two matchers, and what counts as success.

Nearest neighbour: principal components, whitened, cosine. Trained: linear discriminant analysis with shrinkage on principal components ("Fisherfaces",
Belhumeur et al. 1997), fitted to the gallery masked the same way. Both get colour pictures of 24 by 24 pixels unless told otherwise.
"""
import dataclasses
import math

import cv2
import numpy as np
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

SIZE = 24


def feature(patch, size=SIZE):
    """A patch as a vector, whatever its size."""
    return cv2.resize(patch.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA if max(patch.shape[:2]) > size else cv2.INTER_LINEAR).ravel()


@dataclasses.dataclass
class Score:
    """Successes of n trials against chance. `se` of the success counts trials of one person as one cluster; `se_chance` is that of a guesser."""
    success: float
    n: int
    chance: float
    se: float
    se_chance: float

    @property
    def z(self):
        return (self.success - self.chance) / self.se_chance

    @property
    def times(self):
        return self.success / self.chance

    def json(self):
        return {k: round(v, 5) if isinstance(v, float) else v for k, v in dataclasses.asdict(self).items()} | {"z": round(self.z, 2), "p": round(.5 * math.erfc(self.z / math.sqrt(2)), 5)}


def score(right, groups, chance):
    """right: 1, 0 or a share where the best guess was shared with others."""
    right, groups = np.asarray(right, float), np.asarray(groups)
    n = len(right)
    if n == 0:
        return Score(float("nan"), 0, chance, float("nan"), float("nan"))
    each = np.array([right[groups == g].mean() for g in np.unique(groups)])
    se = each.std(ddof=1) / math.sqrt(len(each)) if len(each) > 1 else float("nan")
    return Score(float(right.mean()), n, chance, float(se), math.sqrt(chance * (1 - chance) / n))


def pool(scores):
    """Scores over the same people, taken together."""
    n = sum(s.n for s in scores)
    success = sum(s.success * s.n for s in scores) / n
    chance = sum(s.chance * s.n for s in scores) / n
    return Score(success, n, chance, math.sqrt(sum((s.se * s.n / n) ** 2 for s in scores)), math.sqrt(chance * (1 - chance) / n))


def match(gallery, who, probes, truth):
    """Both matchers; {matcher: Score}. Where all that is seen is the same, every name is as good and success is chance."""
    gallery, probes, who, truth = np.asarray(gallery, np.float32), np.asarray(probes, np.float32), np.asarray(who), np.asarray(truth)
    names = np.unique(who)
    chance = 1 / len(names)
    seen = np.concatenate([gallery, probes])
    if np.ptp(seen, axis=0).max() < 1e-6:
        same = score(np.full(len(truth), chance), truth, chance)
        return {"nearest": same, "trained": same}
    keep = int(min(80, len(gallery) - 1, gallery.shape[1]))
    pca = PCA(keep, svd_solver="full" if gallery.shape[1] <= 200 else "randomized", random_state=0).fit(gallery)
    useful = pca.explained_variance_ > max(1e-6, pca.explained_variance_[0] * 1e-7)
    g, p = pca.transform(gallery)[:, useful], pca.transform(probes)[:, useful]
    if g.shape[1] == 0:
        same = score(np.full(len(truth), chance), truth, chance)
        return {"nearest": same, "trained": same}
    spread = g.std(0)
    unit = lambda a: (a / spread) / np.maximum(1e-9, np.linalg.norm(a / spread, axis=1, keepdims=True))
    if g.shape[1] > 3:
        near = (unit(p) @ unit(g).T).argmax(1)
    else:
        near = ((p[:, None] - g[None]) ** 2).sum(2).argmin(1)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(g, who)
    return {"nearest": score(who[near] == truth, truth, chance), "trained": score(lda.predict(p) == truth, truth, chance)}
