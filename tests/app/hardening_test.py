#!/usr/bin/env python3
"""What the programs ask of compiler, linker and system against memory errors and leaks.

usage: hardening_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import os
import re
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cli_base import OWNER, SERVER, main


def readelf(program, *options):
    return subprocess.run(["readelf", "-W", *options, program], check=True, capture_output=True,
                          text=True).stdout


class Hardening(unittest.TestCase):
    def test_headers(self):
        for program in (OWNER, SERVER):
            with self.subTest(program=program):
                header, segments = readelf(program, "-h"), readelf(program, "-l")
                dynamic, symbols = readelf(program, "-d"), readelf(program, "--dyn-syms")
                self.assertRegex(header, r"Type:\s+DYN")
                self.assertRegex(dynamic, r"FLAGS_1.*\bPIE\b")
                # Full RELRO: resolved at start, then read-only.
                self.assertIn("GNU_RELRO", segments)
                self.assertRegex(dynamic, r"FLAGS_1.*\bNOW\b")
                self.assertRegex(segments, r"GNU_STACK\s.*\sRW\s")
                self.assertIn("__stack_chk_fail", symbols)
                self.assertNotIn("TEXTREL", dynamic)

    def test_checked_library_calls(self):
        for program in (OWNER, SERVER):
            checked = set(re.findall(r"__(\w+)_chk@", readelf(program, "--dyn-syms")))
            if not checked & {"snprintf", "fprintf", "memcpy"}:
                self.skipTest("built without optimisation: library calls are not checked")

    def waiting(self, folder, **environment):
        """The owner's program, waiting for a passphrase out of a pipe, with keys in memory."""
        pipe = folder / "pipe"
        if not pipe.exists():
            os.mkfifo(pipe)
        child = subprocess.Popen(
            [OWNER, "keygen", "--out", folder / "keys", "--classes", "3", "--features", "8",
             "--parameters", "InsecureTest10", "--allow-insecure-parameters",
             "--passphrase-file", pipe], env={**os.environ, **environment},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        # Opening the other end waits for the reader.
        writer = os.open(pipe, os.O_WRONLY)
        self.addCleanup(os.close, writer)
        return child.pid

    def test_no_core_dumps(self):
        with tempfile.TemporaryDirectory(prefix="blindtuner-hardening-") as name:
            folder = Path(name)
            limits = Path(f"/proc/{self.waiting(folder)}/limits").read_text()
            self.assertRegex(limits, r"Max core file size\s+0\s+0\s")
            debugged = Path(f"/proc/{self.waiting(folder, BLINDTUNER_DEBUG='1')}/limits")
            self.assertEqual(re.search(r"Max core.*", debugged.read_text())[0],
                             re.search(r"Max core.*", Path("/proc/self/limits").read_text())[0])


if __name__ == "__main__":
    main()
