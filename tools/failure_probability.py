#!/usr/bin/env python3
"""How often bootstrapping fails: the tail of I in mod_raise(m) = m + q_0 I, exactly.

Derivation (docs/SECURITY.md, "Failure probability"). Modulo q_0 a ciphertext under the sparse secret s
of weight h satisfies c_0 + c_1 s = m + q_0 I over the integers, coefficients centred. A coefficient of
c_1 s is a signed sum of h coefficients of c_1, each uniform in [-q_0/2, q_0/2); c_0 is what is left
modulo q_0 and adds no freedom. Hence with Y = U_1 + .. + U_h, U_i uniform in [-1/2, 1/2],

    I = round(Y - m/q_0)   and   |I| >= K  iff  |Y - m/q_0| >= K - 1/2.

The tail of Y is Irwin-Hall's:  P(Y >= y) = F(h/2 - y),
    F(x) = 1/h! * sum_{k <= x} (-1)^k C(h, k) (x - k)^h,
summed in exact rational numbers. The bound over all N coefficients is the union bound.

Usage: tools/failure_probability.py [--weight 32] [--log-n 16] [--ratio 6.4] [--range 12 16]
"""

import argparse
from fractions import Fraction
from math import comb, factorial, floor, log2


def lower_tail(h, x):
    """P(sum of h uniform variables in [0, 1] is at most x), exactly."""
    x = Fraction(x)
    if x <= 0:
        return Fraction(0)
    if x >= h:
        return Fraction(1)
    total = sum((-1) ** k * comb(h, k) * (x - k) ** h for k in range(floor(x) + 1))
    return Fraction(total) / factorial(h)


def tail(h, bound, message=Fraction(0)):
    """P(|I| >= bound) for one coefficient whose message is `message` in units of q_0."""
    threshold = Fraction(bound) - Fraction(1, 2)
    above = lower_tail(h, Fraction(h, 2) - threshold - message)
    below = lower_tail(h, Fraction(h, 2) - threshold + message)
    return above + below


def log2_fraction(p):
    """log2 of a rational number, also far below the smallest double."""
    if p == 0:
        return float("-inf")
    shift = p.numerator.bit_length() - p.denominator.bit_length()
    scaled = p / Fraction(2) ** shift
    return shift + log2(float(scaled))


def main():
    parser = argparse.ArgumentParser(description="failure probability of mod_raise")
    parser.add_argument("--weight", type=int, default=32, help="h, weight of the sparse secret")
    parser.add_argument("--log-n", type=int, default=16)
    parser.add_argument("--ratio", type=float, default=6.4, help="largest message: q_0 / 2^RATIO")
    parser.add_argument("--range", type=int, nargs="+", default=[8, 9, 10, 11, 12, 13, 14, 15, 16])
    args = parser.parse_args()

    message = Fraction(2.0 ** -args.ratio)
    n = 1 << args.log_n
    print(f"h = {args.weight}, N = 2^{args.log_n}, |m| <= q_0 / 2^{args.ratio}")
    print("   K   log2 P(|I| >= K), m = 0   largest m   any of N coefficients, largest m")
    for bound in args.range:
        zero, largest = tail(args.weight, bound), tail(args.weight, bound, message)
        print(f"  {bound:2d}   {log2_fraction(zero):24.1f}   {log2_fraction(largest):9.1f}"
              f"   {log2_fraction(largest) + log2(n):32.1f}")


if __name__ == "__main__":
    main()
