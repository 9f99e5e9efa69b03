#!/usr/bin/env python3
"""A study's exchange that has lost one record, or has not got it yet; an owner who has lost the model, or gives no rows: every
command of owner, server and auditor goes on, waits or is refused, as is documented, and nothing is an internal error.

usage: records_gone_test.py BLINDTUNER BLINDTUNER-SERVER WORLDS
"""
import shutil
import sys
import tempfile
from pathlib import Path

from commands import CASES, OWNER, SERVER, STUDIED, STUDY, WORLDS, Case, copy, run, study_at

COLUMNS = "--features {w}/a.csv --id-column id"
LABELS = "--label-column label --class-numbers"
PARTS = "--parts {w}/part.npz --out scores.npz"
# Where a party is, and all that it may be told there.
PLACES = {
    "opened": (OWNER, [f"study status {STUDY}", f"study run --once {STUDY} {STUDIED}", f"study open {STUDY} --out m.npz"]),
    "opening": (OWNER, [f"study status {STUDY}", f"study run --once {STUDY} {STUDIED}", f"study open {STUDY} --out m.npz"]),
    "receiving": (OWNER, [f"study run --once {STUDY}"]),
    "scoring": (OWNER, [f"study scores {STUDY} {COLUMNS} --out part.npz",
                        f"study combine {STUDY} {COLUMNS} {LABELS} {PARTS}"]),
    "trained": (SERVER, [f"study --status {STUDY}", f"study --once {STUDY}"]),
}
AUDIT = "study --audit 1 --folder auditor --exchange exchange"
# What an audit reads before it adds up shares, which takes longer than all the rest.
AUDITED = ("draft", "join", "nonce", "shares-commit", "relin2-commit", "transcript")


class Box:
    """A folder with a party's and the exchange, as they are at a place."""

    def __init__(self, folder, place):
        self.path = Path(tempfile.mkdtemp(dir=folder))
        for source, target in study_at(place).items():
            copy(WORLDS / "a" / source, self.path / target)

    def run(self, program, arguments):
        return run(Case("", program, arguments).line("a"), self.path)

    def exchanged(self):
        return sorted(path.name for path in (self.path / "exchange").iterdir() if path.name[0] != ".")


def held(result, what, words=(), code=None):
    told = result.output + result.errors
    assert result.code in ((0, 1) if code is None else (code,)), f"{what}: exit {result.code}: {told}"
    assert "internal error" not in told, f"{what}: {told}"
    for word in words:
        assert word in told, f"{what}: '{word}' is not said: {told}"


def of_one(names):
    """One of every kind of record, and the draft."""
    return [name for name in names if name == "draft" or name.endswith(("-a", "-server"))]


def one_record_gone(folder):
    for place, (program, commands) in PLACES.items():
        for name in of_one(Box(folder, place).exchanged()):
            box = Box(folder, place)
            if place == "trained":  # as a server of an earlier version, which kept neither draft nor joins
                for kept in (box.path / "mine" / "seen").glob("join-*"):
                    kept.unlink()
                (box.path / "mine" / "seen" / "draft").unlink(missing_ok=True)
            (box.path / "exchange" / name).unlink()
            for arguments in commands:
                result = box.run(program, arguments)
                held(result, f"{place} without {name}: {arguments}")
                if place == "trained" and name in ("draft", "join-a"):
                    held(result, f"{place} without {name}: {arguments}", [name], code=int(name == "draft"))
            shutil.rmtree(box.path)


def a_server_keeps_who_has_joined(folder):
    box = Box(folder, "trained")
    for name in ("join-a", "join-l"):
        (box.path / "exchange" / name).unlink()
    held(box.run(SERVER, f"study --once {STUDY}"), "joins gone", ["done"], code=0)


def an_exchange_that_is_copied(folder):
    box = Box(folder, "trained")
    for name in of_one(box.exchanged()):
        if not name.startswith(AUDITED):
            continue
        kept = box.path / "exchange" / name
        kept.rename(box.path / "kept")
        # The transcript and no join, say: it was there first.
        held(box.run(SERVER, AUDIT), f"audit without {name}",
             [name, "'a' has sent it before"] if name == "join-a" else
             [name, "is not there"] if name == "draft" else [], code=1)
        (box.path / "kept").rename(kept)


def before_all_have_joined(folder):
    box = Path(tempfile.mkdtemp(dir=folder))

    def done(program, arguments):
        return run(Case("", program, arguments).line("a"), box)

    held(done(OWNER, f"study create {STUDY} --owner a --name T --owners a,b --labels a --identifiers --classes "
              "red,green,blue --columns 5,3 --parameters InsecureJoint4"), "study create", code=0)
    early = ["not all have joined yet", "join-b"]
    held(done(OWNER, f"study scores {STUDY} {COLUMNS} --out part.npz"), "study scores", early, code=1)
    held(done(OWNER, f"study combine {STUDY} {COLUMNS} {LABELS} {PARTS}"), "study combine", early, code=1)
    held(done(SERVER, AUDIT), "audit", early, code=1)
    held(done(SERVER, "study --once --folder server --exchange exchange"), "the server", ["join-b"], code=0)


def rows_are_waited_for(folder):
    """Once they were given, too: whoever only waits gives none."""
    waiting = set()
    for case in CASES:
        if case.command != "blindtuner study run" or "--features" not in case.arguments:
            continue
        box = Box(folder, next(iter(case.beforehand)).split("/")[0])
        result = box.run(OWNER, f"study run --once {STUDY}")
        held(result, f"{case.name} without rows", code=0)
        if "give this owner's data with --features" in result.output:
            waiting.add(case.name)
    assert waiting >= {"study-match", "study-rows", "study-data", "study-vote", "study-open"}, waiting


def a_model_that_is_gone(folder):
    box = Box(folder, "opened")
    model, gone = box.path / "mine" / "s1" / "model.npz", "the model was opened, and is gone"
    before = model.read_bytes()
    model.unlink()
    held(box.run(OWNER, f"study status {STUDY}"), "status", [gone, "due: opens the model"], code=0)
    result = box.run(OWNER, f"study open {STUDY} --out m.npz")
    held(result, "open", [gone, "the model is not opened yet"], code=1)
    result = box.run(OWNER, f"study run --once {STUDY}")
    held(result, "run", [gone, "give this owner's data with --features"], code=0)
    assert "model in" not in result.output, result.output
    held(box.run(OWNER, f"study run --once {STUDY} {STUDIED}"), "run with rows", ["model in"], code=0)
    assert model.read_bytes() == before
    # And as long as the exchange is not there either.
    model.unlink()
    shutil.rmtree(box.path / "exchange")
    held(box.run(OWNER, f"study status {STUDY}"), "status without the exchange", code=1)
    page = Box(folder, "opened")
    (page.path / "mine" / "report.html").unlink()
    result = page.run(OWNER, f"study status {STUDY}")
    assert "report.html" not in result.output and "report.json" in result.output, result.output


def main():
    folder, failures = Path(tempfile.mkdtemp(prefix="blindtuner-gone-")), []
    try:
        for test in (before_all_have_joined, rows_are_waited_for, a_model_that_is_gone, an_exchange_that_is_copied,
                     a_server_keeps_who_has_joined, one_record_gone):
            try:
                test(folder)
            except AssertionError as error:
                failures.append(f"{test.__name__}: {error}")
    finally:
        shutil.rmtree(folder)
    print("\n".join(failures))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
