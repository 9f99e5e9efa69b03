#!/usr/bin/env python3
"""Both programs as a user runs them.

usage: cli_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json
import os
import random
import shutil
import stat
import struct
import subprocess
import zipfile

from cli_base import (CLASSES, CONFIG, FEATURES, INSECURE, OWNER, PARAMETERS, SAMPLES, SERVER,
                      Base, blobs, main, npy, run)


class Workflow(Base):
    def test_plan_agrees_with_what_is_written(self):
        plan = json.loads(self.good(
            OWNER, "plan", "--samples", SAMPLES, "--classes", CLASSES, "--features", FEATURES,
            "--config", self.folder / "train.json", "--parameters", PARAMETERS, "--json",
            INSECURE).stdout)
        self.assertEqual(plan["bytes"]["evaluation_keys"],
                         (self.keys / "evaluation.keys").stat().st_size)
        self.assertEqual(plan["bytes"]["upload"], (self.folder / "data.enc").stat().st_size)
        self.assertGreater(plan["seconds"]["training"], 0)
        table = self.good(OWNER, "plan", "--samples", 60000, "--classes", 10).stdout
        self.assertIn("reference machine", table)
        self.assertIn("are estimates, memory too; sizes of what is sent are exact", table)

    def test_plan_of_a_study(self):
        study = ["plan", "--samples", 60000, "--classes", 10, "--owners"]
        table = self.good(OWNER, *study, 4).stdout
        self.assertIn("4 owners, 60000 samples together, 768 features", table)
        self.assertIn("parameters Joint4", table)
        self.assertIn("reference machine", table)
        four, five = (json.loads(self.good(OWNER, *study, k, "--json").stdout) for k in (4, 5))
        self.assertEqual((four["owners"], four["parameters"]), (4, "Joint4"))
        self.assertEqual((five["owners"], five["parameters"]), (5, "Joint16"))
        # To the byte, as the records of such a study were (docs/BENCHMARKS.md).
        self.assertEqual({name: four["bytes"][name] for name in (
            "shares", "first_round", "second_round", "evaluation_keys", "way_in_keys")},
            {"shares": 1239618424, "first_round": 79742296, "second_round": 39871336,
             "evaluation_keys": 1318547516, "way_in_keys": 815602})

    def test_whole_path(self):
        folder = self.folder
        mode = stat.S_IMODE(os.stat(self.keys / "secret.key").st_mode)
        self.assertEqual(mode, 0o600)

        result = self.train(folder / "model.enc", "--json", "--report", folder / "server.json")
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual(report, json.loads((folder / "server.json").read_text()))
        self.assertEqual(report["samples"], SAMPLES)
        self.assertEqual(len(report["seconds_per_step"]), 3)

        self.good(OWNER, "decrypt", "--model", folder / "model.enc", "--keys", self.keys, "--out",
                  folder / "model.npz", INSECURE)
        evaluate = ["--features", folder / "xt.npy", "--labels", folder / "yt.npy", "--json"]
        of_model = json.loads(
            self.good(OWNER, "evaluate", "--model", folder / "model.npz", *evaluate).stdout)
        self.assertGreater(of_model["accuracy"], 0.9)

        # The same through .json, and through encrypted prediction.
        self.good(OWNER, "decrypt", "--model", folder / "model.enc", "--keys", self.keys, "--out",
                  folder / "model.json", INSECURE)
        of_json = json.loads(
            self.good(OWNER, "evaluate", "--model", folder / "model.json", *evaluate).stdout)
        self.assertEqual(of_json, of_model)

        # To be published: multiples of 2^-8 near the exact weights, the same every time.
        exact = json.loads((folder / "model.json").read_text())
        drawn = []
        for name in ["public1.json", "public2.json"]:
            self.good(OWNER, "decrypt", "--model", folder / "model.enc", "--keys", self.keys,
                      "--out", folder / name, "--publish", "--config", folder / "train.json",
                      "--trained-on", folder / "data.enc", INSECURE)
            public = json.loads((folder / name).read_text())
            drawn.append(public)
            noise = []
            for row, exact_row in zip(public["weights"] + [public["bias"]],
                                      exact["weights"] + [exact["bias"]]):
                for value, exact_value in zip(row, exact_row):
                    self.assertEqual(value * 256, round(value * 256))
                    noise.append((value - exact_value) * 256)
            self.assertEqual(len(noise), CLASSES * (FEATURES + 1))
            self.assertLess(max(map(abs, noise)), 7)
            self.assertGreater(sum(x * x for x in noise) / len(noise), 0.2)
        self.assertEqual(drawn[0], drawn[1])
        self.good(OWNER, "encrypt", "--features", folder / "xt.npy", "--unlabelled", "--keys",
                  self.keys, "--out", folder / "test.enc", INSECURE)
        self.good(SERVER, "predict", "--keys", self.keys / "evaluation.keys", "--model",
                  folder / "model.enc", "--data", folder / "test.enc", "--out",
                  folder / "scores.enc", INSECURE)
        self.good(OWNER, "decrypt", "--scores", folder / "scores.enc", "--keys", self.keys,
                  "--out", folder / "scores.npy", INSECURE)
        of_scores = json.loads(
            self.good(OWNER, "evaluate", "--scores", folder / "scores.npy", "--labels",
                      folder / "yt.npy", "--json").stdout)
        self.assertEqual(of_scores["confusion"], of_model["confusion"])
        self.assertAlmostEqual(of_scores["max_logit"], of_model["max_logit"], delta=0.01)

        for name, kind in [("keys/secret.key", "secret_key"),
                           ("keys/evaluation.keys", "evaluation_keys"), ("data.enc", "dataset"),
                           ("model.enc", "model"), ("scores.enc", "scores")]:
            said = json.loads(self.good(OWNER, "inspect", folder / name, "--json").stdout)
            self.assertEqual(said["kind"], kind)
            self.assertEqual(said["parameters"]["name"], PARAMETERS)
            self.assertEqual(said["parameters"]["keys"][0]["security_bits"], 0)
            self.assertIn("undamaged", self.good(OWNER, "inspect", folder / name).stdout)

    def test_resume_gives_the_same_model(self):
        folder, checkpoints = self.folder, self.folder / "checkpoints"
        kept = checkpoints / "checkpoint.enc"
        (folder / "rounds.json").write_text(json.dumps({**CONFIG, "validation_every": 2}))

        def train(out, *more):
            return run(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                       folder / "data.enc", "--config", folder / "rounds.json", "--out",
                       folder / out, INSECURE, *more)

        self.assertEqual(train("whole.enc").returncode, 0)
        # Stops after two steps: nobody answers the round of validation that is due then.
        self.refused(train("m.enc", "--checkpoint", checkpoints, "--validation",
                           folder / "data.enc", "--exchange", folder / "nobody",
                           "--answer-timeout", 0), "no answer")
        two_steps = kept.read_bytes()
        # An earlier run's checkpoint is not written over unasked, and no hour is spent on a model
        # that could not be written.
        self.refused(train("m.enc", "--checkpoint", checkpoints), "checkpoint.enc", "--resume",
                     "--restart")
        self.assertEqual(kept.read_bytes(), two_steps)
        self.refused(train("gone/m.enc", "--checkpoint", checkpoints, "--restart"), "gone/m.enc")
        self.assertEqual(kept.read_bytes(), two_steps)
        self.assertEqual(
            train("resumed.enc", "--checkpoint", checkpoints, "--resume", "--report",
                  folder / "r.json").returncode, 0)
        self.assertEqual(json.loads((folder / "r.json").read_text())["resumed_at_step"], 2)
        # Evaluation is deterministic: the very same ciphertexts.
        self.assertEqual((folder / "whole.enc").read_bytes(), (folder / "resumed.enc").read_bytes())
        self.assertEqual(
            train("anew.enc", "--checkpoint", checkpoints, "--restart", "--report",
                  folder / "r.json").returncode, 0)
        self.assertEqual(json.loads((folder / "r.json").read_text())["resumed_at_step"], 0)

        (folder / "other.json").write_text(json.dumps({**CONFIG, "learning_rate": 1.0}))
        self.refused(
            run(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                folder / "data.enc", "--out", folder / "m.enc", "--config", folder / "other.json",
                "--checkpoint", checkpoints, "--resume", INSECURE),
            "another training configuration")

    def test_a_training_that_diverged_is_told_from_a_forgery(self):
        folder = self.folder
        (folder / "wild.json").write_text(json.dumps({**CONFIG, "steps": 6, "learning_rate": 1000}))
        out = folder / "wild.enc"
        self.good(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                  folder / "data.enc", "--config", folder / "wild.json", "--out", out, INSECURE)
        for more in ([], ["--publish", "--config", folder / "wild.json", "--trained-on",
                          folder / "data.enc"]):
            self.refused(run(OWNER, "decrypt", "--model", out, "--keys", self.keys, "--out",
                             folder / "wild.npz", INSECURE, *more),
                         "wild.enc", "training diverged", "learning rate", code=4)
            self.assertFalse((folder / "wild.npz").exists())

    def test_scores_keep_the_limit_of_their_model(self):
        folder = self.folder
        result = self.train(folder / "limit-model.enc")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.good(OWNER, "encrypt", "--features", folder / "xt.npy", "--unlabelled", "--keys",
                  self.keys, "--out", folder / "limit-test.enc", INSECURE)
        self.good(SERVER, "predict", "--keys", self.keys / "evaluation.keys", "--model",
                  folder / "limit-model.enc", "--data", folder / "limit-test.enc", "--out",
                  folder / "limit.enc", INSECURE)
        decrypt = [OWNER, "decrypt", "--scores", folder / "limit.enc", "--keys", self.keys, INSECURE, "--out"]
        for name in ("limit.npz", "two\nlines.npy"):
            said = self.good(*decrypt, folder / name).stdout
        self.assertIn("two\\x0alines.npy'", said)
        os.rename(folder / "two\nlines.npy", folder / "limit.npy")

        def evaluate(name):
            return run(OWNER, "evaluate", "--scores", folder / name, "--labels", folder / "yt.npy")
        known, unknown = evaluate("limit.npz"), evaluate("limit.npy")
        self.assertEqual((known.returncode, unknown.returncode), (0, 0))
        self.assertNotIn("not compared", known.stdout)
        self.assertIn("were not compared", unknown.stdout)
        # Labels that features have with them.
        with zipfile.ZipFile(folder / "both.npz", "w") as archive:
            archive.write(folder / "xt.npy", "features.npy")
            archive.write(folder / "yt.npy", "labels.npy")
        scores = (OWNER, "evaluate", "--scores", folder / "limit.npz", "--json")
        beside = json.loads(self.good(*scores, "--features", folder / "both.npz").stdout)
        alone = json.loads(self.good(*scores, "--labels", folder / "yt.npy").stdout)
        self.assertEqual(beside["confusion"], alone["confusion"])
        self.refused(run(*scores), "--labels, or --features with labels of their own")
        self.refused(run(*scores, "--features", folder / "xt.npy"), "no labels of its own")
        self.refused(run(*scores, "--features", folder / "x.npy", "--labels", folder / "y.npy"),
                     "y.npy", "300 labels for 90 rows")
        # The same scores under a limit that they exceed.
        with zipfile.ZipFile(folder / "limit.npz") as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members["logit_limit.npy"] = members["logit_limit.npy"][:-8] + struct.pack("<d", 1e-3)
        with zipfile.ZipFile(folder / "small.npz", "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        result = evaluate("small.npz")
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertTrue(result.stdout.startswith("DO NOT TRUST"), result.stdout)
        self.assertIn("unlike those trained on, in other units say", result.stdout)

    def test_nothing_tells_the_server_about_files_or_their_order(self):
        secret = self.folder / "patients-of-ward-7.npy"
        secret.write_bytes((self.folder / "x.npy").read_bytes())
        out = self.folder / "upload.enc"

        def encrypt(*more):
            return json.loads(self.good(
                OWNER, "encrypt", "--features", secret, "--labels", self.folder / "y.npy", "--keys",
                self.keys, "--out", out, "--validation-fraction", 0.1, "--json", INSECURE,
                *more).stdout)
        first, second = encrypt()["seed"], encrypt()["seed"]
        self.assertNotEqual(first, second)
        for seed in (first, second):
            self.assertEqual(len(bytes.fromhex(seed)), 32)
            self.assertNotIn(seed.encode(), out.read_bytes())
        self.assertEqual(encrypt("--seed", first)["seed"], first)
        self.assertEqual(encrypt("--seed", 7)["seed"], "7")
        table = self.folder / "cohort-validation.csv"
        table.write_text("mine")
        self.refused(run(OWNER, "encrypt", "--features", secret, "--labels", self.folder / "y.npy", "--keys", self.keys,
                         "--out", self.folder / "cohort.csv", "--validation-fraction", 0.1, INSECURE),
                     "cohort-validation.csv': is no encrypted data set", "--validation-out")
        self.assertEqual(table.read_text(), "mine")
        for path in (out, self.folder / "upload-validation.enc"):
            self.assertNotIn(b"patients", path.read_bytes())
            self.assertNotIn(b"validation", path.read_bytes())
            contents = json.loads(self.good(OWNER, "inspect", path, "--json").stdout)["contents"]
            self.assertEqual(contents["features"], FEATURES)  # the bias is none of them
            self.assertNotIn("source", contents)
        self.refused(run(OWNER, "encrypt", "--features", secret, "--labels", self.folder / "y.npy",
                         "--keys", self.keys, "--out", out, "--seed", "-1", INSECURE), "--seed")

    def test_whitening(self):
        folder = self.folder
        self.good(OWNER, "whiten", "--features", folder / "x.npy", "--out", folder / "w.npz")
        self.good(OWNER, "encrypt", "--features", folder / "x.npy", "--labels", folder / "y.npy",
                  "--whitening", folder / "w.npz", "--keys", self.keys, "--out",
                  folder / "white.enc", INSECURE)
        (folder / "one.json").write_text(json.dumps({**CONFIG, "steps": 1}))
        self.good(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                  folder / "white.enc", "--out", folder / "white-model.enc", "--config",
                  folder / "one.json", INSECURE)
        # The decrypted model is one on raw features again.
        self.good(OWNER, "decrypt", "--model", folder / "white-model.enc", "--whitening",
                  folder / "w.npz", "--keys", self.keys, "--out", folder / "raw.npz", INSECURE)
        said = json.loads(
            self.good(OWNER, "evaluate", "--model", folder / "raw.npz", "--features",
                      folder / "xt.npy", "--labels", folder / "yt.npy", "--json").stdout)
        self.assertGreater(said["accuracy"], 0.9)

        # What training would meet is tried in the clear first.
        data = [OWNER, "encrypt", "--features", folder / "x.npy", "--labels", folder / "y.npy",
                "--keys", self.keys, "--out", folder / "tried.enc", INSECURE, "--json"]
        good = json.loads(self.good(*data, "--whitening", folder / "w.npz").stdout)["rehearsal"]
        self.assertTrue(good["in_range"])
        self.assertLess(good["max_logit"], good["logit_limit"])
        self.assertNotIn("problem", good)
        (folder / "wild.json").write_text(json.dumps({**CONFIG, "learning_rate": 1000}))
        bad = json.loads(self.good(*data, "--config", folder / "wild.json").stdout)["rehearsal"]
        self.assertFalse(bad["in_range"])
        self.assertIn("--whitening", bad["problem"])
        self.assertTrue(self.good(*data[:-1]).stdout.startswith("WARNING: in the clear"))
        # What is no number is told in words.
        npy(folder / "large.npy", [[400 * x for x in row] for row in blobs(SAMPLES, 1)[0]])
        data[data.index("--features") + 1] = folder / "large.npy"
        said = self.good(*data[:-1]).stdout
        self.assertIn("take logits beyond all numbers, where ", said)
        self.assertIn("make a map of these features with 'whiten'", said)
        self.assertNotRegex(said, r"\bnan\b|\binf\b")

        # A map that is forgotten, or another one, is noticed before anything is opened.
        def decrypt(*arguments):
            return run(OWNER, "decrypt", "--keys", self.keys, "--out", folder / "other.npz",
                       INSECURE, *arguments)
        model = ("--model", folder / "white-model.enc")
        npy(folder / "others.npy", [row[::-1] for row in blobs(40, 9)[0]])
        self.good(OWNER, "whiten", "--features", folder / "others.npy", "--out",
                  folder / "w2.npz")
        for other in ((), ("--whitening", folder / "w2.npz")):
            self.refused(decrypt(*model, *other), "white-model.enc", "whitened with map",
                         "give the whitening")
        self.good(OWNER, "encrypt", "--features", folder / "x.npy", "--labels", folder / "y.npy",
                  "--keys", self.keys, "--out", folder / "plain.enc", INSECURE)
        self.good(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                  folder / "plain.enc", "--out", folder / "plain-model.enc", "--config",
                  folder / "one.json", INSECURE)
        self.refused(decrypt("--model", folder / "plain-model.enc", "--whitening",
                             folder / "w.npz"), "give no whitening")
        self.good(OWNER, "encrypt", "--features", folder / "xt.npy", "--unlabelled", "--keys",
                  self.keys, "--out", folder / "query.enc", INSECURE)
        # Encrypted for the other model of these keys: only its scores tell.
        for name, code in (("plain-model.enc", 0), ("white-model.enc", 1)):
            self.good(SERVER, "predict", "--keys", self.keys / "evaluation.keys", "--model",
                      folder / name, "--data", folder / "query.enc", "--out",
                      folder / "scores.enc", INSECURE)
            result = run(OWNER, "decrypt", "--scores", folder / "scores.enc", "--keys", self.keys,
                         "--out", folder / "scores.npy", INSECURE)
            if code == 0:
                self.assertEqual(result.returncode, 0, result.stderr)
            else:
                self.refused(result, "scores.enc", "give the whitening")

    def test_unlabelled_samples_go_through_the_training_set_s_map(self):
        folder, keys = self.folder, self.folder / "other-keys"
        self.good(OWNER, "keygen", "--out", keys, "--classes", CLASSES, "--features", FEATURES,
                  "--parameters", PARAMETERS, INSECURE)
        self.good(OWNER, "whiten", "--features", folder / "x.npy", "--out", folder / "w.npz")

        def encrypt(*arguments):
            return run(OWNER, "encrypt", "--keys", keys, "--out", folder / "out.enc", INSECURE,
                       *arguments)
        train = ("--features", folder / "x.npy", "--labels", folder / "y.npy")
        query = ("--features", folder / "xt.npy", "--unlabelled")
        white = ("--whitening", folder / "w.npz")
        self.assertEqual(encrypt(*train, *white).returncode, 0)
        self.refused(encrypt(*query), "xt.npy", "give the whitening")
        self.assertEqual(encrypt(*query, *white).returncode, 0)


class BadInput(Base):
    def test_options_that_do_nothing(self):
        """Each with a good value, beside what leaves it without effect: refused as the command line that it is."""
        with zipfile.ZipFile(self.folder / "parts.npz", "w") as archive:
            for part in ("train", "val", "test"):
                archive.write(self.folder / "x.npy", f"x_{part}.npy")
                archive.write(self.folder / "y.npy", f"y_{part}.npy")
        out, keys = ["--out", self.folder / "o.npz"], ["--keys", self.keys]
        x, y = self.folder / "x.npy", self.folder / "y.npy"
        flags = {"--class-numbers", "--no-cache", "--once", "--restart", "--resume"}
        values = {"--image-size": 32, "--picture-bits": 8, "--on-error": "skip", "--decimal": "comma", "--features": 4,
                  "--server": "none", "--label-column": "last"}
        made = ["--model", x, *out]
        of_pictures = ("--labels --split --images-member --labels-member --path-column --picture-bits --images-root "
                       "--on-error --image-size --text-model")
        study = ["--folder", self.folder / "s", "--exchange", self.folder / "e"]
        for program, given, useless, why in (
                (OWNER, ["encrypt", "--features", x, "--unlabelled", *keys, *out],
                 "--labels --labels-member --class-numbers --group-column --seed --config --validation "
                 "--validation-fraction --validation-out", "with --unlabelled"),
                (OWNER, ["encrypt", "--features", x, "--labels", y, *keys, *out], "--validation-out", "without --validation"),
                (OWNER, ["encrypt", "--features", x, "--labels", y, *keys, *out],
                 "--validation-labels --validation-features-member --validation-labels-member", "--validation"),
                (OWNER, ["encrypt", "--features", x, "--labels", y, *keys, *out], "--trained-on", "--unlabelled"),
                (OWNER, ["decrypt", "--model", x, *keys, *out], "--budget --features", "without --publish"),
                (OWNER, ["decrypt", "--model", x, *keys, *out], "--data", "without --scores"),
                (OWNER, ["decrypt", "--scores", x, *keys, *out], "--transcript --server --whitening",
                 "with --scores"),
                (OWNER, ["evaluate", "--scores", x, "--labels", y], "--features-member --feature-columns", "without --features"),
                (OWNER, ["plan", "--samples", 9, "--classes", 2, "--steps", 1], "--epochs", "--steps"),
                (OWNER, ["demo", "--data", "none"], "--pooling", "without --model"),
                (OWNER, ["demo", "--data", "none", "--model", x], "--features", "with --model"),
                (OWNER, ["extract", *made, "--texts", x], of_pictures, "with --texts"),
                (OWNER, ["extract", *made, "--images", x], "--text-column --text-model", "with --images"),
                (OWNER, ["extract", *made, "--images", x, "--images-member", "x"], "--split", "beside --images-member"),
                (OWNER, ["extract", *made, "--pairs", x], "--labels --split --images-member --labels-member", "with --pairs"),
                (OWNER, ["finetune", *out, "--features", x],
                 "--model --text-model --image-size --images-root --split --test-split --images-member "
                 "--test-images-member --cache --no-cache --on-error --text-column --path-column", "beside --features"),
                (OWNER, ["finetune", *made, "--images", x],
                 "--features-member --test-features-member --validation-features-member "
                 "--validation-labels-member --feature-columns --drop-columns --decimal",
                 "without --features"),
                (OWNER, ["finetune", *made, "--texts", x],
                 "--image-size --images-root --split --test-split --images-member --test-images-member --labels-member "
                 "--test-labels-member --on-error --path-column --labels --text-model", "with --texts"),
                (OWNER, ["finetune", *made, "--images", x], "--text-column --text-model", "with --images"),
                (OWNER, ["finetune", *made, "--images", x], "--test-split --test-images-member", "without --test-images"),
                (OWNER, ["finetune", *made, "--images", x, "--images-member", "x"], "--split", "beside --images-member"),
                (OWNER, ["finetune", *made, "--images", x, "--test-images", x, "--test-images-member", "x"], "--test-split",
                 "beside --test-images-member"),
                (OWNER, ["finetune", *made, "--pairs", x], "--split --test-split --images-member --test-images-member "
                 "--labels-member --test-labels-member --labels", "with --pairs"),
                (OWNER, ["finetune", *made, "--images", x, "--test-images", x], "--test-fraction", "beside a test set"),
                (OWNER, ["finetune", *out, "--features", self.folder / "parts.npz"], "--test-fraction", "beside a test set"),
                (OWNER, ["finetune", *out, "--features", self.folder / "parts.npz"], "--validation-fraction",
                 "beside a validation set"),
                (OWNER, ["finetune", *out, "--features", x, "--labels", y, "--validation-fraction", 0],
                 "--patience --validation-every", "with --validation-fraction 0"),
                (OWNER, ["finetune", *out, "--features", x], "--validation-labels", "--validation-features"),
                (OWNER, ["study", "scores", *study[:2], *out, "--features", x], "--labels --labels-member --class-numbers",
                 "where no labels"),
                (OWNER, ["study", "combine", *study[:2], "--parts", x, "--unlabelled", "--features", x],
                 "--labels --labels-member --class-numbers", "where no labels"),
                (SERVER, ["train", "--keys", x, "--data", y, *out], "--answer-timeout", "--exchange"),
                (SERVER, ["train", "--keys", x, "--data", y, *out], "--restart --resume", "--checkpoint"),
                (SERVER, ["study", *study, "--status"], "--once --wait", "with --status"),
                (SERVER, ["study", *study, "--audit", "all"], "--once --wait", "with --audit")):
            for option in useless.split():
                with self.subTest(line=given, option=option):
                    value = [] if option in flags else [values.get(option, 0.5 if "fraction" in option else 1)]
                    self.refused(run(program, *given, option, *value), option, why, code=2)
        # What the files' kinds leave without effect.
        for command in (["whiten", "--features", x, *out],
                        ["encrypt", "--features", x, "--labels", y, *keys, *out, INSECURE],
                        ["evaluate", "--model", x, "--features", x, "--labels", y],
                        ["finetune", "--out", self.folder / "run", "--features", x, "--labels", y, INSECURE]):
            for option in ("--feature-columns", "--drop-columns", "--decimal", "--label-column", "--features-member"):
                with self.subTest(line=command, option=option):
                    self.refused(run(OWNER, *command, option, values.get(option, 1)), "x.npy", option.strip("-"), "does nothing")
        self.assertFalse((self.folder / "o.npz").exists())

    def test_plan_refuses_nonsense(self):
        self.refused(run(OWNER, "plan", "--samples", 0, "--classes", 10), "--samples: '0'", code=2)
        self.refused(run(OWNER, "plan", "--samples", 9, "--classes", 1), "2 to 128", code=2)
        self.refused(run(OWNER, "plan", "--samples", 6000, "--classes", 10, "--batch", 100),
                     "not a multiple")
        self.refused(run(OWNER, "plan", "--samples", 9, "--classes", 3, "--parameters",
                         PARAMETERS), "--allow-insecure-parameters")
        for owners in 1, 17:
            self.refused(run(OWNER, "plan", "--samples", 99, "--classes", 3, "--owners", owners),
                         "--owners", code=2)
        self.refused(run(OWNER, "plan", "--samples", 99, "--classes", 3, "--owners", 5,
                         "--parameters", "Joint4"), "at most 4 owners, not 5")
        self.refused(run(OWNER, "plan", "--samples", 3, "--classes", 3, "--owners", 4),
                     "one of each at least")

    def encrypt(self, *arguments, keys=None, out="bad.enc", limit=None):
        return run(OWNER, "encrypt", "--keys", keys or self.keys, "--out", self.folder / out,
                   INSECURE, *arguments, limit=limit)

    def write(self, name, rows, kind="<f4"):
        npy(self.folder / name, rows, kind)
        return self.folder / name

    def test_command_line(self):
        for program in (OWNER, SERVER):
            self.assertEqual(run(program).returncode, 2)
            self.assertEqual(run(program, "nonsense").returncode, 2)
            self.assertEqual(run(program, "inspect", "--nonsense").returncode, 2)
            self.assertEqual(run(program, "--help").returncode, 0)
            self.assertIn("inspect", run(program, "--help").stdout)
            self.refused(run(program), "expected a command", code=2)
            self.refused(run(program, "inspct", "x"), "'inspct': expected a command", code=2)
            # The option that is not known, and not what stands behind it.
            self.refused(run(program, "inspect", "x", "--flie", "y"), "'--flie': not exp", code=2)
            self.refused(run(program, "inspect", "x", "y"), "'y': not expected", code=2)

    def test_outputs_are_what_their_names_say(self):
        x, out = self.write("named.npy", blobs(30, 3)[0]), self.folder / "named.csv"
        none = ("--folder", self.folder / "none", "--features", x)
        for command, endings in (
                (("whiten", "--features", x), ".npz"),
                (("decrypt", "--scores", x, "--keys", self.keys), ".npz or .npy"),
                (("decrypt", "--model", x, "--keys", self.keys), ".npz or .json"),
                (("study", "scores", *none), ".npz"),
                (("study", "combine", *none, "--parts", x), ".npz or .npy"),
                (("study", "open", "--folder", self.folder / "none"), ".npz or .json")):
            self.refused(run(OWNER, *command, "--out", out, INSECURE), f"named.csv': expected a name that ends in {endings}")
            self.assertFalse(out.exists())

    def test_features_and_labels(self):
        features, labels = blobs(30, 3)
        x, y = self.write("b.npy", features), self.write("l.npy", labels, "<i4")
        wide = self.write("wide.npy", [row + [0.0] for row in features])
        self.refused(self.encrypt("--features", wide, "--labels", y), "wide.npy", "9 features",
                     "expected 8")
        for value in (float("nan"), float("inf")):
            bad = [row[:] for row in features]
            bad[4][2] = value
            self.refused(self.encrypt("--features", self.write("nan.npy", bad), "--labels", y),
                         "nan.npy")
        bad = [row[:] for row in features]
        bad[4][2] = -4096.0
        result = self.encrypt("--features", self.write("largest.npy", bad), "--labels", y,
                              out="largest.enc")
        self.assertEqual(result.returncode, 0, result.stderr)
        bad[4][2] = -4096.001
        self.refused(self.encrypt("--features", self.write("larger.npy", bad), "--labels", y),
                     "row 4, column 2 (from 0)", "4096")
        bad[4][2] = 1e9
        self.refused(self.encrypt("--features", self.write("large.npy", bad), "--labels", y),
                     "row 4, column 2 (from 0)", "4096")
        # Of a table its line and the column's name, also where rows were left out and others are held out.
        table = self.folder / "large.csv"
        lines = [[*map(str, row), str(label)] for row, label in zip(bad, labels)]
        lines[1][3] = ""
        with open(table, "w") as file:
            file.writelines(",".join(line) + "\n" for line in [[*"abcdefgh", "label"], *lines])
        for more in ([], ["--validation-fraction", "0.5"]):
            self.refused(self.encrypt("--features", table, "--skip-missing", *more), "large.csv': line 6, 'c': 1000000000",
                         "4096 in magnitude: whiten or scale")
        self.refused(self.encrypt("--features", x, "--labels",
                                  self.write("l3.npy", [3] + labels[1:], "<i4")), "3")
        self.refused(self.encrypt("--features", x, "--labels",
                                  self.write("minus.npy", [-1] + labels[1:], "<i4")), "-1")
        self.refused(self.encrypt("--features", x, "--labels",
                                  self.write("short.npy", labels[1:], "<i4")), "29", "30")
        self.refused(self.encrypt("--features", x, "--labels",
                                  self.write("one.npy", [1] * 30, "<i4")), "class")
        self.refused(self.encrypt("--features", self.write("none.npy", []), "--labels",
                                  self.write("nol.npy", [], "<i4")), "none.npy")
        self.refused(self.encrypt("--features", x), "labels")
        self.refused(self.encrypt("--features", self.folder / "gone.npy", "--labels", y),
                     "gone.npy")
        self.assertFalse((self.folder / "bad.enc").exists())

    def test_keys(self):
        other = self.folder / "other"
        self.make_keys(other)
        x, y = self.folder / "x.npy", self.folder / "y.npy"
        # Evaluation keys of one set, data of another.
        self.assertEqual(self.encrypt("--features", x, "--labels", y, keys=other,
                                      out="other.enc").returncode, 0)
        self.refused(run(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                         self.folder / "other.enc", "--out", self.folder / "m.enc", INSECURE),
                     "other.enc", "belongs to the keys")
        # A folder whose two files do not belong together.
        mixed = self.folder / "mixed"
        mixed.mkdir()
        for path in (self.keys / "secret.key", *self.keys.glob("ledger-*")):
            shutil.copy(path, mixed)
        shutil.copy(other / "evaluation.keys", mixed)
        self.refused(self.encrypt("--features", x, "--labels", y, keys=mixed), "evaluation.keys",
                     "belongs to the keys")
        # Keys are not replaced by accident.
        self.refused(run(OWNER, "keygen", "--out", self.keys, "--classes", 3, "--features", 8,
                         "--parameters", PARAMETERS, INSECURE), "exists", "--force")
        # Files in each other's places.
        self.refused(run(OWNER, "decrypt", "--model", self.folder / "data.enc", "--keys",
                         self.keys, "--out", self.folder / "m.npz", INSECURE),
                     "is an encrypted data set, expected an encrypted model")
        self.assertFalse((self.folder / "m.enc").exists())
        self.assertFalse((self.folder / "m.npz").exists())

    def test_the_server_refuses_a_secret_key(self):
        secret, keys = self.keys / "secret.key", self.keys / "evaluation.keys"
        data, out = self.folder / "data.enc", self.folder / "m.enc"
        for result in (
                run(SERVER, "train", "--keys", secret, "--data", data, "--out", out, INSECURE),
                run(SERVER, "train", "--keys", keys, "--data", secret, "--out", out, INSECURE),
                run(SERVER, "predict", "--keys", keys, "--model", secret, "--data", data, "--out",
                    out, INSECURE),
                run(SERVER, "inspect", secret)):
            self.refused(result, "is a secret key: it belongs to its owner alone")
        self.assertFalse(out.exists())

    def test_outputs_replace_neither_inputs_nor_keys(self):
        folder = self.folder / "outputs"
        shutil.copytree(self.keys, folder / "keys")
        for name in ("x.npy", "y.npy", "data.enc", "train.json"):
            shutil.copy(self.folder / name, folder)
        x, y, data, config = (folder / name for name in ("x.npy", "y.npy", "data.enc", "train.json"))
        secret, keys = folder / "keys/secret.key", folder / "keys/evaluation.keys"
        link, new = folder / "link", folder / "new"
        link.symlink_to(x)
        to_new = folder / "to-new"
        to_new.symlink_to(new)
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

        encrypt = (OWNER, "encrypt", "--features", x, "--labels", y, "--keys", folder / "keys")
        train = (SERVER, "train", "--keys", keys, "--data", data, "--config", config)
        of = "is the file of "
        for command, outputs, said in (
                (encrypt, ["--out", x], of + "--features"),
                (encrypt, ["--out", folder / "keys/.." / "x.npy"], of + "--features"),
                (encrypt, ["--out", link], of + "--features"),
                (encrypt, ["--out", y], of + "--labels"),
                (encrypt, ["--out", secret], "holds a secret key"),
                (encrypt, ["--out", keys], "holds evaluation keys"),
                (encrypt, ["--validation-fraction", 0.1, "--out", new, "--validation-out", x],
                 of + "--features"),
                (encrypt, ["--validation-fraction", 0.1, "--out", new, "--validation-out", new],
                 of + "--"),
                (encrypt, ["--validation-fraction", 0.1, "--out", new, "--validation-out", to_new],
                 of + "--"),
                (train, ["--out", data], of + "--data"),
                (train, ["--out", keys], "holds evaluation keys"),
                (train, ["--out", new, "--report", config], of + "--config"),
                (train, ["--out", new, "--report", new], of + "--"),
                ((SERVER, "predict", "--keys", keys, "--data", x, "--model", data),
                 ["--out", data], of + "--model"),
                ((OWNER, "whiten", "--features", x), ["--out", x], of + "--features"),
                ((OWNER, "extract", "--model", y, "--images", x), ["--out", x], of + "--images"),
                ((OWNER, "decrypt", "--scores", data, "--keys", folder / "keys"),
                 ["--out", secret], "holds a secret key"),
                ((OWNER, "evaluate", "--scores", x, "--labels", y), ["--report", y],
                 of + "--labels"),
                ((OWNER, "validate", "--keys", folder / "keys", "--data", data, "--exchange",
                  folder), ["--out", data], of + "--data")):
            self.refused(run(*command, *outputs), outputs[-2], said, "expected another name")
        # One name that is not there, written in two ways.
        self.refused(subprocess.run([*map(str, encrypt), "--validation-fraction", "0.1", "--out", "new", "--validation-out",
                                     "./new"], cwd=folder, capture_output=True, text=True), of + "--")
        self.assertEqual(before, {path: path.read_bytes() for path in folder.rglob("*")
                                  if path.is_file()})

    def test_insecure_parameters(self):
        self.refused(run(OWNER, "keygen", "--out", self.folder / "insecure", "--classes", 3,
                         "--parameters", PARAMETERS), PARAMETERS, "128 bits", INSECURE)
        self.assertFalse((self.folder / "insecure").exists())
        self.refused(run(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                         self.folder / "data.enc", "--out", self.folder / "m.enc"),
                     PARAMETERS, "128 bits", INSECURE)
        self.refused(run(OWNER, "encrypt", "--features", self.folder / "x.npy", "--labels",
                         self.folder / "y.npy", "--keys", self.keys, "--out",
                         self.folder / "m.enc"), PARAMETERS, "128 bits", INSECURE)
        self.refused(run(OWNER, "keygen", "--out", self.folder / "unknown", "--classes", 3,
                         "--parameters", "Standart"), "no parameter set 'Standart'", "Standard")

    def test_damaged_files(self):
        generator = random.Random(5)
        keys = self.keys / "evaluation.keys"
        for name, path in (("data", self.folder / "data.enc"), ("keys", keys)):
            whole = path.read_bytes()
            for i in range(8):
                at = generator.randrange(len(whole))
                damaged = bytearray(whole[:at] if i % 2 else whole)
                if not i % 2:
                    damaged[at] ^= 1 << generator.randrange(8)
                bad = self.folder / "damaged"
                bad.write_bytes(damaged)
                arguments = ["--keys", bad if name == "keys" else keys, "--data",
                             bad if name == "data" else self.folder / "data.enc"]
                self.refused(run(SERVER, "train", *arguments, "--out", self.folder / "m.enc",
                                 INSECURE), "damaged")
                self.refused(run(OWNER, "inspect", bad), "damaged")
        self.assertFalse((self.folder / "m.enc").exists())

    def test_training_configuration(self):
        def train(text):
            (self.folder / "c.json").write_text(text)
            return run(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                       self.folder / "data.enc", "--out", self.folder / "m.enc", "--config",
                       self.folder / "c.json", INSECURE)
        self.refused(train("{"), "c.json", "not JSON")
        self.refused(train('{"stepps": 3}'), "c.json", "stepps")
        self.refused(train('{"learning_rate": -1}'), "learning_rate")
        self.refused(train('{"classes": 4, "steps": 1}'), "4 classes")
        self.refused(train('{"batch_size": 100, "steps": 3}'), "batch size 100", "multiple")
        self.assertFalse((self.folder / "m.enc").exists())

    def test_full_disk(self):
        # A limit on file sizes acts like a disk that fills: a write fails in the middle.
        empty = self.folder / "empty"
        empty.mkdir()
        self.refused(run(OWNER, "keygen", "--out", empty, "--classes", 3, "--features", 8,
                         "--parameters", PARAMETERS, INSECURE, limit=100_000), "evaluation.keys",
                     "write")
        self.assertEqual(list(empty.iterdir()), [])
        self.refused(self.encrypt("--features", self.folder / "x.npy", "--labels",
                                  self.folder / "y.npy", out="empty/data.enc", limit=10_000),
                     "data.enc", "write")
        self.assertEqual(list(empty.iterdir()), [])
        self.refused(run(OWNER, "whiten", "--features", self.folder / "x.npy", "--out",
                         empty / "w.npz", limit=100), "w.npz", "write")
        self.assertEqual(list(empty.iterdir()), [])


if __name__ == "__main__":
    main()
