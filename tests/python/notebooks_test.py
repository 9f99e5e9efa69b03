"""The notebooks of examples/notebooks run from their first cell to their last, at test parameters, and draw."""
import os
import re
import shutil
import sys
import unittest
from pathlib import Path

from python_base import main, need

need("ipykernel", "matplotlib", "nbclient", "nbformat", "sklearn")
import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs" / "site"))
import notebooks  # noqa: E402

PICTURES = {"one_owner": 3, "three_hospitals": 4, "what_the_server_sees": 3}


class Notebooks(unittest.TestCase):
    def test_every_one(self):
        os.environ["BLINDTUNER_PARAMETERS"] = "InsecureTest10"
        ran = Path(os.environ["BLINDTUNER_NOTEBOOKS"])
        shutil.rmtree(ran, ignore_errors=True)
        ran.mkdir(parents=True)
        found = sorted(notebooks.FOLDER.glob("*.ipynb"))
        self.assertEqual([path.stem for path in found], list(PICTURES))
        for path in found:
            with self.subTest(path.stem):
                stored = notebooks.read(path)
                nbformat.validate(stored)
                # What they print depends on fresh keys: with outputs, every run would change the file.
                code = [cell for cell in stored.cells if cell.cell_type == "code"]
                self.assertFalse(any(cell.outputs or cell.execution_count for cell in code))
                notebook = notebooks.run(path)
                outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
                said = "".join(o.get("text", "") for o in outputs if o.output_type == "stream")
                errors = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stderr")
                self.assertEqual([line for line in re.split("[\r\n]", errors.replace("\x1b[A", ""))
                                  if line.strip() and "%" not in line], [])  # bars
                self.assertEqual(len(notebooks.pictures(notebook)), PICTURES[path.stem])
                self.assertRegex(said, r"(trained on ciphertexts: 9\d|right on its own samples: 9\d)\.\d%")
                nbformat.write(notebook, ran / path.name)


if __name__ == "__main__":
    main()
