#!/usr/bin/env python3
"""Heads besides softmax, from the command line: training on ciphertexts is what it is in the clear, and an owner that
was told of one head takes no model of another.

usage: heads_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json
import subprocess
import time

from cli_base import CONFIG, INSECURE, OWNER, PARAMETERS, SERVER, Base, main, run

HEADS = ("sigmoid", "squared")


class Heads(Base):
    def test_finetune(self):
        for head in HEADS:
            with self.subTest(head):
                out = self.folder / f"out-{head}"
                result = self.good(OWNER, "finetune", "--features", self.folder / "x.npy", "--labels",
                                   self.folder / "y.npy", "--test-features", self.folder / "xt.npy", "--test-labels",
                                   self.folder / "yt.npy", "--head", head, "--parameters", PARAMETERS, "--out", out,
                                   INSECURE)
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

    def test_early_stopping(self):
        for head in HEADS:
            with self.subTest(head):
                work = self.folder / f"rounds-{head}"
                work.mkdir()
                config = work / "train.json"
                config.write_text(json.dumps({**CONFIG, "head": head, "validation_every": 1}))
                self.good(OWNER, "encrypt", "--features", self.folder / "x.npy", "--labels", self.folder / "y.npy",
                          "--validation-fraction", 0.2, "--keys", self.keys, "--out", work / "data.enc",
                          "--validation-out", work / "validation.enc", INSECURE)
                rounds = work / "rounds"
                rounds.mkdir()
                server = subprocess.Popen([SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                                           work / "data.enc", "--validation", work / "validation.enc",
                                           "--exchange", rounds, "--config", config, "--out", work / "last.enc",
                                           INSECURE], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                try:
                    self.good(OWNER, "validate", "--keys", self.keys, "--data", work / "validation.enc", "--exchange",
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
        self.refused(run(OWNER, "finetune", *features, "--head", "squared", "--balanced", "0.5"), "balanced")
        self.refused(run(OWNER, "finetune", *features, "--head", "sigmoid", "--softmax", "wide"), "softmax")
        self.refused(run(OWNER, "finetune", *features, "--head", "hinge"), "hinge")


if __name__ == "__main__":
    main()
