#!/usr/bin/env python3
"""Writes a new folder of frozen files with the present programs: tests/frozen/README.md.

usage: freeze.py BLINDTUNER BLINDTUNER-SERVER VERSION
"""
import json
import shutil
import sys
import tempfile
from pathlib import Path

from observations import HERE, Programs, make, observe, unfreeze


def main():
    owner, server, version = sys.argv[1:]
    frozen = HERE / version
    if frozen.exists():
        sys.exit(f"freeze.py: {frozen} exists; what is frozen stays as it is")
    with tempfile.TemporaryDirectory(prefix="blindtuner-frozen-") as scratch:
        made, copy = Path(scratch) / "made", Path(scratch) / "copy"
        made.mkdir()
        make(Programs(owner, server, made))
        unfreeze(made, copy)
        expected = observe(Programs(owner, server, copy))
        (made / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
        shutil.copytree(made, frozen)
    print(f"{frozen}: {sum(f.stat().st_size for f in frozen.rglob('*') if f.is_file())} bytes")


if __name__ == "__main__":
    main()
