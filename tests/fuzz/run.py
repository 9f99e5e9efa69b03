#!/usr/bin/env python3
"""Runs fuzz targets: the kept corpus, then new inputs.

usage: run.py FUZZ_READERS SCRATCH TARGET RUNS
       run.py FUZZ_READERS SCRATCH --seconds N [TARGET...]

The first form is a test: a number of runs from a fixed seed, nothing timed. The second goes on for
N seconds a target, on all targets unless some are named, keeps what it finds new in SCRATCH/corpus
for the next time, and is how bugs are looked for. An input that fails is written to SCRATCH; run
    FUZZ_TARGET=target fuzz_readers FILE
for it alone, and keep it in tests/fuzz/corpus once it is mended.
"""
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
FUZZER, SCRATCH = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
LIMITS = ["-timeout=300", "-rss_limit_mb=2048", "-malloc_limit_mb=1024", "-max_len=40000",
          f"-dict={HERE / 'words.dict'}", "-print_final_stats=1", "-verbosity=1"]


def fuzz(target, found, *options):
    """What libFuzzer said, when it found something; otherwise nothing."""
    result = subprocess.run(
        [FUZZER, *LIMITS, *options, f"-artifact_prefix={SCRATCH}/{target}-", found,
         HERE / "corpus" / target],
        capture_output=True, text=True, errors="replace",
        env={**os.environ, "FUZZ_TARGET": target,
             "ASAN_OPTIONS": "quarantine_size_mb=16:detect_leaks=0:allocator_may_return_null=0"})
    lines = result.stderr.splitlines()
    done = [line.split()[-1] for line in lines if "number_of_executed_units" in line]
    speed = [line.split()[-1] for line in lines if "average_exec_per_sec" in line]
    print(f"{target}: {' '.join(done)} runs, {' '.join(speed)} a second", flush=True)
    return result.stderr if result.returncode != 0 else ""


def test(target, runs):
    corpus = HERE / "corpus" / target
    assert any(corpus.iterdir()), f"{corpus} is empty"
    found = tempfile.mkdtemp(prefix="blindtuner-fuzz-")
    try:
        said = fuzz(target, found, f"-runs={runs}", "-seed=1")
    finally:
        shutil.rmtree(found)
    print(said)
    return 1 if said else 0


def search(seconds, targets):
    def one(target):
        found = SCRATCH / "corpus" / target
        found.mkdir(parents=True, exist_ok=True)
        return target, fuzz(target, found, f"-max_total_time={seconds}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failed = {target: said for target, said in pool.map(one, targets) if said}
    for target, said in failed.items():
        print(f"==== {target}\n{said[-6000:]}")
    return 1 if failed else 0


def main():
    SCRATCH.mkdir(parents=True, exist_ok=True)
    if sys.argv[3] != "--seconds":
        return test(sys.argv[3], int(sys.argv[4]))
    every = sorted(path.name for path in (HERE / "corpus").iterdir())
    return search(int(sys.argv[4]), sys.argv[5:] or every)


if __name__ == "__main__":
    sys.exit(main())
