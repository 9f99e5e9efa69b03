#!/usr/bin/env python3
"""Files that earlier versions wrote are read for ever: every folder beside this file is opened by the
present programs, which must find in it what those that made it found.

usage: frozen_test.py BLINDTUNER BLINDTUNER-SERVER
"""
import json
import re
import sys
import tempfile
import unittest
from pathlib import Path

from observations import HERE, NOT_FROZEN, OF_STUDIES, Programs, observe, unfreeze

OWNER, SERVER = sys.argv[1:3]


def differences(expected, found, where):
    """Lines for everything expected that was not found; reports may say more than they did."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            if key in found:
                yield from differences(value, found[key], f"{where}: {key}")
            else:
                yield f"{where}: no {key}"
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for i, (one, other) in enumerate(zip(expected, found)):
            yield from differences(one, other, f"{where}[{i}]")
    elif isinstance(expected, float) and isinstance(found, (int, float)):
        # Products in the clear may be summed in another order.
        if abs(expected - found) > 1e-9 * max(1.0, abs(expected)):
            yield f"{where}: {found}, expected {expected}"
    elif expected != found:
        yield f"{where}: {found!r}, expected {expected!r}"


class Frozen(unittest.TestCase):
    def test_every_version(self):
        versions = sorted(path.parent for path in HERE.glob("*/expected.json"))
        self.assertGreater(len(versions), 0)
        for frozen in versions:
            with self.subTest(frozen.name), tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch)
                unfreeze(frozen, folder)
                expected = json.loads((frozen / "expected.json").read_text())
                found = observe(Programs(OWNER, SERVER, folder))
                wrong = list(differences(expected, json.loads(json.dumps(found)), frozen.name))
                self.assertEqual(wrong, [], "\n".join(wrong[:20]))

    def test_the_newest_has_every_kind(self):
        source = (HERE.parents[1] / "src/io/format.cpp").read_text()
        kinds = set(re.findall(r'\{FileKind::k\w+, "[^"]+", "(\w+)"\}', source))
        newest = max(HERE.glob("v*/expected.json"), key=lambda path: int(path.parent.name[1:]))
        containers = json.loads(newest.read_text())["containers"]
        self.assertEqual({shown["kind"] for shown in containers.values()}, kinds - NOT_FROZEN - OF_STUDIES)
        self.assertGreater(len(kinds), 0)

    def test_differences_are_seen(self):
        self.assertEqual(list(differences({"a": [1.0]}, {"a": [1.0 + 1e-12], "b": 2}, "x")), [])
        for found in ({"a": [1.1]}, {"a": []}, {}, {"a": ["1"]}):
            self.assertEqual(len(list(differences({"a": [1.0]}, found, "x"))), 1, found)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
