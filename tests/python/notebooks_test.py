"""The notebooks of examples/notebooks run from their first cell to their last, at test parameters, and draw.

usage: notebooks_test.py BUILT BLINDTUNER BLINDTUNER-SERVER [unittest arguments]; exits with 77 where the package was
not built or what runs notebooks is not there. BLINDTUNER_PICTURES=FOLDER keeps the pictures.
"""
import base64
import os
import sys
import unittest
from pathlib import Path

BUILT = sys.argv[1]
if BUILT != "1":
    print("skipped: the Python package was not built (pybind11-dev, python3-dev, python3-numpy)")
    sys.exit(77)
try:
    import ipykernel  # noqa: F401
    import matplotlib  # noqa: F401
    import nbclient
    import nbformat
    import sklearn  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing} (python3-nbclient, python3-ipykernel, python3-matplotlib, python3-sklearn)")
    sys.exit(77)

NOTEBOOKS = Path(__file__).resolve().parents[2] / "examples" / "notebooks"


class Notebooks(unittest.TestCase):
    def test_every_one(self):
        os.environ["BLINDTUNER_PARAMETERS"] = "InsecureTest10"
        os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a debugger's words, which nobody asked for
        found = sorted(NOTEBOOKS.glob("*.ipynb"))
        self.assertEqual([path.stem for path in found], ["one_owner", "what_the_server_sees"])
        for path in found:
            with self.subTest(path.stem):
                notebook = nbformat.read(path, as_version=4)
                nbformat.validate(notebook)
                code = [cell for cell in notebook.cells if cell.cell_type == "code"]
                # What they print depends on fresh keys: with outputs, every run would change the file.
                self.assertFalse(any(cell.outputs or cell.execution_count for cell in code))
                nbclient.NotebookClient(notebook, timeout=300).execute()
                outputs = [output for cell in code for output in cell.outputs]
                said = "".join(o.get("text", "") for o in outputs if o.output_type == "stream")
                errors = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stderr")
                self.assertEqual([line for line in errors.split("\r") if line.strip() and "%" not in line], [])  # bars
                pictures = [o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})]
                self.assertEqual(len(pictures), 3)
                folder = os.environ.get("BLINDTUNER_PICTURES")
                for i, picture in enumerate(pictures if folder else []):
                    (Path(folder) / f"{path.stem}_{i}.png").write_bytes(base64.b64decode(picture))
                self.assertRegex(said, r"(trained on ciphertexts: 9\d|right on its own samples: 9\d)\.\d%")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
