#!/usr/bin/env python3
"""Every reader has a target, every target a corpus that it takes, and is a test.

usage: every_target_test.py FUZZ_READERS TARGET...

Readers are what src/ has of them: the files that open a file from outside, or parse bytes of one. All
targets run on their kept corpus; each must take one input at least as a good one, and every function
of those files must have been entered whose name says that it reads. What is not reached stands below, with
the reason. (Functions that are not declared inline are not made parts of their callers, by the preset's
-finline-hint-functions: there they would never be entered.)
"""
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parents[1] / "src"
FUZZER, TESTS = sys.argv[1], sorted(sys.argv[2:])

OPENS = re.compile(r"\b(InputFile|FileSource|ContainerReader|read_file|read_json|parse_json|ifstream|fopen)\b"
                   r"|json::parse|::p?read\(|\bdecode_\w+\(Bytes ")
READS = re.compile(r"(^|[:_])(read|load|parse|decode|scan|open|find|enter|from)(_\w+)?$")
ELSEWHERE = {
    "io/kept_file.cpp": "a file's header, which ContainerReader checks, and 64 bytes that are compared",
    "app/owner/process.cpp": "messages of the server's program, which it started itself",
    "app/report/html_report.cpp": "whether a page in its way is one of its own: a line of text is searched for",
    "app/owner/server_check.cpp": "the same program's version",
    "plan/unit_costs.cpp": "numbers that are built in",
    "app/server/server_files.cpp": "calls the readers of records/",
    "api/server/server.cpp": "the same",
    "api/common/training_options.cpp": "opens what the reader of training configurations reads",
    "party/server/checkpoint_store.cpp": "opens what the reader of checkpoints reads",
    "app/server/train.cpp": "whether a report in its way is its own, which the reader of JSON reads",
    "party/study/exchange.cpp": "messages, which parse_message() reads",
    "party/owner/study/study_owner.cpp": "the same, private files, and a digest in hexadecimal that is compared",
    "party/study/study_run.cpp": "calls readers of records/study; a container, whose digest alone is taken",
    "party/owner/study/study_training.cpp": "a digest in hexadecimal that is compared, and what it has written itself",
    "party/owner/study/study_opening.cpp": "what it has written itself, by the reader of JSON",
    "party/owner/study/study_rounds.cpp": "what it has written itself, by the reader of JSON; records by the reader of scores",
    "party/server/study/study_training.cpp": "opens what the readers of keys read",
    "app/owner/study.cpp": "what it has written itself, by the reader of JSON, and a line of text that is shown",
    "party/owner/study/study_place.cpp": "members of a file that the program has written for itself, by the reader of JSON",
    "api/owner/study.cpp": "the same, and reports",
    "party/owner/study/boxes.cpp": "keeps a copy of what the reader of sealed shares reads",
    "cannot_read": "says why, and reads nothing",
    "open_keys": "calls read_secret_key",
    "open_keys_to_encrypt": "calls read_secret_key and read_training_keys_layout",
    "read_public_key": "no file that a program reads holds one",
}


def run(*options, **variables):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FUZZ_")}
    environment["ASAN_OPTIONS"] = "detect_leaks=0:allow_addr2line=1"
    result = subprocess.run([FUZZER, *options], capture_output=True, text=True, errors="replace",
                            env={**environment, **variables})
    if result.returncode != 0:
        sys.exit(result.stderr[-4000:])
    return result.stdout + result.stderr


def functions(said):
    """Of every source file: its functions' names, and whether one of that name was entered."""
    out = {}
    for prefix, signature, path in re.findall(
            r"^(UN)?COVERED_FUNC: hits: \d+ edges: \S+ (.*) \S*/src/(\S+):\d+$", said, re.M):
        if "'lambda" in signature or "$_" in signature:
            continue
        name = signature.replace("(anonymous namespace)::", "").split("(")[0].split("<")[0]
        name = re.sub(r"^blindtuner::(?:[a-z_]+::)?", "", name.split("[abi")[0])
        here = out.setdefault(path, {})
        here[name] = here.get(name, False) or not prefix
    return out


names = sorted(run().split())
corpus = sorted(path.name for path in (HERE / "corpus").iterdir())
assert len(names) > 20 and names == TESTS == corpus, (names, TESTS, corpus)

said = run("-runs=0", "-print_coverage=1", "-timeout=600", "-report_slow_units=600", "-rss_limit_mb=4096",
           FUZZ_CORPUS=str(HERE / "corpus"))
taken = {name: int(count) for name, count in re.findall(r"^TAKEN: (\S+) \d+ (\d+)$", said, re.M)}
assert sorted(taken) == names, taken
problems = [f"no input of its corpus is good to {name}" for name in names if taken[name] == 0]

entered = functions(said)
readers = [path for path in sorted(SOURCES.rglob("*.cpp")) if OPENS.search(path.read_text())]
assert len(readers) > 20, readers
excused = set()
for file in readers:
    path = str(file.relative_to(SOURCES))
    if not any(entered.get(path, {}).values()):
        excused.add(path)
        if path not in ELSEWHERE:
            problems.append(f"{path} reads, and no target enters it")
        continue
    for name, was in entered.get(path, {}).items():
        if READS.search(name) and not was:
            excused.add(name)
            if name not in ELSEWHERE:
                problems.append(f"{path}: no target enters {name}()")
problems += [f"{name} is entered, or gone: it needs no excuse" for name in ELSEWHERE
             if name not in excused]
sys.exit("\n".join(problems) or 0)
