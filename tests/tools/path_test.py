#!/usr/bin/env python3
"""The path from the command `train` to the transform, as docs/ARCHITECTURE.md tells it, is the sources': every function
is defined in its file and calls the one after it, no file comes twice, each lies in a layer below the one before."""
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import check_layers  # noqa: E402
import lint  # noqa: E402

MOST_FILES = 7


def table(text):
    """Rows under the heading: (file, [functions])."""
    section = re.search(r"^## From a command to the transform\n(.*?)(?=^## )", text, re.M | re.S).group(1)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")]
    return [(re.fullmatch(r"`([\w/.]+)`", file).group(1), re.findall(r"`([\w:]+)`", functions))
            for file, functions, *_ in rows]


def body_of(function, code):
    """Of its definition: what is between its braces."""
    name = r"\b" + re.escape(function) + r"\("
    for match in re.finditer(r"^[\w:<>,*& ]*?" + name, code, re.M):
        depth, i = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(code[i], 0)
            i += 1
        opening = re.match(r"[\w ]*\{", code[i:])
        if not opening:
            continue  # a declaration
        begin = i + opening.end()
        end = code.find("\n}", begin)
        return code[begin:end]
    return None


def problems(rows, read):
    if len(rows) > MOST_FILES:
        yield f"{len(rows)} files"
    for (file, _), (below, _) in zip(rows, rows[1:]):
        over, under = (check_layers.layer_of(name) for name in (file, below))
        if over == under or under not in check_layers.reach(over):
            yield f"{below}: not below {file}"
    calls = [(file, function) for file, functions in rows for function in functions]
    for (file, function), after in zip(calls, calls[1:] + [None]):
        body = body_of(function, lint.without_comments(read(file)))
        if body is None:
            yield f"{file}: does not define {function}"
        elif after:
            # Of the kernels' table, whose entries are named without their instruction set.
            name = re.sub(r"_(avx512|avx2|ref)$", "", after[1].split("::")[-1])
            if not re.search(rf"\b{name}\(", body):
                yield f"{file}: {function} does not call {name}"


class Path_(unittest.TestCase):
    rows = table((ROOT / "docs/ARCHITECTURE.md").read_text())

    @staticmethod
    def read(file):
        return (ROOT / "src" / file).read_text()

    def test_is_the_sources(self):
        self.assertGreaterEqual(len(self.rows), 5)
        self.assertEqual(self.rows[0][0], "app/server/train.cpp")
        self.assertIn("ntt_forward", self.rows[-1][1][-1])
        self.assertEqual(list(problems(self.rows, self.read)), [])

    def test_every_fault_is_seen(self):
        def after(change):
            rows = [(file, list(functions)) for file, functions in self.rows]
            change(rows)
            return list(problems(rows, self.read))
        for change in (lambda rows: rows.pop(3), lambda rows: rows.reverse(),
                       lambda rows: rows[2][1].append("predict"), lambda rows: rows[4][1].insert(0, "to_nowhere"),
                       lambda rows: rows.append(rows[-1])):
            self.assertTrue(after(change))


if __name__ == "__main__":
    unittest.main()
