"""What the tests of both programs share: data, keys and runs, at insecure test parameters.

A test file is called with the two programs first, then unittest's arguments.
"""
import json
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

OWNER, SERVER = sys.argv[1:3]
INSECURE = "--allow-insecure-parameters"
PARAMETERS = "InsecureTest10"
LOG_RING = 10
RING, SMALL_RING = 1 << LOG_RING, 128  # degrees of its rings
CLASSES, FEATURES, SAMPLES = 3, 8, 300
# Sanitizers reserve terabytes of address space, and look for leaks on a thread of their own.
SANITIZED = any(name in Path(OWNER).read_bytes() for name in (b"__asan_init", b"__tsan_init"))
CONFIG = {"steps": 3, "batch_size": 128, "learning_rate": 0.5}


def npy(path, rows, kind="<f4"):
    """A one- or two-dimensional .npy file of rows (lists of numbers) or of numbers."""
    code = {"<f4": "f", "<i4": "i"}[kind]
    if rows and isinstance(rows[0], list):
        shape, flat = f"({len(rows)}, {len(rows[0])})", [x for row in rows for x in row]
    else:
        shape, flat = f"({len(rows)},)", rows
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    Path(path).write_bytes(data + struct.pack(f"<{len(flat)}{code}", *flat))


def blobs(samples, seed):
    """Three separable clouds: features, labels."""
    generator = random.Random(seed)
    features, labels = [], []
    for i in range(samples):
        label = i % CLASSES
        features.append([generator.gauss(2.0 if j % CLASSES == label else 0.0, 0.7)
                         for j in range(FEATURES)])
        labels.append(label)
    return features, labels


def run(program, *arguments, limit=None):
    def set_limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                          preexec_fn=set_limit if limit is not None else None)


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="blindtuner-app-"))
        cls.keys = cls.folder / "keys"
        features, labels = blobs(SAMPLES, 1)
        npy(cls.folder / "x.npy", features)
        npy(cls.folder / "y.npy", labels, "<i4")
        features, labels = blobs(90, 2)
        npy(cls.folder / "xt.npy", features)
        npy(cls.folder / "yt.npy", labels, "<i4")
        (cls.folder / "train.json").write_text(json.dumps(CONFIG))
        cls.make_keys(cls.keys)
        cls.good(OWNER, "encrypt", "--features", cls.folder / "x.npy", "--labels",
                 cls.folder / "y.npy", "--keys", cls.keys, "--out", cls.folder / "data.enc",
                 INSECURE)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def make_keys(cls, folder):
        cls.good(OWNER, "keygen", "--out", folder, "--classes", CLASSES, "--features", FEATURES,
                 "--batch", 128, "--parameters", PARAMETERS, INSECURE)

    @classmethod
    def good(cls, program, *arguments):
        result = run(program, *arguments)
        if result.returncode != 0:
            raise AssertionError(f"{arguments[0]} failed: {result.stderr}")
        return result

    def train(self, out, *more):
        return run(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                   self.folder / "data.enc", "--out", out, "--config", self.folder / "train.json",
                   INSECURE, *more)

    def refused(self, result, *words, code=1):
        """One clear line that holds the words, the exit code, and nothing on stdout."""
        self.assertEqual(result.returncode, code, result.stderr)
        # On a slow machine there may be lines of progress before.
        lines = [line for line in result.stderr.splitlines() if line.startswith("blindtuner")]
        self.assertEqual(len(lines), 1, result.stderr)
        for word in words:
            self.assertIn(word, lines[0])
        self.assertEqual(result.stdout, "")


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
