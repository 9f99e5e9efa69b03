#!/usr/bin/env python3
"""`finetune`, and the reports that it and `evaluate` write.

usage: finetune_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import html.parser
import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from cli_base import CLASSES, FEATURES, INSECURE, OWNER, PARAMETERS, SERVER, Base, blobs, main, npy, run
from extract_test import png, tiny_bert, tiny_model

VOID = {"meta", "line", "polyline"}


class Page(html.parser.HTMLParser):
    """Tags that are closed in order, and nothing that would be fetched or run."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.tags = [], "", set()
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert tag not in {"script", "link", "img", "iframe", "object"}, tag
        for name, value in attributes:
            assert name not in {"src", "href"} and not name.startswith("on"), name
            assert "url(" not in (value or ""), value
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.text += data


class Finetune(unittest.TestCase):
    good = classmethod(Base.good.__func__)
    refused = Base.refused

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="blindtuner-finetune-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.out = self.folder / "out"

    def data(self, samples, seed, keep=lambda label, i: True):
        features, labels = blobs(samples, seed)
        kept = [i for i in range(samples) if keep(labels[i], i)]
        npy(self.folder / f"x{seed}.npy", [features[i] for i in kept])
        npy(self.folder / f"y{seed}.npy", [labels[i] for i in kept], "<i4")
        return len(kept)

    def finetune(self, *arguments, data=1, parameters=PARAMETERS):
        return [OWNER, "finetune", "--features", self.folder / f"x{data}.npy", "--labels",
                self.folder / f"y{data}.npy", "--out", self.out, "--parameters", parameters, INSECURE,
                "--seed", 1, *arguments]

    def report(self, *arguments):
        result = self.good(*self.finetune("--json", *arguments))
        report = json.loads(result.stdout)
        self.assertEqual(report, json.loads((self.out / "report.json").read_text()))
        page = Page((self.out / "report.html").read_text())
        self.assertIn("trained on ciphertexts", page.text)
        self.assertIn("insecure: for tests only", page.text)
        return report, result, page

    def test_whole_path(self):
        self.data(301, 1)
        self.data(90, 2)
        test = ["--test-features", self.folder / "x2.npy", "--test-labels",
                self.folder / "y2.npy"]
        report, result, page = self.report(*test, "--steps", 5)
        self.assertIn("[owner] ", result.stderr)
        self.assertEqual((report["samples"], report["validation"]["samples"]), (271, 30))
        self.assertEqual(report["test_samples"], 90)
        self.assertGreater(report["accuracy_encrypted"], 0.9)
        self.assertLess(report["largest_weight_difference"], 1e-2)
        self.assertEqual(len(report["confusion"]), CLASSES)
        self.assertEqual(report["seed"], "1")
        self.assertEqual(sum(map(sum, report["confusion"])), 90)
        self.assertEqual([c["samples"] for c in report["per_class"]], [30, 30, 30])
        # Round by round what the same training in the clear saw.
        self.assertGreaterEqual(len(report["rounds"]), 2)
        for entry in report["rounds"]:
            self.assertAlmostEqual(entry["loss"], entry["plain"]["loss"], delta=0.02)
            self.assertAlmostEqual(entry["max_logit"], entry["plain"]["max_logit"], delta=0.3)
        self.assertIn("svg", page.tags)
        # The model is one on the features as they came.
        evaluated = json.loads(
            self.good(OWNER, "evaluate", "--model", self.out / "model.npz", "--features",
                      self.folder / "x2.npy", "--labels", self.folder / "y2.npy", "--report",
                      self.folder / "evaluated.json", "--json").stdout)
        for member in ("confusion", "per_class", "macro_f1"):
            self.assertEqual(evaluated[member], report[member])
        self.assertIn("Confusion matrix", Page((self.folder / "evaluated.html").read_text()).text)
        # A page that is none of ours stays; one that is goes.
        judge = [OWNER, "evaluate", "--model", self.out / "model.npz", "--features", self.folder / "x2.npy", "--labels",
                 self.folder / "y2.npy", "--report", self.folder / "evaluated.json"]
        self.good(*judge)
        # The options that a message names are this command's.
        self.refused(run(OWNER, "evaluate", "--model", self.out / "model.npz", "--features", self.out / "model.npz"),
                     "of 'evaluate' with --features-member")
        (self.folder / "evaluated.html").write_text("mine")
        self.refused(run(*judge), "evaluated.html': is no page of a report", "--report")
        self.assertEqual((self.folder / "evaluated.html").read_text(), "mine")
        # Again into the same folder: the rounds of the first run do not matter, its keys are used
        # again, what is not the run's is left alone.
        secret = (self.out / "keys" / "secret.key").read_bytes()
        shutil.copy(self.out / "model.enc", self.folder / "first.enc")
        (self.out / "rounds" / "notes.txt").write_text("mine")
        again, result, _ = self.report(*test, "--steps", 5)
        self.assertEqual(again["confusion"], report["confusion"])
        self.assertIn("keys of an earlier run", result.stderr)
        self.assertEqual((self.out / "keys" / "secret.key").read_bytes(), secret)
        self.assertEqual((self.out / "rounds" / "notes.txt").read_text(), "mine")
        decrypt = [OWNER, "decrypt", "--model", self.folder / "first.enc", "--out",
                   self.folder / "first.npz", INSECURE, "--whitening",
                   self.out / "whitening.npz", "--keys"]
        self.good(*decrypt, self.out / "keys")
        # New keys when asked, and the old ones stay.
        self.report(*test, "--steps", 1, "--new-keys")
        old = list((self.out / "keys").glob("old-*"))
        self.assertEqual([(p / "secret.key").read_bytes() for p in old], [secret])
        self.refused(run(*decrypt, self.out / "keys"), "belongs to the keys")
        self.good(*decrypt, old[0])

    def test_keys_of_its_own(self):
        self.data(60, 1)
        small = "InsecureTest10"
        phrase = self.folder / "phrase"
        phrase.write_text("correct horse\n")
        keys = self.folder / "mine"
        given = ["--steps", 1, "--validation-fraction", 0, "--keys", keys, "--passphrase-file",
                 phrase]
        self.good(*self.finetune(*given, parameters=small))
        secret = (keys / "secret.key").read_bytes()
        self.assertIn(b"SEAL", secret)
        self.assertFalse((self.out / "keys").exists())
        self.good(*self.finetune(*given, parameters=small))
        self.assertEqual((keys / "secret.key").read_bytes(), secret)
        self.refused(run(*self.finetune(*given[:-2], parameters=small)), "takes a passphrase")
        # From a pipe, which says it once: to make the keys, and to open those that are there.
        for new in (["--new-keys"], []):
            piped = subprocess.run([*map(str, self.finetune(*given[:-1], "/dev/stdin", *new, parameters=small))],
                                   input="correct horse\n", capture_output=True, text=True)
            self.assertEqual(piped.returncode, 0, piped.stderr)
        secret = (keys / "secret.key").read_bytes()
        # Keys for other data, or without the half that the server needs.
        self.data(60, 2, lambda label, i: label < 2)
        self.refused(run(*self.finetune(*given, data=2, parameters=small)), "3 classes", "--new-keys")
        (keys / "evaluation.keys").unlink()
        self.refused(run(*self.finetune(*given, parameters=small)), "evaluation.keys", "--new-keys")
        self.assertEqual((keys / "secret.key").read_bytes(), secret)

    def test_presets(self):
        self.data(301, 1)
        for preset, steps, softmax in (("fast", 20, "default_c3_r16"),
                                       ("thorough", 40, "wide_c3_r128")):
            with self.subTest(preset=preset):
                report, _, _ = self.report("--preset", preset, "--patience", 1)
                self.assertEqual((report["config"]["steps"], report["softmax"]), (steps, softmax))
                self.assertTrue(report["whitened"])
                self.assertGreater(report["accuracy_encrypted"], 0.9)
                self.assertLess(report["largest_weight_difference"], 1e-2)

    def test_pictures(self):
        os.environ["XDG_CACHE_HOME"] = str(self.folder / "cache")
        tiny_model(self.folder / "tiny.safetensors")
        colours = {"<red>": (200, 20, 20), "green": (20, 200, 20)}
        for name, colour in colours.items():
            for i in range(30):
                part = "test" if i < 10 else "train"
                png(self.folder / part / name / f"{i}.png", 24, 40, colour)
        arguments = [OWNER, "finetune", "--images", self.folder / "train", "--test-images",
                     self.folder / "test", "--out", self.out, "--parameters", PARAMETERS,
                     "--steps", 2, "--seed", 1, INSECURE]
        self.refused(run(*arguments), "need --model")
        arguments += ["--model", self.folder / "tiny.safetensors"]
        report = json.loads(self.good(*arguments, "--json").stdout)
        self.assertEqual(report["class_names"], sorted(colours))
        # 36 samples are trained on, the rest held out: they differ along 35 directions at most.
        self.assertEqual((report["features"], report["test_samples"]), (35, 20))
        self.assertEqual(report["accuracy_encrypted"], 1)
        page = Page((self.out / "report.html").read_text()).text
        self.assertIn("<red>", page)
        # Which tokens: chosen in the clear, on the training set; the model says it, and features of
        # several are read accordingly.
        choice = report["pooling_choice"]
        self.assertEqual([trial["way"] for trial in choice["trials"]], ["model", "class+mean"])
        self.assertEqual((report["pooling"], choice["samples"]), (choice["way"], 40))
        self.assertIn("How the pooling was chosen", page)
        evaluate = [OWNER, "evaluate", "--json", "--model", self.out / "model.npz", "--features"]
        for features in ("test-features", "train-features"):
            seen = json.loads(self.good(*evaluate, self.out / f"{features}.npz").stdout)
            self.assertEqual(seen["accuracy"], 1)
        asked = json.loads(self.good(*arguments, "--pooling", "mean", "--json").stdout)
        self.assertEqual(asked["pooling"], "mean")
        self.assertNotIn("pooling_choice", asked)
        made = self.folder / "made.npz"
        shutil.copy(self.out / "test-features.npz", made)
        self.good(*arguments)
        self.refused(run(*evaluate, made), "made.npz", "pooling 'mean'")
        again = [OWNER, "finetune", "--features", self.out / "train-features.npz", "--out",
                 self.folder / "again", "--parameters", PARAMETERS, "--steps", 2, INSECURE, "--json"]
        self.assertEqual(json.loads(self.good(*again, "--test-features", self.out / "test-features.npz",
                                              "--pooling", "class+mean").stdout)["pooling"], "class+mean")
        self.refused(run(*again, "--test-features", made), "made.npz", "pooling 'mean'")
        self.refused(run(*again, "--pooling", "last4"), "train-features.npz", "'last4'")
        # A class that training did not have, no classes, bad settings: before the encoder is at work.
        cache, made = self.folder / "none", self.out / "train-features.npz"
        made.unlink()
        png(self.folder / "test" / "blue" / "1.png", 24, 40, (0, 0, 200))
        config = self.folder / "config.json"
        config.write_text('{"steps": 0}')
        arguments += ["--cache", cache]
        self.refused(run(*arguments), "blue")
        shutil.rmtree(self.folder / "test" / "blue")
        self.refused(run(*arguments, "--config", config), "config.json", "steps")
        self.refused(run(*arguments, "--softmax", "unheard"), "unheard")
        flat = [self.folder / "train" / "green" if a == self.folder / "train" else a
                for a in arguments]
        self.refused(run(*flat), "green", "no labels", "a folder of pictures for every class")
        self.assertFalse(cache.exists() or made.exists())
        # What only decoding tells is said as if extract had been called by hand.
        (self.folder / "train" / "green" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        damaged = run(*arguments)
        self.refused(damaged, "1.png")
        self.assertNotIn("program", damaged.stderr)
        self.refused(run(*arguments, "--features", self.folder / "x.npy"), "one of")

    def test_quiet(self):
        self.data(90, 1)
        noisy = self.good(*self.finetune("--steps", 1))
        self.assertIn("[server] 1 steps on", noisy.stderr)
        quiet = self.good(*self.finetune("--steps", 1, "--quiet"))
        self.assertEqual(quiet.stderr, "")
        self.assertIn("trained on ciphertexts", quiet.stdout)

    def test_texts(self):
        os.environ["XDG_CACHE_HOME"] = str(self.folder / "cache")
        tiny_bert(self.folder / "bert")
        for name in ("train", "test"):
            rows = [row for i in range(1, 13) for row in (f"play the{' song' * i}\tmusic",
                                                          f"book a{' table' * i}\tbooking")]
            (self.folder / f"{name}.tsv").write_text("\n".join(["text\tintent", *rows]) + "\n")
        arguments = [OWNER, "finetune", "--texts", self.folder / "train.tsv", "--model",
                     self.folder / "bert", "--out", self.out, "--parameters", PARAMETERS,
                     "--steps", 2, "--seed", 1, INSECURE]
        self.refused(run(*arguments, "--test-images", self.folder), "training set's kind")
        report = json.loads(self.good(*arguments, "--test-texts", self.folder / "test.tsv",
                                      "--json").stdout)
        self.assertEqual(report["class_names"], ["booking", "music"])
        self.assertEqual(report["accuracy_encrypted"], 1)

    def test_a_round_after_the_best_that_leaves_the_range(self):
        # The model is the first round's, and the second would be the run's end.
        self.data(100, 1)
        config = self.folder / "config.json"
        config.write_text(json.dumps({"steps": 2, "batch_size": 128, "learning_rate": 1, "schedule": "list",
                                      "rate_list": [1, 1000], "validation_every": 1}))
        self.refused(run(*self.finetune("--config", config, "--no-whiten")),
                     "in the clear", "validation round 2, after 2 steps", "--learning-rate")
        self.assertFalse((self.out / "keys").exists())

    def test_options_that_would_do_nothing(self):
        self.data(30, 1)
        x = self.folder / "x1.npy"
        for more, words, code in ((("--validation-features", x, "--validation-fraction", 0.1), "--validation-fraction does nothing", 2),
                                  (("--test-features", x, "--test-fraction", 0.1), "--test-fraction", 2),
                                  (("--budget", 2), "--budget", 2)):
            self.refused(run(*self.finetune(*more)), words, code=code)
        self.assertFalse(self.out.exists())

    def test_two_unbalanced_classes_without_a_test_set(self):
        kept = self.data(150, 1, lambda label, i: label == 0 or (label == 1 and i % 4 == 0))
        report, _, page = self.report("--steps", 3, "--test-fraction", 0.25)
        self.assertEqual(report["classes"], 2)
        self.assertEqual(report["samples"] + report["test_samples"] +
                         report["validation"]["samples"], kept)
        self.assertGreater(report["macro_f1"], 0.9)
        self.assertIn("macro F1", page.text)

    def test_settings_are_chosen_in_the_clear(self):
        # Nine of ten samples are of class 0.
        self.data(600, 1, lambda label, i: label == 0 or i % 8 == 0)
        report, result, page = self.report()
        choice = report["choice"]
        self.assertIn(report["way"], [trial["way"] for trial in choice["trials"]])
        self.assertEqual(report["way"], choice["way"])
        self.assertGreater(len(choice["trials"]), 3)
        self.assertEqual(choice["samples"], report["samples"])
        self.assertIn("tried in the clear", result.stderr)
        self.assertIn("How the settings were chosen", page.text)
        # Nobody has measured what these parameters cost.
        for trial in choice["trials"]:
            self.assertNotIn("seconds", trial)
        self.assertNotIn("estimated", page.text)
        # What is asked for stands.
        report, _, _ = self.report("--steps", 3, "--learning-rate", 1)
        self.assertEqual((report["config"]["steps"], report["config"]["learning_rate"]), (3, 1))
        report, _, _ = self.report("--preset", "fast", "--steps", 2)
        self.assertNotIn("choice", report)
        # Features as they are, however large: smaller steps.
        features, _ = blobs(600, 1)
        npy(self.folder / "x1.npy", [[20 * x for x in row] for row in features])
        npy(self.folder / "y1.npy", blobs(600, 1)[1], "<i4")
        self.refused(run(*self.finetune("--no-whiten", "--preset", "fast")), "in the clear")
        report, _, _ = self.report("--epsilon", 0.25)
        self.assertEqual((report["whitened"], report["epsilon"]), (True, 0.25))
        report, _, _ = self.report("--no-whiten")
        self.assertFalse(report["whitened"])
        self.assertLess(report["config"]["learning_rate"], 0.1)
        self.assertGreater(report["accuracy_encrypted"], 0.9)

    def test_balance_is_proposed_where_classes_are_uneven(self):
        draw = random.Random(2)
        labels = [int(i % 10 == 0) for i in range(300)]
        npy(self.folder / "x1.npy", [[draw.gauss(1.3 * label, 1) for _ in range(4)] for label in labels])
        npy(self.folder / "y1.npy", labels, "<i4")
        report, result, _ = self.report("--steps", 1, "--validation-fraction", 0)
        strength = report["choice"]["best_balance"]
        self.assertGreater(strength, 0)
        self.assertEqual(report["balance"], 0, "proposed, and not done")
        self.assertRegex(result.stderr, r"classes are uneven, \d+ to \d+ samples; with --balanced "
                         f"{strength:g}: accuracy [0-9.]+ %, balanced [0-9.]+ %, macro F1")

    def test_balanced(self):
        self.data(600, 1, lambda label, i: label == 0 or i % 8 == 0)
        test = ["--preset", "fast", "--steps", 2]
        plain, _, _ = self.report(*test)
        chosen, result, page = self.report(*test, "--balanced")
        self.assertEqual(chosen["balance"], chosen["choice"]["best_balance"])
        self.assertIn(f"takes --balanced {chosen['balance']:g} for this run", result.stderr)
        self.assertIn("balanced accuracy", page.text)
        even, _, page = self.report(*test, "--balanced", 1)
        self.assertEqual(even["validation"]["balance"], 1)
        self.assertNotIn("balance", plain["validation"])
        self.assertIn("Loss and accuracy are balanced", page.text)
        self.assertEqual((plain["balance"], even["balance"]), (0, 1))
        # Two machines: the class sizes are in the record beside the keys.
        decrypt = [OWNER, "decrypt", "--model", self.out / "model.enc", "--keys",
                   self.out / "keys", "--whitening", self.out / "whitening.npz", INSECURE, "--out"]
        self.assertIn("--balanced 1 makes it what they judged",
                      self.good(*decrypt, self.folder / "plain.json").stdout)
        self.assertNotIn("what they judged", self.good(*decrypt, self.folder / "even.json", "--balanced", 1).stdout)
        self.balanced_scores()
        # The report's largest logit is what the circuit met, of whatever rows.
        all_rows = ["--features", self.folder / "x1.npy", "--labels", self.folder / "y1.npy", "--json"]
        met = json.loads(self.good(OWNER, "evaluate", "--model", self.folder / "plain.json", *all_rows).stdout)
        self.assertAlmostEqual(even["max_logit"], met["max_logit"], places=3)
        plain, even = (json.loads((self.folder / f"{name}.json").read_text())
                       for name in ("plain", "even"))
        self.assertEqual(plain["weights"], even["weights"])
        shift = [b - a for a, b in zip(plain["bias"], even["bias"])]
        self.assertAlmostEqual(sum(shift), 0, delta=1e-9)
        self.assertLess(shift[0], min(shift[1:]))
        self.assertAlmostEqual(even["logit_limit"] - plain["logit_limit"],
                               max(map(abs, shift)), delta=1e-9)
        for bad in ("2", "-0.1", "much"):
            self.refused(run(*self.finetune("--balanced", bad)), "--balanced", code=2)

    def balanced_scores(self):
        """Those that the server makes become even.json's."""
        new, scores = self.folder / "new.enc", self.folder / "scores.enc"
        self.good(OWNER, "encrypt", "--features", self.folder / "x1.npy", "--unlabelled", "--whitening",
                  self.out / "whitening.npz", "--keys", self.out / "keys", "--out", new, INSECURE)
        self.good(SERVER, "predict", "--keys", self.out / "keys" / "evaluation.keys", "--data", new, "--model",
                  self.out / "model.enc", "--out", scores, INSECURE)
        decrypt = [OWNER, "decrypt", "--scores", scores, "--keys", self.out / "keys", INSECURE, "--json", "--out"]
        plain = json.loads(self.good(*decrypt, self.folder / "plain.npz").stdout)
        even = json.loads(self.good(*decrypt, self.folder / "even.npz", "--balanced", 1).stdout)
        self.assertEqual(even["balance"], 1)
        self.assertGreater(even["logit_limit"], plain["logit_limit"])
        labels, test = ["--labels", self.folder / "y1.npy"], ["--features", self.folder / "x1.npy"]
        told = [json.loads(self.good(OWNER, "evaluate", *what, *labels, "--json").stdout) for what in (
            ["--scores", self.folder / "even.npz"], ["--model", self.folder / "even.json", *test])]
        for key in ("max_logit", "logit_limit"):
            self.assertAlmostEqual(told[0][key], told[1][key], places=3)
        self.assertEqual(told[0]["confusion"], told[1]["confusion"])
        self.assertAlmostEqual(even["max_logit"], told[0]["max_logit"], places=3)

    def test_the_papers_way(self):
        self.data(300, 1)
        report, _, _ = self.report("--preset", "paper", "--epochs", 2, "--batch", 100,
                                   "--learning-rate", 0.3)
        self.assertEqual(report["config"]["method"], "nesterov")
        self.assertFalse(report["whitened"])
        self.assertTrue(report["softmax"].startswith("wide"))
        self.assertGreater(report["accuracy_encrypted"], 0.9)
        self.assertAlmostEqual(report["accuracy_encrypted"], report["accuracy_plain"], delta=0.05)

    def test_without_validation(self):
        self.data(300, 1)
        report, _, _ = self.report("--steps", 2, "--validation-fraction", 0)
        self.assertEqual(report["rounds"], [])
        self.assertNotIn("validation", report)
        self.assertEqual(report["samples"], 240)

    def test_refusals(self):
        self.data(60, 1)
        # A machine that lacks /dev/null lacks that, and no program.
        bare = subprocess.run(["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh",
                               *map(str, self.finetune())], stdin=subprocess.PIPE, capture_output=True, text=True)
        if bare.stderr.startswith("blindtuner"):
            self.refused(bare, "cannot open '/dev/null'")
        else:
            print(f"SKIPPED: a /dev of its own, {bare.stderr.strip()}")
        # What is put in place together is on one file system, and that is found out before the training.
        (self.folder / "apart" / "rounds").mkdir(parents=True)
        apart = [self.folder / "apart" if word == self.out else word for word in self.finetune()]
        self.assertNotEqual(apart, self.finetune())
        mounted = subprocess.run(["unshare", "-m", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"',
                                  self.folder / "apart" / "rounds", *map(str, apart)], capture_output=True, text=True)
        if mounted.stderr.startswith(("unshare", "mount")):
            print(f"SKIPPED: a file system of its own, {mounted.stderr.strip()}")
        else:
            self.refused(mounted, "rounds': is on another file system than", "apart'")
        script = self.folder / "script"
        script.write_text("#!/bin/sh\necho blindtuner-server 0.0.1\n")
        for server, words in ((self.folder / "gone", ["cannot start", "gone"]),
                              (self.folder / "x1.npy", ["cannot start", "x1.npy"]),
                              (OWNER, ["not the server's program"]),
                              ("/bin/true", ["not the server's program"]),
                              (script, ["says 'blindtuner-server 0.0.1', expected"])):
            script.chmod(0o755)
            self.refused(run(*self.finetune("--server", server, "--steps", 1)), *words)
        # More classes than any circuit of the family takes.
        many = list(range(101)) * 5
        npy(self.folder / "xm.npy", [[float(i % 7), 1.0] for i in many])
        npy(self.folder / "ym.npy", many, "<i4")
        self.refused(run(*self.finetune("--steps", 1, "--validation-fraction", 0, data="m")),
                     "no softmax circuit", "101 classes", "'sigmoid' and 'squared' take them")
        self.refused(run(*self.finetune("--learning-rate", 1e-12, "--steps", 2)),
                     "learning rate", "too small")
        self.refused(run(*self.finetune("--validation-fraction", 0.001)), "too few")
        self.refused(run(*self.finetune("--test-features", self.folder / "gone.npy")), "gone.npy")
        wide = [[0.0] * (FEATURES + 1)] * 9
        npy(self.folder / "wide.npy", wide)
        npy(self.folder / "wl.npy", [0, 1, 2] * 3, "<i4")
        self.refused(run(*self.finetune("--test-features", self.folder / "wide.npy",
                                        "--test-labels", self.folder / "wl.npy")),
                     "test set", "9", "8")
        self.assertFalse((self.out / "report.json").exists())
        # A file of a round's name that is none, and an output that cannot be written.
        (self.out / "rounds").mkdir()
        (self.out / "rounds" / "round-0002.enc").write_text("mine")
        self.refused(run(*self.finetune("--steps", 1)), "round-0002.enc")
        shutil.rmtree(self.out / "rounds")
        (self.out / "model.npz").mkdir()
        self.refused(run(*self.finetune("--steps", 1)), "model.npz")
        # All of that before the first key.
        self.assertFalse((self.out / "keys").exists())


if __name__ == "__main__":
    main()
