#!/usr/bin/env python3
"""Both programs answer signals before their main() begins: what comes then ends them as it does later.

What comes sooner, while the system loads the program, ends it by the signal itself: nothing of ours has run.

usage: start_test.py BLINDTUNER BLINDTUNER-SERVER FAULT_INJECTOR
"""
import os
import signal
import subprocess
import sys
from pathlib import Path

PROGRAMS, INJECTOR = sys.argv[1:3], sys.argv[3]


def main():
    for program in PROGRAMS:
        name = Path(program).name
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            result = subprocess.run(
                [program, "--version"], capture_output=True, text=True, timeout=60,
                env={**os.environ, "LD_PRELOAD": INJECTOR, "FAULT_PROGRAM": name,
                     "FAULT_MAIN": str(int(number)), "ASAN_OPTIONS": "verify_asan_link_order=0"})
            assert (result.returncode, result.stderr) == (130, f"{name}: interrupted\n"), result


if __name__ == "__main__":
    main()
