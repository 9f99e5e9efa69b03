"""Finds step strings."""
import itertools
import math
import warnings

import numpy as np

from fit import Fit, QUICK, START, THOROUGH
from rows import DEGREE, Domain


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
