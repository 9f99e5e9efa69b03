#!/usr/bin/env python3
"""Every command that writes, on a disk that is really full: a small tmpfs with less room than the
outputs need: none of it, a page, a quarter, half or nearly all, another every day. With BLINDTUNER_FAULTS=all in the environment all are
tried (`make faults-long`). For root alone; skipped elsewhere.

usage: full_disk_test.py BLINDTUNER BLINDTUNER-SERVER WORLDS CASE...
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from commands import Boxes, case_named, run, today

SKIPPED = 77
SIZE = 96 << 20  # besides what a case's box holds
PAGE = os.sysconf("SC_PAGE_SIZE")


class Disk:
    """A tmpfs, as long as it is entered, with room for what `box` holds and SIZE."""

    def __init__(self, box=None):
        self.size = SIZE + sum(file.stat().st_size for file in box.rglob("*") if file.is_file()) if box else SIZE

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="blindtuner-disk-"))
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "none", self.folder],
                                 capture_output=True, text=True)
        if mounted.returncode != 0:
            self.folder.rmdir()
            print(f"SKIPPED: no tmpfs can be mounted here: {mounted.stderr.strip()}")
            sys.exit(SKIPPED)
        return self.folder

    def __exit__(self, *_):
        subprocess.run(["umount", self.folder], check=True)
        self.folder.rmdir()


def leave(disk, room):
    """Fills the disk up to `room` bytes; with the file that this returns the disk has room again."""
    ballast = disk / "ballast"
    status = os.statvfs(disk)
    with open(ballast, "wb") as file:
        taken = status.f_bavail * status.f_frsize - room // PAGE * PAGE
        if taken > 0:
            os.posix_fallocate(file.fileno(), 0, taken)
    return ballast


def try_case(case):
    with tempfile.TemporaryDirectory(prefix="blindtuner-full-") as usual:
        # What it does when nothing goes wrong, elsewhere: the disk then holds one box.
        boxes = Boxes(case, Path(usual))
        with Disk(boxes.reference) as disk:
            return try_boxes(case, boxes, disk)


def try_boxes(case, boxes, disk):
    needed = sum((boxes.reference / name).stat().st_size for name in case.outputs)
    boxes.folder = disk
    refused = 0
    rooms = (0, PAGE, needed // 4, needed // 2, needed * 9 // 10)
    for room in today(rooms, len(rooms)):
        box = boxes.make("box")
        ballast = leave(disk, room)
        try:
            result = run(case.line("a"), box)
            boxes.check_result(result)
            boxes.check_outputs(box, done=result.code == 0)
            boxes.check_no_temporaries(box)
            assert room > 0 or not case.outputs or result.code == 1, "success without any room"
            refused += result.code == 1
            ballast.unlink()  # what follows needs room
            boxes.check_next_run(box)
        except AssertionError as error:
            raise AssertionError(f"{case.name} with room for {room} of {needed} bytes: "
                                 f"{error}") from None
        finally:
            ballast.unlink(missing_ok=True)
    boxes.check_world()
    return refused


def main():
    if os.geteuid() != 0:
        print("SKIPPED: only root can mount a small disk")
        sys.exit(SKIPPED)
    failures, refused = [], 0
    for name in sys.argv[4:]:
        try:
            refused += try_case(case_named(name))
        except AssertionError as error:
            failures.append(str(error))
    with Disk() as disk:
        # Said before any work.
        case = case_named("keygen")
        leave(disk, 1 << 16)
        (disk / "empty").mkdir()
        result = run(case.line("a"), disk / "empty")
        if result.code != 1 or "keys will take" not in result.errors:
            failures.append(f"keygen without room: exit {result.code}: {result.errors}")
    for failure in failures:
        print(failure)
    print(f"{refused} refusals, {len(failures)} with consequences")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
