"""What the tests of the Python package share.

usage of each: NAME_test.py BUILT BLINDTUNER BLINDTUNER-SERVER [unittest arguments]; exits with 77, which CTest shows as skipped, where the
package was not built or what the test needs besides is not there.
"""
import importlib
import shutil
import sys
import unittest

BUILT, OWNER, SERVER = sys.argv[1:4]
del sys.argv[1]  # as the tests of the commands read them, which some of these take along

PACKAGES = {"ipykernel": "python3-ipykernel", "matplotlib": "python3-matplotlib", "myst_parser": "python3-myst-parser",
            "nbclient": "python3-nbclient", "nbformat": "python3-nbformat", "sklearn": "python3-sklearn",
            "sphinx": "python3-sphinx"}


def _skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


if BUILT != "1":
    _skip("the Python package was not built (pybind11-dev, python3-dev, python3-numpy)")


def need(*modules, program=None):
    """Skips the test where one is missing."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as missing:
            _skip(f"{missing} ({PACKAGES[name]})")
    if program and not shutil.which(program):
        _skip(f"{program} is not there")


def main():
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
