#!/usr/bin/env python3
"""Every target of the fuzzer is a test, and has a corpus.

usage: every_target_test.py FUZZ_READERS TARGET...
"""
import os
import subprocess
import sys
from pathlib import Path

names = sorted(subprocess.run(
    [sys.argv[1]], capture_output=True, text=True, check=True,
    env={key: value for key, value in os.environ.items() if key != "FUZZ_TARGET"},
).stdout.split())
corpus = sorted(path.name for path in (Path(__file__).resolve().parent / "corpus").iterdir())
assert len(names) > 20 and names == sorted(sys.argv[2:]) == corpus, (names, corpus)
