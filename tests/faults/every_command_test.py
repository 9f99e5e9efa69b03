#!/usr/bin/env python3
"""No command is forgotten: every one that --help names has a case, every case is a test.

usage: every_command_test.py BLINDTUNER BLINDTUNER-SERVER WORLDS CASE...
"""
import subprocess
import sys
from pathlib import Path

from commands import CASES, OWNER, SERVER


def subcommands(program):
    lines = subprocess.run([program, "--help"], capture_output=True, text=True,
                           check=True).stdout.split("Subcommands:\n")[1].splitlines()
    return {line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "}


def main():
    tested = sys.argv[4:]
    names = [case.name for case in CASES]
    assert sorted(tested) == sorted(names), set(tested) ^ set(names)
    for program in (OWNER, SERVER):
        there = subcommands(program)
        assert len(there) >= 3, there
        cases = {case.arguments.split()[0] for case in CASES if case.program == program}
        assert there == cases, f"{Path(program).name}: {there ^ cases}"


if __name__ == "__main__":
    main()
