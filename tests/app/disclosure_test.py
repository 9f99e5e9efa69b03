#!/usr/bin/env python3
"""What leaves the owner: published results, the ledger, and results that cannot be trusted.

usage: disclosure_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json
import os
import shutil
import stat

from cli_base import (CLASSES, CONFIG, FEATURES, INSECURE, OWNER, PARAMETERS, SERVER, Base, blobs,
                      main, npy, run)
from containers import as_earlier_programs_wrote
from finetune_test import Page

UNTRUSTED = 4


class Disclosure(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for steps in (1, 3):
            config = cls.folder / f"{steps}.json"
            config.write_text(json.dumps({**CONFIG, "steps": steps}))
            cls.good(SERVER, "train", "--keys", cls.keys / "evaluation.keys", "--data",
                     cls.folder / "data.enc", "--out", cls.folder / f"{steps}.enc", "--config",
                     config, INSECURE)

    def setUp(self):
        # The same keys, and the ledger as it was after encryption.
        self.work = self.folder / self.id().split(".")[-1]
        self.work.mkdir()
        shutil.copytree(self.keys, self.work / "keys")
        self.ledger = next((self.work / "keys").glob("ledger-*.jsonl"))

    def decrypt(self, out, *more, model="3.enc", keys=None, **options):
        config = (self.folder / model).with_suffix(".json")
        return run(OWNER, "decrypt", "--model", self.folder / model, "--keys",
                   keys or self.work / "keys", "--out", self.work / out, "--config", config,
                   INSECURE, *more, **options)

    def entries(self, keys=None):
        return json.loads(self.good(OWNER, "ledger", "--keys", keys or self.work / "keys", "--json",
                                    INSECURE).stdout)

    def mode(self, name):
        return stat.S_IMODE(os.stat(self.work / name).st_mode)

    def test_the_same_model_is_published_as_the_same_numbers(self):
        said = [json.loads(self.decrypt(f"{i}.npz", "--publish", "--json").stdout) for i in (1, 2)]
        self.assertEqual((self.work / "1.npz").read_bytes(), (self.work / "2.npz").read_bytes())
        self.assertGreater(said[0]["bits"], 0)
        self.assertEqual(said[1]["bits"], 0)
        self.assertEqual(said[0]["noise"], said[1]["noise"])
        self.assertEqual(self.decrypt("3.npz", "--publish", model="1.enc").returncode, 0)
        self.assertNotEqual((self.work / "1.npz").read_bytes(), (self.work / "3.npz").read_bytes())

        self.assertEqual(self.decrypt("private.npz").returncode, 0)
        self.assertEqual(self.mode("private.npz"), 0o600)
        mask = os.umask(0)
        os.umask(mask)
        self.assertEqual(self.mode("1.npz"), 0o666 & ~mask)
        self.assertEqual(stat.S_IMODE(os.stat(self.ledger).st_mode), 0o600)

        ledger = self.entries()
        self.assertEqual([e["kind"] for e in ledger["entries"]],
                         ["encrypted", "published", "published", "published", "opened"])
        published = [e for e in ledger["entries"] if e["kind"] == "published"]
        self.assertEqual(published[0]["ciphertext"], published[1]["ciphertext"])
        self.assertNotEqual(published[0]["ciphertext"], published[2]["ciphertext"])
        for e in published:
            self.assertGreaterEqual(e["noise"], 256 * e["error"])
            self.assertEqual(e["numbers"], CLASSES * (FEATURES + 1))
        self.assertAlmostEqual(ledger["published_bits"], sum(e["bits"] for e in published))
        text = self.good(OWNER, "ledger", "--keys", self.work / "keys", INSECURE).stdout
        for words in ("published  3 results", "opened     1 result at full precision",
                      "bits about the secret key"):
            self.assertIn(words, text)

    def test_published_scores(self):
        self.good(OWNER, "encrypt", "--features", self.folder / "xt.npy", "--unlabelled", "--keys",
                  self.work / "keys", "--out", self.work / "t.enc", INSECURE)
        self.good(SERVER, "predict", "--keys", self.keys / "evaluation.keys", "--model",
                  self.folder / "3.enc", "--data", self.work / "t.enc", "--out",
                  self.work / "s.enc", INSECURE)

        def decrypt(out, *more):
            return run(OWNER, "decrypt", "--scores", self.work / "s.enc", "--keys",
                       self.work / "keys", "--out", self.work / out, INSECURE, "--json",
                       "--config", self.folder / "3.json", *more)
        self.refused(decrypt("s.npy", "--publish"), "with the encrypted model that made them")
        self.refused(decrypt("s.npy", "--model", self.folder / "3.enc"), "one of")
        self.assertEqual(decrypt("s.npy").returncode, 0)
        self.assertEqual(self.mode("s.npy"), 0o600)
        said = [json.loads(decrypt(name, "--publish", "--model", self.folder / "3.enc").stdout)
                for name in ("1.npy", "2.npy")]
        self.assertEqual((self.work / "1.npy").read_bytes(), (self.work / "2.npy").read_bytes())
        self.assertNotEqual((self.work / "1.npy").read_bytes(), (self.work / "s.npy").read_bytes())
        self.assertGreater(said[0]["bits"], 0)
        # Their errors are the model's, times the features, and more.
        published = [e for e in self.entries()["entries"] if e["kind"] == "published"]
        self.assertEqual(decrypt("m.npz", "--publish").returncode, 1)
        self.assertEqual(self.decrypt("m.npz", "--publish").returncode, 0)
        of_model = [e for e in self.entries()["entries"] if e["kind"] == "published"][-1]
        self.assertGreater(published[0]["error"], of_model["error"])

    def test_the_budget(self):
        first = json.loads(self.decrypt("1.npz", "--publish", "--json").stdout)["bits"]
        self.refused(self.decrypt("2.npz", "--publish", "--budget", repr(first), model="1.enc"),
                     "larger budget", "fresh keys")
        self.assertFalse((self.work / "2.npz").exists())
        # That there was nothing else to refuse it for is told, too.
        last = self.entries()["entries"][-1]
        self.assertEqual((last["kind"], last["bits"]), ("refused", 1))
        self.assertEqual(self.decrypt("1.npz", "--publish", "--budget", 0).returncode, 0)
        self.assertEqual(self.decrypt("2.npz", "--publish", model="1.enc").returncode, 0)

    def test_nothing_leaves_unrecorded(self):
        # Not a byte can be written.
        for more in ([], ["--publish"]):
            self.refused(self.decrypt("m.npz", *more, limit=0), "recorded beside the keys")
        os.remove(self.ledger)
        self.ledger.mkdir()
        self.refused(self.decrypt("m.npz"), self.ledger.name)
        self.assertFalse((self.work / "m.npz").exists())

    def test_a_changed_ledger_is_noticed(self):
        self.assertEqual(self.decrypt("1.npz", "--publish").returncode, 0)
        good = self.ledger.read_bytes()
        lines = good.splitlines(keepends=True)
        for bad in (good.replace(b'"published"', b'"opened"'), b"".join(lines[:-2] + lines[-1:]),
                    b"".join(lines[:-1]), good[:-1], b""):
            self.ledger.write_bytes(bad)
            self.refused(self.decrypt("2.npz"), self.ledger.name, "changed or cut short")
            self.refused(run(OWNER, "ledger", "--keys", self.work / "keys", INSECURE),
                         "changed or cut short")
            self.assertFalse((self.work / "2.npz").exists())

        # An older copy of the ledger, or of the record of data sets, is known by what was encrypted since.
        self.ledger.write_bytes(good)
        record = next((self.work / "keys").glob("data-sets-*.json"))
        before, new = record.read_bytes(), self.work / "new.enc"
        self.good(OWNER, "encrypt", "--features", self.folder / "xt.npy", "--unlabelled", "--keys",
                  self.work / "keys", "--out", new, INSECURE)
        newest = self.ledger.read_bytes()
        self.assertNotIn("older copy", self.good(OWNER, "ledger", "--keys", self.work / "keys", INSECURE).stderr)
        self.ledger.write_bytes(good)
        self.assertIn("does not know '" + str(new), self.decrypt("2.npz").stderr)
        self.ledger.write_bytes(newest)
        record.write_bytes(before)
        self.refused(self.decrypt("2.npz", "--trained-on", new), "the record is an older copy")

    def test_keys_from_before_there_were_ledgers(self):
        others = self.work / "others"
        shutil.copytree(self.work / "keys", others)
        os.remove(self.ledger)
        as_earlier_programs_wrote(self.work / "keys")
        said = self.good(OWNER, "ledger", "--keys", self.work / "keys", INSECURE).stdout
        self.assertIn("no ledger", said)
        self.assertIn("begins here", self.decrypt("1.npz").stdout)
        self.assertNotIn("begins here", self.decrypt("1.npz").stdout)
        # Nobody noted how large the features were.
        self.refused(self.decrypt("2.npz", "--publish"), "does not know the data set",
                     "give the features")
        with_features = self.decrypt("2.npz", "--publish", "--features", self.folder / "x.npy")
        self.assertEqual(with_features.returncode, 0, with_features.stderr)
        # The same numbers as with the ledger.
        self.assertEqual(self.decrypt("3.npz", "--publish", keys=others).returncode, 0)
        self.assertEqual((self.work / "2.npz").read_bytes(), (self.work / "3.npz").read_bytes())

    def test_fresh_keys_have_a_ledger_of_their_own(self):
        self.good(OWNER, "keygen", "--out", self.work / "keys", "--classes", CLASSES, "--features",
                  FEATURES, "--parameters", PARAMETERS, INSECURE, "--force")
        self.assertEqual((self.entries()["exists"], self.entries()["entries"]), (True, []))
        # The old one is where the old keys are.
        self.assertFalse(self.ledger.exists())
        old, = (self.work / "keys").glob("old-*")
        self.assertTrue((old / self.ledger.name).exists())
        self.assertTrue((old / "secret.key").exists())


class OutOfRange(Base):
    """Logits that the softmax circuit does not stand end with a word and an exit code."""

    def untrusted(self, result):
        self.assertEqual(result.returncode, UNTRUSTED, result.stderr + result.stdout)
        return result

    def test_decrypt_and_evaluate(self):
        folder = self.folder
        self.good(OWNER, "whiten", "--features", folder / "x.npy", "--out", folder / "w.npz")
        self.good(OWNER, "encrypt", "--features", folder / "x.npy", "--labels", folder / "y.npy",
                  "--whitening", folder / "w.npz", "--keys", self.keys, "--out",
                  folder / "white.enc", INSECURE)
        # One step, whose probabilities are public: large weights, and nothing wraps around.
        (folder / "wide.json").write_text(
            json.dumps({**CONFIG, "steps": 1, "learning_rate": 1000}))
        self.good(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                  folder / "white.enc", "--out", folder / "white-model.enc", "--config",
                  folder / "wide.json", INSECURE)
        decrypt = [OWNER, "decrypt", "--model", folder / "white-model.enc", "--keys", self.keys,
                   "--whitening", folder / "w.npz", INSECURE, "--out"]
        for name in ("m.npz", "m.json"):
            said = self.untrusted(run(*decrypt, folder / name)).stdout
            self.assertTrue(said.startswith("DO NOT TRUST THIS RESULT"), said)
            self.assertIn("learning rate", said)
            self.assertTrue((folder / name).exists())
            evaluate = [OWNER, "evaluate", "--model", folder / name, "--features",
                        folder / "xt.npy", "--labels", folder / "yt.npy"]
            said = self.untrusted(run(*evaluate)).stdout
            self.assertTrue(said.startswith("DO NOT TRUST THIS RESULT"), said)
            report = json.loads(self.untrusted(
                run(*evaluate, "--json", "--report", folder / "r.json")).stdout)
            self.assertEqual(report, json.loads((folder / "r.json").read_text()))
            self.assertFalse(report["trusted"])
            self.assertGreater(report["max_logit"], report["logit_limit"])
            self.assertIn("on these samples", report["reasons"][0])
            page = Page((folder / "r.html").read_text()).text
            self.assertLess(page.index("Do not trust"), page.index("accuracy"))
        # And it is not published.
        self.refused(run(*decrypt, folder / "public.npz", "--publish", "--config",
                         folder / "wide.json", "--trained-on", folder / "white.enc"), "not published")
        self.assertFalse((folder / "public.npz").exists())

        # A model that is within its range.
        (folder / "good.json").write_text(json.dumps({**CONFIG, "steps": 1}))
        self.good(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                  folder / "white.enc", "--out", folder / "white-model.enc", "--config",
                  folder / "good.json", INSECURE)
        self.good(*decrypt, folder / "m.npz")
        report = json.loads(self.good(OWNER, "evaluate", "--model", folder / "m.npz", "--features",
                                      folder / "xt.npy", "--labels", folder / "yt.npy",
                                      "--json").stdout)
        self.assertTrue(report["trusted"])
        self.assertNotIn("reasons", report)

    def test_finetune(self):
        features, labels = blobs(300, 1)
        npy(self.folder / "x1.npy", features)
        npy(self.folder / "y1.npy", labels, "<i4")
        out = self.folder / "out"

        def finetune(*more):
            return run(OWNER, "finetune", "--features", self.folder / "x1.npy", "--labels",
                       self.folder / "y1.npy", "--out", out, "--parameters", PARAMETERS, INSECURE,
                       "--validation-fraction", 0, "--publish", *more)
        result = finetune("--steps", 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("earlier run", result.stderr)
        self.assertIn("published.npz", result.stdout)
        report = json.loads((out / "report.json").read_text())
        self.assertTrue(report["trusted"])
        self.assertGreater(report["published"]["bits"], 0)
        self.assertLess(report["largest_weight_difference"], report["published"]["noise"])
        for name, mode in (("model.npz", 0o600), ("report.json", 0o600), ("report.html", 0o600)):
            self.assertEqual(stat.S_IMODE(os.stat(out / name).st_mode), mode, name)
        self.assertNotEqual((out / "model.npz").read_bytes(), (out / "published.npz").read_bytes())
        # Its own figures are told beside the exact one's.
        self.assertIn("as published, with noise", result.stdout)
        self.assertIn("on ciphertexts, as published", (out / "report.html").read_text())
        self.assertGreater(report["published"]["accuracy"], 0.9)
        # It is as good.
        for name in ("model.npz", "published.npz"):
            said = json.loads(self.good(OWNER, "evaluate", "--model", out / name, "--features",
                                        self.folder / "xt.npy", "--labels", self.folder / "yt.npy",
                                        "--json").stdout)
            self.assertGreater(said["accuracy"], 0.9)

        # Beyond the budget: known before the training where it is used up, and after it no reason to lose the rest.
        told = report["published"]["bits"]
        self.refused(finetune("--steps", 2, "--budget", told / 2), "nothing more can be published")
        self.assertTrue((out / "published.npz").exists())
        result = finetune("--steps", 2, "--budget", told * 1.5)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("published.npz': is an earlier run's model, and goes when this run is done", result.stderr)
        self.assertIn("all other results are there", result.stderr.splitlines()[-1])
        self.assertFalse((out / "published.npz").exists() or (out / "run.unfinished").exists())
        self.assertIn("the budget is", json.loads((out / "report.json").read_text())["not_published"])
        self.assertIn("none was made", (out / "report.html").read_text())
        self.good(OWNER, "evaluate", "--model", out / "model.npz", "--features", self.folder / "xt.npy",
                  "--labels", self.folder / "yt.npy")

        shutil.rmtree(out)
        wild = ("--steps", 1, "--learning-rate", 1000)
        # The same steps in the clear tell before anything is encrypted.
        for preset, words in (("fast", "--unchecked"), ("auto", "a smaller learning rate")):
            self.refused(finetune(*wild, "--preset", preset), words)
            self.assertFalse((out / "keys").exists())
        said = self.untrusted(finetune(*wild, "--preset", "fast", "--unchecked")).stdout
        self.assertTrue(said.startswith("DO NOT TRUST THIS RESULT"), said)
        self.assertFalse((out / "published.npz").exists())
        report = json.loads((out / "report.json").read_text())
        self.assertFalse(report["trusted"])
        self.assertIn("on the training samples", report["reasons"][0])
        page = Page((out / "report.html").read_text()).text
        self.assertLess(page.index("Do not trust"), page.index("accuracy"))


if __name__ == "__main__":
    main()
