#!/usr/bin/env python3
"""Holds the figures that the program and docs/SECURITY.md state to the scripts that give them: the table of
largest moduli, the estimates for the sparse secret, how often bootstrapping leaves its range.

Usage: claims_test.py, with unittest's arguments
"""
import re
import sys
import unittest
from fractions import Fraction
from math import log2
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import estimate_security  # noqa: E402
import failure_probability  # noqa: E402

DOCUMENT = (ROOT / "docs" / "SECURITY.md").read_text()


def table_of_the_code():
    """[(log_n, weight, log2 of the largest modulus)] of src/rlwe/security.cpp."""
    source = (ROOT / "src" / "rlwe" / "security.cpp").read_text()
    body = re.search(r"kTable\[\] = \{(.*?)\n  \};", source, re.S).group(1)
    return [tuple(map(int, entry))
            for entry in re.findall(r"\{(\d+), (\d+), (\d+)\}", body)]


def rows(title):
    """The cells of the table below a line that starts with `title`."""
    text = DOCUMENT[DOCUMENT.index(title):]
    out = []
    for line in text.splitlines()[2:]:
        if not line.startswith("|"):
            break
        out.append([cell.strip(" *") for cell in line.strip("|").split("|")])
    return out


def uniform_sums(h):
    """P(U_1 + .. + U_h <= x), U_i uniform in [0, 1], by convolution: for k = floor(x) the polynomial in
    x - k. F_h(k + t) is the integral of F_(h-1) from k - 1 + t to k + t."""
    def integral(p, t=None):
        whole = [Fraction(0)] + [c / (i + 1) for i, c in enumerate(p)]
        return whole if t is None else sum(whole)

    pieces = [[Fraction(0), Fraction(1)]]
    for _ in range(h - 1):
        one = [Fraction(1)]
        nextpieces = []
        for k in range(len(pieces) + 1):
            below = pieces[k - 1] if k > 0 else [Fraction(0)]
            here = pieces[k] if k < len(pieces) else one
            up, down = integral(here), integral(below)
            size = max(len(up), len(down))
            up, down = up + [0] * (size - len(up)), down + [0] * (size - len(down))
            piece = [a - b for a, b in zip(up, down)]
            piece[0] += integral(below, 1)
            nextpieces.append(piece)
        pieces = nextpieces
    return pieces


class Claims(unittest.TestCase):
    def test_every_bound_of_the_table_keeps_128_bits(self):
        table = table_of_the_code()
        self.assertEqual(len(table), 9)
        for log_n, weight, bound in table:
            with self.subTest(log_n=log_n, weight=weight):
                if weight == 0:
                    cost = estimate_security.primal_plain("bdgl", 1 << log_n, bound, 2 / 3)[0]
                    # And the bound is no guess: a tenth more would be too much.
                    more = estimate_security.primal_plain("bdgl", 1 << log_n, 1.1 * bound, 2 / 3)[0]
                    self.assertGreaterEqual(cost, 128)
                    self.assertLess(more, 128)
                else:
                    costs = estimate_security.hybrids("core", log_n, weight, bound, True)
                    self.assertGreaterEqual(min(cost for cost, _ in costs.values()), 128)

    def test_the_estimates_of_the_document(self):
        stated = {16: 1732, 13: 199}
        for log_n, log_q, *figures in rows("| log2 n | log2 q | Primal"):
            self.assertEqual(stated.pop(int(log_n)), int(log_q))
            core = estimate_security.primal_plain("core", 1 << int(log_n), int(log_q), 2 / 3)[0]
            self.assertAlmostEqual(core, float(figures[4]), delta=0.5)
        self.assertFalse(stated)
        names = {"primal hybrid, exhaustive guessing": ("primal", False),
                 "primal hybrid, guesses met in the middle": ("primal, root", False),
                 "dual hybrid, exhaustive guessing": ("dual", False),
                 "dual hybrid, guesses met in the middle": ("dual, root", False),
                 "dual hybrid, representation tree [May21]": ("dual, tree", False),
                 "dual hybrid, representation tree, rotations": ("dual, tree", True)}
        found = {(model, rotations): estimate_security.hybrids(model, 16, 32, 100, rotations)
                 for model in ("bdgl", "core") for rotations in (False, True)}
        for name, _, bdgl, core in rows("| Attack | lattice-estimator"):
            attack, rotations = names.pop(name)
            self.assertAlmostEqual(found["bdgl", rotations][attack][0], float(bdgl), delta=0.6)
            self.assertAlmostEqual(found["core", rotations][attack][0], float(core), delta=0.6)
        self.assertFalse(names)

    def test_the_sum_of_irwin_and_hall_is_the_convolution(self):
        for h in (1, 2, 3, 8, 32):
            pieces = uniform_sums(h)
            self.assertEqual(len(pieces), h)
            for x in (Fraction(1, 3), Fraction(1, 2) + Fraction(2.0 ** -6.4), Fraction(7, 2), Fraction(63, 4)):
                if x < h:
                    k = int(x)
                    value = sum(c * (x - k) ** i for i, c in enumerate(pieces[k]))
                    self.assertEqual(value, failure_probability.lower_tail(h, x))

    def test_how_often_the_range_is_left(self):
        message = Fraction(2.0 ** -6.4)
        table = rows("| K | One coefficient")
        self.assertEqual([row[0] for row in table], ["10", "12", "14", "16"])
        for bound, one, every in table:
            exact = failure_probability.log2_fraction(
                failure_probability.tail(32, int(bound), message))
            self.assertAlmostEqual(exact, float(one), delta=0.06)
            self.assertAlmostEqual(exact + 16, float(every), delta=0.06)

    def test_how_often_several_owners_leave_their_range(self):
        table = rows("| Owners | K | One coefficient")
        self.assertEqual([(row[0], row[1]) for row in table],
                         [("2", "32"), ("3", "32"), ("4", "32"), ("8", "64"), ("12", "64"), ("16", "64")])
        for owners, bound, one, every in table:
            exact = failure_probability.log2_fraction(
                failure_probability.tail(32 * int(owners), int(bound), Fraction(12, 1024)))
            self.assertAlmostEqual(exact, float(one), delta=0.06)
            self.assertAlmostEqual(exact + 16, float(every), delta=0.06)


if __name__ == "__main__":
    unittest.main(verbosity=2)
