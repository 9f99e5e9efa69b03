#!/usr/bin/env python3
"""Builds the documentation's site into a folder; any warning is an error.

usage: docs/site/build.py FOLDER [NOTEBOOKS]     with the package blindtuner importable, Sphinx, MyST's parser and Doxygen
installed. NOTEBOOKS: the notebooks as they have run; else they are run, which nbclient, ipykernel and matplotlib do
"""
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import notebooks

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DOXYFILE = f"""
PROJECT_NAME = "BlindTuner, C++"
INPUT = {ROOT / 'include' / 'blindtuner'} {HERE / 'cpp.md'}
USE_MDFILE_AS_MAINPAGE = {HERE / 'cpp.md'}
STRIP_FROM_PATH = {ROOT / 'include'}
STRIP_FROM_INC_PATH = {ROOT / 'include'}
JAVADOC_AUTOBRIEF = YES
QUIET = YES
WARN_AS_ERROR = FAIL_ON_WARNINGS
EXTRACT_ALL = YES
HIDE_UNDOC_RELATIONS = YES
PREDEFINED = "[[gnu::visibility(x)]]="
ENABLE_PREPROCESSING = YES
MACRO_EXPANSION = YES
GENERATE_LATEX = NO
HAVE_DOT = NO
HTML_COLORSTYLE_SAT = 40
VERBATIM_HEADERS = NO
"""


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    out = Path(sys.argv[1]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "source"
        shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("__pycache__"))
        for path in sorted(notebooks.FOLDER.glob("*.ipynb")):
            if len(sys.argv) == 3:
                notebook = notebooks.read(Path(sys.argv[2]) / path.name)
            else:
                notebook = notebooks.run(path)
            notebooks.write_page(notebook, path.stem, source)
        subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d",
                        Path(scratch) / "trees", source, out], check=True)
    settings = DOXYFILE + f"OUTPUT_DIRECTORY = {out}\nHTML_OUTPUT = cpp\n"
    subprocess.run(["doxygen", "-"], input=settings, text=True, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
