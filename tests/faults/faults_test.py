#!/usr/bin/env python3
"""A command is killed, or a call of it fails, at every call that changes something on the disk.

usage: faults_test.py BLINDTUNER BLINDTUNER-SERVER WORLDS CASE FAULT-INJECTOR

After every fault: outputs are the old ones or new ones and whole, keys are one pair, the exit code is one of a file's
trouble and one line says which, and the next run succeeds, gives what it gives without a fault and leaves nothing
behind. Kills are tried where the state of the disk differs from the kill before, writes in the middle of a file are
left out. The next run is tried where the same files are old, or new and as long, for the first time.

One fault of every kind is tried, a kind being the call, the way it goes wrong, what the file is for, and with a long
command whether it is in the midst of a file; of a long command's kinds a third. On another day it is another, until
all were tried: BLINDTUNER_FAULTS=N in the environment tries those of day N again, which is printed. Days also take
turns between a first run, on a file system that knows no files without a name, and one over an earlier run's outputs,
on one that does. With BLINDTUNER_FAULTS=all every call is tried in every way, and the next run after every state
(`make faults-long`).
"""
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from commands import CHOICE, DAY, EVERYTHING, Boxes, case_named, run, today, unidentified

INJECTOR = sys.argv[5]
LONG = 3  # days that all kinds of a long command take
WRITES = {"write", "pwrite", "writev", "sendfile", "copy_file_range"}
# After these the disk holds what it held before, for whoever looks at it later.
UNSEEN = {"fsync", "fdatasync", "close", "flock", "lock"}
# These need space on the disk.
ROOM = WRITES | {"open", "fopen", "mkdir", "mkdirat", "symlink", "posix_fallocate"}


def purpose(name):
    """What a file is for, by its name in a log: a lock, what will be put in its place, or it is there."""
    name = name.removesuffix(" (deleted)")
    if name.endswith(".lock"):
        return "lock"
    return "temporary" if not name or name.startswith((".blindtuner-", "#")) else "output"


