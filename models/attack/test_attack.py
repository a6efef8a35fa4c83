"""The attacks tested on themselves: they find what is there, and nothing where nothing is. Needs no campari-mask; runs before every attack."""
import pathlib
import tempfile
import tomllib
import unittest
import warnings

import cv2
import numpy as np

import filters
import identify
import material
import parrot
import reading

PEOPLE, GALLERY, PROBES, FACE = 12, 6, 3, 48


class Faces(unittest.TestCase):
    """On drawn faces, masked around where they are."""

    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")
        cv2.setNumThreads(1)
        cls.scale = material.drawn_scale(material.drawn(PEOPLE, GALLERY, PROBES), FACE)
        half = int(.9 * FACE)
        middle = [(x + cls.scale.tile // 2, int(y + cls.scale.tile * .48)) for _, x, y in cls.scale.where]
        cls.scale.boxes = [((cx - half) & ~1, (cy - half) & ~1, 2 * half, 2 * half) for cx, cy in middle]
        cls.by_sheet = [[b for b, w in zip(cls.scale.boxes, cls.scale.where) if w[0] == s] for s in range(len(cls.scale.sheets))]

    def success(self, paint):
        sheets = [paint(p, b) for p, b in zip(self.scale.sheets, self.by_sheet)]
        return parrot.attack(self.scale, lambda i: identify.feature(parrot.cut(self.scale, sheets, i)), range(len(self.scale.who)))

    def test_an_unmasked_face_is_recognised(self):
        self.assertGreater(self.success(lambda p, b: p)["trained"].success, .5)

    def test_the_attack_bites_on_blur(self):
        for name, score in self.success(filters.blur).items():
            self.assertGreater(score.z, 4, f"{name}: {score}")

    def test_a_filled_face_is_no_better_than_chance(self):
        def fill(picture, boxes):
            out = picture.copy()
            for x, y, w, h in boxes:
                out[y:y + h, x:x + w] = 128
            return out
        for score in self.success(fill).values():
            self.assertAlmostEqual(score.success, 1 / PEOPLE)

    def test_more_cells_tell_more(self):
        few, many = (self.success(lambda p, b, n=n: filters.pixelate(p, b, n, 2))["trained"].success for n in (1, 12))
        self.assertGreater(many, few)

    def test_names_dealt_out_at_random_are_not_found(self):
        features = np.random.default_rng(0).normal(0, 1, (600, 50))
        who = np.arange(600) % 20
        for name, score in identify.match(features[:300], who[:300], features[300:], who[300:]).items():
            self.assertLess(abs(score.z), 3, name)


class Plates(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(5)
        self.names = reading.texts(60, rng)
        drawer = reading.Drawer([reading.blank_and_text(t) for t in self.names], 96)
        behind = reading.car(160, rng)
        quad = reading.quad(96, rng, 80, 72)
        self.drawn = np.stack([drawer.draw(n, quad, behind)[55:90, 25:135] for n in range(60)])
        self.seen = np.clip(self.drawn[17] * 1.1 - 6 + rng.normal(0, 3, self.drawn[17].shape), 0, 255)

    def test_a_blurred_plate_is_read_by_synthesis(self):
        blur = lambda a: cv2.GaussianBlur(a, (0, 0), 5)[::3, ::3]
        self.assertEqual(reading.best(reading.rank(blur(self.seen), np.stack([blur(d) for d in self.drawn]), 1.0), 17), 1)

    def test_a_filled_plate_leaves_every_candidate_as_good(self):
        flat = np.full_like(self.drawn, 128)
        self.assertAlmostEqual(reading.best(reading.rank(flat[0], flat, 1.0), 17), 1 / 60)


class Sums(unittest.TestCase):
    def test_the_error_of_a_guesser_is_binomial_and_ties_are_shared(self):
        score = identify.score([.5] * 100, np.arange(100), .5)
        self.assertAlmostEqual(score.se_chance, .05)
        self.assertAlmostEqual(score.z, 0)

    def test_cells_are_the_products(self):
        self.assertEqual(filters.grid(90, 120, 6), (4, 6))
        self.assertEqual(filters.grid(20, 30, 6), (2, 3))
        self.assertEqual(filters.cuts(30, 4), [0, 6, 14, 22, 30])

    def test_coarse_cells_are_the_products(self):
        self.assertEqual([material.coarse_cell(v) for v in (4, 10, 100, 128.2)], [16, 24, 226, 290])

    def test_heads_lie_in_the_middle_of_coarse_cells(self):
        for px in material.LAYOUT:
            cell = material.coarse_cell(px * material.WIDEST)
            at = (material.middle(px) + material.tile_px(px) / 2) / cell % 1
            self.assertLess(abs(at - .5), .05)

    def test_coarse_values_are_even_steps_and_gray_is_one(self):
        gray = np.full((8, 8, 3), 130, np.uint8)
        self.assertEqual(np.floor(filters.coarse_values(gray, 4)[0, 0]).tolist(), [2, 0, 0])
        red = np.floor(filters.coarse_values(np.full((8, 8, 3), (250, 10, 10), np.uint8), 4)[0, 0])
        self.assertTrue(red[1] < 0 < red[2])

    def test_the_blind_detectors_manifest_has_no_number_that_the_reader_refuses(self):
        with tempfile.TemporaryDirectory() as work:
            manifest = pathlib.Path(__file__).resolve().parent.parent / "manifest.toml"
            blind = tomllib.loads(filters.Program("campari-mask", manifest, work).blind().read_text())
        for model in blind["model"]:
            asked = model["thresholds"]
            self.assertGreater(min(asked.values()), .9)
            for by_width, of in (("plate_by_width", "plate"), ("head_by_width", "head")):
                for name, value in model.get(by_width, {}).items():
                    if name == "score":
                        self.assertGreaterEqual(value, asked[f"{of}_candidate"])
                        self.assertLessEqual(value, 1)
                        self.assertTrue(of == "plate" or value <= asked["head"])
                    if name == "candidate":
                        self.assertGreaterEqual(value, asked[f"{of}_candidate"])


if __name__ == "__main__":
    unittest.main()
