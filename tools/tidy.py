#!/usr/bin/env python3
"""Runs clang-tidy over src/: .clang-tidy says which checks, and why not others.

Most of its time goes into headers, so that files of one folder go through it together, in translation units
that include one after the other; those whose unnamed namespaces share a name, or that do not compile
together, go apart. Findings are the same.

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
LARGEST = 16  # files of a unit
WORD = re.compile(r"[A-Za-z_]\w+")


def own_names(text):
    """Names that a file defines in its unnamed namespaces, as far as the beginnings of lines tell."""
    names = set()
    for block in re.findall(r"^namespace \{$(.*?)^\}  // namespace$", text, re.S | re.M):
        for line in block.splitlines():
            if not line or line[0] in " }/#":
                continue
            names.update(WORD.findall(re.split(r"[({=;]| : ", line, maxsplit=1)[0])[-1:])
            if line.startswith("constexpr"):  # several at once
                names.update(re.findall(r"\b(k[A-Z]\w*)", line))
    return names - {"fs", "template"}


def units(files):
    """The files in lists of those that may go together."""
    out = []
    for file in files:
        names = own_names(file.read_text())
        for unit, taken in out:
            if len(unit) < LARGEST and not names & taken:
                unit.append(file)
                taken |= names
                break
        else:
            out.append(([file], names))
    return [unit for unit, _ in out]


def options_of(command, folder):
    """Of a compiler's command what clang has to know, with absolute paths."""
    words, out = shlex.split(command)[1:], []
    while words:
        word = words.pop(0)
        if word in ("-o", "-c"):
            words.pop(0)
        elif word == "-isystem":
            out += [word, str(folder / words.pop(0))]
        elif word.startswith("-I"):
            out.append("-I" + str((folder / (word[2:] or words.pop(0))).resolve()))
        elif word.startswith(("-D", "-m", "-std=", "-fopenmp")):
            out.append(word)
    return tuple(out)


def findings(files, options):
    """What clang-tidy says of these files as one unit, or of each where they do not compile together."""
    with tempfile.NamedTemporaryFile("w", suffix=".cpp") as unit:
        unit.write("".join(f'#include "{file}"\n' for file in files))
        unit.flush()
        run = subprocess.run(["clang-tidy", "--quiet", f"--config-file={ROOT / '.clang-tidy'}",
                              "--header-filter=.*", unit.name if len(files) > 1 else str(files[0]), "--", *options],
                             capture_output=True, text=True, errors="replace")
    if len(files) > 1 and "[clang-diagnostic-error]" in run.stdout:
        return "\n".join(filter(None, (findings([file], options) for file in files)))
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
    groups = {}
    for entry in json.loads((asked.build / "compile_commands.json").read_text()):
        file, folder = Path(entry["file"]).resolve(), Path(entry["directory"])
        if ROOT / "src" in file.parents and (not wanted or file in wanted):
            groups.setdefault((file.parent, options_of(entry["command"], folder)), set()).add(file)
    with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
        jobs = [pool.submit(findings, unit, options) for (_, options), files in groups.items()
                for unit in units(sorted(files))]
        found = [text for text in (job.result() for job in jobs) if text]
    print("\n".join(found))
    print(f"tidy: {sum(map(len, groups.values()))} files in {len(jobs)} units", file=sys.stderr)
    return 1 if found or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
