#!/usr/bin/env python3
"""A training's transcript, and 'blindtuner-server audit', which computes its steps again.

usage: audit_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json
import re
import stat
import subprocess

from cli_base import CONFIG, INSECURE, OWNER, SERVER, Base, main, run
from containers import forge_training


class Audit(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.transcript, cls.key = cls.folder / "run.transcript", cls.folder / "server.signing"
        done = cls.good(SERVER, "train", *cls.inputs(), "--config", cls.folder / "train.json", "--out",
                        cls.folder / "model.enc", "--checkpoint", cls.folder / "checkpoint", "--transcript",
                        cls.transcript, "--signing-key", cls.key, INSECURE)
        cls.fingerprint = re.search(r"fingerprint ((?:[0-9a-f]{4} ){7}[0-9a-f]{4})", done.stderr)[1]

    @classmethod
    def inputs(cls):
        return "--keys", cls.keys / "evaluation.keys", "--data", cls.folder / "data.enc"

    def audit(self, *arguments, transcript=None):
        return run(SERVER, "audit", *self.inputs(), "--transcript", transcript or self.transcript, *arguments,
                   INSECURE)

    def decrypt(self, *arguments, model="model.enc"):
        return run(OWNER, "decrypt", "--model", self.folder / model, "--keys", self.keys, "--out",
                   self.folder / "model.npz", *arguments, INSECURE)

    def test_runs_that_begin_together_make_one_signing_key(self):
        key = self.folder / "shared.signing"
        runs = [subprocess.Popen(list(map(str, [
            SERVER, "train", *self.inputs(), "--config", self.folder / "train.json", "--out", self.folder / f"one{i}.enc",
            "--transcript", self.folder / f"one{i}.transcript", "--signing-key", key, INSECURE])),
            stderr=subprocess.PIPE, text=True) for i in range(3)]
        told = [one.communicate()[1] for one in runs]
        self.assertEqual([one.returncode for one in runs], [0, 0, 0], told)
        made = [found[1] for text in told if (found := re.search("fingerprint ((?:[0-9a-f]{4} ){7}[0-9a-f]{4})", text))]
        self.assertEqual(len(made), 1, told)
        for i in range(3):
            done = self.audit("--server", made[0], "--steps", "1", transcript=self.folder / f"one{i}.transcript")
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_step_again(self):
        self.assertEqual(stat.S_IMODE(self.key.stat().st_mode), 0o600)
        done = self.audit("--server", self.fingerprint.replace(" ", "").upper())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("3 of 3 steps computed again: each is the transcript's", done.stdout)
        self.assertIn("the model is the one that the steps give", done.stdout)

    def test_some_steps(self):
        done = self.audit("--steps", "2", "--checkpoint", self.folder / "checkpoint" / "checkpoint.enc", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual((report["same_steps"], report["steps"], report["model"]), ([2], 3, True))
        for steps in ("0", "2,2", "3-1", "x", "1,", "4"):
            self.refused(self.audit("--steps", steps), "steps")

    def test_another_run_is_told(self):
        # Of a server that trained at another rate than it says: the same transcript, other steps.
        other = self.folder / "other.json"
        other.write_text(json.dumps(CONFIG | {"learning_rate": 0.25}))
        # Its key is a copy that came as its program makes it.
        copy = self.folder / "copy.signing"
        copy.write_bytes(self.key.read_bytes())
        copy.chmod(0o644)
        done = self.good(SERVER, "train", *self.inputs(), "--config", other, "--out", self.folder / "other.enc",
                         "--transcript", self.folder / "other.transcript", "--signing-key", copy, INSECURE)
        self.assertIn("copy.signing' is not for its owner alone", done.stderr)
        self.refused(self.decrypt("--transcript", self.folder / "other.transcript", "--server", self.fingerprint),
                     "not the model of the transcript, which says another training")
        self.refused(self.audit("--checkpoint", self.folder / "checkpoint" / "checkpoint.enc",
                                transcript=self.folder / "other.transcript"), "another run")

    def test_the_owner_takes_the_transcripts_model_only(self):
        done = self.decrypt("--transcript", self.transcript, "--server", self.fingerprint.replace(" ", "-"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the model is the one of the transcript", done.stdout)
        # Whoever has audited it says of which training, and not only who signed it.
        training = re.search(r"of the training ((?:[0-9a-f]{4} ){15}[0-9a-f]{4}):", done.stdout)[1]
        self.assertEqual(json.loads(self.good(SERVER, "audit", *self.inputs(), "--transcript", self.transcript, INSECURE,
                                              "--json").stdout)["training"], training)
        # As that of an earlier round of validation is.
        forge_training(self.folder / "model.enc", self.folder / "round.enc", done=2)
        self.refused(self.decrypt("--transcript", self.transcript, "--server", self.fingerprint, model="round.enc"),
                     "after 2 steps", "a transcript is of the last step's alone")
        self.refused(self.decrypt("--transcript", self.transcript), "--server")
        self.refused(self.decrypt("--transcript", self.transcript, "--server", "0000 " * 7 + "0000"), "signed by")
        text = self.transcript.read_text()
        changed = self.folder / "changed.transcript"
        changed.write_text(text.replace("model", "nodel", 1))
        self.refused(self.decrypt("--transcript", changed, "--server", self.fingerprint), "signature")

    def test_both_or_none(self):
        self.refused(run(SERVER, "train", *self.inputs(), "--out", self.folder / "m.enc", "--transcript",
                         self.folder / "t", INSECURE), "--signing-key")


if __name__ == "__main__":
    main()
