#!/usr/bin/env python3
"""Heads besides softmax, from the command line: training on ciphertexts is what it is in the clear, and an owner that
was told of one head takes no model of another.

usage: heads_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import array
import json
import subprocess
import zipfile

from cli_base import CLASSES, CONFIG, FEATURES, INSECURE, OWNER, PARAMETERS, SERVER, Base, main, run

HEADS = ("sigmoid", "squared")


def weights(path):
    """The numbers of a model's .npz: of all classes, biases last."""
    with zipfile.ZipFile(path) as archive:
        return [number for name, columns in (("weights", FEATURES), ("bias", 1))
                for number in array.array("d", archive.read(name + ".npy")[-8 * CLASSES * columns:])]


class Heads(Base):
    def test_finetune(self):
        for head in HEADS:
            with self.subTest(head):
                out = self.folder / f"out-{head}"
                result = self.good(OWNER, "finetune", "--features", self.folder / "x.npy", "--labels",
                                   self.folder / "y.npy", "--test-features", self.folder / "xt.npy", "--test-labels",
                                   self.folder / "yt.npy", "--head", head, "--parameters", PARAMETERS, "--out", out,
                                   "--seed", 1, INSECURE)
                self.assertIn(f"exact {head}", result.stdout)
                report = json.loads((out / "report.json").read_text())
                self.assertEqual(report["config"]["head"], head)
                self.assertTrue(report["trusted"])
                # Classes lie six deviations apart.
                self.assertGreater(report["accuracy_encrypted"], 0.95)
                self.assertEqual(report["accuracy_encrypted"], report["accuracy_plain_approx"])
                self.assertEqual(report["accuracy_encrypted"], report["accuracy_plain"])
                page = (out / "report.html").read_text()
                self.assertIn(f"exact {head}", page)
                self.assertNotIn("exact softmax", page)

    def trained(self, head):
        config = self.folder / f"{head}.json"
        config.write_text(json.dumps({**CONFIG, "head": head, "steps": 8, "learning_rate": 0.1}))
        model = self.folder / f"{head}.enc"
        self.good(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data", self.folder / "data.enc", "--out",
                  model, "--config", config, "--report", self.folder / f"{head}-server.json", INSECURE)
        return config, model

    def test_step_by_step(self):
        for head in HEADS:
            with self.subTest(head):
                config, model = self.trained(head)
                out = self.folder / f"{head}.npz"
                self.good(OWNER, "decrypt", "--keys", self.keys, "--model", model, "--config", config, "--out", out,
                          INSECURE)
                told = json.loads(self.good(OWNER, "evaluate", "--model", out, "--features", self.folder / "xt.npy",
                                            "--labels", self.folder / "yt.npy", "--json").stdout)
                self.assertGreater(told["accuracy"], 0.9)
                # Of another head than what the server was told.
                for said in (["--config", self.folder / "train.json"], ["--head", "softmax"],
                             ["--head", HEADS[head == HEADS[0]]]):
                    self.refused(run(OWNER, "decrypt", "--keys", self.keys, "--model", model, *said, "--out",
                                     self.folder / "no.npz", INSECURE), model.name)
                self.assertFalse((self.folder / "no.npz").exists())
                self.assertIn(head, self.good(OWNER, "inspect", model).stdout)

    def within_noise(self, private, published, noise):
        """Independent normal errors of this deviation, on multiples of it: cut at 8.6, and half of one for rounding.
        Of 27 numbers the root mean square is beyond these limits once in 10^7."""
        self.assertGreaterEqual(noise, 2**-8)
        errors = [(x - y) / noise for x, y in zip(weights(private), weights(published), strict=True)]
        self.assertEqual(len(errors), CLASSES * (FEATURES + 1))
        self.assertLess(max(map(abs, errors)), 9.1)
        rms = (sum(e * e for e in errors) / len(errors)) ** 0.5
        self.assertGreater(rms, 0.4)
        self.assertLess(rms, 2)
        self.assertTrue(all((x / noise).is_integer() for x in weights(published)))

    def test_published_by_finetune(self):
        for head in HEADS:
            with self.subTest(head):
                out = self.folder / f"published-{head}"
                # Features as they are: noise is on the weights of what was encrypted.
                said = self.good(OWNER, "finetune", "--features", self.folder / "x.npy", "--labels",
                                 self.folder / "y.npy", "--head", head, "--steps", 4, "--no-whiten",
                                 "--validation-fraction", 0, "--parameters", PARAMETERS, "--out", out, "--publish",
                                 INSECURE)
                self.assertIn("published.npz", said.stdout)
                report = json.loads((out / "report.json").read_text())
                self.assertTrue(report["trusted"])
                noise = report["published"]["noise"]
                self.assertGreater(report["published"]["bits"], 0)
                # What there is is what was predicted, and that is what is drowned.
                self.assertLess(report["rms_weight_difference"], 2 * report["predicted_weight_noise"])
                self.assertGreaterEqual(noise, 2**8 * 2 * report["predicted_weight_noise"])
                self.within_noise(out / "model.npz", out / "published.npz", noise)
                told = json.loads(self.good(OWNER, "evaluate", "--model", out / "published.npz", "--features",
                                            self.folder / "xt.npy", "--labels", self.folder / "yt.npy",
                                            "--json").stdout)
                self.assertGreater(told["accuracy"], 0.9)

    def test_published_by_decrypt(self):
        for head in HEADS:
            with self.subTest(head):
                config, model = self.trained(head)
                decrypt = [OWNER, "decrypt", "--keys", self.keys, "--model", model, INSECURE, "--json", "--out"]
                private, public = (self.folder / f"{name}-{head}.npz" for name in ("private", "public"))
                self.good(*decrypt, private, "--config", config)
                said = json.loads(self.good(*decrypt, public, "--publish", "--config", config).stdout)
                self.assertGreater(said["bits"], 0)
                self.within_noise(private, public, said["noise"])
                last = json.loads(self.good(OWNER, "ledger", "--keys", self.keys, "--json", INSECURE).stdout)["entries"][-1]
                self.assertEqual((last["kind"], last["noise"]), ("published", said["noise"]))
                self.assertGreaterEqual(last["noise"], 2**8 * last["error"])
                # Nothing is published as another head's.
                self.refused(run(*decrypt, self.folder / "no.npz", "--publish", "--config", self.folder / "train.json"),
                             model.name)

    def test_softmax_where_another_was_asked_for(self):
        model = self.folder / "softmax.enc"
        self.assertEqual(self.train(model).returncode, 0)
        for head in HEADS:
            config = self.folder / f"asked-{head}.json"
            config.write_text(json.dumps({**CONFIG, "head": head}))
            for said in (["--head", head], ["--head", head, "--publish"], ["--config", config]):
                self.refused(run(OWNER, "decrypt", "--keys", self.keys, "--model", model, *said, "--out",
                                 self.folder / "no.npz", INSECURE), model.name, "another configuration")
            self.assertIn('head is "softmax"', run(OWNER, "decrypt", "--keys", self.keys, "--model", model, "--config",
                                                   config, "--out", self.folder / "no.npz", INSECURE).stderr)

    def test_early_stopping(self):
        for head in HEADS:
            with self.subTest(head):
                work = self.folder / f"rounds-{head}"
                keys = work / "keys"
                self.make_keys(keys)
                config = work / "train.json"
                config.write_text(json.dumps({**CONFIG, "head": head, "validation_every": 1}))
                self.good(OWNER, "encrypt", "--features", self.folder / "x.npy", "--labels", self.folder / "y.npy",
                          "--validation-fraction", 0.2, "--keys", keys, "--out", work / "data.enc",
                          "--validation-out", work / "validation.enc", INSECURE)
                rounds = work / "rounds"
                rounds.mkdir()
                server = subprocess.Popen([SERVER, "train", "--keys", keys / "evaluation.keys", "--data",
                                           work / "data.enc", "--validation", work / "validation.enc",
                                           "--exchange", rounds, "--config", config, "--out", work / "last.enc",
                                           INSECURE], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                try:
                    self.good(OWNER, "validate", "--keys", keys, "--data", work / "validation.enc", "--exchange",
                              rounds, "--out", work / "best.enc", "--config", config, "--timeout", 120, INSECURE)
                    self.assertEqual(server.wait(120), 0)
                finally:
                    server.kill()
                    server.communicate()
                self.assertTrue((work / "best.enc").exists())

    def test_what_does_not_go_together(self):
        features = ["--features", self.folder / "x.npy", "--labels", self.folder / "y.npy", "--test-features",
                    self.folder / "xt.npy", "--test-labels", self.folder / "yt.npy", "--parameters", PARAMETERS, "--out",
                    self.folder / "no", INSECURE]
        self.refused(run(OWNER, "finetune", *features, "--head", "squared", "--balanced", "0.5"), "balancing")
        self.refused(run(OWNER, "finetune", *features, "--head", "sigmoid", "--softmax", "wide"), "softmax")
        self.refused(run(OWNER, "finetune", *features, "--head", "hinge"), "hinge")


if __name__ == "__main__":
    main()
