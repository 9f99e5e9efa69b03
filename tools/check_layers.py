#!/usr/bin/env python3
"""Holds the folders of src/ to one direction of dependency, by their includes, and the programs to
one door for what is decrypted.

Run from anywhere; exits with 1 and one line for every include that points upward. What a folder may
include is written down below: itself, and what its entry reaches.
"""
import re
import sys
from pathlib import Path

# folder: the folders directly below it
BELOW = {
    "base": [],
    "math": ["base"],
    "kernels": ["math"],
    "device": ["kernels"],
    "ring": ["device"],
    "rlwe": ["ring"],
    "ckks": ["rlwe"],
    "linalg": ["ckks"],
    "io": ["linalg"],
    "secret": ["io"],
    "features/tables": ["base"],
    "features/samples": ["features/tables"],
    "features/data": ["features/samples"],
    "features/transformer": ["features/data"],
    "features/image": ["features/data"],
    "features/text": ["features/data"],
    "features/extraction": ["features/image", "features/text", "features/transformer"],
    "learn": ["linalg"],
    "learn/reference": ["learn", "features/data"],
    "transport": ["io"],
    "records": ["io", "learn"],
    "plan": ["records"],
    "party/study": ["records", "transport"],
    "party/owner": ["plan", "party/study", "learn/reference", "secret"],
    "app/common": ["party/study"],
    "party/server": ["party/study"],
    "api/common": ["party/study"],
    "api/owner": ["api/common", "party/owner"],
    "api/server": ["api/common", "party/server"],
    "api/encoders": ["api/common", "features/extraction"],
    "app/server": ["app/common", "plan", "party/server"],
    "app/report": ["app/common", "party/owner"],
    "app/owner": ["app/report", "features/extraction"],
}
# What only some files below src/ may include, whatever their layer: the device seam, docs/decisions/device-seam.md.
ONLY_FROM = {"kernels/": ("kernels/", "device/cpu/"), "device/cpu/": ("device/",)}

# Where secret keys and data in the clear are: reached by the owner's program alone.
OWNERS = {"secret", "features", "learn/reference", "party/owner", "api/owner", "api/encoders", "app/report", "app/owner"}

# What can decrypt: everything that programs and libraries decrypt goes through secret/disclosure.h.
DECRYPTING = {"secret/encryption.h", "secret/decryption.h", "secret/joint/opening.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def reach(layer):
    seen, todo = set(), [layer]
    while todo:
        for below in BELOW[todo.pop()]:
            if below not in seen:
                seen.add(below)
                todo.append(below)
    return seen


def layer_of(path):
    """The layer of a path relative to src/, or None."""
    parts = path.split("/")
    inner = "/".join(parts[:2])
    return inner if len(parts) > 2 and (inner in BELOW or parts[0] in ("api", "app", "features", "party")) else parts[0]


def is_owners(layer):
    return layer in OWNERS or layer.split("/")[0] in OWNERS


def includes(path):
    """(line number, file relative to src/) of every include of the project's own headers."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def decrypting(src, path, seen):
    """Headers in DECRYPTING that `path` includes, directly or through others."""
    found = set()
    for _, header in includes(path):
        if header in seen or not (src / header).is_file():
            continue
        seen.add(header)
        found |= {header} & DECRYPTING or decrypting(src, src / header, seen)
    return found


def check(src):
    problems = []
    for path in sorted(src.rglob("*")):
        if path.suffix not in {".h", ".cpp", ".inc"}:
            continue
        inside = path.relative_to(src).as_posix()
        layer = layer_of(inside)
        if layer not in BELOW:
            problems.append(f"{inside}: the folder '{layer}' is not listed in check_layers.py")
            continue
        allowed = reach(layer) | {layer}
        for number, header in includes(path):
            if layer_of(header) not in allowed:
                problems.append(f"{inside}:{number}: {layer} must not include '{header}'")
            for folder, users in ONLY_FROM.items():
                if header.startswith(folder) and not inside.startswith(users):
                    problems.append(f"{inside}:{number}: '{header}' is included from "
                                    f"{' and '.join(users)} alone")
        if layer.startswith(("api/", "app/", "party/")):
            for header in sorted(decrypting(src, path, set())):
                problems.append(f"{inside}: reaches '{header}'; what is decrypted leaves through "
                                "secret/disclosure.h alone")
    for layer in BELOW:
        for below in sorted(reach(layer)):
            if is_owners(below) and not is_owners(layer):
                problems.append(f"check_layers.py: {layer} would reach '{below}'")
    return problems


def main():
    problems = check(Path(__file__).resolve().parent.parent / "src")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
