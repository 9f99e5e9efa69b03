#!/usr/bin/env python3
"""tools/make_wheel.py finds the Pythons that are there, and tells what a command that fails has said."""
import contextlib
import io
import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import make_wheel  # noqa: E402


class Wheels(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        environment = mock.patch.dict(os.environ, {"PYENV_ROOT": folder.name, "PATH": str(self.folder / "path")})
        environment.start()
        self.addCleanup(environment.stop)

    def program(self, path, code):
        path = self.folder / path
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\nexit {code}\n")
        path.chmod(0o700)
        return str(path)

    def test_what_a_command_said_ends_the_program(self):
        with self.assertRaises(SystemExit) as end:
            make_wheel.call("/bin/sh", "-c", "echo is shown; echo too >&2; exit 3")
        for part in ("/bin/sh", "failed with 3", "is shown", "too"):
            self.assertIn(part, str(end.exception))
        self.assertEqual(make_wheel.call("/bin/sh", "-c", "echo x; echo y >&2"), "x\n")

    def test_versions_are_pyenvs_or_on_the_path_and_work(self):
        newest = self.program("versions/3.12.7/bin/python", 0)
        self.program("versions/3.12.1/bin/python", 0)
        self.program("versions/3.1.4/bin/python", 0)
        broken = self.program("versions/3.13.0/bin/python", 1)  # without venv, or a shim of pyenv's
        on_path = self.program("path/python3.11", 0)
        self.assertEqual(make_wheel.interpreter("3.12"), newest)
        self.assertEqual(make_wheel.interpreter("3.11"), on_path)
        self.assertEqual(make_wheel.interpreter("python3.11"), on_path)
        self.assertEqual(make_wheel.interpreter(newest), newest)
        for name in ("3.13", "3.10", broken, "python3.9"):
            self.assertIsNone(make_wheel.interpreter(name))

    def run_tool(self, *arguments):
        said = io.StringIO()
        with mock.patch.object(sys, "argv", ["make_wheel.py", str(self.folder / "out"), *arguments]), \
                mock.patch.object(make_wheel, "make", return_value=["libtbb.so"]) as make, contextlib.redirect_stdout(said):
            code = make_wheel.main()
        return code, [call.args[0] for call in make.call_args_list], said.getvalue()

    def test_what_is_not_there_is_named_and_left_out(self):
        there = self.program("versions/3.9.18/bin/python", 0)
        code, made, said = self.run_tool("--python", "3.9", "3.10")
        self.assertEqual((code, made), (0, [there]))
        self.assertIn("skipped, as there is no such Python here, or none with venv: 3.10", said)
        code, made, _ = self.run_tool("--python", "3.10")
        self.assertEqual((code, made), (1, []))


if __name__ == "__main__":
    unittest.main()
