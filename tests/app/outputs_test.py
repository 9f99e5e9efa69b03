#!/usr/bin/env python3
"""What commands write over: results of an earlier run, and nothing else.

usage: outputs_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import hashlib
import json
import shutil
import stat
import tempfile
import unittest
from pathlib import Path

from cli_base import CLASSES, INSECURE, OWNER, SERVER, Base, blobs, main, npy, run
from extract_test import tiny_bert

PARAMETERS = "InsecureTest10"


def digests(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file()}


class Scratch(unittest.TestCase):
    good = classmethod(Base.good.__func__)
    refused = Base.refused

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="blindtuner-outputs-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.out = self.folder / "out"
        features, labels = blobs(90, 1)
        npy(self.folder / "x.npy", features)
        npy(self.folder / "wide.npy", [row + row[:1] for row in features])
        npy(self.folder / "y.npy", labels, "<i4")

    def unchanged(self, folder, result, *words):
        """Refused, and the folder as it was before `result()`."""
        before = digests(folder)
        self.refused(result(), *words)
        self.assertEqual(digests(folder), before)


class RunFolders(Scratch):
    def finetune(self, *more, features="x.npy", out=None):
        return [OWNER, "finetune", "--features", self.folder / features, "--labels",
                self.folder / "y.npy", "--out", out or self.out, "--parameters", PARAMETERS,
                "--preset", "fast", "--steps", 1, INSECURE, *more]

    def decrypts(self):
        """The model with its map, under the keys of the folder."""
        self.good(OWNER, "decrypt", "--model", self.out / "model.enc", "--whitening",
                  self.out / "whitening.npz", "--keys", self.out / "keys", "--out",
                  self.folder / "decrypted.npz", INSECURE)

    def test_files_of_others_stay(self):
        tiny_bert(self.folder / "encoder")
        rows = ["play the song\tmusic", "book a table\tbooking"] * 12
        (self.folder / "t.tsv").write_text("\n".join(["text\tintent", *rows]) + "\n")
        encoder = self.folder / "encoder"
        texts = [OWNER, "finetune", "--texts", self.folder / "t.tsv", "--model", encoder, "--out",
                 encoder, "--parameters", PARAMETERS, "--steps", 1, "--no-cache", INSECURE]
        self.unchanged(encoder, lambda: run(*texts), "config.json", "give another --out")
        for name in ("report.json", "train.enc", "run.json", "server.json", "whitening.npz"):
            with self.subTest(name=name):
                folder = self.folder / f"of {name}"
                folder.mkdir()
                (folder / name).write_text('{"mine": "all of it"}')
                self.unchanged(folder, lambda: run(*self.finetune(out=folder)), name,
                               "give another --out")
        # A list of what no run has made removes nothing.
        mine = self.folder / "mine.txt"
        mine.write_text("mine")
        for name in ("../mine.txt", str(mine), "keys", "rounds/round-/../../../mine.txt", "notes"):
            with self.subTest(listed=name):
                folder = self.folder / f"lists {len(name)}"
                (folder / "keys").mkdir(parents=True)
                (folder / "notes").write_text("mine")
                (folder / "run.json").write_text(json.dumps(
                    {"blindtuner": "results of a run",
                     "files": {name: {"bytes": 4, "sha256": hashlib.sha256(b"mine").hexdigest()}}}))
                self.unchanged(self.folder, lambda: run(*self.finetune(out=folder)), "run.json")
        # Nor is it a run's because it has a name of one at work, nor through a link.
        folder = self.folder / "linked"
        (folder / "run.unfinished").mkdir(parents=True)
        (folder / "run.unfinished" / "notes.txt").write_text("mine")
        self.unchanged(folder, lambda: run(*self.finetune(out=folder)), "run.unfinished")
        # What somebody has put into a folder that a run has left.
        (folder / "run.unfinished" / "run.json").write_text(json.dumps(
            {"blindtuner": "results of a run", "files": {}}))
        for name in ("notes.txt", "keys/secret.key", "rounds/notes.txt"):
            with self.subTest(left=name):
                shutil.rmtree(folder / "run.unfinished" / "rounds", ignore_errors=True)
                (folder / "run.unfinished" / "notes.txt").unlink(missing_ok=True)
                path = folder / "run.unfinished" / name
                path.parent.mkdir(exist_ok=True)
                path.write_text("mine")
                self.unchanged(folder, lambda: run(*self.finetune(out=folder)),
                               f"holds '{name.split('/')[0]}', which no run has made")
                if name.startswith("keys"):
                    shutil.rmtree(folder / "run.unfinished" / "keys")
        shutil.rmtree(folder / "run.unfinished")
        for name in ("run.unfinished", "run.finished/keys", "x/../run.unfinished/a/b"):
            with self.subTest(keys=name):
                (folder / "x").mkdir(exist_ok=True)
                self.unchanged(self.folder, lambda: run(*self.finetune("--keys", folder / name,
                                                                       out=folder)),
                               "which goes away with the run")
        (self.folder / "mine.npz").write_text("mine")
        (folder / "model.npz").symlink_to(self.folder / "mine.npz")
        self.unchanged(folder, lambda: run(*self.finetune(out=folder)), "model.npz")

    def test_inputs_stay(self):
        self.good(*self.finetune())
        shutil.copy(self.folder / "x.npy", self.out / "mine.npy")
        for option, name in (("--config", "config.json"), ("--test-features", "model.npz"),
                             ("--validation-features", "whitening.npz")):
            with self.subTest(option=option):
                self.unchanged(self.out, lambda: run(*self.finetune(option, self.out / name)),
                               name, option)
        self.unchanged(self.out, lambda: run(*self.finetune(features="out/model.npz")),
                       "model.npz", "--features")
        demo = [OWNER, "demo", "--out", self.out, "--config", self.out / "config.json", INSECURE]
        self.unchanged(self.out, lambda: run(*demo), "config.json", "--config")
        # What it does not write is its owner's to use.
        self.good(*self.finetune(features="out/mine.npy"))

    def test_a_later_run(self):
        self.good(*self.finetune())
        first = digests(self.out)
        for name in ("validation.enc", "last.enc", "whitening.npz", "rounds/round-0001.enc",
                     "model.enc.rounds.json"):
            self.assertIn(name, first)
        self.assertFalse([name for name in first if name.startswith("run.") and name != "run.json"])
        for name in ("whitening.npz", "model.npz", "report.json"):
            self.assertEqual(stat.S_IMODE((self.out / name).stat().st_mode), 0o600, name)
        (self.out / "notes.txt").write_text("mine")
        (self.out / "rounds" / "notes.txt").write_text("mine")
        (self.out / "report.html").chmod(0o400)
        (self.out / "report.html").chmod(0o640)
        # Of another kind: nothing of the first is left beside it that does not belong to it.
        self.good(*self.finetune("--validation-fraction", 0, "--no-whiten", "--learning-rate", 0.1))
        second = digests(self.out)
        for name in ("validation.enc", "last.enc", "whitening.npz", "rounds/round-0001.enc",
                     "model.enc.rounds.json"):
            self.assertNotIn(name, second)
        for name in ("train.enc", "model.enc", "model.npz", "report.json", "server.json"):
            self.assertNotEqual(first[name], second[name], name)
        self.assertEqual((first["keys/secret.key"], "notes.txt" in second,
                          "rounds/notes.txt" in second), (second["keys/secret.key"], True, True))
        self.assertEqual(stat.S_IMODE((self.out / "report.html").stat().st_mode), 0o600)
        # A folder of an earlier version, which has no list.
        (self.out / "run.json").unlink()
        self.good(*self.finetune())
        self.decrypts()
        # What was changed since is not a run's any more, in its size or not.
        for name, change in (("config.json", lambda b: b.replace(b"1", b"2")),
                             ("model.npz", lambda b: b"mine")):
            path = self.out / name
            content = path.read_bytes()
            self.assertNotEqual(change(content), content)
            path.write_bytes(change(content))
            self.unchanged(self.out, lambda: run(*self.finetune()), name, "no longer")
            path.write_bytes(content)
        (self.out / "rounds" / "round-0001.enc").unlink()
        for name in ("round-0001.enc", "round-0777.enc"):
            shutil.copy(self.out / "model.enc", self.out / "rounds" / name)
            self.refused(run(*self.finetune()), name)
            (self.out / "rounds" / name).unlink()
        self.good(*self.finetune())

    def test_results_that_no_run_has_left(self):
        """A folder run.finished that somebody else has put there."""
        self.good(*self.finetune())
        finished = self.out / "run.finished"
        files = json.loads((self.out / "run.json").read_text())["files"]
        other = {name: {**file, "bytes": 1} for name, file in files.items()}
        for listed, replaces in (({}, {}), ({}, other), (files, {})):
            finished.mkdir()
            (finished / "run.json").write_text(json.dumps(
                {"blindtuner": "results of a run", "files": {**listed, "last.enc": {
                    "bytes": 4, "sha256": ""}}, "replaces": replaces}))
            (finished / "last.enc").write_text("mine")
            self.unchanged(self.out, lambda: run(*self.finetune()), "run.finished", "move it away")
            shutil.rmtree(finished)
        # A run was killed before it had put its results there; since then one was changed.
        for edited in (True, False):
            finished.mkdir()
            (finished / "run.json").write_text(json.dumps(
                {"blindtuner": "results of a run", "files": {}, "replaces": files}))
            content = (self.out / "report.json").read_bytes()
            if edited:
                (self.out / "report.json").write_bytes(content.replace(b"0", b"1"))
                self.unchanged(self.out, lambda: run(*self.finetune()), "report.json", "no longer")
                (self.out / "report.json").write_bytes(content)
                shutil.rmtree(finished)
        self.good(*self.finetune())
        # Rounds of another run behind a link.
        (self.folder / "other").mkdir()
        for path in (self.out / "rounds").iterdir():
            shutil.move(path, self.folder / "other" / path.name)
        (self.out / "rounds").rmdir()
        (self.out / "rounds").symlink_to(self.folder / "other")
        self.unchanged(self.folder, lambda: run(*self.finetune()), "rounds", "expected a folder")

    def test_a_kill_before_the_list_has_its_name(self):
        (self.out / "run.unfinished").mkdir(parents=True)
        (self.out / "run.unfinished" / ".blindtuner-0123456789abcdef.tmp").write_text("{")
        self.good(*self.finetune())

    def test_a_refused_run_changes_nothing(self):
        self.good(*self.finetune())
        self.decrypts()
        missing = [OWNER, *self.finetune("--test-features", self.folder / "gone.npy")[1:]]
        self.unchanged(self.out, lambda: run(*missing), "gone.npy")
        # The keys, which come last, are for other features.
        self.unchanged(self.out, lambda: run(*self.finetune(features="wide.npy")), "9")
        # A server that ends in the midst of it: what there is lies apart until the next run.
        server = self.folder / "server"
        server.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec {SERVER} --version\nexit 1\n')
        server.chmod(0o755)
        before = digests(self.out / "keys")
        results = {name: digest for name, digest in digests(self.out).items() if "/" not in name}
        self.refused(run(*self.finetune("--server", server)), "server")
        self.assertEqual({name: digest for name, digest in digests(self.out).items()
                          if "/" not in name}, results)
        self.assertEqual(set(digests(self.out / "keys")), set(before))
        self.assertTrue((self.out / "run.unfinished" / "train.enc").exists())
        self.decrypts()
        self.good(*self.finetune())
        self.assertFalse((self.out / "run.unfinished").exists())


class Owned(Scratch):
    def setUp(self):
        super().setUp()
        self.keys = self.folder / "keys"
        self.good(OWNER, "keygen", "--out", self.keys, "--classes", CLASSES, "--features", 8,
                  "--batch", 64, "--parameters", PARAMETERS, INSECURE)
        self.good(OWNER, "encrypt", "--features", self.folder / "x.npy", "--labels",
                  self.folder / "y.npy", "--keys", self.keys, "--out", self.folder / "data.enc",
                  INSECURE)
        model = {"weights": [[0.0] * 8] * CLASSES, "bias": [0.0] * CLASSES}
        (self.folder / "model.json").write_text(json.dumps(model))

    def test_what_keys_know_stays(self):
        ledger, = self.keys.glob("ledger-*.jsonl")
        sets, = self.keys.glob("data-sets-*.json")
        # Wherever it lies and whatever it is called.
        shutil.copy(ledger, self.folder / "copy.txt")
        shutil.copy(sets, self.folder / "copy.npz")
        (self.folder / "link.npz").symlink_to(self.keys / "secret.key")
        train = ["train", "--keys", self.keys / "evaluation.keys", "--data",
                 self.folder / "data.enc", INSECURE]
        for path in (ledger, sets, self.keys / "secret.key", self.keys / "evaluation.keys",
                     self.keys / ".keys.lock", self.keys / "ledger-0123456789abcdef.jsonl",
                     self.folder / "copy.txt", self.folder / "copy.npz",
                     self.folder / "link.npz"):
            for command in (
                    [OWNER, "whiten", "--features", self.folder / "x.npy", "--out", path],
                    [OWNER, "evaluate", "--model", self.folder / "model.json", "--features",
                     self.folder / "x.npy", "--labels", self.folder / "y.npy", "--report", path],
                    [SERVER, *train, "--out", path],
                    [SERVER, *train, "--out", self.folder / "m.enc", "--report", path],
                    [SERVER, *train, "--out", self.folder / "m.enc", "--transcript", path, "--signing-key",
                     self.folder / "sk"]):
                with self.subTest(path=path.name, command=command[1]):
                    self.unchanged(self.folder, lambda: run(*command), path.name,
                                   "expected another name")

    def test_a_transcript_is_an_output(self):
        given = ["--config", self.folder / "c.json", "--transcript"]
        (self.folder / "c.json").write_text(json.dumps({"steps": 1, "batch_size": 64}))
        train = [SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data", self.folder / "data.enc", "--out",
                 self.folder / "m.enc", INSECURE]
        for path, option in (("data.enc", "--data"), ("c.json", "--config"), ("sk", "--signing-key"),
                             ("m.enc", "--out"), ("report.json", "which the command writes too")):
            self.unchanged(self.folder, lambda: run(*train, *given, self.folder / path, "--signing-key", self.folder / "sk"),
                           path, "expected another name")
        self.good(*train, *given, self.folder / "t", "--signing-key", self.folder / "sk")

    def test_empty_values_are_refused(self):
        """Of variables that are not set: what the option is for would not be done."""
        for command in ([OWNER, "keygen", "--out", self.folder / "k", "--classes", 3, "--features", 4, "--passphrase-file"],
                        [OWNER, "encrypt", "--features", self.folder / "x.npy", "--labels", self.folder / "y.npy", "--keys",
                         self.keys, "--out", self.folder / "e.enc", "--whitening"],
                        [SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data", self.folder / "data.enc",
                         "--out", self.folder / "m.enc", "--checkpoint"]):
            self.unchanged(self.folder, lambda: run(*command, "", INSECURE), f"{command[-1]} is empty")

    def test_checkpoints_and_reports_of_others_stay(self):
        train = [SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                 self.folder / "data.enc", INSECURE]
        config = self.folder / "c.json"
        config.write_text(json.dumps({"steps": 1, "batch_size": 64}))
        checkpoint = self.folder / "ck" / "checkpoint.enc"
        self.refused(run(*train, "--config", config, "--checkpoint", checkpoint.parent, "--out",
                         checkpoint), "checkpoint.enc", "would be written twice")
        self.good(*train, "--config", config, "--checkpoint", checkpoint.parent, "--out",
                  self.folder / "m.enc")
        predict = [SERVER, "predict", "--keys", self.keys / "evaluation.keys", "--data",
                   self.folder / "data.enc", "--model", self.folder / "m.enc", "--out", checkpoint]
        for command in (predict, [*train, "--out", checkpoint]):
            self.unchanged(self.folder, lambda: run(*command, INSECURE), "checkpoint.enc",
                           "holds a training checkpoint")
        # Of the name that `finetune` gives the owner's.
        folder = self.folder / "of a run"
        folder.mkdir()
        (folder / "report.json").write_text(json.dumps({"accuracy_encrypted": 0.9}))
        again = [*train, "--config", config, "--out", folder / "m.enc"]
        self.unchanged(self.folder, lambda: run(*again), "report.json", "no report of 'train'")
        self.good(*again, "--report", folder / "server.json")
        (folder / "report.json").unlink()
        self.good(*again)
        self.good(*again)

    def test_names_that_follow_from_others(self):
        report = self.folder / "report.json"
        report.write_text(json.dumps({"steps": 1, "batch_size": 64, "learning_rate": 0.5}))
        train = [SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                 self.folder / "data.enc", INSECURE, "--out"]
        self.unchanged(self.folder, lambda: run(*train, self.folder / "m.enc", "--config", report),
                       "report.json", "--config")
        self.unchanged(self.folder, lambda: run(*train, report), "report.json")
        # The labels would be written over by the held-out samples.
        taken = self.folder / "d-validation.enc"
        shutil.copy(self.folder / "y.npy", taken)
        self.unchanged(self.folder, lambda: run(
            OWNER, "encrypt", "--features", self.folder / "x.npy", "--labels", taken, "--keys",
            self.keys, "--validation-fraction", 0.2, "--out", self.folder / "d.enc", INSECURE),
                       "d-validation.enc", "--labels")
        evaluate = [OWNER, "evaluate", "--model", self.folder / "model.json", "--features",
                    self.folder / "x.npy", "--labels", self.folder / "y.npy", "--report"]
        self.unchanged(self.folder, lambda: run(*evaluate, self.folder / "page.html"), "page.html")
        self.refused(run(*evaluate, ""), "--report")
        self.good(*evaluate, self.folder / "page.json")

    def test_folders_that_are_read(self):
        tiny_bert(self.folder / "encoder")
        (self.folder / "t.tsv").write_text("text\tintent\nplay\tmusic\nbook\tbooking\n")
        for name in ("config.json", "model.safetensors"):
            path = self.folder / "encoder" / name
            self.unchanged(self.folder, lambda: run(
                OWNER, "extract", "--texts", self.folder / "t.tsv", "--model",
                self.folder / "encoder", "--out", path, "--no-cache"), name, "--model")


if __name__ == "__main__":
    main()
