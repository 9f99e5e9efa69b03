#!/usr/bin/env python3
"""What tools/check_layers.py must refuse, in trees made up for it."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import check_layers  # noqa: E402


def problems(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, included in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f'#include "{header}"\n' for header in included))
        return check_layers.check(Path(folder))


class Layers(unittest.TestCase):
    def test_downward_is_allowed(self):
        self.assertEqual([], problems({"ring/poly.cpp": ["ring/poly.h", "device/device.h", "base/error.h"],
                                       "device/cpu/memory.cpp": ["kernels/api.h", "device/device.h"]}))

    def test_upward_is_refused(self):
        self.assertIn("must not include", problems({"device/device.h": ["ring/poly.h"]})[0])
        self.assertIn("not listed", problems({"attic/x.cpp": []})[0])

    def test_the_server_reaches_nothing_of_the_owner(self):
        for header in ("secret/encryption.h", "features/data/load.h", "learn/reference/metrics.h"):
            for layer in ("party/server", "app/server", "api/server"):
                with self.subTest(f"{layer} {header}"):
                    self.assertIn("must not include", problems({f"{layer}/x.cpp": [header]})[0])

    def test_a_party_knows_no_program(self):
        self.assertIn("must not include", problems({"party/server/x.cpp": ["app/common/program.h"]})[0])

    def test_kernels_are_for_the_cpu_device_alone(self):
        for name in ("ring/poly.cpp", "rlwe/key_switch.cpp", "device/device.h", "secret/keygen.cpp"):
            with self.subTest(name):
                self.assertIn("alone", problems({name: ["kernels/api.h"]})[0])

    def test_a_party_does_not_know_the_programs(self):
        self.assertEqual([], problems({"party/owner/opening.cpp": ["secret/disclosure.h", "plan/forecast.h"]}))
        self.assertIn("must not include", problems({"party/owner/opening.cpp": ["app/common/report.h"]})[0])
        for name in ("party/owner/opening.cpp", "app/owner/decrypt.cpp", "api/owner/owner.cpp"):
            with self.subTest(name):
                self.assertIn("leaves through", problems({name: ["secret/decryption.h"],
                                                          "secret/decryption.h": []})[0])

    def test_what_both_parties_interfaces_share_is_neither_s(self):
        self.assertEqual([], problems({"api/owner/owner.cpp": ["api/common/state.h", "party/owner/results.h"]}))
        for header in ("party/owner/results.h", "party/server/scoring.h"):
            self.assertIn("must not include", problems({"api/common/state.h": [header]})[0])
        self.assertIn("must not include", problems({"api/owner/owner.cpp": ["party/server/scoring.h"]})[0])

    def test_a_device_s_inside_is_its_own(self):
        self.assertIn("alone", problems({"ring/poly.cpp": ["device/cpu/tables.h"]})[0])


if __name__ == "__main__":
    unittest.main()
