"""A circuit as a string of steps with its constants."""
import math

import numpy as np

from rows import DEGREE


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
