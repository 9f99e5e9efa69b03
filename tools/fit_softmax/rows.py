"""Rows of logits, and the rows that a circuit is for."""
import numpy as np
from numpy.polynomial import chebyshev


RHO = 1 / 16  # message ratio B * scale / q0, a constant of the project
DEGREE = 7  # of E
LEVELS = 8  # distinct logits of a sampled row
LEVELS_LEFT = 14  # after a half bootstrap of the standard set; deeper circuits are bootstrapped
OFFSET = 0.1  # a row's mean may be off zero by this much
MARGIN = 1.5  # B / R
BOX_PAD = 1.03  # wide circuits are fitted on a box larger by this
NOISE = 2.0**-22  # rms noise an operation, relative to 1


def fold(x):
    """The sine that eval_mod leaves on its input."""
    return np.sin(2 * np.pi * RHO * x) / (2 * np.pi * RHO)


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
