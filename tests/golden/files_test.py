#!/usr/bin/env python3
"""Opens what `blindtuner keygen` and `encrypt` write with nothing but reference.py: the secret key's
file, the evaluation keys' and the data set's.

Usage: files_test.py BLINDTUNER
"""
import random
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import reference
from reference import centred, integers, multiply, product_of, uniform, uniform_integers

BLINDTUNER = sys.argv.pop(1)
SAMPLES, FEATURES, CLASSES = 40, 5, 3
# As rlwe/parameters.h has the sets for tests: every section of the standard one, smaller rings.
PARAMETERS = reference.Parameters(
    "InsecureTest10", 10, 7,
    [[50, 49], [40] * 3, [36] * 11 + [39] * 3, [50] * 8, [50] * 3], [50] * 9)
# Errors have a standard deviation of 3.2 and are cut at 30.
LARGEST_ERROR = 30


def galois(coefficients, g):
    """s(X^g)."""
    n, out = len(coefficients), [0] * len(coefficients)
    for i, x in enumerate(coefficients):
        j = i * g % (2 * n)
        out[j % n] = x if j < n else -x
    return out


def component_map(coefficients, width, g, reverse):
    """L of linalg/component_map.h: y_j(Y) -> y_j(Y^g) Y^t_j, Y = X^width."""
    n = len(coefficients)
    rows, out = n // width, [0] * n
    for i, x in enumerate(coefficients):
        j, y = i % width, i // width * g
        if reverse and j:
            y += g - 1
        y %= 2 * rows
        out[y % rows * width + j] = x if y < rows else -x
    return out


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reference.test_aes()
        cls.scratch = tempfile.TemporaryDirectory(prefix="blindtuner-golden-")
        folder = Path(cls.scratch.name)
        generator = random.Random(5)
        cls.rows = [[generator.uniform(-4, 4) for _ in range(FEATURES)] for _ in range(SAMPLES)]
        cls.labels = [generator.randrange(CLASSES) for _ in range(SAMPLES)]
        (folder / "x.csv").write_text("".join(",".join(map(repr, row)) + "\n" for row in cls.rows))
        (folder / "y.csv").write_text("".join(f"{label}\n" for label in cls.labels))
        for command in (["keygen", "--out", folder / "keys", "--classes", CLASSES, "--features",
                         FEATURES, "--batch", 32, "--parameters", PARAMETERS.name],
                        ["encrypt", "--features", folder / "x.csv", "--labels", folder / "y.csv",
                         "--keys", folder / "keys", "--out", folder / "data.enc"]):
            done = subprocess.run([BLINDTUNER, *map(str, command), "--allow-insecure-parameters"],
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise AssertionError(done.stderr)
        cls.files = {}
        for name, kind in (("keys/secret.key", 1), ("keys/evaluation.keys", 2), ("data.enc", 3)):
            header, sections = reference.open_container((folder / name).read_bytes())
            assert header["kind"] == kind and header["name"] == PARAMETERS.name
            assert header["digest"] == PARAMETERS.digest, "the digest of the parameters"
            cls.files[name] = header, sections
        cls.big, cls.small = cls.read_secrets(cls.files["keys/secret.key"][1]["SKEY"])

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @staticmethod
    def read_secrets(section):
        reader, secrets = reference.Reader(section, PARAMETERS), []
        for log_n in (PARAMETERS.log_n, PARAMETERS.log_small_n):
            assert reader.numbers("B") == log_n
            codes = reference.unpack(reader.take((1 << log_n) // 4), 1 << log_n, 2)
            assert max(codes) <= 2
            secrets.append([{0: 0, 1: 1, 2: -1}[code] for code in codes])
        reader.end()
        return secrets

    def layout(self, reader):
        samples, features, classes, width = reader.numbers("QIII")
        self.assertEqual((features, classes), (FEATURES + 1, CLASSES))
        return samples, width

    def decrypt(self, ciphertext):
        log_n, moduli, scale, stream, seed, c0 = ciphertext
        self.assertEqual(log_n, PARAMETERS.log_small_n)
        a = uniform_integers(PARAMETERS, log_n, moduli, seed, stream)
        c0 = integers(PARAMETERS, log_n, moduli, c0)
        q = product_of(moduli)
        return [centred(x + y, q) / scale for x, y in zip(c0, multiply(a, self.small))], scale

    def test_keys_of_one_set(self):
        self.assertEqual(len({header["key_id"] for header, _ in self.files.values()}), 1)
        self.assertEqual(set(map(abs, self.big)), {0, 1})
        self.assertEqual(set(map(abs, self.small)), {0, 1})

    def test_a_data_set_decrypts_to_the_table(self):
        sections = self.files["data.enc"][1]
        reader = reference.Reader(sections["LAYT"], PARAMETERS)
        samples, width = self.layout(reader)
        self.assertEqual(samples, SAMPLES)
        n, ratio = 1 << PARAMETERS.log_small_n, 1 << PARAMETERS.log_n - PARAMETERS.log_small_n
        rows, groups = n // width, -(-(FEATURES + 1) // width)
        blocks = -(-SAMPLES // rows)
        features = reference.Reader(sections["FEAT"], PARAMETERS)
        found = [[0.0] * (groups * width) for _ in range(blocks * rows)]
        for block in range(blocks):
            for group in range(groups):
                values, scale = self.decrypt(features.seeded())
                for i, value in enumerate(values):
                    found[block * rows + i // width][group * width + i % width] = value
        features.end()
        error = (LARGEST_ERROR + 1) / scale
        # The order is the owner's secret: every sample is found once.
        order = []
        for row in found[:SAMPLES]:
            near = [k for k, given in enumerate(self.rows)
                    if max(abs(x - y) for x, y in zip(row, given)) < 2.0 ** -21 + error]
            self.assertEqual(len(near), 1)
            order += near
            self.assertGreater(row[FEATURES], 0.5)  # the constant one
            self.assertLess(max(map(abs, row[FEATURES + 1:]), default=0), error)
        self.assertEqual(sorted(order), list(range(SAMPLES)))
        self.assertLess(max(abs(x) for row in found[SAMPLES:] for x in row), error)
        stride = 1
        while stride < CLASSES:
            stride *= 2
        in_super = ratio * width // stride
        labels = reference.Reader(sections["LABL"], PARAMETERS)
        for group in range(-(-blocks // in_super)):
            small = [self.decrypt(labels.seeded())[0] for _ in range(ratio)]
            for block in range(in_super):
                for i in range(rows):
                    sample = (group * in_super + block) * rows + i
                    for label in range(CLASSES):
                        index = block * stride + label
                        value = small[index % ratio][width * i + index // ratio]
                        expected = sample < SAMPLES and self.labels[order[sample]] == label
                        self.assertLess(abs(value - expected), 0.01)
        labels.end()

    def check_key(self, key, source, target, limbs=None):
        """b_d + a_d s = P g_d s' + e_d with the same small e_d modulo every prime."""
        log_n, (q_count, p_count, ends), seed, b = key
        moduli = PARAMETERS.moduli(q_count, p_count)
        special = product_of(moduli[q_count:])
        for d, values in enumerate(b):
            begin = ends[d - 1] if d else 0
            self.check_digit(log_n, moduli, seed, d, values, source, target, limbs,
                             lambda i: special if begin <= i < ends[d] else 0)

    def check_digit(self, log_n, moduli, seed, stream, values, source, target, limbs, factor):
        errors = None
        for i in limbs or range(len(moduli)):
            prime, place = moduli[i]
            limb = PARAMETERS.limb(log_n, prime)
            a = uniform(limb.n, prime, place, seed, stream)
            s, payload = limb.evaluate(target), limb.evaluate(source)
            error = limb.coefficients([(b + x * y - factor(i) * z) % prime
                                       for b, x, y, z in zip(values[i], a, s, payload)])
            error = [centred(x, prime) for x in error]
            self.assertLessEqual(max(map(abs, error)), LARGEST_ERROR)
            self.assertGreater(max(map(abs, error)), 3, "no error at all")
            self.assertIn(errors, (None, error), "another error modulo another prime")
            errors = error

    def test_product_keys(self):
        sections = self.files["keys/evaluation.keys"][1]
        _, width = self.layout(reference.Reader(sections["LAYT"], PARAMETERS))
        reader = reference.Reader(sections["PROD"], PARAMETERS)
        self.check_key(reader.key(), multiply(self.small, self.small), self.small)
        n = len(self.small)
        count = reader.numbers("I")
        self.assertGreater(count, 0)
        for _ in range(count):
            g = reader.numbers("Q")
            self.check_key(reader.key(), self.small, galois(self.small, pow(g, -1, 2 * n)))
        for _ in ("pack", "unpack"):
            for _ in range(reader.numbers("H")):
                width_here, g, reverse, q_count, p_count = reader.numbers("IQBHH")
                self.assertEqual(width_here, width)
                seed = reader.take(32)
                moduli = PARAMETERS.moduli(q_count, p_count)
                special = product_of(moduli[q_count:])
                for j in range(width):
                    values = reader.residues(PARAMETERS.log_small_n, moduli)
                    shifted = [-x for x in self.small[n - j:]] + self.small[:n - j]
                    if j < 2:  # all are made alike
                        self.check_digit(
                            PARAMETERS.log_small_n, moduli, seed, j, values,
                            component_map(shifted, width, g, reverse), self.small, None,
                            lambda i, q=q_count, p=special: p if i < q else 0)
        reader.end()

    def test_bootstrapping_keys(self):
        """The keys of the big ring, modulo one prime: the relinearisation key's first digit, and the way
        down from the dense to the small secret."""
        reader = reference.Reader(self.files["keys/evaluation.keys"][1]["BOOT"], PARAMETERS)
        log_n, (q_count, p_count, ends), seed, b = reader.key()
        moduli = PARAMETERS.moduli(q_count, p_count)
        special = product_of(moduli[q_count:])
        square = multiply(self.big, self.big)
        self.check_digit(log_n, moduli, seed, 0, b[0], square, self.big, [3],
                         lambda i: special if i < ends[0] else 0)
        for _ in range(reader.numbers("I")):
            reader.numbers("Q")
            reader.key()
        down = [reader.key() for _ in ("small to sparse", "dense to sparse", "sparse to dense",
                                       "dense to small")][3]
        reader.end()
        ratio = len(self.big) // len(self.small)
        lifted = [self.small[i // ratio] if i % ratio == 0 else 0 for i in range(len(self.big))]
        self.check_key(down, self.big, lifted, [2])


if __name__ == "__main__":
    unittest.main(verbosity=2)
