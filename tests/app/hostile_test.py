#!/usr/bin/env python3
"""A server that deviates, seen by the commands: files that lie well-formed, runs that end where they
should not, refusals that tell. (tests/app/hostile_test.cpp lies about ciphertexts.)

usage: hostile_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

from cli_base import (CONFIG, INSECURE, OWNER, PARAMETERS, SERVER, Base, blobs, main, npy, run)
from containers import (HEADER, container, forge, forge_training, frames, training,
                        training_section)

UNTRUSTED = 4
WHOLE = {**CONFIG, "validation_every": 1}
STEPS = WHOLE["steps"]


def garbage(section, ciphertexts):
    """Ciphertexts whose second half is the first: they decrypt to anything."""
    def change(sections):
        data = sections[section]
        size = len(data) // ciphertexts
        half = (size - 11) // 2
        assert ciphertexts * (11 + 2 * half) == len(data)
        sections[section] = b"".join(data[at:at + 11 + half] + data[at + 11:at + 11 + half]
                                     for at in range(0, len(data), size))
    return change


class Hostile(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.folder
        (folder / "train.json").write_text(json.dumps(WHOLE))
        (folder / "one.json").write_text(json.dumps({**WHOLE, "steps": 1}))
        features, labels = blobs(60, 3)
        npy(folder / "xv.npy", features)
        npy(folder / "yv.npy", labels, "<i4")
        cls.good(OWNER, "encrypt", "--features", folder / "x.npy", "--labels", folder / "y.npy",
                 "--validation", folder / "xv.npy", "--validation-labels", folder / "yv.npy",
                 "--validation-out", folder / "v.enc", "--keys", cls.keys, "--out",
                 folder / "data.enc", INSECURE)
        cls.good(OWNER, "encrypt", "--features", folder / "xt.npy", "--unlabelled", "--keys",
                 cls.keys, "--out", folder / "t.enc", INSECURE)
        for name, config in (("m.enc", "train.json"), ("one.enc", "one.json")):
            cls.good(SERVER, "train", "--keys", cls.keys / "evaluation.keys", "--data",
                     folder / "data.enc", "--out", folder / name, "--config", folder / config,
                     INSECURE)
        for data, name in (("t.enc", "s.enc"), ("v.enc", "sv.enc")):
            cls.good(SERVER, "predict", "--keys", cls.keys / "evaluation.keys", "--model",
                     folder / "m.enc", "--data", folder / data, "--out", folder / name, INSECURE)

    def setUp(self):
        self.work = self.folder / self.id().split(".")[-1]
        self.work.mkdir()
        self.own = self.work / "keys"
        shutil.copytree(self.keys, self.own)
        self.forged = self.work / "f.enc"

    def decrypt(self, model, *more, out="out.npz", kind="--model"):
        return run(OWNER, "decrypt", kind, model, "--keys", self.own, "--out", self.work / out,
                   INSECURE, *more)

    def ledger(self):
        return json.loads(self.good(OWNER, "ledger", "--keys", self.own, "--json", INSECURE).stdout)

    def config(self, **changes):
        path = self.work / "told.json"
        path.write_text(json.dumps({**WHOLE, **changes}))
        return path

    def test_the_configuration_is_the_owners(self):
        model = self.folder / "m.enc"
        publish = ("--publish", "--config", self.folder / "train.json")
        # Noise follows from rates and steps: whoever publishes says which, or means the default.
        self.refused(self.decrypt(model, "--publish"), "another configuration", "expected",
                     "(the default; --config says what the server was to train with)")
        for change in ({"learning_rate": 0.25}, {"l2": 1.0}, {"momentum": 0.5, "method": "nesterov"},
                       {"schedule": "list", "rate_list": [1e5, 1]}, {"steps": 4}):
            forge_training(model, self.forged, done=change.get("steps"), **change)
            self.refused(self.decrypt(self.forged, *publish), "another configuration")
        self.refused(self.decrypt(model, *publish, "--softmax", "wide"), "softmax circuit default",
                     "expected wide")
        scores = self.folder / "s.enc"
        for more in (("--config", self.config(learning_rate=0.25)), ("--publish", "--model", model)):
            self.refused(self.decrypt(scores, *more, out="s.npy", kind="--scores"),
                         "another configuration")
        self.assertEqual(self.decrypt(model, *publish).returncode, 0)
        # Privately, the file may say; and it is said that nobody checked it.
        said = self.decrypt(model)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertTrue(said.stdout.startswith("NOTE: trained as the server says"), said.stdout)
        report = json.loads(self.decrypt(model, "--json").stdout)
        self.assertEqual((report["config_checked"], report["complete"]), (False, True))
        report = json.loads(self.decrypt(model, "--json", *publish[1:]).stdout)
        self.assertTrue(report["config_checked"])
        self.assertNotIn("NOTE", self.decrypt(model, *publish[1:]).stdout)

    def test_rates_that_are_none(self):
        for field, value in (("learning_rate", 1e308), ("learning_rate", 1e150),
                             ("learning_rate", 5e-324), ("l2", 1e300),
                             ("rate_list", [1e13, 1.0, 0.5])):
            forge_training(self.folder / "m.enc", self.forged, **{field: value})
            for more in ((), ("--publish",)):
                self.refused(self.decrypt(self.forged, *more), field, "1e6")
        forge_training(self.folder / "m.enc", self.forged, method="nesterov",
                       momentum=0.9999999999999999)
        self.refused(self.decrypt(self.forged), "momentum", "0.9999")
        # A configuration under which whatever was sent would be plausible: the final weights count,
        # and no largest iterate.
        def change(sections):
            steps, config, circuit = training(sections["TRAI"])
            config.update(schedule="list", rate_list=[1e6] + [1.0] * (STEPS - 1), l2=1.0,
                          learning_rate=1.0)
            sections["TRAI"] = training_section(steps, config, circuit)
            garbage("WGHT", 1)(sections)
        forge(self.folder / "m.enc", self.forged, change)
        self.refused(self.decrypt(self.forged), "not what this training")

    def test_fewer_steps_than_the_configuration(self):
        # The model after one step, sealed as that of the whole run.
        forge_training(self.folder / "one.enc", self.forged, done=1, **WHOLE)
        said = self.decrypt(self.forged)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertTrue(said.stdout.startswith(f"NOTE: only 1 of the configuration's {STEPS} steps"),
                        said.stdout)
        report = json.loads(self.decrypt(self.forged, "--json").stdout)
        self.assertEqual((report["complete"], report["steps"], report["steps_planned"]),
                         (False, 1, STEPS))
        publish = ("--publish", "--config", self.folder / "train.json")
        self.refused(self.decrypt(self.forged, *publish), "not published", "only 1 of")
        self.refused(self.decrypt(self.folder / "s.enc", *publish, "--model", self.forged,
                                  out="s.npy", kind="--scores"), "not published", "only 1 of")
        self.refused(self.decrypt(self.folder / "s.enc", "--publish", "--config",
                                  self.folder / "one.json", "--model", self.folder / "one.enc",
                                  out="s.npy", kind="--scores"), "another configuration")
        forge_training(self.folder / "s.enc", self.work / "fs.enc", done=STEPS - 1)
        self.refused(self.decrypt(self.work / "fs.enc", *publish, "--model", self.folder / "m.enc",
                                  out="s.npy", kind="--scores"), "another training")
        said = self.decrypt(self.work / "fs.enc", out="s.npy", kind="--scores").stdout
        self.assertTrue(said.startswith(f"NOTE: by a model after {STEPS - 1} of"), said)
        forge_training(self.folder / "s.enc", self.work / "fs.enc", done=99999)
        self.refused(self.decrypt(self.work / "fs.enc", out="s.npy", kind="--scores"),
                     "99999 steps")
        # More steps than were told, so that nobody computes a noise for minutes.
        forge_training(self.folder / "m.enc", self.forged, done=100000, steps=100000)
        self.refused(self.decrypt(self.forged, *publish), "another configuration")

    def round(self, number, change=lambda sections: None, run_id=b"r" * 16):
        """What a server sends; the model is the whole run's, whatever the round."""
        header, model = frames(self.folder / "m.enc")
        scores = frames(self.folder / "sv.enc")[1]
        header = header[:12] + (7).to_bytes(4, "little") + header[16:160]
        header += hashlib.sha256(header).digest()
        _, config, circuit = training(model["TRAI"])
        sections = {"LAYT": model["LAYT"], "TRAI": training_section(number, config, circuit),
                    "WGHT": model["WGHT"],
                    "RUN.": run_id + number.to_bytes(4, "little") + bytes([number == STEPS]),
                    "LAYV": scores["LAYT"], "SCOR": scores["SCOR"]}
        change(sections)
        exchange = self.work / "x"
        exchange.mkdir(exist_ok=True)
        (exchange / f"round-{number:04d}.enc").write_bytes(container(header, sections))

    def validate(self, *more):
        return run(OWNER, "validate", "--keys", self.own, "--data", self.folder / "v.enc",
                   "--exchange", self.work / "x", "--out", self.work / "best.enc", "--timeout", 0,
                   "--config", self.folder / "train.json", "--quiet", INSECURE, *more)

    def test_a_kept_round_is_published_by_its_record(self):
        self.round(1)
        self.refused(self.validate(), "no round 2")
        publish = ("--publish", "--config", self.folder / "train.json")
        best = self.work / "best.enc"
        self.refused(self.decrypt(best, *publish), "only 1 of", "no finished record")
        said = self.decrypt(best)
        self.assertIn("no finished record", said.stdout)
        # The owner's own bit ends the run: all scores are alike, so that none is better.
        result = self.validate("--patience", 1)
        self.refused(result, "--patience")
        for path in (best, Path(str(best) + ".rounds.json")):
            path.unlink()
        shutil.rmtree(self.work / "x")
        self.round(1, run_id=b"s" * 16)
        self.round(2, run_id=b"s" * 16)
        result = self.validate("--patience", 1)
        self.assertEqual(result.returncode, 0, result.stderr)
        result = self.decrypt(best, *publish)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("NOTE", result.stdout)
        # Another model than the record tells of, and the record taken away.
        kept = best.read_bytes()
        forge_training(best, best, learning_rate=0.4)
        self.refused(self.decrypt(best), "is not the model that", "rounds.json")
        best.write_bytes(kept)
        Path(str(best) + ".rounds.json").unlink()
        self.refused(self.decrypt(best, *publish), "only 1 of")

    def test_validate_expects_the_owners_configuration(self):
        self.round(1)
        arguments = [OWNER, "validate", "--keys", self.own, "--data", self.folder / "v.enc",
                     "--exchange", self.work / "x", "--out", self.work / "best.enc", "--timeout", 0,
                     INSECURE]
        self.refused(run(*arguments), "round-0001.enc", "another configuration", "the default")
        self.refused(run(*arguments, "--config", self.folder / "train.json", "--softmax", "wide"),
                     "softmax circuit")
        self.assertEqual(list((self.work / "x").glob("answer-*")), [])

    def test_a_refusal_is_on_the_record(self):
        forge(self.folder / "m.enc", self.forged, garbage("WGHT", 1))
        for i in (1, 2):
            result = self.decrypt(self.forged)
            self.refused(result, "not what this training can have produced",
                         "numbers where there are none")
            self.assertNotIn("2^", result.stderr)
            ledger = self.ledger()
            self.assertEqual((ledger["refused"], ledger["refused_bits"]), (i, i))
            self.assertEqual(ledger["opened"], 0)
            self.assertEqual(ledger["entries"][-1]["what"], "model")
            self.assertEqual(len(ledger["entries"][-1]["ciphertext"]), 64)
        self.refused(self.decrypt(self.forged, "--publish", "--config",
                                  self.folder / "train.json"), "not what this training")
        forge(self.folder / "s.enc", self.forged, garbage("SCOR", 8))
        self.refused(self.decrypt(self.forged, out="s.npy", kind="--scores"),
                     "not what this training")
        self.assertEqual(self.ledger()["refused"], 4)
        text = self.good(OWNER, "ledger", "--keys", self.own, INSECURE).stdout
        self.assertIn("refused    4 results", text)
        self.assertIn("at most 4 bits", text)
        # What cannot be recorded is not told either.
        os.remove(next(self.own.glob("ledger-*")))
        next(self.own.parent.glob("keys")).joinpath(".ledger.lock").mkdir()
        self.refused(self.decrypt(self.folder / "m.enc"), "lock")

    def test_a_refused_round_ends_its_run(self):
        self.round(1)
        self.round(2, garbage("SCOR", 8))
        self.refused(self.validate(), "round-0002.enc", "not what this training")
        self.assertTrue((self.work / "x" / "answer-0001.bit").exists())
        self.assertEqual(self.ledger()["refused"], 1)
        # A good one comes too late, with and without the owner's record, and from the start.
        self.round(2)
        self.refused(self.validate(), "round-0002.enc", "round 2 of this run was refused",
                     "ends its run")
        for name in ("best.enc", "best.enc.rounds.json"):
            (self.work / name).unlink()
        self.refused(self.validate(), "round-0001.enc", "ends its run")
        self.assertFalse((self.work / "x" / "answer-0002.bit").exists())
        self.assertEqual(self.ledger()["refused"], 1)
        # Another run is another.
        shutil.rmtree(self.work / "x")
        self.round(1, run_id=b"s" * 16)
        self.refused(self.validate(), "no round 2")

    def test_data_sets_have_their_uses(self):
        validation = frames(self.folder / "v.enc")[1]["LAYT"][:36]

        def change(sections):
            sections["LAYT"] = validation
        forge(self.folder / "m.enc", self.forged, change)
        self.refused(self.decrypt(self.forged), "v.enc", "encrypted for validation")

        def other(sections):
            sections["TRDA"] = validation[20:36]
        forge(self.folder / "s.enc", self.forged, other)
        self.refused(self.decrypt(self.forged, out="s.npy", kind="--scores"),
                     "encrypted for validation")
        # The record taken away: the ledger knows that there was one.
        next(self.own.glob("data-sets-*.json")).unlink()
        self.refused(self.decrypt(self.folder / "m.enc"), "no record", "--unrecorded-data")
        self.assertEqual(self.decrypt(self.folder / "m.enc", "--unrecorded-data").returncode, 0)

    def test_scores_that_do_not_say_their_training(self):
        def change(sections):
            del sections["TRAI"]
            del sections["TRDA"]
        forge(self.folder / "s.enc", self.forged, change)
        self.assertEqual(self.decrypt(self.forged, out="s.npy", kind="--scores").returncode, 0)
        self.refused(self.decrypt(self.forged, "--config", self.folder / "train.json", out="s.npy",
                                  kind="--scores"), "does not say how its model was trained")

    def test_the_headers_reserved_bytes(self):
        header, sections = frames(self.folder / "m.enc")
        for at in (96, 100, 159):
            bad = bytearray(header[:HEADER - 32])
            bad[at] = 7
            bad += hashlib.sha256(bad).digest()
            self.forged.write_bytes(container(bytes(bad), sections))
            self.refused(self.decrypt(self.forged), "reserved bytes")

    def test_locks_that_are_none(self):
        victim = self.work / "victim"
        victim.write_text("precious")
        (self.work / "x").mkdir()
        lock = self.work / "x" / ".owner.lock"
        os.link(victim, lock)
        self.refused(self.validate(), ".owner.lock", "is no lock but a link")
        self.assertEqual(victim.read_text(), "precious")
        lock.unlink()
        for target in (victim, self.work / "nowhere"):
            os.symlink(target, self.own / ".ledger.lock")
            self.refused(self.decrypt(self.folder / "m.enc"), ".ledger.lock", "is no lock")
            self.assertFalse((self.work / "nowhere").exists())
            os.unlink(self.own / ".ledger.lock")
        os.mkfifo(self.own / ".ledger.lock")
        self.refused(self.decrypt(self.folder / "m.enc"), ".ledger.lock", "is no lock")
        self.assertEqual(victim.read_text(), "precious")


