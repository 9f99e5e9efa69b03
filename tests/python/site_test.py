"""The documentation's site is built without a warning, and has what it promises.

usage: site_test.py BUILT BLINDTUNER BLINDTUNER-SERVER [unittest arguments]; exits with 77 where the package was not
built or Sphinx, MyST's parser or Doxygen is not there.
"""
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILT = sys.argv[1]
if BUILT != "1":
    print("skipped: the Python package was not built (pybind11-dev, python3-dev, python3-numpy)")
    sys.exit(77)
try:
    import myst_parser  # noqa: F401
    import sklearn  # noqa: F401
    import sphinx  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing} (python3-sphinx, python3-myst-parser, python3-sklearn)")
    sys.exit(77)
if not shutil.which("doxygen"):
    print("skipped: doxygen is not there")
    sys.exit(77)
ROOT = Path(__file__).resolve().parents[2]


class Site(unittest.TestCase):
    def test_is_built_without_a_warning(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, ROOT / "docs/site/build.py", folder], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            pages = {path.stem: path.read_text() for path in Path(folder).glob("*.html")}
            self.assertLessEqual({"index", "tutorial", "howto", "reference", "explanation"}, set(pages))
            for name in ("blindtuner.EncryptedClassifier.fit", "blindtuner.FeatureExtractor.transform",
                         "blindtuner.Owner.open_model", "blindtuner.Server.train", "blindtuner.DataError"):
                self.assertTrue(f'id="{name}"' in pages["reference"], name)
            for word in ("patience", "n_iter_", "--seed"):
                self.assertTrue(word in pages["reference"], word)
            cpp = {path.name for path in (Path(folder) / "cpp").glob("*.html")}
            self.assertLessEqual({"index.html", "classblindtuner_1_1Owner.html", "classblindtuner_1_1Server.html",
                                  "classblindtuner_1_1PictureEncoder.html"}, cpp)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
