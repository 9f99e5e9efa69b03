#!/usr/bin/env python3
"""A server that deviates, seen by the commands: files that lie well-formed, runs that end where they
should not, refusals that tell. (tests/party/owner/hostile_test.cpp lies about ciphertexts, and a server's
program that does not do what `finetune` tells it is in hostile_server_test.py.)

usage: hostile_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import hashlib
import json
import math
import os
import resource
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

from cli_base import (CONFIG, INSECURE, LOG_RING, OWNER, RING, SANITIZED, SERVER, SMALL_RING, Base, blobs, main, npy,
                      run)
from containers import (HEADER, add_to_first, answer_file, as_earlier_programs_wrote, container, forge,
                        forge_training, frames, training, training_section)

sys.path.append(str(Path(__file__).resolve().parent.parent / "golden"))
import reference  # noqa: E402

PRIMES = reference.chain_primes(LOG_RING, (50, 49))  # of models and scores
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
        # Keys with one training set.
        shutil.rmtree(cls.keys)
        cls.make_keys(cls.keys)
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
        for data, name, model in (("t.enc", "s.enc", "m.enc"), ("v.enc", "sv.enc", "m.enc"),
                                  ("v.enc", "sv1.enc", "one.enc"), ("data.enc", "sd.enc", "m.enc")):
            cls.good(SERVER, "predict", "--keys", cls.keys / "evaluation.keys", "--model",
                     folder / model, "--data", folder / data, "--out", folder / name, INSECURE)

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
        self.refused(self.decrypt(model, *publish, "--softmax", "wide"), "circuit default",
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

    def test_messages_are_short(self):
        forge_training(self.folder / "m.enc", self.forged, rate_list=[0.5] * 100000, schedule="list")
        said = self.decrypt(self.forged, "--publish", "--config", self.folder / "train.json")
        self.refused(said, "another configuration", "rate_list is [0.5,0.5", "..")
        self.assertLess(len(said.stderr), 1000)

    def test_a_file_of_empty_sections(self):
        header, sections = frames(self.folder / "t.enc")
        out = [header]

        def add(tag, payload=b""):
            frame = struct.pack("<I4s", len(payload), tag) + payload
            number = struct.pack("<Q", len(out) - 1)
            out.append(frame + hashlib.sha256(header[160:] + number + frame).digest())
        add(b"LAYT", sections["LAYT"])
        for i in range(1000):
            add((b"AAAA", b"BBBB")[i % 2])
        add(b"END.")
        self.forged.write_bytes(b"".join(out))
        for program in (OWNER, SERVER):
            self.refused(run(program, "inspect", self.forged), "more than 256 sections")

    def test_keys_that_do_not_fit(self):
        header, sections = frames(self.keys / "evaluation.keys")

        def end(data, at, n):
            """Of the key switching key there: ring, primes, special primes, digits."""
            _, q, p, digits = struct.unpack_from("<BHHH", data, at)
            primes = [50, 49] + [40] * 3 + [36] * 11 + [39] * 3 + [50] * 11
            bits = sum(primes[:q]) + 50 * p
            return at + 7 + 2 * digits + 32 + digits * n * bits // 8
        boot, products = sections["BOOT"], sections["PROD"]
        first = end(boot, 0, RING)
        count, = struct.unpack_from("<I", boot, first)
        at, galois = first + 4, []
        for _ in range(count):
            galois.append(boot[at:end(boot, at + 8, RING)])
            at += len(galois[-1])
        last = []
        while at < len(boot):
            last.append(boot[at:end(boot, at, RING)])
            at += len(last[-1])
        self.assertEqual(len(last), 4)

        def put(relinearisation, some, rest):
            return {"BOOT": relinearisation + struct.pack("<I", len(some)) + b"".join(some + rest)}
        cut = end(products, 0, SMALL_RING)
        body, b = products[41:cut], [SMALL_RING * bits // 8 for bits in (50, 49, 50, 50)]
        one_prime = struct.pack("<BHHHH", 0, 1, 2, 1, 1) + products[9:41] + body[:b[0]] + body[b[0] + b[1]:]
        self.assertEqual(put(boot[:first], galois, last)["BOOT"], boot)
        forged = self.work / "f.keys"
        for what, changed in (("no rotations", put(boot[:first], [], last)),
                              ("one less", put(boot[:first], galois[:-1], last)),
                              ("exchanged", put(boot[:first], galois, [last[3], *last[1:3], last[0]])),
                              ("another relinearisation", put(last[0], galois, last)),
                              ("products of one prime", {"PROD": one_prime + products[cut:]})):
            with self.subTest(what=what):
                forged.write_bytes(container(header, {**sections, **changed}))
                self.refused(run(SERVER, "train", "--keys", forged, "--data", self.folder / "data.enc",
                                 "--out", self.work / "o.enc", "--config", self.folder / "train.json",
                                 INSECURE), "f.keys", "of another shape")

    def test_what_a_file_says_does_not_steer_the_terminal(self):
        text = "\x9b2J\x9d0;t\x9c \u202etxt.exe \u2066".encode()

        def change(sections):
            sections["LAYT"] = sections["LAYT"][:37] + struct.pack("<I", len(text)) + text
        forge(self.folder / "data.enc", self.forged, change)
        for program in (OWNER, SERVER):
            said = self.good(program, "inspect", self.forged, "--json").stdout
            self.assertTrue(said.isascii(), said)
            self.assertEqual(json.loads(said)["contents"]["source"], text.decode())
            said = self.good(program, "inspect", self.forged).stdout
            self.assertTrue(said.replace("\n", "").isprintable(), said)
        # A model of somebody's.
        model = self.work / "m.json"

        def evaluated(**members):
            model.write_text(json.dumps({"weights": [[1.0] * 8] * 3, "bias": [0] * 3, **members}))
            return run(OWNER, "evaluate", "--model", model, "--features", self.folder / "xt.npy",
                       "--labels", self.folder / "yt.npy")
        self.refused(evaluated(circuit="\x1b[2Jall is well", logit_limit=16), "m.json",
                     "no circuit")
        for limit in (1e300, -1, 0, 60):
            self.refused(evaluated(circuit="default_c3_r16", logit_limit=limit), "logit_limit",
                         "default_c3_r16")
        self.assertIn(evaluated(circuit="default_c3_r16", logit_limit=16).returncode, (0, 4))
        # Nor the line of a page that it is in.
        model.write_text(json.dumps({"weights": [[1.0] * 8] * 3, "bias": [0] * 3, "class_names":
                                     ["a", "b\x1b[2J\x9b2J", "\u202ec"]}))
        self.good(OWNER, "evaluate", "--model", model, "--features", self.folder / "xt.npy",
                  "--labels", self.folder / "yt.npy", "--class-numbers", "--report",
                  self.work / "r.json")
        page = (self.work / "r.html").read_text()
        self.assertIn("\ufffdc", page)
        self.assertFalse([c for c in page if c in "\x1b\x9b\u202e"])

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
        self.refused(result, "of another data set, patience, limit")
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
        # Which of the two rounds it is tells something, too, whoever chose their scores.
        ledger = self.ledger()
        self.assertEqual(ledger["entries"][-1]["chosen"], 1)
        self.assertEqual(ledger["answered_bits"],
                         sum(e["bits"] for e in ledger["entries"] if e["kind"] == "asked") + 1)
        self.assertAlmostEqual(ledger["answered_bits"], ledger["runs"] * math.log2(2 * STEPS) + 1)
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
                     "the circuit")
        self.assertEqual(list((self.work / "x").glob("answer-*")), [])

    def test_a_refusal_is_on_the_record(self):
        forge(self.folder / "m.enc", self.forged, garbage("WGHT", 1))
        for i in (1, 2):
            result = self.decrypt(self.forged)
            self.refused(result, "not what this training can have produced",
                         "numbers where there are none")
            self.assertNotIn("2^", result.stderr)
            ledger = self.ledger()
            self.assertEqual((ledger["refused"], ledger["refused_bits"]), (i, 1),
                             "the same question again tells nothing more")
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
        self.assertIn("at most 3 bits", text)
        # What cannot be recorded is not told either.
        next(self.own.parent.glob("keys")).joinpath(".ledger.lock").mkdir()
        self.refused(self.decrypt(self.folder / "m.enc"), "lock")

    def test_published_scores_do_not_tell_what_they_are_made_by(self):
        def publish(amount):
            forge(self.folder / "m.enc", self.forged,
                  lambda s: add_to_first(s, "WGHT", amount, SMALL_RING, PRIMES))
            return self.decrypt(self.folder / "s.enc", "--model", self.forged, "--config",
                                self.folder / "train.json", "--publish", "--json", out="p.npy",
                                kind="--scores")
        # Whatever is in one of the weights, in whatever multiple: the noise is that of the run.
        said = [json.loads(publish(amount).stdout) for amount in (0, 0.25, 1)]
        self.assertEqual(len({s["noise"] for s in said}), 1)
        published = [e for e in self.ledger()["entries"] if e["kind"] == "published"]
        self.assertEqual(len({(e["noise"], e["error"]) for e in published}), 1)
        # Beyond what the noise is made for there is one bit, and it is on the record.
        self.refused(publish(1024), "f.enc", "not what this training", "larger together", code=4)
        last = self.ledger()["entries"][-1]
        self.assertEqual((last["kind"], last["what"]), ("refused", "model"))

    def test_which_files_are_refused_is_counted(self):
        # Sixteen models, one of which is refused: which one it is may be anything that is encrypted.
        for i in range(16):
            forge(self.folder / "m.enc", self.forged,
                  lambda s: add_to_first(s, "WGHT", 2 ** 22 if i == 11 else i / 2 ** 20, SMALL_RING, PRIMES))
            self.assertEqual(self.decrypt(self.forged).returncode, 4 if i == 11 else 0)
        ledger = self.ledger()
        self.assertEqual((ledger["refused"], ledger["opened"], ledger["refused_bits"]), (1, 15, 16))

    def test_a_refused_round_ends_its_run(self):
        self.round(1)
        self.round(2, garbage("SCOR", 8))
        self.refused(self.validate(), "round-0002.enc", "not what this training")
        # The server need not wait any longer. It hears what it would hear of a run that was stopped.
        answers = self.work / "x"
        self.assertEqual([(answers / f"answer-000{i}.bit").read_bytes() for i in (1, 2)],
                         [answer_file(answers / f"round-000{i}.enc", i, i - 1) for i in (1, 2)])
        self.assertEqual(self.ledger()["refused"], 1)
        # A good one comes too late, with and without the owner's record, and from the start.
        self.round(2)
        self.refused(self.validate(), "round-0002.enc", "round 2 of this run was refused",
                     "ends its run")
        for name in ("best.enc", "best.enc.rounds.json"):
            (self.work / name).unlink()
        self.refused(self.validate(), "round-0001.enc", "ends its run")
        self.assertEqual(self.ledger()["refused"], 1)
        # Another run is another.
        shutil.rmtree(self.work / "x")
        self.round(1, run_id=b"s" * 16)
        self.refused(self.validate(), "no round 2")

    def test_a_server_is_told_that_its_run_ended(self):
        exchange = self.work / "x"
        server = subprocess.Popen(
            [*map(str, (SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                        self.folder / "data.enc", "--validation", self.folder / "v.enc",
                        "--exchange", exchange, "--out", self.work / "last.enc", "--config",
                        self.folder / "train.json", "--answer-timeout", 60, INSECURE))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (server.kill(), server.communicate()))
        first = exchange / "round-0001.enc"
        while not first.exists():
            self.assertIsNone(server.poll())
            time.sleep(0.02)
        forge(first, first, garbage("SCOR", 8))
        self.refused(self.validate(), "not what this training")
        out, errors = server.communicate(timeout=60)
        self.assertEqual(server.returncode, 0, errors)
        self.assertIn("1 steps (stopped by the owner)", out)

    def test_a_round_is_asked_once(self):
        other = frames(self.folder / "sv1.enc")[1]["SCOR"]

        def another(sections):
            sections["SCOR"] = other
        self.round(1)
        self.refused(self.validate(), "no round 2")
        # The owner has lost its record, or was told to remove it: the server puts another question.
        for name in ("best.enc", "best.enc.rounds.json", "x/answer-0001.bit"):
            (self.work / name).unlink()
        before = self.ledger()
        self.round(1, another)
        self.refused(self.validate(), "round-0001.enc", "another ciphertext", "answered once")
        self.assertFalse((self.work / "x" / "answer-0001.bit").exists())
        after = self.ledger()
        self.assertEqual(after["answered_bits"], before["answered_bits"])
        self.assertEqual(after["opened"], before["opened"] + 1, "the labels alone")
        self.round(1)
        self.refused(self.validate(), "no round 2")

    def first_rounds(self):
        """Two rounds, the second of them the best and not answered yet: what each of them left."""
        self.round(1, self.other)
        self.refused(self.validate(), "no round 2")
        best, record = self.work / "best.enc", self.work / "best.enc.rounds.json"
        first = best.read_bytes(), record.read_bytes()
        self.round(2)
        self.refused(self.validate(), "no round 3")
        self.assertNotEqual(best.read_bytes(), first[0])
        second = best.read_bytes(), record.read_bytes()
        (self.work / "x" / "answer-0002.bit").unlink()
        return first, second

    def other(self, sections):
        sections["SCOR"] = frames(self.folder / "sv1.enc")[1]["SCOR"]
        sections["WGHT"] = frames(self.folder / "one.enc")[1]["WGHT"]

    def test_a_round_is_not_exchanged(self):
        # Killed before there was a record of the second round: it was decrypted.
        first, _ = self.first_rounds()
        (self.work / "best.enc").write_bytes(first[0])
        (self.work / "best.enc.rounds.json").write_bytes(first[1])
        self.round(2, self.other)
        before = self.ledger()
        self.refused(self.validate(), "round-0002.enc", "another ciphertext", "answered once")
        self.assertEqual(self.ledger()["answered_bits"], before["answered_bits"])
        self.assertEqual((self.work / "best.enc").read_bytes(), first[0])
        self.round(2)
        self.refused(self.validate(), "no round 3")

    def test_the_best_model_is_the_one_of_the_record(self):
        best = self.work / "best.enc"
        first, second = self.first_rounds()
        # Killed after the record of the second round and before its model appeared.
        best.write_bytes(first[0])
        self.refused(self.validate(), "no round 3")
        self.assertEqual(best.read_bytes(), second[0])
        best.unlink()
        self.round(3, self.other)
        result = self.validate("--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout)["best_round"], 2)
        self.assertEqual(best.read_bytes(), second[0])
        # What is in its place is never reported as it.
        best.write_bytes(first[0])
        (self.work / "x" / "round-0002.enc").unlink()
        self.refused(self.validate(), "best.enc", "is not the model that it tells of")

    def test_validate_says_which_data_set_the_rounds_are_of(self):
        npy(self.work / "x2.npy", blobs(300, 9)[0])
        self.good(OWNER, "encrypt", "--features", self.work / "x2.npy", "--labels",
                  self.folder / "y.npy", "--keys", self.own, "--out", self.work / "d2.enc", INSECURE)
        identity = frames(self.work / "d2.enc")[1]["LAYT"][20:36]

        def of_other(sections):
            sections["LAYT"] = sections["LAYT"][:20] + identity + sections["LAYT"][36:]
        for number in (1, 2, 3):
            self.round(number, of_other)
        result = self.validate()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.startswith("NOTE: of "), result.stdout)
        self.assertIn("d2.enc', as the server says; --trained-on", result.stdout)
        self.assertFalse(json.loads(self.validate("--json").stdout)["data_checked"])
        result = self.validate("--json", "--trained-on", self.work / "d2.enc")
        self.assertTrue(json.loads(result.stdout)["data_checked"])

    def test_the_servers_folder_holds_nothing_of_the_owners(self):
        self.round(1)
        inside = self.work / "x"
        arguments = [OWNER, "validate", "--data", self.folder / "v.enc", "--exchange", inside,
                     "--timeout", 0, "--config", self.folder / "train.json", "--quiet", INSECURE]
        (self.work / "link").symlink_to(inside)
        (inside / "deeper").mkdir()
        for out in (inside / "best.enc", inside / "deeper" / "best.enc", self.work / "link/best.enc",
                    self.work / "keys" / ".." / "x" / "best.enc"):
            self.refused(run(*arguments, "--keys", self.own, "--out", out), "best.enc",
                         "in the folder that the server sees")
        shutil.copytree(self.own, inside / "keys")
        self.refused(run(*arguments, "--keys", inside / "keys", "--out", self.work / "b.enc"),
                     "in the folder that the server sees", "keys")
        shutil.rmtree(inside / "keys")
        (inside / "deeper").rmdir()
        self.assertEqual([path.name for path in inside.iterdir()], ["round-0001.enc"])

    def encrypt(self):
        return run(OWNER, "encrypt", "--features", self.folder / "xt.npy", "--unlabelled",
                   "--keys", self.own, "--out", self.work / "t.enc", "--quiet", "--json", INSECURE)

    def test_a_ledger_that_is_gone_is_missed(self):
        ledger = next(self.own.glob("ledger-*"))
        ledger.unlink()
        # The record of data sets tells of nothing either.
        next(self.own.glob("data-sets-*")).unlink()
        asked = [OWNER, "ledger", "--keys", self.own, INSECURE]
        said = ledger.name, "is not there", "--begin-anew"
        self.refused(self.decrypt(self.folder / "m.enc"), *said)
        self.refused(self.decrypt(self.folder / "m.enc", "--publish"), *said)
        self.refused(self.decrypt(self.folder / "s.enc", out="s.npy", kind="--scores"), *said)
        self.refused(self.encrypt(), *said)
        self.refused(run(*asked), *said)
        self.round(1)
        self.refused(self.validate(), *said)
        self.assertFalse((self.work / "t.enc").exists())
        # It is lost: another begins, which says so.
        (self.work / "phrase").write_text("correct horse\n")
        self.good(OWNER, "passphrase", "--keys", self.own, "--new-passphrase-file",
                  self.work / "phrase", INSECURE)
        os.environ["BLINDTUNER_PASSPHRASE_FILE"] = str(self.work / "phrase")
        self.addCleanup(os.environ.pop, "BLINDTUNER_PASSPHRASE_FILE")
        self.refused(self.encrypt(), *said)
        self.assertIn("What these keys gave away before", self.good(*asked, "--begin-anew").stdout)
        self.refused(run(*asked, "--begin-anew"), ledger.name, "is there")
        self.assertEqual(self.encrypt().returncode, 0)
        self.refused(self.decrypt(self.folder / "m.enc"), "no record", "--unrecorded-data")
        self.assertEqual(self.decrypt(self.folder / "m.enc", "--unrecorded-data").returncode, 0)
        self.assertEqual([e["kind"] for e in self.ledger()["entries"]],
                         ["begun", "encrypted", "opened"])
        # Whoever cannot open the key cannot take its word back.
        as_earlier_programs_wrote(self.own)
        self.refused(self.encrypt(), "the passphrase is wrong, or the file was changed")

    def test_a_ledger_of_earlier_keys_that_is_gone_is_said(self):
        as_earlier_programs_wrote(self.own)
        next(self.own.glob("ledger-*")).unlink()
        result = self.encrypt()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("WARNING: the ledger", result.stderr)
        self.assertNotIn("WARNING", self.decrypt(self.folder / "m.enc").stderr)

    def test_sizes_are_held_against_the_keys_before_anything_is_read(self):
        """Files of a terabyte that say they are of so many samples, features or classes."""
        def change(sections, at, layout, value):
            data = bytearray(sections["LAYT"])
            struct.pack_into(layout, data, at, value)
            sections["LAYT"] = bytes(data)
        for source, section in (("m.enc", "WGHT"), ("s.enc", "SCOR")):
            for at, layout, value in ((0, "<Q", (1 << 30) - 1), (8, "<I", 1 << 16)):
                with self.subTest(source=source, value=value):
                    header, sections = frames(self.folder / source)
                    change(sections, at, layout, value)
                    sections[section] = bytes(1 << 24)
                    data = container(header, sections)
                    with open(self.forged, "wb") as file:
                        file.write(data[:data.rindex(b"END.") - 4])
                        file.truncate(1 << 40)
                    options = ["--scores"] if source == "s.enc" else ["--model"]
                    result = subprocess.run(
                        [OWNER, "decrypt", *options, self.forged, "--keys", self.own, "--out",
                         self.work / "out.npz", INSECURE], capture_output=True, text=True,
                        timeout=60, preexec_fn=None if SANITIZED else lambda: resource.setrlimit(
                            resource.RLIMIT_AS, (1 << 29, 1 << 29)))
                    self.refused(result, "f.enc", "says that its data set has" if at == 0 else
                                 "the keys were made for")

    def test_which_data_set_is_the_owners(self):
        folder, publish = self.folder, ("--publish", "--config", self.folder / "train.json")
        npy(self.work / "small.npy", [[x / 1000 for x in row] for row in blobs(300, 1)[0]])

        def encrypt(features, name, *more):
            self.good(OWNER, "encrypt", "--features", features, *more, "--keys", self.own, "--out",
                      self.work / name, INSECURE)
            return frames(self.work / name)[1]["LAYT"][20:36]
        other = encrypt(self.work / "small.npy", "small.enc", "--labels", folder / "y.npy")

        def of_other(sections):
            sections["LAYT"] = sections["LAYT"][:20] + other + sections["LAYT"][36:]
        # A model that says it is of smaller features needs less noise.
        forge(folder / "m.enc", self.forged, of_other)
        for model in (folder / "m.enc", self.forged):
            self.refused(self.decrypt(model, *publish), "one of several data sets", "--trained-on")
        mine = ("--trained-on", folder / "data.enc")
        for more in (mine, (*publish, *mine)):
            self.refused(self.decrypt(self.forged, *more), "another data set than this run's")
            self.assertEqual(self.decrypt(folder / "m.enc", *more).returncode, 0)
        identity = frames(folder / "data.enc")[1]["LAYT"][20:36].hex()
        self.good(OWNER, "decrypt", "--model", folder / "m.enc", "--keys", self.own, "--out",
                  self.work / "o.npz", *publish, "--trained-on", identity[:8], INSECURE)
        for said in (identity[:7], "f" * 32, folder / "nowhere.enc"):
            self.refused(self.decrypt(folder / "m.enc", "--trained-on", said), "neither the file")
        forge(folder / "data.enc", self.work / "data.enc", of_other)
        self.refused(self.decrypt(self.forged, "--trained-on", self.work / "data.enc"),
                     "with other contents")
        self.refused(self.decrypt(folder / "m.enc", "--trained-on", folder / "m.enc"),
                     "expected an encrypted data set")
        # Privately it is said.
        self.assertIn("small.enc', as the server says", self.decrypt(self.forged).stdout)
        self.assertNotIn("as the server says; --trained-on",
                         self.decrypt(folder / "m.enc", *mine).stdout)
        self.assertFalse(json.loads(self.decrypt(self.forged, "--json").stdout)["data_checked"])
        # The file of one data set that is called like another.
        named = self.work / identity[:8]
        shutil.copy(self.work / "small.enc", named)
        self.refused(subprocess.run([*map(str, [
            OWNER, "decrypt", "--model", folder / "m.enc", "--keys", self.own, "--out", "o2.npz",
            "--trained-on", named.name, INSECURE])], cwd=self.work, capture_output=True, text=True),
                     "the identity of one data set and the file of another")
        # So it is of scores.
        told = self.decrypt(folder / "s.enc", "--json", out="s.npy", kind="--scores")
        report = json.loads(told.stdout)
        self.assertEqual((report["config_checked"], report["trained_on_checked"]), (False, False))
        told = self.decrypt(folder / "s.enc", out="s.npy", kind="--scores").stdout
        self.assertIn("trained as the server says (steps", told)
        self.assertIn("as the server says; --trained-on", told)
        told = self.decrypt(folder / "s.enc", *publish[1:], *mine, out="s.npy", kind="--scores").stdout
        self.assertNotIn("as the server says; --trained-on", told)
        self.assertNotIn("trained as the server says", told)
        # Scores of the other of two sets, and of a set that was not encrypted for prediction.
        second = encrypt(folder / "xt.npy", "t2.enc", "--unlabelled")

        def of_second(sections):
            sections["LAYT"] = sections["LAYT"][:20] + second
        forge(folder / "s.enc", self.forged, of_second)
        of_model = ("--model", folder / "m.enc", *publish, *mine)
        for scores in (folder / "s.enc", folder / "sv.enc", self.forged):
            self.refused(self.decrypt(scores, *of_model, out="s.npy", kind="--scores"),
                         "one of several data sets", "--data")
        for more in ((), of_model):
            self.refused(self.decrypt(self.forged, *more, "--data", folder / "t.enc", out="s.npy",
                                      kind="--scores"), "another data set than the one that is told")
            result = self.decrypt(folder / "s.enc", *more, "--data", folder / "t.enc", out="s.npy",
                                  kind="--scores")
            self.assertEqual(result.returncode, 0, result.stderr)
        self.refused(self.decrypt(folder / "m.enc", "--data", folder / "t.enc"), "--trained-on", code=2)

    def test_a_training_set_does_not_validate(self):
        def of_training(sections):
            scores = frames(self.folder / "sd.enc")[1]
            sections["LAYV"], sections["SCOR"] = scores["LAYT"], scores["SCOR"]
        self.round(1, of_training)
        result = run(OWNER, "validate", "--keys", self.own, "--data", self.folder / "data.enc",
                     "--exchange", self.work / "x", "--out", self.work / "best.enc", "--timeout", 0,
                     "--config", self.folder / "train.json", "--quiet", INSECURE)
        self.refused(result, "data.enc", "encrypted for training, expected a set for validation")
        self.assertFalse((self.work / "x" / "answer-0001.bit").exists())
        self.assertEqual(self.ledger()["opened"], 0, "not even its labels")

    def test_nothing_of_a_file_steers_the_terminal(self):
        def change(sections):
            steps, config, circuit = training(sections["TRAI"])
            sections["TRAI"] = training_section(steps, {**config, "\x9b31m\x1b[2J\x7f": 1}, circuit)
        forge(self.folder / "m.enc", self.forged, change)
        for result in (self.decrypt(self.forged), run(OWNER, "inspect", self.forged)):
            self.refused(result, "unknown field", "\\xc2\\x9b31m")
            self.assertTrue(result.stderr[:-1].isprintable(), result.stderr)

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
        f = self.folder
        on, config = ("--trained-on", f / "data.enc"), ("--config", f / "train.json")
        for left_out in (("TRDA",), ("TRAI", "TRDA")):
            def change(sections):
                for name in left_out:
                    del sections[name]
            forge(f / "s.enc", self.forged, change)
            said = self.decrypt(self.forged, out="s.npy", kind="--scores")
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertIn("NOTE: does not say what its model was trained on", said.stdout)
            for more in (on, ("--publish", "--model", f / "m.enc", *config),
                         ("--publish", "--model", f / "m.enc", *config, *on)):
                self.refused(self.decrypt(self.forged, *more, out="s.npy", kind="--scores"),
                             "does not say what its model was trained on",
                             "score the samples again")
        self.refused(self.decrypt(self.forged, *config, out="s.npy", kind="--scores"),
                     "does not say how its model was trained")

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


if __name__ == "__main__":
    main()