SERVER_SCRIPT = """#!{python}
import json, os, subprocess, sys, time
from pathlib import Path
REAL, TOLD = {server!r}, sys.argv[1:]
if TOLD == ["--version"]:
    os.execv(REAL, [REAL, "--version"])
sys.path.insert(0, {tests!r})
sys.dont_write_bytecode = True
from containers import forge, forge_training, training, training_section
def told(name):
    return TOLD[TOLD.index(name) + 1]
def train(*drop, out=None, **changes):
    config = Path(told("--out") + ".cfg")
    config.write_text(json.dumps({{**json.loads(Path(told("--config")).read_text()), **changes}}))
    line = [REAL, *TOLD]
    line[line.index("--config") + 1] = str(config)
    for name in drop:
        del line[line.index(name):line.index(name) + 2]
    if subprocess.call(line):
        sys.exit(1)
    config.unlink()
ASKED = json.loads(Path(told("--config")).read_text())
{body}
"""


class HostileServer(Base):
    """`finetune` with a server's program that does not do what it is told."""

    def setUp(self):
        self.work = self.folder / self.id().split(".")[-1]
        self.work.mkdir()
        self.out = self.work / "out"

    def finetune(self, body, *more):
        script = self.work / "server"
        script.write_text(SERVER_SCRIPT.format(python=sys.executable, server=str(SERVER), body=body,
                                               tests=str(Path(__file__).resolve().parent)))
        script.chmod(0o755)
        return run(OWNER, "finetune", "--features", self.folder / "x.npy", "--labels",
                   self.folder / "y.npy", "--out", self.out, "--keys", self.keys, "--parameters",
                   PARAMETERS, "--preset", "fast", "--server", script, "--publish", "--quiet",
                   INSECURE, *more)

    def untrusted(self, result, *words):
        self.assertEqual(result.returncode, UNTRUSTED, result.stderr + result.stdout)
        self.assertTrue(result.stdout.startswith("DO NOT TRUST THIS RESULT"), result.stdout)
        for word in words:
            self.assertIn(word, result.stdout)
        self.assertFalse((self.out / "published.npz").exists())
        self.assertFalse(json.loads((self.out / "report.json").read_text())["trusted"])

    def test_honest(self):
        result = self.finetune("train()", "--steps", 3, "--validation-fraction", 0)
        self.assertEqual(result.returncode, 0, result.stderr + result.stdout)
        report = json.loads((self.out / "report.json").read_text())
        # What is published covers what was measured as well as what was predicted.
        ledger = json.loads(self.good(OWNER, "ledger", "--keys", self.keys, "--json",
                                      INSECURE).stdout)
        entry = [e for e in ledger["entries"] if e["kind"] == "published"][-1]
        self.assertGreaterEqual(entry["error"], report["largest_weight_difference"])
        self.assertGreaterEqual(entry["error"], report["predicted_weight_noise"])
        self.assertGreaterEqual(entry["noise"], 256 * entry["error"])

    def test_another_computation(self):
        # A rate that is off by a thousandth moves weights by hundreds of deviations of their noise,
        # and by less than what was once allowed.
        result = self.finetune("""
train(learning_rate=ASKED["learning_rate"] * 1.001)
forge_training(Path(told("--out")), Path(told("--out")), learning_rate=ASKED["learning_rate"])
""", "--steps", 3, "--validation-fraction", 0)
        self.untrusted(result, "from the same training in the clear")
        report = json.loads((self.out / "report.json").read_text())
        self.assertLess(report["largest_weight_difference"], 2 ** -6)

    def test_fewer_steps(self):
        result = self.finetune("""
train(steps=1, averaging_start=-1)
forge_training(Path(told("--out")), Path(told("--out")), done=1, **ASKED)
""", "--steps", 20, "--validation-fraction", 0)
        self.untrusted(result, "the model is after 1 steps, the run's is after 20")

    def test_a_run_that_nobody_ended(self):
        # One round of validation, answered with "go on"; then the server says that it is done.
        result = self.finetune("""
import tempfile
with tempfile.TemporaryDirectory() as elsewhere:
    asked, TOLD[TOLD.index("--exchange") + 1] = told("--exchange"), elsewhere
    train(steps=1, averaging_start=-1, validation_every=1)
    def change(sections):
        _, _, circuit = training(sections["TRAI"])
        sections["TRAI"] = training_section(1, ASKED, circuit)
        sections["RUN."] = sections["RUN."][:20] + bytes([0])
    forge(Path(elsewhere) / "round-0001.enc", Path(told("--out") + ".round"), change)
os.rename(told("--out") + ".round", asked + "/round-0001.enc")
while not os.path.exists(asked + "/answer-0001.bit"):
    time.sleep(0.02)
""", "--steps", 5)
        self.untrusted(result, "the server ended the run after 1 rounds of validation")

    def test_a_run_without_a_round(self):
        result = self.finetune("""
TOLD[TOLD.index("--out") + 1] = told("--out").replace("last.enc", "model.enc")
train("--validation", "--exchange", steps=2, averaging_start=-1)
""", "--steps", 5)
        self.refused(result, "without a round of validation")
        self.assertFalse((self.out / "report.json").exists())

    def test_reports_that_are_none(self):
        reports = ["{}", "[]", "null", "3", '"text"', '{"steps": []}', '{"steps": 3}',
                   '{"steps": 1e999}', "[" * 100000, '{"steps": -1}',
                   '{"steps": 3, "seconds": "<script>", "seconds_per_step": [], '
                   '"peak_memory_bytes": 1}',
                   '{"steps": 3, "seconds": {"total": "a"}, "seconds_per_step": [], '
                   '"peak_memory_bytes": 1}',
                   '{"steps": 3, "seconds": {}, "seconds_per_step": [{"step": "<b>"}], '
                   '"peak_memory_bytes": 1}',
                   '{"steps": 3, "seconds": {}, "seconds_per_step": [], "peak_memory_bytes": {}}']
        for text in reports:
            said = self.work / "said.json"
            said.write_text(text)
            result = self.finetune(f"Path(told('--report')).write_bytes(Path({str(said)!r}).read_bytes())",
                                   "--steps", 1, "--validation-fraction", 0)
            self.refused(result, "server.json")
            self.assertFalse((self.out / "report.html").exists())


if __name__ == "__main__":
    main()
