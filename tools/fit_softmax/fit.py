"""Finds the constants of a chain."""
import math

import numpy as np
from numpy.polynomial import chebyshev
from scipy.optimize import linprog, minimize

from chain import Chain
from rows import BOX_PAD, DEGREE, OFFSET, RHO, Rows, fold


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


START = dict(iterations=0, mining=0, smoothing=0)
KEEP = 0.8  # a refit replaces recorded constants only if its largest error is this much smaller
QUICK = dict(iterations=12, mining=0, smoothing=50)
THOROUGH = dict(iterations=25, mining=3, smoothing=120)
