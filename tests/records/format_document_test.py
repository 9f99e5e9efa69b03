#!/usr/bin/env python3
"""docs/FORMAT.md is held to the code: kinds, sections, sizes; and to the frozen files, whose sections are in
the order that it gives."""
import json
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/frozen"))
from observations import NOT_FROZEN  # noqa: E402
DOCUMENT = (ROOT / "docs/FORMAT.md").read_text()
SOURCES = {path.relative_to(ROOT / "src").as_posix(): path.read_text()
           for folder in ("io", "records", "secret") for path in (ROOT / "src" / folder).rglob("*.*")}


def rows(heading):
    """The cells of the first table under a heading, without its head."""
    text = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def constant(name, source):
    found = re.search(rf"\b{name} = ([^;,]+)[;,]", SOURCES[source]).group(1)
    return eval(found.replace("std::size_t{1}", "1"), {})  # a literal or a shift


class FormatDocument(unittest.TestCase):
    def test_kinds(self):
        numbers = dict(re.findall(r"(k\w+) = (\d+),", SOURCES["io/format.h"].split("enum class FileKind")[1]))
        names = re.findall(r'\{FileKind::(k\w+), "[^"]+", "(\w+)"\}', SOURCES["io/format.cpp"])
        code = sorted((int(numbers[kind]), name) for kind, name in names)
        self.assertEqual([(int(row[0]), row[1].strip("`")) for row in rows("Kinds")], code)
        self.assertEqual(len(code), len(numbers))

    def test_sections(self):
        used = {tag for text in SOURCES.values() for tag in re.findall(r'section_tag\("(.{4})"\)', text)}
        described = [row[0].strip("`") for row in rows("Sections")]
        self.assertEqual(len(described), len(set(described)))
        self.assertEqual(set(described), used - {"END."})
        named = {tag for row in rows("Kinds") for tag in re.findall(r"`(.{4})`", row[4])}
        self.assertEqual(named | {"PARM"}, set(described))  # which any file may begin with

    def test_order_in_frozen_files(self):
        pattern = {}
        for row in rows("Kinds"):
            text = row[4].replace("[", "(").replace("]", ")?").replace(" or ", "|")
            pattern[row[1].strip("`")] = re.sub(r"`(.{4})`", lambda tag: re.escape(tag[1]), text).replace(" ", "")
        seen = set()
        for expected in (ROOT / "tests/frozen").rglob("expected.json"):
            for name, shown in json.loads(expected.read_text())["containers"].items():
                sections = "".join(section["name"] for section in shown["sections"])
                self.assertRegex(sections, f"^(?:{pattern[shown['kind']]})$", name)
                seen.add(shown["kind"])
        self.assertEqual(seen, set(pattern) - NOT_FROZEN)

    def test_sizes(self):
        version = constant("kFormatVersion", "io/format.h")
        self.assertIn(f"| 8 | 4 | format version, {version};", DOCUMENT)
        self.assertIn(f"0 to {constant('kFrameBytes', 'io/format.h'):,} |", DOCUMENT)
        digest = constant("kDigestBytes", "io/format.h")
        header = constant("kHeaderBytes", "io/format.h")
        self.assertIn(f"| {header - digest} | {digest} | SHA-256 of bytes 0 to {header - digest - 1} |", DOCUMENT)
        self.assertIn(f"1 to {constant('kMaxRounds', 'records/sections.h'):,}, 0 in a checkpoint", DOCUMENT)


if __name__ == "__main__":
    unittest.main(verbosity=2)
