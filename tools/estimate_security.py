#!/usr/bin/env python3
"""Estimates how hard the secrets of a parameter set are to find. A second opinion, in plain Python.

docs/SECURITY.md holds the figures of the lattice estimator (@[APS15]); this script repeats the
decisive attacks with simple formulas, so that anybody can check the orders of magnitude without Sage,
and adds what that tool leaves out: the rotations of a ring. All costs are log2 of elementary
operations. Formulas:

  delta(b)      = ((pi b)^(1/b) b / (2 pi e))^(1 / (2 (b - 1)))      root Hermite factor  @[Che13]
  core(b)       = 0.292 b                   one SVP of block size b, nothing else         @[ADPS16]
  bdgl(b, d)    = 0.292 b + 16.4 + log2(8 d)  sieving with its overheads, 8 d blocks      @[BDGL16, APS15]
  GSA           log |b*_i| = log(vol)/d + (d - 2 i) log(delta)
  lattice       Bai-Galbraith: rank d, n' unknowns scaled by xi = sigma / (root mean square of the
                secret), volume q^(d - n') xi^n', target of standard deviation sigma      @[BG14]
  primal        reduce with b, then one closest-vector search in the last eta dimensions, where
                log(vol)/d - (d - eta) log(delta) >= log(sigma sqrt(2 pi e)), and Babai's rounding
                in the others, with its probability                                  @[ACW19, LN13]
  dual          vectors of length l = delta^d (q / xi)^(n'/d) with bias exp(-2 (pi sigma l / q)^2),
                1/bias^2 of them needed; a sieve gives 2^(0.2075 b) at once     @[ADPS16, Alb17]
  hybrid        leave z coordinates out of the lattice and try every vector of weight <= k there.
                A weight-h secret splits with the hypergeometric probability p; a failed choice of
                coordinates is repeated 1/p times. "root": the number of trials counts as its square
                root (meet in the middle), always successful; "tree": it counts as the largest list
                of a representation tree (@[May21]; @[HKLS22] combine such trees with lattices),
                built without overhead. Both are generous to the attacker.
  rotations     X^i s is as sparse as s and belongs to (a, X^i b): one reduced basis serves up to N
                trials, so that only the search is repeated.

Usage: tools/estimate_security.py            the standard parameter set
       tools/estimate_security.py --log-n 16 --weight 32 --log-q 100
"""

import argparse
import math

SIGMA = 3.2
LOG2E = 1.0 / math.log(2.0)


def log_delta(b):
    """Natural logarithm of the root Hermite factor; measured values below 50 do not matter here."""
    b = max(b, 50)
    return math.log((math.pi * b) ** (1.0 / b) * b / (2 * math.pi * math.e)) / (2 * (b - 1))


def svp(model, b, d):
    return 0.292 * b + (16.4 + math.log2(8 * d) if model == "bdgl" else 0.0)


def one_svp(model, b):
    return 0.292 * b + (16.4 if model == "bdgl" else 0.0)


def add(*logs):
    top = max(logs)
    return top + math.log2(sum(2.0 ** (x - top) for x in logs))


def log2_comb(n, k):
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) * LOG2E


def guesses(z, k):
    """log2 of the vectors of {-1, 0, 1}^z with at most k nonzero coefficients."""
    return add(*(log2_comb(z, i) + i for i in range(k + 1)))


def tree(z, k):
    """log2 of the best representation tree of depth 1 or 2 for weight k in z places (@[May21]).

    A vector with p = k/2 coefficients of either sign is a sum of two with p/2 + e: that many
    representations R, lists of S/R elements, each made from two lists one level down. All lists are
    taken to be found without any overhead, and the sums to need no filtering."""
    def space(p):
        return log2_comb(z, p) + log2_comb(z - p, p)

    def representations(p, e):
        return 2 * log2_comb(p, p / 2) + log2_comb(z - 2 * p, e) + log2_comb(z - 2 * p - e, e)

    p, best, extras = k / 2, space(k / 2) / 2, (0, 1, 2, 3, 4, 6, 8, 12)
    for e in extras:
        p1, r1 = p / 2 + e, representations(p, e)
        list1 = space(p1) - r1
        best = min(best, max(space(p1) / 2, list1))
        for e2 in extras:
            p2, r2 = p1 / 2 + e2, representations(p1, e2)
            if r2 <= r1:
                list2 = space(p2) - r2
                best = min(best, max(space(p2) / 2, list2, 2 * list2 + r2 - r1, list1))
    return max(best, 0.0)


def hit(n, h, z, k):
    """log2 of the probability that at most k of h nonzero coefficients of n fall among z of them."""
    terms = [log2_comb(h, i) + log2_comb(n - h, z - i) - log2_comb(n, z)
             for i in range(max(0, h - (n - z)), min(k, h, z) + 1)]
    return min(0.0, add(*terms)) if terms else -math.inf


def basis(n, log_q, mean_square, b):
    """(d, log(vol)/d, log delta) of the best rank for block size b."""
    ld, lq, lx = log_delta(b), log_q * math.log(2), math.log(SIGMA / math.sqrt(mean_square))
    d = max(n + 1, round(math.sqrt(n * (lq - lx) / ld)))
    return d, ((d - n) * lq + n * lx) / d, ld


