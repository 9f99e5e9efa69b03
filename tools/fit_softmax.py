#!/usr/bin/env python3
"""Fits the softmax circuits that BlindTuner ships (docs/SOFTMAX.md has the mathematics).

A circuit turns a row of centred logits z_1..z_c into probabilities by

    y = sin(2 pi rho x) / (2 pi rho),  x = z / B     what the bootstrapping's eval_mod hands over
    v = E(y)                                         Chebyshev polynomial of degree 7
    n:  v <- v * (a + b S)                           S = sum of v over the row
    q:  v <- g v^2

The fit of one circuit, given its step string:
  1. E by weighted least squares on exp(z / 2^q), flattened beyond `sat` * R;
  2. each run of n steps by the roots that make max/min of the row's next sum least;
  3. all constants together by L-BFGS on the 4-norm of the error, then by sequential linear
     programming on its maximum (each LP minimises the largest linearised error in a trust region).
     Rows in (R, B] count with a weight that falls to `outer`, so that they stay bounded;
  4. scales moved between neighbours until max |v| = 1 after every step.

Wide circuits whose entry in PLAN has root factors are constructed instead, without optimisation:
E by linear programming, every root from the ends of S (Fit.construct).

A row is stored as up to eight distinct logits with multiplicities: the cost of a fit does not depend
on the number of classes. A fit follows the rounding of the linear algebra library into one of many
near minima, so --all starts from the constants that ship and replaces them only by clearly better
ones; --scratch starts from the beginning.

    fit_softmax.py --classes 10 --range 12 --steps nqnqnnqnnn          one circuit, printed
    fit_softmax.py --classes 10 --range 12 --depth 13                  search for the step string
    fit_softmax.py --all [--jobs 2] [--only default] [--scratch]       everything that ships
    fit_softmax.py --check                                             re-measure what ships
    fit_softmax.py --restate                                           write new figures of it
    fit_softmax.py --table                                             rewrite the tables in docs

Needs numpy and scipy.
"""

import argparse
import itertools
import math
import multiprocessing
import os
import pathlib
import re
import sys
import time
import warnings

# One thread: sums in another order round differently, and a fit follows the rounding.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
from numpy.polynomial import chebyshev
from scipy.optimize import linprog, minimize

ROOT = pathlib.Path(__file__).resolve().parent.parent
GENERATED = ROOT / "src/train/softmax_circuits.gen.cpp"
DOCUMENT = ROOT / "docs/SOFTMAX.md"

RHO = 1 / 16  # message ratio B * scale / q0, a constant of the project
DEGREE = 7  # of E
LEVELS = 8  # distinct logits of a sampled row
LEVELS_LEFT = 14  # after a half bootstrap of the standard set; deeper circuits are bootstrapped
OFFSET = 0.1  # a row's mean may be off zero by this much
MARGIN = 1.5  # B / R
BOX_PAD = 1.03  # wide circuits are fitted on a box larger by this
NOISE = 2.0**-22  # rms noise an operation, relative to 1

GRID = {  # class counts that have a circuit of their own
    "default": (3, 5, 7, 10, 16, 26, 50, 100),
    "guaranteed": (3, 5, 10, 20, 50, 100),
    "wide": (3, 7, 10, 16, 26, 50, 100),
}


def fold(x):
    """The sine that eval_mod leaves on its input."""
    return np.sin(2 * np.pi * RHO * x) / (2 * np.pi * RHO)


# ---------------------------------------------------------------------------------------------- rows


class Rows:
    """Rows of logits: z[i, j] occurs m[i, j] times in row i; m = 0 marks an unused column."""

    def __init__(self, z, m):
        self.z, self.m = np.where(m > 0, z, 0.0), m.astype(float)

    def __len__(self):
        return len(self.z)

    def __add__(self, other):
        return Rows(np.concatenate([self.z, other.z]), np.concatenate([self.m, other.m]))

    def reach(self):
        return np.abs(self.z).max(1, keepdims=True)

    def softmax(self):
        top = np.where(self.m > 0, self.z, -np.inf).max(1, keepdims=True)
        e = np.where(self.m > 0, np.exp(self.z - top), 0)
        return e / (e * self.m).sum(1, keepdims=True)

    def basis(self, bound, degree):
        t = chebyshev.chebvander(fold(self.z / bound), degree)
        t[self.m == 0] = 0
        return t


