"""FeatureExtractor: what the command `extract` makes of the same samples, bit for bit, and scikit-learn's manners."""
import contextlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

from python_base import OWNER, main, need

need("sklearn")
import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import blindtuner
from blindtuner import FeatureExtractor

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "app"))
from extract_test import WIDTH, png, tiny_bert, tiny_model  # noqa: E402

TEXTS = ["Play the song!", "BOOK a table", "play   the SONG !", "song " * 50]
LABELS = ["music", "booking", "music", "music"]


def of_command(model, out, *samples):
    subprocess.run([OWNER, "extract", "--model", model, "--out", out, "--no-cache", "--quiet", *map(str, samples)],
                   check=True, stderr=subprocess.DEVNULL)
    with np.load(out) as archive:
        return dict(archive)


class Extractor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="blindtuner-extractor-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.vision, cls.bert = cls.folder / "tiny.safetensors", cls.folder / "bert"
        tiny_model(cls.vision)
        tiny_bert(cls.bert)
        cls.images = cls.folder / "images"
        # More than two batches of 64, of different sizes.
        for i in range(140):
            name, colour = (("red", (200, 20, 20)), ("green", (20, 200, 20)))[i % 2]
            png(cls.images / name / f"{i:03}.png", 20 + i % 30, 33, colour)
        cls.files = sorted(cls.images.glob("*/*.png"))
        cls.table = cls.folder / "t.tsv"
        cls.table.write_text("text\tintent\n" + "".join(f"{t}\t{y}\n" for t, y in zip(TEXTS, LABELS)))
        warnings.simplefilter("ignore")  # the tiny model has no settings beside it
        cls.expected = of_command(cls.vision, cls.folder / "pictures.npz", "--images", cls.images)
        cls.expected_texts = of_command(cls.bert, cls.folder / "texts.npz", "--texts", cls.table)

    def equal(self, x, expected):
        self.assertEqual(x.dtype, np.float32)
        np.testing.assert_array_equal(x, expected)

    def test_pictures_are_the_commands(self):
        extractor = FeatureExtractor(self.vision)
        loaded = extractor.load(self.images)
        self.equal(loaded.X, self.expected["features"])
        self.assertEqual((loaded.names, loaded.classes), (self.expected["names"].tolist(), ["green", "red"]))
        self.assertEqual(loaded.y.tolist(), self.expected["classes"][self.expected["labels"]].tolist())
        self.equal(extractor.transform(self.images), self.expected["features"])
        self.equal(extractor.transform(self.files), self.expected["features"])
        self.equal(extractor.transform([f.read_bytes() for f in self.files]), self.expected["features"])
        self.equal(FeatureExtractor(self.vision, kind="pictures").transform([str(f) for f in self.files[:3]]),
                   self.expected["features"][:3])
        several = FeatureExtractor(self.vision, pooling="class+mean").transform(self.images)
        self.equal(several, of_command(self.vision, self.folder / "p.npz", "--images", self.images, "--pooling",
                                       "class+mean")["features"])

    def test_arrays_are_the_commands(self):
        colours = np.random.default_rng(0).integers(0, 256, (5, 40, 50, 3), np.uint8)
        grey = np.ascontiguousarray(colours[..., 0])
        extractor = FeatureExtractor(self.vision)
        for x in (colours, grey, grey[..., None]):
            np.savez(self.folder / "a.npz", images=x, labels=np.arange(5) % 2)
            expected = of_command(self.vision, self.folder / "f.npz", "--images", self.folder / "a.npz")["features"]
            self.equal(extractor.transform(x), expected)
            self.equal(extractor.transform(list(x)), expected)
            self.equal(extractor.transform(np.asfortranarray(x)), expected)
            self.equal(extractor.transform(self.folder / "a.npz"), expected)
        # Labels that are texts are names.
        np.savez(self.folder / "a.npz", images=grey, labels=np.array(["1", "2", "1", "1", "2"]), classes=["1", "2", "3"])
        self.assertEqual(extractor.load(self.folder / "a.npz").y.tolist(), ["1", "2", "1", "1", "2"])

    @unittest.skipUnless(__import__("importlib.util").util.find_spec("PIL"), "Pillow is not there (python3-pil)")
    def test_pil_pictures_are_the_files(self):
        from PIL import Image
        files = [Path(__file__).resolve().parents[1] / "features/image/fixtures" / name
                 for name in ("rgb.png", "palette.png", "grey_alpha.png", "turned_6.jpg", "lossy.webp")]
        extractor = FeatureExtractor(self.vision)
        self.equal(extractor.transform([Image.open(f) for f in files]), extractor.transform(files))
        sixteen = Image.fromarray(np.full((4, 4), 3000, np.uint16))
        with self.assertRaisesRegex(ValueError, "picture 0: of mode I"):
            extractor.transform([sixteen])

    def test_texts_are_the_commands(self):
        extractor = FeatureExtractor(self.bert)
        expected = self.expected_texts["features"]
        self.equal(extractor.transform(TEXTS), expected)
        self.equal(extractor.transform(np.array(TEXTS)), expected)
        self.equal(extractor.transform(np.array(TEXTS, object).reshape(-1, 1)), expected)
        self.equal(FeatureExtractor(self.bert, kind="texts").transform(self.table), expected)
        loaded = FeatureExtractor(self.bert, kind="texts").load(self.table)
        self.equal(loaded.X, expected)
        self.assertEqual(loaded.y.tolist(), LABELS)
        for module in ("pandas", "polars"):
            with self.subTest(module):
                frames = self.import_or_skip(module)
                self.equal(extractor.transform(frames.Series("t", TEXTS) if module == "polars" else frames.Series(TEXTS)),
                           expected)
                self.equal(extractor.transform(frames.DataFrame({"t": TEXTS})), expected)

    def import_or_skip(self, module):
        try:
            return __import__(module)
        except ImportError:
            self.skipTest(f"{module} is not there")

    def test_a_pipeline_and_copies_share_one_model(self):
        pipeline = make_pipeline(FeatureExtractor(self.vision), LogisticRegression())
        y = self.expected["labels"]
        pipeline.fit(self.files, y)
        self.assertGreater(pipeline.score(self.files, y), 0.9)
        extractor = pipeline[0]
        self.assertEqual(extractor.get_feature_names_out().tolist()[::WIDTH - 1],
                         ["featureextractor0", f"featureextractor{WIDTH - 1}"])
        copy = clone(extractor)
        copy.transform(self.files[:1])
        self.assertIs(copy._kept[1], extractor._kept[1])
        again = pickle.loads(pickle.dumps(pipeline))
        self.assertNotIn("_kept", vars(again[0]))
        self.assertEqual(again.predict(self.files[:4]).tolist(), pipeline.predict(self.files[:4]).tolist())

    def test_files_that_were_replaced_are_read_by_the_next_fit(self):
        for settings, linked in ((False, False), (True, False), (False, True), (True, True)):
            with self.subTest(settings=settings, linked=linked):
                model = self.folder / f"replaced-{settings}-{linked}" / "tiny.safetensors"
                model.parent.mkdir()
                if linked:  # as Hugging Face's cache has it: settings are beside the link
                    blobs = self.folder / f"blobs-{settings}"
                    blobs.mkdir()
                    tiny_model(blobs / "0123")
                    model.symlink_to(blobs / "0123")
                else:
                    tiny_model(model)
                before = FeatureExtractor(model).fit(self.files)
                features, when = before.transform(self.files[:2]), os.stat(model)
                if settings:
                    (model.parent / "preprocessor_config.json").write_text('{"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 1, 1]}')
                else:  # of the same size and time
                    weights = bytearray(model.read_bytes())
                    begin = 8 + int.from_bytes(weights[:8], "little")
                    weights[begin:] = (np.frombuffer(bytes(weights[begin:]), "<f4") * np.float32(1.5)).tobytes()
                    (model.parent / "new").write_bytes(weights)
                    os.utime(model.parent / "new", ns=(when.st_atime_ns, when.st_mtime_ns))
                    os.replace(model.parent / "new", model.resolve())
                self.equal(before.transform(self.files[:2]), features)  # it goes on with what it was fitted with
                expected = of_command(model, self.folder / "replaced.npz", "--images", self.images)["features"]
                after = FeatureExtractor(model).transform(self.images)
                self.equal(after, expected)
                self.assertGreater(np.abs(after[:2] - features).max(), 1e-3)
                self.equal(before.fit(self.files).transform(self.images), expected)

    def test_modules_that_were_replaced_are_read_by_the_next_fit(self):
        for file in (False, True):
            with self.subTest(file=file):
                folder = self.folder / f"modules-{file}"
                tiny_bert(folder)
                (folder / "modules.json").write_text(json.dumps([
                    {"path": "", "type": "sentence_transformers.models.Transformer"},
                    {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]))
                pooling = folder / "elsewhere" / "config.json"
                pooling.parent.mkdir()
                pooling.write_text('{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}')
                (folder / "1_Pooling").symlink_to(pooling.parent)
                extractor = FeatureExtractor(folder / "model.safetensors" if file else folder).fit(TEXTS)
                before = extractor.transform(TEXTS)
                pooling.write_text('{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}')
                self.equal(extractor.transform(TEXTS), before)
                expected = of_command(folder, self.folder / "modules.npz", "--texts", self.table)["features"]
                self.assertGreater(np.abs(expected - before).max(), 1e-3)
                self.equal(extractor.fit(TEXTS).transform(TEXTS), expected)

    def test_a_fork_loads_its_own(self):
        extractor = FeatureExtractor(self.bert).fit(TEXTS)
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(BaseException):
                status = int(not (extractor.transform(TEXTS) == self.expected_texts["features"]).all())
            os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_a_cache_gives_the_same(self):
        cache = self.folder / "cache"
        for _ in range(2):
            self.equal(FeatureExtractor(self.vision, cache=cache).transform(self.images), self.expected["features"])
        self.assertEqual(len(list(cache.iterdir())), 1)

    def test_what_is_wrong_is_said(self):
        extractor = FeatureExtractor(self.vision)
        for samples, said in ((np.zeros((2, 3, 4), np.float32), "picture 0: expected .* uint8"),
                              (np.zeros((2, 3)), "an array of 2 dimensions"),
                              ([np.zeros((3, 3, 4), np.uint8)], "picture 0: expected"),
                              (self.table, "give kind='pictures' or 'texts'"),
                              ([b"no picture"], "picture 0: "),
                              (np.ma.masked_equal(np.repeat(np.uint8([0, 1]), 27).reshape(2, 3, 3, 3), 1), "picture 1: some are masked"),
                              ([self.files[0], 7], "picture 1: expected"),
                              (np.array([self.files[:2], self.files[2:4]], object), "an array of 2 x 2 objects")):
            with self.assertRaisesRegex(ValueError, said):
                extractor.transform(samples)
        with self.assertRaisesRegex(blindtuner.DataError, "gone"):
            FeatureExtractor(self.folder / "gone").transform(self.files)
        with self.assertRaisesRegex(ValueError, "text 1: a float"):
            FeatureExtractor(self.bert, kind="texts").transform(["a", np.nan])
        with self.assertRaisesRegex(blindtuner.DataError, "is several"):
            FeatureExtractor(self.vision, pooling="auto").transform(self.files)
        broken = self.folder / "broken"
        for name in ("a", "b"):
            png(broken / name / "0.png", 9, 9, (9, 9, 9))
        (broken / "b" / "1.png").write_bytes((broken / "b" / "0.png").read_bytes()[:60])
        with self.assertRaisesRegex(blindtuner.DataError, "b/1.png"):
            extractor.load(broken)
        with self.assertWarnsRegex(UserWarning, "skipped: .*b/1.png"):
            self.assertEqual(FeatureExtractor(self.vision, on_error="skip").load(broken).names, ["a/0.png", "b/0.png"])

    def test_what_can_be_looked_at_once_is_refused(self):
        with open(self.table) as table:
            once = [("pictures", self.images.glob("red/*.png")), ("pictures", map(Path.read_bytes, self.files)),
                    ("texts", iter(TEXTS)), ("texts", (t for t in TEXTS)), ("texts", table)]
            for kind, samples in once:
                model = self.vision if kind == "pictures" else self.bert
                unasked, asked = FeatureExtractor(model), FeatureExtractor(model, kind=kind)
                for call in (unasked.fit, unasked.transform, unasked.fit_transform, unasked.load, asked.transform):
                    with self.subTest(samples=samples, call=call), self.assertRaisesRegex(ValueError, "give a list of them"):
                        call(samples)
                self.assertIsNotNone(next(samples, None))  # of which nothing was taken
        again = dict(zip("abcd", TEXTS)).values()  # can be looked at as often as one likes
        self.equal(FeatureExtractor(self.bert).fit_transform(again), self.expected_texts["features"])

    def test_a_guess_is_warned_of(self):
        with self.assertWarnsRegex(UserWarning, "no settings beside the weights say so, guessed"):
            FeatureExtractor(self.vision, threads=1).fit(self.files)


if __name__ == "__main__":
    main()
