"""The documentation's site is built without a warning, and has what it promises."""
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from python_base import main, need

need("myst_parser", "nbformat", "sklearn", "sphinx", program="doxygen")
ROOT = Path(__file__).resolve().parents[2]
# As python.notebooks has run them.
NOTEBOOKS = Path(os.environ["BLINDTUNER_NOTEBOOKS"])
need(program=None if any(NOTEBOOKS.glob("*.ipynb")) else "the notebooks' test")


class Site(unittest.TestCase):
    def test_is_built_without_a_warning(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, ROOT / "docs/site/build.py", folder, NOTEBOOKS], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            pages = {path.stem: path.read_text() for path in Path(folder).glob("*.html")}
            self.assertLessEqual({"index", "tutorial", "howto", "reference", "explanation"}, set(pages))
            drawn = {name: len(re.findall(f'<img [^>]*src="_images/{name}_', pages[name]))
                     for name in ("one_owner", "three_hospitals", "what_the_server_sees")}
            self.assertEqual(drawn, {"one_owner": 3, "three_hospitals": 4, "what_the_server_sees": 3})
            for name in ("blindtuner.EncryptedClassifier.fit", "blindtuner.FeatureExtractor.transform",
                         "blindtuner.Owner.open_model", "blindtuner.Study.contribute", "blindtuner.StudyServer.run_async",
                         "blindtuner.Server.train", "blindtuner.DataError"):
                self.assertTrue(f'id="{name}"' in pages["reference"], name)
            for word in ("patience", "n_iter_", "--seed"):
                self.assertTrue(word in pages["reference"], word)
            cpp = {path.name for path in (Path(folder) / "cpp").glob("*.html")}
            self.assertLessEqual({"index.html", "classblindtuner_1_1Owner.html", "classblindtuner_1_1Server.html", "classblindtuner_1_1Study.html",
                                  "classblindtuner_1_1PictureEncoder.html"}, cpp)


if __name__ == "__main__":
    main()
