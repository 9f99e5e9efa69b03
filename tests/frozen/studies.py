#!/usr/bin/env python3
"""What the programs make of a study's files that were written once and are kept: folders of studies/, as README.md says.

usage: studies.py BLINDTUNER BLINDTUNER-SERVER [--freeze VERSION | unittest arguments]
"""
import json
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from frozen_test import differences
from observations import HERE, INSECURE, Programs, freeze, inspected, npz, table

FROZEN = HERE / "studies"
# Megabytes, and read only while keys are made.
LARGE = ("ways-", "shares-s", "relin1-", "relin2-s")


def run(programs, *more):
    return programs.start("blindtuner", "study", "run", "--folder", "mine", "--exchange", "exchange", "--features", "a.csv",
                          "--quiet", "--json", INSECURE, *more)


def make(programs):
    """A study of two owners with pooled whitening, when both have opened its model: the first one's folder and the exchange."""
    folder = programs.folder
    for name, samples in (("a", 60), ("b", 30)):
        table(folder / f"{name}.csv", samples, samples)
    (folder / "config.json").write_text(json.dumps({"steps": 2, "batch_size": 64, "learning_rate": 1}))
    place = ("--exchange", "exchange", "--owner")
    programs.owner("study", "create", "--folder", "mine", *place, "a", "--name", "Frozen", "--owners", "a,b", "--classes",
                   "ash,birch,cedar", "--columns", 4, "--parameters", "InsecureJoint4", "--whitening", "pooled", "--config",
                   "config.json")
    programs.owner("study", "join", "--folder", "theirs", *place, "b")
    programs.server("study", "--folder", "server", "--exchange", "exchange", "--once")
    heard = programs.owner_json("study", "status", "--folder", "mine")["fingerprint"]
    at_work = [run(programs, "--fingerprint", heard),
               programs.start("blindtuner", "study", "run", "--folder", "theirs", "--features", "b.csv", "--fingerprint", heard,
                              "--quiet", INSECURE),
               programs.start("blindtuner-server", "study", "--folder", "server", "--exchange", "exchange", "--quiet",
                              INSECURE)]
    for process in at_work:
        programs.end(process)
    # Where it was is nobody's.
    (folder / "mine/study.json").write_text(json.dumps({"study": 1, "owner": "a", "exchange": "exchange"}) + "\n")
    for path in (folder / "exchange").iterdir():
        if path.name.startswith((*LARGE, ".")):
            path.unlink() if path.is_file() else shutil.rmtree(path)
    for name in ("theirs", "server"):
        shutil.rmtree(folder / name)


def observe(programs):
    """All of it: what the records are, and the model that they are opened to once more."""
    folder, seen = programs.folder, {}
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    seen["containers"] = inspected(programs)
    seen["status"] = programs.owner_json("study", "status", "--folder", "mine", "--exchange", "exchange")
    del seen["status"]["since"]
    for name in ("mine/report.json", "mine/s1/model.npz", "mine/s1/transcript"):
        (folder / name).unlink()
    seen["opened again"] = json.loads(programs.end(run(programs, "--once")))["outcome"]
    seen["model"] = npz(folder / "mine/s1/model.npz")
    seen["map"] = npz(folder / "mine/s1/whitening.npz")
    return seen


class FrozenStudies(unittest.TestCase):
    def test_every_version(self):
        versions = sorted(FROZEN.glob("*/expected.json"))
        self.assertGreater(len(versions), 0)
        for expected in versions:
            with self.subTest(expected.parent.name), tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch) / "copy"
                shutil.copytree(expected.parent, folder)
                found = observe(Programs(*sys.argv[1:3], folder))
                then = json.loads(expected.read_text())
                # The first version showed half of the digits.
                shown = len(then["status"]["fingerprint"])
                self.assertIn(shown, (39, 79))
                found["status"]["fingerprint"] = found["status"]["fingerprint"][:shown]
                wrong = list(differences(then, json.loads(json.dumps(found)),
                                         expected.parent.name))
                self.assertEqual(wrong, [], "\n".join(wrong[:20]))


if __name__ == "__main__":
    if "--freeze" in sys.argv:
        freeze(FROZEN / sys.argv[4], sys.argv[1], sys.argv[2], make, observe)
    else:
        unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
