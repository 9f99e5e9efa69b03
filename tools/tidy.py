#!/usr/bin/env python3
"""Runs clang-tidy over src/: .clang-tidy says which checks, and why not others.

Most of its time goes into headers, so that files go through it together: in units that include one after the other, as
many as have the same options and no names that clash.

Usage: tools/tidy.py [--build BUILD] [--jobs N] [FILE ..]   exits with 1 and what is found; 77: no clang-tidy
BUILD is a configured build folder (build/release): its compile_commands.json has the options.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDED = re.compile(r'^#include "(/.*)"$', re.M)


def files_of(unit):
    """The files that a translation unit of the build consists of: those that it includes, or itself."""
    included = INCLUDED.findall(unit.read_text()) if unit.suffix == ".cxx" else []
    return [Path(name) for name in included] or [unit]


def options_of(command, folder):
    """Of a compiler's command what clang has to know, with absolute paths."""
    words, out = shlex.split(command)[1:], []
    while words:
        word = words.pop(0)
        if word in ("-o", "-c"):
            words.pop(0)
        elif word == "-isystem":
            out.append(word + str(folder / words.pop(0)))
        elif word.startswith("-I"):
            out.append("-I" + str((folder / (word[2:] or words.pop(0))).resolve()))
        elif word.startswith(("-D", "-m", "-std=", "-fopenmp")):
            out.append(word)
    return tuple(out)


def unit_of(files):
    """The text of one translation unit of them all."""
    return "".join(f'#include "{file}"\n' for file in files)


def goes_with(file):
    """What files of the same options go through it together by: names of these layers clash, of others they do not."""
    layers = file.relative_to(ROOT / "src").parts[:-1]
    return layers[:2] if layers[0] in ("features", "api", "app") else layers[:1] if layers[0] == "party" else ()


def findings(files, options):
    """What clang-tidy says of these files and what they include."""
    with tempfile.NamedTemporaryFile("w", suffix=".cpp") as unit:
        unit.write(unit_of(files))
        unit.flush()
        run = subprocess.run(["clang-tidy", "--quiet", f"--config-file={ROOT / '.clang-tidy'}", "--header-filter=.*",
                              unit.name, "--", *options], capture_output=True, text=True, errors="replace")
    # What it says when it has not run at all is on the other stream.
    return run.stdout.strip() or (run.stderr.strip() if run.returncode != 0 else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*", type=Path)
    asked = parser.parse_args()
    if not shutil.which("clang-tidy"):
        print("tidy: there is no clang-tidy", file=sys.stderr)
        return 77
    wanted = {file.resolve() for file in asked.files}
    units = {}
    for entry in json.loads((asked.build / "compile_commands.json").read_text()):
        folder = Path(entry["directory"])
        for file in files_of(folder / entry["file"]):
            if ROOT / "src" in file.parents and (not wanted or file in wanted):
                units.setdefault((goes_with(file), options_of(entry["command"], folder)), []).append(file)
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        found = [text for text in pool.map(lambda unit: findings(unit[1], unit[0][1]), units.items()) if text]
    print("\n".join(found))
    print(f"tidy: {sum(map(len, units.values()))} files in {len(units)} units", file=sys.stderr)
    return 1 if found or not units else 0


if __name__ == "__main__":
    sys.exit(main())
