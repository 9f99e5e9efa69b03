#!/usr/bin/env python3
"""Writes tests/kernels/base_convert_vectors.inc: base conversions computed with Python's integers.

Independent of the C++ code: its own primality test, its own residues. Run without arguments from the
repository's root; the output is the same on every run.
"""
import random


def is_prime(n):
    if n < 2:
        return False
    small = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    for p in small:
        if n % p == 0:
            return n == p
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in small:
        x = pow(base, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def primes(bits, step, count):
    found, p = [], ((1 << bits) - 2) // step * step + 1
    while len(found) < count:
        if is_prime(p):
            found.append(p)
        p -= step
    return found


def centred_values(q, rng):
    """16 integers in (-q/2, q/2]: ends (a little inside, as the contract asks), zero, random."""
    edge = q // 2 - (q >> 30)
    values = [0, 1, -1, 2, -2, edge, -edge, edge - 1, 1 - edge, q // 3, -(q // 3)]
    while len(values) < 16:
        values.append(rng.randrange(-edge, edge + 1))
    return values


def main():
    rng = random.Random(20240607)
    step = 1 << 17
    p50, p49, p40, p36, p30 = (primes(b, step, c) for b, c in
                               ((50, 22), (49, 12), (40, 4), (36, 3), (30, 3)))
    cases = [
        (p50[:1], p49[:3]),
        (p50[:2], p50[2:4] + p40[:1]),
        (p40[:3], p36[:2] + p50[:2]),
        (p30[:2] + p50[:2], p49[:2] + p36[:1]),
        (p49[:12], p50[:4] + p30[:1]),
        (p50[:16], p49[:3]),
        (p50[:22] + p40[:4], p49[:3] + p30[:2]),
    ]
    with open("tests/kernels/base_convert_vectors.inc", "w") as out:
        out.write("// Made by tools/make_base_convert_vectors.py. One case: source primes, target\n"
                  "// primes, then per limb the residues of the same 16 centred integers.\n")
        for source, target in cases:
            q = 1
            for p in source:
                q *= p
            values = centred_values(q, rng)

            def rows(moduli):
                return ",\n   ".join("{" + ", ".join(str(v % p) for v in values) + "}"
                                     for p in moduli)

            def row(numbers):
                return "{" + ", ".join(map(str, numbers)) + "}"

            out.write("{%s,\n %s,\n  {%s},\n  {%s}},\n" %
                      (row(source), row(target), rows(source), rows(target)))


if __name__ == "__main__":
    main()
