#!/usr/bin/env python3
"""Runs secret_flow under valgrind and judges what it reports.

Usage: constant_time_test.py VALGRIND FLOW KERNELS all|branch|address

`all` passes when every report is one of the two branches that docs/SECURITY.md names, sample_sparse_ternary's
on whether a place was taken and unpack's on whether a secret key's file holds a number that is none; and when
both were reported. `branch` and `address` are controls and
pass when theirs is reported. Exit code 77: skipped, with the reason, which is given in FLOW where
there is no such program.
"""
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

SKIPPED = 77
# (valgrind's kind of report, function): how many places in the machine code.
ALLOWED = {
    "all": {("UninitCondition", "blindtuner::ring::sample_sparse_ternary"): 1,
            ("UninitCondition", "blindtuner::secret::(anonymous namespace)::unpack"): 1},
    "branch": {("UninitCondition", "blindtuner::(anonymous namespace)::control_branch"): 1},
    "address": {("UninitValue", "blindtuner::(anonymous namespace)::control_address"): 1},
}


def skip(reason):
    print(f"skipped: {reason}")
    return SKIPPED


def main():
    valgrind, flow, kernels, run = sys.argv[1:]
    if not os.path.isabs(flow):
        return skip(flow)
    if kernels.startswith("avx512"):
        return skip("valgrind does not run AVX-512 instructions")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "reports.xml"
        done = subprocess.run(
            [valgrind, "--xml=yes", f"--xml-file={log}", "--undef-value-errors=yes",
             "--num-callers=4", "--error-limit=no", flow, run],
            env=os.environ | {"BLINDTUNER_KERNELS": kernels, "BLINDTUNER_THREADS": "1"})
        if done.returncode == SKIPPED:
            return skip(f"this processor lacks the kernels '{kernels}'")
        if done.returncode != 0:
            print(f"secret_flow ended with {done.returncode}")
            return 1
        errors = ElementTree.parse(log).getroot().findall("error")
    places, problems = {}, []
    for error in errors:
        frame = error.find("stack/frame")
        function = (frame.findtext("fn") or "?").split("(std::")[0].split("(unsigned")[0]
        function = function.split("(long")[0].split("(blindtuner::io")[0]
        key = (error.findtext("kind"), function)
        if key in ALLOWED[run]:
            places.setdefault(key, set()).add(frame.findtext("ip"))
        else:
            stack = [f"{f.findtext('fn')} ({f.findtext('file')}:{f.findtext('line')})"
                     for f in error.findall("stack/frame")]
            problems.append(f"{key[0]} depends on a secret: " + " < ".join(stack))
    for key, count in ALLOWED[run].items():
        found = len(places.get(key, ()))
        if found != count:
            problems.append(f"{key[0]} in {key[1]}: {found} places reported, expected {count}")
    for problem in problems:
        print(problem)
    print(f"{run}, {kernels}: {len(errors)} reports, {len(problems)} of them wrong")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
