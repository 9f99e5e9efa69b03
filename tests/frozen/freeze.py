#!/usr/bin/env python3
"""Writes a new folder of frozen files with the present programs: tests/frozen/README.md.

usage: freeze.py BLINDTUNER BLINDTUNER-SERVER VERSION
"""
import sys

from observations import HERE, freeze, make, observe, unfreeze


def main():
    owner, server, version = sys.argv[1:]
    freeze(HERE / version, owner, server, make, observe, unfreeze)


if __name__ == "__main__":
    main()