class Faults:
    def __init__(self, case, folder):
        self.case = case
        self.boxes = Boxes(case, folder)
        self.folder = folder
        self.before, self.good_states = {}, set()
        self.tried = 0

    def injected(self, box, over, mode, at, named, shorten=False):
        """The command with a fault at call `at`: result, and the log's lines."""
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        result = run(self.case.line("a", self.case.over if over else ""), box, {
            "LD_PRELOAD": INJECTOR, "FAULT_PROGRAM": self.case.process, "FAULT_LOG": str(log),
            "FAULT_AT": str(at), "FAULT_MODE": mode, "FAULT_SHORT": str(int(shorten)),
            "FAULT_NAMED": str(int(named)),
            "ASAN_OPTIONS": "verify_asan_link_order=0"})
        return result, log.read_text(errors="replace").splitlines() if log.exists() else []

    def calls(self, over, named):
        """(number, call, name) of every call of a run without a fault. One with every write cut in two
        comes before it."""
        box = self.boxes.make("box", over=over)
        result, log = self.injected(box, over, "none", 0, named, shorten=True)
        assert result.code == 0, f"short writes: exit {result.code}: {result.errors}"
        self.boxes.check_outputs(box, done=True)
        box = self.boxes.make("box", over=over)
        result, log = self.injected(box, over, "none", 0, named)
        assert result.code == 0, result.errors
        out = []
        for line in log:
            number, call, path = line.split(" ", 2)
            out.append((int(number), call, Path(path).name.split(".tmp")[0]))
        assert [number for number, _, _ in out] == list(range(1, len(out) + 1))
        return out

    def chosen(self, calls):
        """(mode, at) of what is tried."""
        faults = list(self.faults(calls))
        if EVERYTHING:
            return faults
        kinds = {}
        for mode, at in faults:
            _, call, name = calls[at - 1]
            # How far its outputs are in place is what the next run finds of one that was killed.
            each = mode == "kill" and call.startswith("rename")
            kind = (mode, call, name if each else purpose(name), self.within(calls, at))
            kinds.setdefault(kind, []).append((mode, at))
        day = DAY // len(self.all_starts())
        shares = LONG if self.case.long else 1
        kinds = list(kinds.values())[day % shares::shares]
        return sorted((kind[day // shares % len(kind)] for kind in kinds), key=faults.index)

    def within(self, calls, at):
        """Whether a long command is in the midst of a file there."""
        _, call, name = calls[at - 1]
        between = call not in UNSEEN and (at == 1 or name != calls[at - 2][2]) or at == len(calls)
        return self.case.long and not between

    def faults(self, calls):
        """(mode, at) of every fault that may leave the disk as no other does."""
        last = len(calls)
        for i, (at, call, name) in enumerate(calls):
            before = calls[i - 1] if i > 0 else (0, "", "")
            after = calls[i + 1] if i + 1 < last else (0, "", "")
            write = call in WRITES
            middle = (write and before[1:] == after[1:] == (call, name))
            if EVERYTHING:
                yield from ((mode, at) for mode in ("kill", "fail"))
                if write or at == last:
                    yield "half", at
                if call in ROOM:
                    yield "full", at
                continue
            if middle:
                continue
            if before[1] not in UNSEEN or at == 1:
                yield "kill", at
            if write or at == last:
                yield "half", at
            yield ("full" if call in ROOM else "fail"), at
            # One signal a file, in the midst of it.
            if call in ("fsync", "rename"):
                yield str(int(signal.SIGTERM)), at

    def state(self, box):
        """What decides how the next run goes: a new file's noise and identities do not."""
        files = self.boxes.state(box)
        if EVERYTHING:
            return files
        return tuple((unidentified(name), bits if self.before.get(name) == bits else
                      (box / name).stat().st_size) for name, bits in files)

    def try_one(self, over, named, mode, at):
        boxes = self.boxes
        box = boxes.make("box", over=over)
        result, log = self.injected(box, over, mode, at, named)
        assert "fired" in log, "the fault did not come"
        self.tried += 1
        killed = mode in ("kill", "half")
        if not killed:
            # An owner whose server alone is interrupted says that it failed.
            boxes.check_result(result, (0, 130) if mode.isdigit() and not self.case.injected else (0, 1))
            boxes.check_outputs(box, done=result.code == 0)
            unlinking = any(word in log[at - 1] for word in ("unlink", "remove", "rmdir"))
            if not unlinking:
                boxes.check_no_temporaries(box)
        elif self.case.process == Path(self.case.program).name:
            assert result.code == -signal.SIGKILL, f"exit {result.code}: {result.errors[-600:]}"
            boxes.check_outputs(box)
        else:
            boxes.check_result(result, (1,))
            boxes.check_outputs(box)
        state = self.state(box)
        if state not in self.good_states:
            boxes.check_next_run(box, over)
            boxes.check_no_temporaries(box)
            self.good_states.add(state)

    def all_starts(self):
        """(over, named): over an earlier run's outputs, without nameless files."""
        if EVERYTHING:
            starts = [(over, named) for over in (False, True) for named in (False, True)]
        else:
            starts = [(False, True), (True, False)]
        return [start for start in starts if not start[0] or self.case.over is not None]

    def starts(self):
        starts = self.all_starts()
        return today(starts, len(starts))

    def run(self):
        failures = []
        for over, named in self.starts():
            calls = self.calls(over, named)
            assert calls, "the command changes nothing?"
            self.before = dict(self.boxes.state(self.boxes.make("box", over=over)))
            self.good_states = {self.state(self.folder / "box")}
            for mode, at in self.chosen(calls):
                try:
                    self.try_one(over, named, mode, at)
                except AssertionError as error:
                    what = " ".join(map(str, calls[at - 1]))
                    failures.append(f"{'over ' if over else ''}{'named ' if named else ''}{mode} "
                                    f"at {what}: {error}")
        self.boxes.check_world()
        return failures


def main():
    folder = Path(tempfile.mkdtemp(prefix="blindtuner-faults-"))
    try:
        faults = Faults(case_named(sys.argv[4]), folder)
        failures = faults.run()
    finally:
        shutil.rmtree(folder)
    for failure in failures:
        print(failure)
    print(f"{faults.tried} faults (BLINDTUNER_FAULTS={CHOICE}), {len(failures)} with consequences")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
