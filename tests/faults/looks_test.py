#!/usr/bin/env python3
"""The system fails to look at a file, once: nothing is taken to be missing, or another's, and removed for it.

usage: looks_test.py BLINDTUNER BLINDTUNER-SERVER WORLDS FAULT_INJECTOR
"""
import shutil
import sys
import tempfile
from pathlib import Path

from commands import Boxes, case_named, run

INJECTOR = sys.argv[4]
# Of every case, paths and which looks at them fail; of the run that trains, when all of it is made.
LOOKS = {"keygen": {"keys/evaluation.keys.next": range(1, 9), "keys/secret.key": range(1, 13)},
         "finetune": {"run.unfinished/model.npz": (2,), "run.finished/run.json": (2, 3),
                      "run.finished/model.npz": (1,)}}


def try_look(boxes, path, at):
    """Whether there was such a look."""
    case, log = boxes.case, boxes.folder / "log"
    log.unlink(missing_ok=True)
    box = boxes.make("box")
    result = run(case.line("a"), box, {
        "LD_PRELOAD": INJECTOR, "FAULT_PROGRAM": case.process, "FAULT_LOG": str(log), "FAULT_LOOK": path,
        "FAULT_AT": str(at), "ASAN_OPTIONS": "verify_asan_link_order=0"})
    if not log.exists():
        return False
    boxes.check_result(result)
    boxes.check_outputs(box, done=result.code == 0)
    if case.name == "keygen":
        # The evaluation keys of a secret key are there, or the next command puts them there: nothing makes them again.
        secret = box / "keys" / "secret.key"
        made = [path for path in (box / "keys").glob("evaluation.keys*")]
        assert not secret.exists() or any(
            path.read_bytes()[80:96] == secret.read_bytes()[80:96] for path in made
        ), f"the evaluation keys are gone: exit {result.code}: {result.errors}"
    else:
        places = [box / "out" / name for name in ("", "run.unfinished", "run.finished")]
        assert any((place / "model.npz").exists() for place in places), f"the model is gone: {result}"
        assert result.code == 0 or "the results are in" in result.errors, result
    return True


def main():
    failures, tried = [], 0
    for name, looks in LOOKS.items():
        folder = Path(tempfile.mkdtemp(prefix="blindtuner-looks-"))
        try:
            boxes = Boxes(case_named(name), folder)
            for path, ats in looks.items():
                for at in ats:
                    try:
                        if not try_look(boxes, path, at):
                            break
                        tried += 1
                    except AssertionError as error:
                        failures.append(f"{name}: look {at} at {path}: {error}")
        finally:
            shutil.rmtree(folder)
    for failure in failures:
        print(failure)
    print(f"{tried} looks, {len(failures)} with consequences")
    sys.exit(1 if failures or tried < 10 else 0)


if __name__ == "__main__":
    main()
