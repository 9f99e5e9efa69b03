"""What is stated of a circuit, measured on rows that the fit never saw."""
import numpy as np
from numpy.polynomial import chebyshev

from rows import NOISE, fold


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

    # Means of squares, of all samples together: few rows make most of them where classes are many.
    squares = {"mixed": [], "drawn": []}
    out = dict(max_error=0, mean_error=0, worst_noise_gain=0, min_classes=domain.lo)
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
            if part is rows or part is drawn:
                v = chain_errors(chain, part, lambda u: u + NOISE * rng.normal(size=u.shape))[2]
                d = (v - clean) * (part.m > 0)
                squares["mixed" if part is rows else "drawn"].append(mean(d * d, part))
            if sample:
                continue
            out["worst_noise_gain"] = max(out["worst_noise_gain"], noise_of_rows(chain, part).max())
            if part is rows or part is drawn:
                out["mean_error"] = max(out["mean_error"], mean(e, part))
    out["noise_gain"] = max(np.sqrt(np.mean(s)) / NOISE for s in squares.values() if s)

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


def measure_sigmoid(chain):
    z = np.linspace(-chain.bound, chain.bound, 100001)
    v = chebyshev.chebval(fold(z / chain.bound), chain.p)
    e = np.abs(v - 1 / (1 + np.exp(-z)))
    peaks = [(np.abs(v).max(), np.abs(v).max())]
    return dict(max_error=e.max(), mean_error=e.mean(), noise_gain=1.0, worst_noise_gain=1.0, min_classes=0,
                stable_range=chain.bound, bound_error=e.max(), peaks=peaks)