class Domain:
    """The rows a circuit is for: lo..hi classes, centred, |z| <= R; or, where `box` is given, any
    row of [-box, box]^c after its mean was subtracted, so that max z - min z <= 2 box. Where `crowd`
    is given, only rows with mean exp(3 z / R) <= crowd count fully, those up to twice that have to
    stay bounded, and others do not belong: rows with many classes near R, which no training makes,
    would cost a level."""

    def __init__(self, lo, hi, reach, box=None, crowd=None):
        self.lo, self.hi, self.reach, self.box, self.crowd = lo, hi, reach, box, crowd

    def crowding(self, rows):
        """mean exp(3 z / R) / crowd, a column; zero where crowds are welcome."""
        if not self.crowd:
            return np.zeros((len(rows), 1))
        e = (np.exp(3 * rows.z / self.reach) * rows.m).sum(1, keepdims=True)
        return e / rows.m.sum(1, keepdims=True) / self.crowd

    def members(self, rows, slack=2):
        keep = self.crowding(rows)[:, 0] <= slack
        return Rows(rows.z[keep], rows.m[keep])

    def scale(self, z, m, size):
        """Centres rows and scales them to `size` (a fraction of the domain's own size)."""
        z = np.where(m > 0, z - (z * m).sum(1, keepdims=True) / m.sum(1, keepdims=True), 0)
        if self.box:
            top = np.where(m > 0, z, -np.inf).max(1, keepdims=True)
            bottom = np.where(m > 0, z, np.inf).min(1, keepdims=True)
            return z / np.maximum(top - bottom, 1e-9) * 2 * self.box * size
        return z / np.maximum(np.abs(z).max(1, keepdims=True), 1e-9) * self.reach * size

    def sample(self, rng, n, low=0.0, high=1.0, levels=LEVELS):
        """Random rows of sizes in (low, high]: uniform, normal, exponential, two-level and
        one-versus-rest patterns with skewed multiplicities, many of them at full size, of at most
        `levels` distinct logits."""
        width = min(levels, self.hi)
        c = rng.integers(self.lo, self.hi + 1, n)
        used = rng.integers(1, width + 1, n)
        used = np.where(rng.random(n) < 0.5, np.minimum(3, used), used)
        used = np.where(rng.random(n) < 0.3, width, used)
        used = np.clip(used, np.minimum(2, c), c)
        active = np.arange(width) < used[:, None]
        share = np.where(active, rng.gamma(0.3, size=(n, width)) + 1e-9, 0)
        m = np.floor(share / share.sum(1, keepdims=True) * (c - used)[:, None])
        m[np.arange(n), share.argmax(1)] += c - used - m.sum(1)
        m = np.where(active, m + 1, 0)

        kind = rng.random((n, 1))
        normal = rng.normal(size=(n, width))
        sign = np.where(rng.random((n, width)) < 0.5, 1.0, -1.0)
        z = sign + 0.2 * normal * rng.random((n, 1))
        z = np.where(kind < 0.75, -rng.exponential(size=(n, width)), z)
        z = np.where(kind < 0.55, normal, z)
        z = np.where(kind < 0.3, rng.uniform(-1, 1, (n, width)), z)
        one = np.where(np.arange(width) == 0, 1, 0.15 * normal)
        z = np.where(rng.random((n, 1)) < 0.2, one, z)
        u = rng.random((n, 1))
        size = np.where(u < 0.4, 1, np.where(u < 0.5, rng.random((n, 1)) ** 3, rng.random((n, 1))))
        z = self.scale(z, m, low + size * (high - low))
        return self.members(Rows(z + OFFSET * rng.uniform(-1, 1, (n, 1)), m))

    def races(self, rng, n):
        """One to five leaders, level or nearly, at any distance above a crowd in one or two camps.
        They are nearly uniform rows until the last squarings: noise shows in them most."""
        width = min(LEVELS, self.hi)
        if width < 4:
            return Rows(np.zeros((0, width)), np.zeros((0, width)))
        c = rng.integers(self.lo, self.hi + 1, n)
        leaders = np.minimum(rng.choice([1, 2, 2, 2, 3, 5], n), c - 2)
        second = np.where(rng.random(n) < 0.5, (rng.random(n) * (c - leaders - 1)).astype(int), 0)
        lead = np.exp(rng.uniform(0, np.log(2 * self.reach), n))
        z, m = np.zeros((n, width)), np.zeros((n, width))
        m[:, 0], m[:, 1], m[:, 2], m[:, 3] = 1, leaders - 1, c - leaders - second, second
        z[:, 0], z[:, 1] = lead, lead - rng.uniform(0, 2, n) * (rng.random(n) < 0.5)
        z[:, 3] = lead * rng.random(n) * rng.choice([0.0, 0.5, 0.9], n)
        full = self.scale(z, m, 1)
        z = np.where(m > 0, z - (z * m).sum(1, keepdims=True) / m.sum(1, keepdims=True), 0)
        shrink = np.abs(full).max(1, keepdims=True) / np.abs(z).max(1, keepdims=True)
        z = z * np.minimum(1, shrink) + OFFSET * rng.uniform(-1, 1, (n, 1))
        return self.members(Rows(z, m), 1)

    def patterns(self, rng, n):
        """Rows of all-different logits as the C++ tests draw them (RowSource)."""
        c = self.lo + np.arange(n) % (self.hi - self.lo + 1)
        m = (np.arange(self.hi) < c[:, None]).astype(float)
        kind = rng.integers(0, 5, (n, 1))
        leaders = 1 + (rng.random((n, 1)) * (c[:, None] - 1)).astype(int)
        jitter = rng.uniform(0, 0.3, (n, 1)) * rng.normal(size=m.shape)
        index = np.arange(self.hi)
        z = -np.log(rng.uniform(1e-6, 1, m.shape))
        z = np.where(kind == 3, np.where(index < leaders, 1, -1) + jitter, z)
        z = np.where(kind == 2, (index == 0) + jitter, z)
        z = np.where(kind == 1, rng.normal(size=m.shape), z)
        z = np.where(kind == 0, rng.uniform(-1, 1, m.shape), z)
        u = rng.random((n, 1))
        size = np.where(u < 0.4, 1, rng.uniform(0.01, 1, (n, 1)))
        return self.members(Rows(self.scale(z, m, 1) * size, m), 1)

    def sweeps(self, high=1.0, points=60):
        """Rows of two distinct logits, 1, 2 or half of the classes above the rest or below it, at
        finely spaced sizes: errors peak on these lines."""
        z, m = [], []
        for n in np.unique(np.linspace(self.lo, self.hi, 4).round().astype(int)):
            for k in sorted({k for k in (1, 2, n // 2, n - 2, n - 1) if 1 <= k < n}):
                z.append([1.0, -1.0])
                m.append([k, n - k])
        z, m = np.array(z), np.array(m, float)
        sizes = np.linspace(high / points, high, points)
        z = np.concatenate([self.scale(z, m, s) for s in sizes])
        m = np.concatenate([m] * points)
        z = z + OFFSET * np.array([-1, 0, 1])[np.arange(len(z)) % 3][:, None]
        pad = min(LEVELS, self.hi) - 2
        return self.members(Rows(np.pad(z, ((0, 0), (0, pad))), np.pad(m, ((0, 0), (0, pad)))))

    def extremes(self, sizes, seed=0, limit=4000):
        """Rows of two and three distinct logits at the given sizes: the corners of the domain."""

        def counts(n):
            some = [*range(1, 11), 14, 20, 28, 40, 56, 80, n // 2, 3 * n // 4, n - 3, n - 2, n - 1]
            return sorted({k for k in some if 1 <= k <= n})

        levels, mult = [], []
        for n in sorted({self.lo, self.hi}):
            for k in counts(n - 1):
                levels.append([1, -1, 0])
                mult.append([k, n - k, 0])
            for k1 in counts(n - 2):
                for k2 in counts(n - k1 - 1):
                    for mid in (-0.8, -0.4, 0, 0.4, 0.8):
                        levels.append([1, mid, -1])
                        mult.append([k1, k2, n - k1 - k2])
        z, m = np.array(levels, float), np.array(mult, float)
        rng = np.random.default_rng(seed)
        z = np.concatenate([self.scale(z, m, s) for s in sizes])
        m = np.concatenate([m] * len(sizes))
        if len(z) > limit:
            keep = np.sort(rng.permutation(len(z))[:limit])
            z, m = z[keep], m[keep]
        z = z + OFFSET * rng.choice([-1, 0, 1], (len(z), 1))
        width = min(LEVELS, self.hi)
        pad = max(0, width - 3)
        z, m = np.pad(z, ((0, 0), (0, pad))), np.pad(m, ((0, 0), (0, pad)))
        return self.members(Rows(z[:, :width], m[:, :width]))


# --------------------------------------------------------------------------------------------- chain


class Chain:
    """A step string with its constants: p = (coefficients of E, a_1, b_1, a_2, b_2, ...), g = 1."""

    def __init__(self, steps, bound, p=None, degree=DEGREE):
        self.steps, self.bound, self.degree, self.p = steps, bound, degree, p

    def depth(self):
        return math.ceil(math.log2(self.degree + 1)) + len(self.steps)

    def split(self, p):
        return p[: self.degree + 1], p[self.degree + 1 :].reshape(-1, 2)

    def trace(self, p, basis, m, noise=None):
        """Yields v after E and after every step. noise() is added after every operation."""
        add = noise or (lambda u: u)
        coefficients, ab = self.split(p)
        v = add(basis @ coefficients) * (m > 0)
        yield v
        i = 0
        for step in self.steps:
            if step == "n":
                s = add((v * m).sum(1, keepdims=True))
                v = add(v * add(ab[i, 0] + ab[i, 1] * s))
                i += 1
            else:
                v = add(v * v)
            v = v * (m > 0)
            yield v

    def run(self, p, basis, m):
        for v in self.trace(p, basis, m):
            pass
        return v

    def jacobian(self, p, basis, m):
        """v after the last step and its derivatives by p, one column a parameter."""
        coefficients, ab = self.split(p)
        v = basis @ coefficients
        d = np.zeros(v.shape + (len(p),))
        d[:, :, : len(coefficients)] = basis
        used, i = len(coefficients), 0
        for step in self.steps:
            if step == "q":
                d[:, :, :used] *= 2 * v[:, :, None]
                v = v * v
                continue
            a, b = ab[i]
            i += 1
            s = (v * m).sum(1, keepdims=True)
            ds = np.einsum("ij,ijk->ik", m, d[:, :, :used])
            d[:, :, :used] *= (a + b * s)[:, :, None]
            d[:, :, :used] += b * v[:, :, None] * ds[:, None, :]
            d[:, :, used], d[:, :, used + 1] = v, v * s
            used += 2
            v = v * (a + b * s)
        return v, d

    def gradient(self, p, basis, m, outer):
        """Reverse mode: `outer` maps the last v to (value, d value / d v)."""
        coefficients, ab = self.split(p)
        history = list(self.trace(p, basis, m))
        value, g = outer(history[-1])
        if g is None:
            return value, np.zeros_like(p)
        out = np.zeros_like(p)
        slots = out[len(coefficients) :].reshape(-1, 2)
        i = len(ab)
        for step, v in zip(self.steps[::-1], history[-2::-1]):
            if step == "q":
                g = 2 * g * v
                continue
            i -= 1
            s = (v * m).sum(1, keepdims=True)
            gv = (g * v).sum(1, keepdims=True)
            slots[i] = gv.sum(), (gv * s).sum()
            g = g * (ab[i, 0] + ab[i, 1] * s) + ab[i, 1] * m * gv
        out[: len(coefficients)] = np.einsum("ij,ijk->k", g, basis)
        return value, out

    def normalise(self, basis, m):
        """Moves scale between neighbours until max |v| = 1 after every step but the last, which
        keeps its value. Returns the q steps' factors g; they are 1, max |v| being 1 before them."""
        coefficients, ab = self.split(self.p.copy())
        v = basis @ coefficients
        carry = np.abs(v).max()  # true v = carry * normalised v
        coefficients = coefficients / carry
        v = v / carry
        last = self.steps.rindex("n")
        i = 0
        for j, step in enumerate(self.steps):
            if step == "q":
                v, carry = v * v, carry * carry
                continue
            b = ab[i, 1] * carry
            w = v * (ab[i, 0] + b * (v * m).sum(1, keepdims=True))
            top = np.abs(w).max() if j != last else 1 / carry
            ab[i] = ab[i, 0] / top, b / top
            v, carry = w / top, carry * top
            i += 1
        self.p = np.concatenate([coefficients, ab.ravel()])


# --------------------------------------------------------------------------------------------- fitting


class Fit:
    """Fits one chain on rows of `domain`, bounded on rows up to `bound`."""

    def __init__(self, steps, domain, bound, *, n=8000, seed=1, outer=0.01, ramp=0.25, variant=0):
        self.domain, self.bound, self.outer, self.ramp = domain, bound, outer, ramp
        self.chain = Chain(steps, bound)
        kinds = [("spread", 1.2), ("top", 1.2), ("spread", 1.5), ("top", 1.5)]
        kinds += [("random", 1.2), ("random", 1.5)] * 8
        self.start_kind, self.sat = kinds[variant]
        self.random = np.random.default_rng(max(0, variant - 4))
        rng = np.random.default_rng(seed)
        sizes = [0.1, 0.3, 0.5, 0.7, 0.85, 1]
        if domain.box:  # nothing lies outside, but the corners themselves must not be the edge
            rows = domain.sample(rng, n, 0, BOX_PAD)
            sizes += [BOX_PAD]
        else:
            rows = domain.sample(rng, n) + domain.sample(rng, n // 2, 1, bound / domain.reach)
            sizes += [f for f in (1.1, 1.2, 1.25, 1.4, 1.5) if f <= bound / domain.reach + 1e-9]
        self.use(rows + domain.extremes(sizes, limit=n // 2) + domain.sweeps(max(sizes)))

    def use(self, rows):
        self.rows, self.m = rows, rows.m
        self.basis = rows.basis(self.bound, DEGREE)
        self.target = rows.softmax()
        self.set_outer(1.0)

    def mine(self, seed, n=30000, keep=300):
        """Adds the worst of `n` fresh rows; those that diverge cannot be linearised, so they are
        left to the weights of the rows beside them."""
        box = self.domain.box
        high = BOX_PAD if box else self.bound / self.domain.reach
        rng = np.random.default_rng(seed)
        fresh = self.domain.sample(rng, n, 0, BOX_PAD if box else 1)
        fresh += self.domain.sweeps(high, 211) + self.domain.extremes([1, high], seed, n // 2)
        if not box:
            fresh += self.domain.sample(rng, n // 2, 1, high)
        other = Fit.__new__(Fit)
        other.domain, other.bound, other.ramp = self.domain, self.bound, self.ramp
        other.chain = self.chain
        other.use(fresh)
        other.set_outer(self.outer)
        worst = other.errors(self.chain.p).max(1)
        worst = np.where(worst < 1, worst, 0)
        order = np.argsort(-worst)[:keep]
        self.use(self.rows + Rows(fresh.z[order], fresh.m[order]))

    def set_outer(self, outer):
        """Weights: 1 in the range, falling to `outer` at (1 + ramp) times it."""
        f = 0 if self.domain.box else self.rows.reach() / (self.domain.reach + OFFSET) - 1
        f = np.maximum(f, self.domain.crowding(self.rows) - 1)
        self.weight = outer ** np.clip(f / self.ramp, 0, 1) * (self.m > 0)

    def fit_exponential(self):
        """E ~ exp((min(z, sat R) - R) / 2^q), weighted least squares, weight 1 / target^0.9."""
        q, reach = self.chain.steps.count("q"), self.domain.reach
        z = self.bound * np.cos(np.linspace(0, np.pi, 2001))
        target = np.exp((np.minimum(z, reach * self.sat) - reach) / 2**q)
        weight = np.minimum(target, 1e6) ** -0.9
        weight *= np.where(np.abs(z) <= reach, 1, 0.1)
        v = chebyshev.chebvander(fold(z / self.bound), DEGREE)
        return np.linalg.lstsq(v * weight[:, None], target * weight, rcond=None)[0]

    def fit_run(self, v, count, last, pad=1.05):
        """`count` n steps from v: roots r_i (S in units of its padded maximum) that minimise
        max/min over the rows of the 2-norm (last run: of the sum). Returns [(a, b)], scaled so that
        max S = 1 after each. Step 3 finds local minima, so there are several starts: the search's
        result ("spread"), one that keeps the roots just above max S ("top"), or one cut short."""
        s0 = (v * self.m).sum(1)
        size0 = s0 if last else np.sqrt((v * v * self.m).sum(1))

        def apply(logs):
            s, factor, out = s0, np.ones_like(s0), []
            for r in logs:
                h = 1 - s / (np.exp(r) * pad * s.max())
                f = 1 / max(1e-12, np.abs(s * h).max())
                out.append((f, -f / (np.exp(r) * pad * s.max())))
                factor, s = factor * h * f, s * h * f
            return factor * size0, out

        def spread(logs):
            size = apply(logs)[0]
            return 50 - size.min() if size.min() <= 0 else np.log(size.max() / size.min())

        if self.start_kind == "top":
            first, size, effort = np.full(count, 0.05), 0.0025, 150
        else:  # greedy: both ends of S meet in one value
            first, low = [], s0.min() / s0.max()
            for _ in range(count):
                low = max(low, 1e-3)
                first.append(np.log1p(low))
                low = low / ((1 + low) / 2) ** 2
            size, effort = 0.15, 200
            if self.start_kind == "random":
                first = np.array(first) + 0.2 * self.random.normal(size=count)
                effort = 20
        simplex = np.array(first) + size * np.vstack([np.zeros(count), np.eye(count)])
        options = dict(maxiter=effort * count, xatol=1e-4, fatol=1e-5, initial_simplex=simplex)
        found = minimize(spread, first, method="Nelder-Mead", options=options)
        return apply(found.x)[1]

    def race_exponential(self):
        """E for a chain that is constructed. The largest logit of a centred row is 0 or more, and
        only classes at most some units below it have a probability: above z = -8 what counts is that
        log E - z / 2^q is flat, 2^q times its slope being the error of a logit's difference. Its
        largest value, divided by 1 + 1.5 z / B as few classes can be high at once, is minimised by
        linear programming. Below, E stays between 0 and exp(0.3 z / 2^q), small enough."""
        bound, t = self.bound, 2.0 ** self.chain.steps.count("q")

        def values(z):
            return chebyshev.chebvander(fold(z / bound), DEGREE)

        z = -8 + (bound + 8) * (1 - np.cos(np.linspace(0, np.pi, 600))) / 2
        turn = np.cos(2 * np.pi * RHO * z / bound)[:, None] / bound  # dy / dz
        slopes = chebyshev.chebval(fold(z / bound), chebyshev.chebder(np.eye(DEGREE + 1))).T * turn
        excess = (t * slopes - values(z)) * np.exp(-z / t)[:, None]
        weight = (1 + 1.5 * np.maximum(z, 0) / bound)[:, None]
        low = np.linspace(-bound, -8, 300)
        below = np.pad(values(low), ((0, 0), (0, 1)))
        found = linprog(
            np.append(np.zeros(DEGREE + 1), 1),
            A_ub=np.block([[excess, -weight], [-excess, -weight], [below], [-below]]),
            b_ub=np.concatenate([np.zeros(1200), np.exp(0.3 * low / t), -1e-3 * np.exp(low / t)]),
            A_eq=np.append(values(np.zeros(1)), [[0]], 1),
            b_eq=[1],
            bounds=[(None, None)] * (DEGREE + 1) + [(0, None)],
            method="highs",
        )
        return found.x[:-1]

    def construct(self, factors):
        """A chain without optimisation: every n step has the root of a + b S at the sum of the ends
        of S over the rows, times factors[i] for the i-th of them (1 where there is none), so that
        both ends meet and the spread falls fourfold."""
        self.use(self.rows + self.domain.races(np.random.default_rng(50), len(self.rows) // 4))
        coefficients = self.race_exponential()
        v = (self.basis @ coefficients) * (self.m > 0)
        coefficients, v = coefficients / v.max(), v / v.max()
        ab = []
        for step in self.chain.steps:
            if step == "n":
                s = (v * self.m).sum(1, keepdims=True)
                root = max((s.min() + s.max()) * factors.get(len(ab), 1), 1.01 * s.max())
                ab.append(np.array([1, -1 / root]))
                v = v * (1 - s / root)
            else:
                v = v * v
            if ab:  # v of any size would do; this keeps it within range
                power = 2 if step == "q" else 1
                ab[-1], v = ab[-1] / v.max() ** (1 / power), v / v.max()
        s = (v * self.m).sum(1)
        ab[-1] = ab[-1] * 2 / (s.max() + s.min())
        self.chain.p = np.concatenate([coefficients, np.ravel(ab)])

    def start(self):
        """Steps 1 and 2 of the method; leaves the chain with constants."""
        coefficients = self.fit_exponential()
        v = self.basis @ coefficients
        top = np.abs(v).max()
        coefficients, v = coefficients / top, v / top
        ab = []
        runs = self.chain.steps.split("q")
        for index, run in enumerate(runs):
            if index:
                v = v * v
            if not run:
                continue
            for a, b in self.fit_run(v, len(run), index == len(runs) - 1):
                v = v * (a + b * (v * self.m).sum(1, keepdims=True))
                ab.append((a, b))
            top = np.abs(v).max()
            v = v / top
            ab[-1] = ab[-1][0] / top, ab[-1][1] / top
        s = (v * self.m).sum(1)
        ab[-1] = tuple(np.array(ab[-1]) * 2 / (s.max() + s.min()))
        self.chain.p = np.concatenate([coefficients, np.ravel(ab)])

    def errors(self, p):
        v = self.chain.run(p, self.basis, self.m)
        e = np.abs(v - self.target) * self.weight
        return np.where(np.isfinite(e), e, 1e300)

    def smooth(self, power=4, iterations=50):
        """L-BFGS on log ||weighted error||_power."""

        def outer(v):
            e = (v - self.target) * self.weight
            top = np.abs(e).max()
            if not top < 1e30:
                return 1e3, None
            t = (np.abs(e) / top) ** (power - 1)
            total = (t * np.abs(e) / top).sum()
            value = np.log(top) + np.log(total / len(e)) / power
            return value, t * np.sign(e) * self.weight / (total * top)

        def both(p):
            value, g = self.chain.gradient(p, self.basis, self.m, outer)
            return (value, g) if np.all(np.isfinite(g)) else (1e3, np.zeros_like(p))

        options = dict(maxiter=iterations, maxcor=30)
        self.chain.p = minimize(both, self.chain.p, jac=True, method="L-BFGS-B", options=options).x

    def minimax(self, iterations, active=300):
        """Sequential linear programming: minimise t with |e_i + J_i d| <= t for the rows that can
        matter within the trust region |d_j| <= radius * size_j. Rows that break a step's promise
        join the constraints. Returns the largest weighted error."""
        p, radius, cuts = self.chain.p, 0.02, np.zeros(0, int)
        head = DEGREE + 1
        e = self.errors(p)
        top, history = e.max(), []
        for _ in range(iterations):
            worst = e.max(1)
            rows = np.argpartition(-worst, min(active, len(worst) - 1))[:active]
            rest = np.flatnonzero(worst > 0.3 * top)
            rows = np.union1d(rows, rest[:: max(1, len(rest) // active)])
            rows = np.union1d(rows, cuts)
            size = np.abs(p)
            size[:head] = np.maximum(size[:head], 0.15 * size[:head].max())
            residual, slope = self.linearise(p, rows)
            accepted = False
            for _ in range(10):
                step, bound = self.linear_program(residual, slope * size, radius, top)
                gain = top - bound
                if step is None or (gain < 1e-5 * top and radius < 1e-3) or radius < 1e-7:
                    break
                trial = p + step * size
                e2 = self.errors(trial)
                if e2.max() < top - 0.05 * gain:
                    if top - e2.max() > 0.5 * gain:
                        radius = min(2 * radius, 0.3)
                    p, e, top, accepted = trial, e2, e2.max(), True
                    break
                order = np.argsort(-e2.max(1))[:40]
                new = np.setdiff1d(order[e2.max(1)[order] > bound], rows)
                if len(new):
                    more, more_slope = self.linearise(p, new)
                    residual = np.concatenate([residual, more])
                    slope = np.concatenate([slope, more_slope])
                    rows, cuts = np.union1d(rows, new), np.union1d(cuts, new)[-400:]
                radius /= 1.5 if len(new) else 3
            history.append(top)
            if not accepted or (len(history) > 12 and history[-13] - top < 0.01 * top):
                break
        self.chain.p = p
        return top

    def linearise(self, p, rows):
        v, d = self.chain.jacobian(p, self.basis[rows], self.m[rows])
        ok = self.m[rows] > 0
        w = self.weight[rows]
        return ((v - self.target[rows]) * w)[ok], (d * w[:, :, None])[ok]

    @staticmethod
    def linear_program(residual, slope, radius, top):
        n = slope.shape[1]
        reach = radius * np.abs(slope).sum(1)
        up, down = residual + reach > 0.5 * top, -residual + reach > 0.5 * top
        a = np.concatenate([slope[up], -slope[down]])
        a = np.column_stack([a, -np.ones(len(a))])
        b = np.concatenate([-residual[up], residual[down]])
        cost = np.zeros(n + 1)
        cost[-1] = 1
        limits = [(-radius, radius)] * n + [(0, None)]
        found = linprog(cost, A_ub=a / top, b_ub=b / top, bounds=limits, method="highs-ds")
        return (found.x[:n], found.x[-1]) if found.x is not None else (None, top)

    def refine(self, recorded, iterations, mining):
        """The end of step 3, from recorded constants. chain.refit: the largest weighted error after
        it by that before."""
        self.chain.p = np.array(recorded)
        self.set_outer(self.outer)
        for seed in range(mining):
            self.mine(100 + seed)
        self.set_outer(self.outer)
        before = self.errors(self.chain.p).max()
        top = self.minimax(iterations)
        self.chain.refit = top / before
        return top

    def run(self, iterations, mining, smoothing, factors=None, recorded=None):
        """The whole method. Returns the largest weighted error over the fitted rows."""
        if recorded is not None:
            return self.refine(recorded, iterations, mining)
        if factors is None:
            self.start()
        else:
            self.construct(factors)
        if not iterations:
            self.set_outer(0.03)
            return self.errors(self.chain.p).max()
        levels = [w for w in (0.3, 0.1, 0.03, 0.01, 0.003) if w > self.outer] + [self.outer]
        if self.domain.box:
            levels = [1.0]
        self.set_outer(levels[0])
        self.chain.normalise(self.basis, self.m)
        if smoothing:
            self.smooth(4, smoothing)
        for k, level in enumerate(levels):
            self.set_outer(level)
            self.chain.normalise(self.basis, self.m)
            top = self.minimax(iterations * (3 if k == len(levels) - 1 else 1))
            if top > 0.25 and k:
                return math.inf  # a bad local minimum
        for seed in range(mining):
            self.mine(100 + seed)
            self.set_outer(levels[-1])
            top = self.minimax(iterations)
        return top


# ------------------------------------------------------------------------------------------ measuring


def fresh_rows(domain, seed, low=0.0, high=1.0, n=30000):
    rng = np.random.default_rng(seed)
    sizes = [s for s in np.linspace(0.05, high, 24) if s > low]
    rows = domain.sample(rng, n, low, high) + domain.extremes(sizes, seed, n // 2)
    return rows + domain.sweeps(high, 307) if low == 0 else rows


def noise_of_rows(chain, rows):
    """The rms error that noise of 1 in every v, after E and after every step, leaves in each
    probability, to first order. A relative error d of v_i changes p_k by p_k (1 - p_k) d 2^j for i = k
    and by -p_k p_i d 2^j otherwise, j squarings being left; errors common to the row cancel."""
    p, m = rows.softmax(), rows.m
    left, variance = chain.steps.count("q"), 0
    steps = " " + chain.steps
    for step, v in zip(steps, chain.trace(chain.p, rows.basis(chain.bound, chain.degree), m)):
        left -= step == "q"
        w = 4.0**left * np.where((m > 0) & (p > 1e-4), p / np.where(v != 0, v, 1), 0) ** 2
        variance = variance + w * (1 - 2 * p) + p * p * (w * m).sum(1, keepdims=True)
    return np.sqrt(np.maximum(variance, 0))


def chain_errors(chain, rows, noise=None):
    """|circuit - softmax| and the largest |v| of any step, per row and column."""
    basis = rows.basis(chain.bound, chain.degree)
    peak = np.zeros((len(rows), 1))
    for v in chain.trace(chain.p, basis, rows.m, noise):
        peak = np.maximum(peak, np.abs(v).max(1, keepdims=True))
    e = np.abs(v - rows.softmax()) * (rows.m > 0)
    return np.where(np.isfinite(e), e, 1e300), np.where(np.isfinite(peak), peak, 1e300), v


def measure(chain, domain, seed=1234, samples=8):
    """Everything that is stated of a circuit, on rows that the fit never saw. Means are the greater
    one of two mixes of rows, the fit's own and the C++ tests'."""

    def mean(u, rows):
        return (u * rows.m).sum() / rows.m.sum()

    out = dict(max_error=0, mean_error=0, noise_gain=0, worst_noise_gain=0, min_classes=domain.lo)
    for sample in range(samples):
        rng = np.random.default_rng([seed, sample])
        rows = domain.members(fresh_rows(domain, seed + 10 * sample), 1)
        full = domain.members(domain.sample(rng, 100000 // domain.hi, levels=100), 1)
        drawn = domain.patterns(rng, 100000 // domain.hi)
        for part in (rows, full, drawn, domain.races(rng, 10000)):
            if not len(part):
                continue
            e, _, clean = chain_errors(chain, part)
            out["max_error"] = max(out["max_error"], e.max())
            if sample:
                continue
            out["worst_noise_gain"] = max(out["worst_noise_gain"], noise_of_rows(chain, part).max())
            if part is rows or part is drawn:
                v = chain_errors(chain, part, lambda u: u + NOISE * rng.normal(size=u.shape))[2]
                d = (v - clean) * (part.m > 0)
                out["noise_gain"] = max(out["noise_gain"], np.sqrt(mean(d * d, part)) / NOISE)
                out["mean_error"] = max(out["mean_error"], mean(e, part))

    rows = domain.members(fresh_rows(domain, seed), 1)
    e = chain_errors(chain, rows)[0]
    out["stable_range"], out["bound_error"] = domain.reach, e.max()
    if domain.box is None:
        ratio = chain.bound / domain.reach
        previous = 1.0
        for f in np.linspace(1.025, ratio, int(round((ratio - 1) / 0.025))):
            e, peak, _ = chain_errors(chain, fresh_rows(domain, seed + 2, previous, f, 8000))
            if peak.max() > 2:
                break
            out["stable_range"], previous = f * domain.reach, f
            out["bound_error"] = max(out["bound_error"], e.max())

    basis = rows.basis(chain.bound, chain.degree)
    out["peaks"] = [
        (np.abs(v).max(), np.abs((v * rows.m).sum(1)).max())
        for v in chain.trace(chain.p, basis, rows.m)
    ]
    return out


# ------------------------------------------------------------------------------------------ searching


def step_strings(count, squarings=(2, 3, 4), first=(1, 2, 3), middle=(1, 2, 3), last=(2, 3, 4, 5)):
    """Step strings with `count` steps, runs of n within the given lengths."""
    out = []
    for q in squarings:
        for runs in itertools.product(first, *[middle] * (q - 1), last):
            if sum(runs) + q == count:
                out.append("q".join("n" * r for r in runs))
    return out


def design(domain, bound, squarings, limit, final):
    """A step string without optimisation: each run takes as many n steps as bring the spread of the
    row's next sum below `limit`, the last run as many as bring the error of S below `final`."""
    fit = Fit("n" * 40, domain, bound, n=3000)
    fit.chain.steps = "q" * squarings  # for fit_exponential only
    v = fit.basis @ fit.fit_exponential()
    steps = ""
    for index in range(squarings + 1):
        last = index == squarings
        for count in range(1, 8):
            u = v / np.abs(v).max()
            for a, b in fit.fit_run(u, count, last, pad=1.03):
                u = u * (a + b * (u * fit.m).sum(1, keepdims=True))
            size = ((u if last else u * u) * fit.m).sum(1)
            spread = size.max() / max(size.min(), 1e-300)
            if (spread - 1) / (spread + 1) < final if last else spread < limit * limit:
                break
        steps += "n" * count + ("" if last else "q")
        v = u * u
    return steps


def attempt(job):
    """One fit; never raises. job = (steps, (lo, hi, R, box), B, options of Fit, options of run)."""
    steps, key, bound, options, effort = job
    fit = Fit(steps, Domain(*key), bound, **options)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            top = fit.run(**effort)
        except (np.linalg.LinAlgError, ValueError):
            top = math.inf
        if fit.chain.p is not None and np.all(np.isfinite(fit.chain.p)):
            fit.chain.normalise(fit.basis, fit.m)
        else:
            top = math.inf
    return top, steps, options, fit.chain


START = dict(iterations=0, mining=0, smoothing=0)
KEEP = 0.8  # a refit replaces recorded constants only if its largest error is this much smaller
QUICK = dict(iterations=12, mining=0, smoothing=50)
THOROUGH = dict(iterations=25, mining=3, smoothing=120)


def search(key, bound, depth, pool, keep=(8, 2), variants=(0, 2)):
    """The best fits of a depth: every step string as it starts, the best keep[0] with little effort,
    the best keep[1] of these thoroughly. Returns (weighted error, step string, variant), best
    first."""
    count = depth - math.ceil(math.log2(DEGREE + 1))
    ranked = [(0, s, dict(variant=v), None) for s in step_strings(count) for v in variants]
    for n, effort, best in ((600, START, None), (1500, QUICK, keep[0]), (4000, THOROUGH, keep[1])):
        jobs = [(r[1], key, bound, dict(r[2], n=n), effort) for r in ranked[:best]]
        ranked = sorted(pool.imap_unordered(attempt, jobs), key=lambda r: r[:2])
    return [(r[0], r[1], r[2]["variant"]) for r in ranked]


# ------------------------------------------------------------------------------------------- shipping

def domain_key(family, classes, reach, lo=None):
    """Arguments of Domain for a shipped circuit: it serves the class counts above the next smaller
    one of its family's grid."""
    smaller = [c for c in GRID.get(family, GRID["default"]) if c < classes]
    lo = lo or (smaller[-1] + 1 if smaller else 2)
    if family == "wide":
        return lo, classes, 2 * reach * (classes - 1) / classes, float(reach), None
    crowd = 1.65 + 2 * math.e**3 / classes if family == "default" and classes > 10 else None
    return lo, classes, float(reach), None, crowd


# What ships: (family, classes, R) -> step string and start of the fit, both found by --depth searches
# (wide step strings: by design()). Instead of a start: the root factors of a chain that is constructed
# and not fitted, or "constructed" where the fit starts from such a chain.
PLAN = {
    ("default", 50, 8): ("nqnnnqnnnn", 2),
    ("default", 100, 8): ("nqnnqnnnnn", 2),
    ("default", 3, 12): ("nnqnqnnn", 0),
    ("default", 5, 12): ("nnqnnqnnn", 0),
    ("default", 7, 12): ("nnnqnnqnnn", 0),
    ("default", 10, 12): ("nnnqnnqnnn", 2),
    ("default", 16, 12): ("nnqnnqnnnn", 2),
    ("default", 26, 12): ("nnqnnqnnnn", 2),
    ("default", 50, 12): ("nqnnnqnnnnn", 2),
    ("default", 100, 12): ("nqnnnqnnnnn", 2),
    ("default", 3, 16): ("nnnqnqnnn", 0),
    ("default", 5, 16): ("nnqnqnnqnnn", 2),
    ("default", 7, 16): ("nnqnnqnqnnn", 0),
    ("default", 10, 16): ("nqnnqnnqnnn", 0),
    ("guaranteed", 3, 8): ("nqnqnnn", 0),
    ("guaranteed", 5, 8): ("nqnnqnnn", 0),
    ("guaranteed", 10, 8): ("nqnnqnnnn", 0),
    ("guaranteed", 20, 8): ("nqnnqnnnnn", 0),
    ("guaranteed", 50, 8): ("nqnnnqnnnn", 2),
    ("guaranteed", 100, 8): ("nqnnnqnnnnn", 2),
    ("guaranteed", 3, 12): ("nnqnqnnn", 0),
    ("guaranteed", 5, 12): ("nnnqnnqnnn", 2),
    ("guaranteed", 10, 12): ("nqnqnnqnnnn", 2),
    ("guaranteed", 20, 12): ("nnnqnnqnnnn", 2),
    ("guaranteed", 50, 12): ("nqnnqnnnqnnnnn", 2),
    ("guaranteed", 100, 12): ("nqnnqnnnqnnnnn", 2),
    ("guaranteed", 3, 16): ("nqnqnqnnnn", 0),
    ("guaranteed", 5, 16): ("nqnnqnnqnnnn", 2),
    ("guaranteed", 10, 16): ("nnqnnqnnqnnnn", 0),
    ("guaranteed", 20, 16): ("nqnnqnnnqnnnnn", 2),
    ("guaranteed", 50, 16): ("nqnnnqnnnqnnnnn", 2),
    ("guaranteed", 100, 16): ("nqnnnqnnnqnnnnnn", 2),
    ("wide", 3, 128): ("nqnnqnqnnqnqnnqnnn", {}),
    ("wide", 7, 128): ("nnqnnqnnqnnqnnqnnqnnn", 0),
    ("wide", 10, 128): ("nnqnnqnnqnnqnnqnnqnnnn", 0),
    ("wide", 16, 128): ("nnqnnqnnnqnnqnnnqnnnqnnnn", "constructed"),
    ("wide", 26, 128): ("nnqnnqnnnnqnnnqnnnqnnnqnnnnn", {}),
    ("wide", 50, 128): ("nnqnnnqnnnnqnnnnqnnnqnnnqnnnnnn", {}),
    ("wide", 100, 128): ("nnqnnnqnnnnqnnnnqnnnnqnnnnqnnnnnn", {2: 0.83, 3: 0.83}),
    ("sigmoid", 0, 32): ("", 0),
}


def sigmoid_chain(bound=32, degree=31):
    """1 / (1 + exp(-z)) on |z| <= B, minimax by linear programming. Only odd terms beside 1/2."""
    z = np.linspace(0, 1.01 * bound, 4000)
    v = chebyshev.chebvander(fold(z / bound), degree)[:, 1::2]
    target = 1 / (1 + np.exp(-z)) - 0.5
    n = v.shape[1]
    a = np.block([[v, -np.ones((len(z), 1))], [-v, -np.ones((len(z), 1))]])
    cost = np.append(np.zeros(n), 1)
    limits = [(None, None)] * n + [(0, None)]
    found = linprog(cost, A_ub=a, b_ub=np.append(target, -target), bounds=limits, method="highs")
    p = np.zeros(degree + 1)
    p[0], p[1::2] = 0.5, found.x[:n]
    return Chain("", float(bound), p, degree)


def measure_sigmoid(chain):
    z = np.linspace(-chain.bound, chain.bound, 100001)
    v = chebyshev.chebval(fold(z / chain.bound), chain.p)
    e = np.abs(v - 1 / (1 + np.exp(-z)))
    peaks = [(np.abs(v).max(), np.abs(v).max())]
    return dict(max_error=e.max(), mean_error=e.mean(), noise_gain=1.0, worst_noise_gain=1.0, min_classes=0,
                stable_range=chain.bound, bound_error=e.max(), peaks=peaks)


def circuit_name(family, classes, reach):
    return f"{family}_c{classes}_r{reach:g}" if classes else f"{family}_r{reach:g}"


class Circuit:
    """A chain with its place in the table and its measurements."""

    def __init__(self, family, classes, reach, chain, key, stated):
        self.family, self.classes, self.reach = family, classes, reach
        self.chain, self.key, self.stated = chain, key, stated

    def text(self):
        """The C++ initialiser, in the order of SoftmaxCircuit's members."""

        def number(x):
            return np.format_float_scientific(x, trim="-", precision=16, unique=True)

        def up(x):  # measured figures are rounded up to three digits
            if x <= 0:
                return "0"
            e = math.floor(math.log10(x)) - 2
            return f"{math.ceil(round(x / 10**e, 6)) * 10.0**e:.4g}"

        m, (coefficients, ab) = self.stated, self.chain.split(self.chain.p)
        lines = [
            f'{{.name = "{circuit_name(self.family, self.classes, self.reach)}",',
            f' .family = "{self.family}",',
            f" .classes = {self.classes},",
            f" .min_classes = {m['min_classes']},",
            f" .range = {self.reach:g},",
            f" .bound = {number(self.chain.bound)},",
            f" .rho = {RHO:g},",
            f" .exp_chebyshev = {{{', '.join(map(number, coefficients))}}},",
        ]
        steps, i = [], 0
        for step, (max_v, max_s) in zip(self.chain.steps, m["peaks"][1:]):
            a, b, g = (*ab[i], 0) if step == "n" else (0, 0, 1)
            i += step == "n"
            steps.append(
                f"{{.kind = '{step}', .a = {number(a)}, .b = {number(b)}, .g = {g}, "
                f".max_v = {up(max_v)}, .max_s = {up(max_s)}}}"
            )
        lines.append(f" .steps = {{{', '.join(steps)}}},")
        for field in ("max_error", "mean_error"):
            lines.append(f" .{field} = {up(m[field])},")
        lines.append(f" .max_v_after_exp = {up(m['peaks'][0][0])},")
        lines.append(f" .max_s_after_exp = {up(m['peaks'][0][1])},")
        lines.append(f" .stable_range = {number(m['stable_range'])},")
        lines.append(f" .bound_error = {up(m['bound_error'])},")
        lines.append(f" .noise_gain = {up(m['noise_gain'])},")
        lines.append(f" .worst_noise_gain = {up(m['worst_noise_gain'])},")
        lines.append(f" .crowd = {(self.key and self.key[4]) or 0:.17g}}},")
        return "\n".join(lines)


def make_circuit(job):
    """One entry of PLAN, made and measured. job = (entry, what ships of it or None)."""
    ((family, classes, reach), (steps, variant)), shipped = job
    started = time.time()
    name = circuit_name(family, classes, reach)
    if family == "sigmoid":
        chain = sigmoid_chain(reach)
        return Circuit(family, 0, reach, chain, None, measure_sigmoid(chain))
    key = domain_key(family, classes, reach)
    bound = key[2] if family == "wide" else MARGIN * reach
    options, note = dict(n=4000), ""
    if isinstance(variant, dict):
        top, _, _, chain = attempt((steps, key, bound, options, dict(START, factors=variant)))
    elif shipped and shipped.chain.steps == steps:
        effort = dict(THOROUGH, recorded=shipped.chain.p)
        top, _, _, chain = attempt((steps, key, bound, options, effort))
    elif variant == "constructed":
        effort = dict(THOROUGH, smoothing=0, factors={})
        top, _, _, chain = attempt((steps, key, bound, options, effort))
    else:
        top, _, _, chain = attempt((steps, key, bound, dict(options, variant=variant), THOROUGH))
    if not math.isfinite(top):
        raise RuntimeError(f"{name} {steps} {variant}: no fit")
    if hasattr(chain, "refit"):
        note = f"  refit {chain.refit:.3f} of the recorded error"
        if chain.refit > KEEP:
            chain = shipped.chain
    with np.errstate(all="ignore"):
        stated = measure(chain, Domain(*key))
    done = Circuit(family, classes, reach, chain, key, stated)
    print(
        f"{name:20s} {steps:32s} depth {chain.depth():2d}  max "
        f"{stated['max_error']:.2g} mean {stated['mean_error']:.2g}  stable to "
        f"{stated['stable_range']:.4g} (error {stated['bound_error']:.2g})  noise x "
        f"{stated['noise_gain']:.1f}  {time.time() - started:.0f} s{note}",
        file=sys.stderr,
        flush=True,
    )
    return done


HEADER = """// Generated by tools/fit_softmax.py --all; do not edit. docs/SOFTMAX.md tells what the figures mean.
#include "train/softmax_circuit.h"

// clang-format off
namespace blindtuner {

std::span<const SoftmaxCircuit> softmax_circuits() {
  static const std::vector<SoftmaxCircuit> circuits = {
"""
FOOTER = """  };
  return circuits;
}

}  // namespace blindtuner
// clang-format on
"""


def write_generated(circuits):
    text = HEADER + "\n".join(c.text() for c in circuits) + "\n" + FOOTER
    GENERATED.write_text(text)


def read_generated():
    """The circuits in the generated file: what ships, independent of what a fit would give now."""
    out = []
    for block in re.findall(r"\{\.name = .*?\.crowd = [^}]*\}", GENERATED.read_text(), re.S):

        def value(field, where=block):
            return re.search(rf"\.{field} = ([^,}}\n]+)", where).group(1)

        family, classes, reach = value("family").strip('"'), int(value("classes")), float(value("range"))
        coefficients = re.search(r"exp_chebyshev = \{([^}]*)\}", block).group(1)
        p = [float(x) for x in coefficients.split(",")]
        degree, steps = len(p) - 1, ""
        peaks = [(float(value("max_v_after_exp")), float(value("max_s_after_exp")))]
        for step in re.findall(r"\{\.kind = [^}]*\}", block):
            steps += value("kind", step).strip("'")
            if steps[-1] == "n":
                p += [float(value("a", step)), float(value("b", step))]
            peaks.append((float(value("max_v", step)), float(value("max_s", step))))
        chain = Chain(steps, float(value("bound")), np.array(p), degree)
        key = domain_key(family, classes, reach) if classes else None
        fields = ("max_error", "mean_error", "stable_range", "bound_error", "noise_gain")
        fields += ("worst_noise_gain",)
        stated = {f: float(value(f)) for f in fields}
        stated["min_classes"], stated["peaks"] = int(value("min_classes")), peaks
        out.append(Circuit(family, classes, reach, chain, key, stated))
    return out


def check():
    """Measures every shipped circuit on other rows than those its figures come from. Errors may
    exceed the stated ones by 5 %, the mean by 20 % (it depends on the sample)."""
    bad = 0
    shipped = read_generated()
    missing = set(PLAN) - {(c.family, c.classes, c.reach) for c in shipped}
    for entry in sorted(missing):
        print("missing:", circuit_name(*entry))
    for c in shipped:
        with np.errstate(all="ignore"):
            m = measure(c.chain, Domain(*c.key), 987, 2) if c.key else measure_sigmoid(c.chain)
        ok = (
            m["max_error"] <= 1.05 * c.stated["max_error"]
            and m["mean_error"] <= 1.2 * c.stated["mean_error"]
            and m["stable_range"] >= 0.95 * c.stated["stable_range"]
            and m["noise_gain"] <= 1.2 * c.stated["noise_gain"]
            and m["worst_noise_gain"] <= 1.1 * c.stated["worst_noise_gain"]
            and m["min_classes"] <= max(c.stated["min_classes"], c.key[0] if c.key else 0)
        )
        bad += not ok
        print(
            f"{circuit_name(c.family, c.classes, c.reach):20s} {'ok ' if ok else 'BAD'} "
            f"max {m['max_error']:.3g} ({c.stated['max_error']:.3g}) "
            f"mean {m['mean_error']:.3g} ({c.stated['mean_error']:.3g}) "
            f"stable to {m['stable_range']:.4g} ({c.stated['stable_range']:.4g})",
            flush=True,
        )
    return bad + len(missing)


def textbook(classes, reach, goal=0.01):
    """Depth and products of exp (degree 7, squared three times), Goldschmidt's inverse of the sum
    and a product, with the fewest iterations that keep max error <= goal for |z| <= R; the start
    2 / (min S + max S) is for that range alone. Exact arithmetic."""
    domain = Domain(2 if classes == 2 else classes, classes, reach)
    rows = fresh_rows(domain, 1)
    e = np.exp(rows.z) * (rows.m > 0)
    s = (e * rows.m).sum(1, keepdims=True)
    a, y = s * 2 / (s.min() + s.max()), 2 / (s.min() + s.max())
    for count in range(1, 100):
        y, a = y * (2 - a), a * (2 - a)
        if np.abs(e * y - rows.softmax()).max() <= goal:
            break
    return 3 + 3 + count + 1, 4 + 3 + 2 * count + 1


def restate(circuit):
    """The same constants, measured anew."""
    with np.errstate(all="ignore"):
        if circuit.key:
            circuit.stated = measure(circuit.chain, Domain(*circuit.key))
        else:
            circuit.stated = measure_sigmoid(circuit.chain)
    return circuit


def table():
    """Markdown of everything that ships, from the generated file."""
    lines = [
        "| circuit | classes | R | B | steps | depth | bootstraps | products | max error "
        "| mean error | stable to | max error there | noise gain | worst row |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for c in read_generated():
        m = c.stated
        products = (4 if c.chain.degree == 7 else 8) + len(c.chain.steps)
        classes = f"{m['min_classes']}-{c.classes}" if c.classes else "any"
        lines.append(
            f"| `{circuit_name(c.family, c.classes, c.reach)}` | {classes} | {c.reach:g} "
            f"| {c.chain.bound:.4g} | `{c.chain.steps or '-'}` | {c.chain.depth()} "
            f"| {(c.chain.depth() - 1) // LEVELS_LEFT} | {products} "
            f"| {m['max_error']:.2g} | {m['mean_error']:.2g} | {m['stable_range']:.4g} "
            f"| {m['bound_error']:.2g} | {m['noise_gain']:.3g} | {m['worst_noise_gain']:.0f} |"
        )
    return "\n".join(lines)


def comparison():
    """Markdown: the guaranteed circuits beside the textbook's for the same classes and range."""
    lines = [
        "| classes | R | ours, depth / products | textbook, depth / products |",
        "| --- | --- | --- | --- |",
    ]
    for c in read_generated():
        if c.family == "guaranteed":
            depth, products = textbook(c.classes, c.reach)
            lines.append(
                f"| {c.classes} | {c.reach:g} | {c.chain.depth()} / {4 + len(c.chain.steps)} "
                f"| {depth} / {products} |"
            )
    return "\n".join(lines)


def write_tables():
    text = DOCUMENT.read_text()
    for name, make in (("table", table), ("comparison", comparison)):
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        head, rest = text.split(begin)
        text = head + begin + "\n" + make() + "\n" + end + rest.split(end)[1]
    DOCUMENT.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--classes", type=int, help="most classes of a row")
    parser.add_argument("--min-classes", type=int, help="fewest classes (default: by the grid)")
    parser.add_argument("--range", type=float, help="R: logits in [-R, R]")
    parser.add_argument("--factor", type=float, default=MARGIN, help="B / R")
    parser.add_argument("--steps", help="step string, such as nqnqnnqnnn")
    parser.add_argument("--depth", type=int, help="search the step strings of this depth instead")
    parser.add_argument("--variant", type=int, default=0, help="start of the fit, 0 to 19")
    parser.add_argument("--all", action="store_true", help="regenerate everything that ships")
    parser.add_argument("--only", help="with --all: keep what ships but circuits so named")
    parser.add_argument("--scratch", action="store_true", help="with --all: not from what ships")
    parser.add_argument("--check", action="store_true", help="re-measure everything that ships")
    parser.add_argument("--restate", action="store_true", help="measure anew, constants kept")
    parser.add_argument("--table", action="store_true", help="rewrite the table in docs/SOFTMAX.md")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    args = parser.parse_args()

    if args.check:
        return 1 if check() else 0
    with multiprocessing.Pool(args.jobs) as pool:
        if args.all:
            kept = {(c.family, c.classes, c.reach): c for c in read_generated()}
            wanted = [
                (item, None if args.scratch else kept.get(item[0]))
                for item in PLAN.items()
                if item[0] not in kept or re.search(args.only or "", circuit_name(*item[0]))
            ]
            for made in pool.imap(make_circuit, wanted):
                kept[made.family, made.classes, made.reach] = made
                write_generated([kept[k] for k in PLAN if k in kept])
        elif args.restate:
            write_generated(pool.map(restate, read_generated(), chunksize=1))
        elif args.table:
            write_tables()
        elif args.classes and args.range and (args.steps or args.depth):
            key = domain_key("fitted", args.classes, args.range, args.min_classes)
            bound = args.factor * args.range
            steps, variant = args.steps, args.variant
            if not steps:
                ranked = search(key, bound, args.depth, pool)
                for top, s, v in ranked[:12]:
                    print(f"{s} variant {v} weighted error {top:.4g}")
                _, steps, variant = ranked[0]
            options = dict(n=4000, variant=variant)
            _, _, _, chain = attempt((steps, key, bound, options, THOROUGH))
            with np.errstate(all="ignore"):
                stated = measure(chain, Domain(*key))
            print(Circuit("fitted", args.classes, args.range, chain, key, stated).text())
        else:
            parser.error("give --all, --check, --table, or --classes, --range and --steps or --depth")
    return 0


if __name__ == "__main__":
    sys.exit(main())