def primal(n, log_q, mean_square, b):
    """(d, eta, log2 of Babai's probability), or None where block size b does not suffice."""
    d, root, ld = basis(n, log_q, mean_square, b)
    eta = d - (root - math.log(SIGMA) - 0.5 * math.log(2 * math.pi * math.e)) / ld
    eta = max(2, math.ceil(eta))
    if eta > min(d, 3 * b + 100):
        return None
    probability = 0.0
    for i in range(d - eta - 1, -1, -1):
        x = math.exp(root + (d - 2 * i) * ld - math.log(SIGMA)) / (2 * math.sqrt(2))
        if x > 6:
            break
        probability += math.log2(max(math.erf(x), 1e-300))
    return d, eta, probability


def primal_plain(model, n, log_q, mean_square):
    """Reduction and one search, no guessing; with eta = b it is the usual uSVP estimate."""
    best = None
    for b in range(60, 2000, 1):
        found = primal(n, log_q, mean_square, b)
        if found is None:
            continue
        d, eta, probability = found
        cost = add(svp(model, b, d), one_svp(model, eta)) - probability
        if best is None or cost < best[0]:
            best = (cost, f"b = {b}, eta = {eta}, d = {d}")
        elif cost > best[0] + 5:
            break
    return best


def dual_reduction(n, log_q, mean_square, b):
    """(d, log2 of the samples that one guess needs) for the dual attack."""
    ld, lq, lx = log_delta(b), log_q * math.log(2), math.log(SIGMA / math.sqrt(mean_square))
    d = max(n + 1, round(math.sqrt(n * (lq - lx) / ld)))
    # Vectors (x, y / xi) with x A = y mod q, det = (q / xi)^n.
    log_length = d * ld + n * (lq - lx) / d
    log_tau = math.log(math.pi * SIGMA) + log_length - lq
    return d, math.inf if log_tau > 5 else 4 * math.exp(2 * log_tau) * LOG2E


def hybrids(model, log_n, h, log_q, rotations):
    """The best of each attack: {name: (cost, description)}."""
    n = 1 << log_n
    free = log_n if rotations else 0
    best = {}

    def offer(name, cost, text):
        if name not in best or cost < best[name][0]:
            best[name] = (cost, text)

    for kept in sorted({round(2 ** (e / 8)) for e in range(8 * 9, 8 * log_n)}):
        z = n - kept
        splits = []  # (k, log2 1/p, trials by each way of searching) for each k worth trying
        for k in range(0, h + 1):
            misses, sets = -hit(n, h, z, k), guesses(z, k)
            if sets > 400:
                break
            if misses < 400:
                splits.append((k, misses, {"": sets, ", root": sets / 2,
                                           ", tree": tree(z, k) if k >= 2 else sets / 2}))
        for b in range(50, 900, 5):
            reach = primal(kept, log_q, h / n, b)
            d_dual, samples = dual_reduction(kept, log_q, h / n, b)
            for k, misses, searches in splits:
                place = f"z = {z}, k = {k}, b = {b}, |S| = 2^{searches['']:.0f}, 1/p = 2^{misses:.0f}"
                if reach is not None:
                    d, eta, babai = reach
                    search = max(one_svp(model, eta), 2 * math.log2(d))
                    repeat = misses - babai
                    for name, trials in searches.items():
                        offer("primal" + name, add(svp(model, b, d) + max(0.0, repeat - free),
                                        search + trials + repeat), f"{place}, eta = {eta}")
                if samples < 400:
                    needed = samples + math.log2((searches[""] + misses + 1) / LOG2E)
                    batches = max(0.0, needed - 0.2075 * b)
                    for name, trials in searches.items():
                        offer("dual" + name, add(svp(model, b, d_dual) + batches + max(0.0, misses - free),
                                        needed + trials + misses), f"{place}, samples 2^{needed:.0f}")
    return best


def report(title, log_n, weight, log_q):
    print(f"{title}: N = 2^{log_n}, "
          f"{'uniform ternary' if weight == 0 else f'weight {weight}'}, log2(QP) = {log_q}")
    for model in ("core", "bdgl"):
        if weight == 0:
            cost, text = primal_plain(model, 1 << log_n, log_q, 2.0 / 3.0)
            print(f"  {model}: {cost:6.1f}  primal: {text}")
            continue
        for rotations in (False, True):
            for name, (cost, text) in sorted(hybrids(model, log_n, weight, log_q, rotations).items()):
                print(f"  {model}: {cost:6.1f}  hybrid {name}"
                      f"{', rotations' if rotations else ''}: {text}")


def main():
    parser = argparse.ArgumentParser(description="security of ternary secrets, simple formulas")
    parser.add_argument("--log-n", type=int)
    parser.add_argument("--weight", type=int, default=0, help="0: uniform ternary")
    parser.add_argument("--log-q", type=float)
    args = parser.parse_args()
    if args.log_n is not None:
        report("given", args.log_n, args.weight, args.log_q)
        return
    report("big ring", 16, 0, 1732)
    report("small ring", 13, 0, 199)
    report("sparse secret", 16, 32, 100)


if __name__ == "__main__":
    main()
