#!/usr/bin/env python3
"""A parameter set of one's own: files made under it carry it, so that nothing else has to.

usage: parameters_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json

from cli_base import CONFIG, FEATURES, INSECURE, CLASSES, OWNER, SERVER, Base, blobs, main, npy, run

# InsecureTest10 with a lighter sparse secret.
LITERAL = {
    "name": "Insecure-mine", "log_n": 10, "log_small_n": 7, "q0_bits": 50, "q1_bits": 49,
    "slot_to_coeff_bits": [40] * 3, "circuit_bits": [36] * 11 + [39] * 3, "eval_mod_bits": [50] * 8,
    "coeff_to_slot_bits": [50] * 3, "special_bits": [50] * 9, "small_special": 2, "sparse_special": 1,
    "sparse_weight": 24, "modulus_range": 16, "digit_ends": [11, 22, 30]}


class OwnParameters(Base):
    def ok(self, program, *arguments):
        done = run(program, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_train_and_open(self):
        folder = self.folder / "own"
        folder.mkdir()
        literal = folder / "mine.json"
        literal.write_text(json.dumps(LITERAL))
        features, labels = blobs(200, 5)
        npy(folder / "x.npy", features)
        npy(folder / "y.npy", labels, "<i4")
        (folder / "config.json").write_text(json.dumps(CONFIG))
        refused = run(OWNER, "keygen", "--out", folder / "keys", "--classes", CLASSES, "--features", FEATURES,
                      "--parameters", literal)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("below 128 bits", refused.stderr)
        self.ok(OWNER, "keygen", "--out", folder / "keys", "--classes", CLASSES, "--features", FEATURES,
                "--parameters", literal, INSECURE)
        literal.unlink()  # nothing needs it any more
        self.ok(OWNER, "encrypt", "--features", folder / "x.npy", "--labels", folder / "y.npy", "--keys",
                folder / "keys", "--out", folder / "data.enc", "--config", folder / "config.json", INSECURE)
        self.ok(SERVER, "train", "--keys", folder / "keys/evaluation.keys", "--data", folder / "data.enc",
                "--out", folder / "model.enc", "--config", folder / "config.json", INSECURE)
        self.ok(OWNER, "decrypt", "--model", folder / "model.enc", "--keys", folder / "keys", "--out",
                folder / "model.json", "--config", folder / "config.json", INSECURE)
        # How much its results tell about the key nobody knows.
        refused = run(OWNER, "decrypt", "--model", folder / "model.enc", "--keys", folder / "keys", "--publish",
                      "--out", folder / "published.npz", "--config", folder / "config.json", INSECURE)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("parameter set of your own", refused.stderr)
        self.assertFalse((folder / "published.npz").exists())
        literal.write_text(json.dumps(LITERAL))
        refused = run(OWNER, "finetune", "--features", folder / "x.npy", "--labels", folder / "y.npy",
                      "--parameters", literal, "--publish", "--out", folder / "run", INSECURE)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("parameter set of your own", refused.stderr)
        for name in ("keys/secret.key", "keys/evaluation.keys", "data.enc", "model.enc"):
            shown = json.loads(self.ok(OWNER, "inspect", folder / name, "--json").stdout)
            self.assertEqual(shown["parameters"]["name"], "Insecure-mine")
            self.assertNotIn("PARM", [section["name"] for section in shown["sections"]])
        found = self.ok(OWNER, "evaluate", "--model", folder / "model.json", "--features", folder / "x.npy",
                        "--labels", folder / "y.npy", "--json")
        self.assertGreater(json.loads(found.stdout)["accuracy"], 0.9)

    def test_refused(self):
        path = self.folder / "bad.json"
        for change, message in (({"log_n": 40}, "'log_n'"), ({"name": "Standard"}, "another"),
                                ({"name": "Mine"}, "refused"), ({"more": 1}, "'more'")):
            path.write_text(json.dumps({**LITERAL, **change}))
            done = run(OWNER, "keygen", "--out", self.folder / "none", "--classes", CLASSES, "--features",
                       FEATURES, "--parameters", path, INSECURE)
            self.assertEqual(done.returncode, 1)
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    main()
