#!/usr/bin/env python3
"""Early stopping: the two programs exchange rounds of validation and answers as files.

usage: validation_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import hashlib
import json
import math
import resource
import shutil
import struct
import subprocess
import time

from cli_base import CLASSES, CONFIG, INSECURE, OWNER, SERVER, Base, blobs, main, npy, run
from containers import HEADER, answer_file, container, frames

STEPS = 6


class Validation(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.folder
        (folder / "train.json").write_text(
            json.dumps({**CONFIG, "steps": STEPS, "validation_every": 1}))
        features, labels = blobs(60, 3)
        npy(folder / "xv.npy", features)
        npy(folder / "yv.npy", labels, "<i4")
        # Labels that are all wrong: every step towards the truth makes their loss larger.
        npy(folder / "yw.npy", [(label + 1) % CLASSES for label in labels], "<i4")
        for name, labels in (("right", "yv.npy"), ("wrong", "yw.npy")):
            cls.good(OWNER, "encrypt", "--features", folder / "x.npy", "--labels",
                     folder / "y.npy", "--validation", folder / "xv.npy", "--validation-labels",
                     folder / labels, "--validation-out", folder / f"{name}.enc", "--keys",
                     cls.keys, "--out", folder / "data.enc", INSECURE)

    def setUp(self):
        self.work = self.folder / self.id().split(".")[-1]
        self.exchange = self.work / "exchange"
        self.work.mkdir()

    def start(self, *arguments):
        process = subprocess.Popen([*map(str, arguments)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def server(self, which, *more):
        return [SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                self.folder / "data.enc", "--validation", self.folder / f"{which}.enc",
                "--exchange", self.exchange, "--out", self.work / "last.enc", "--config",
                self.folder / "train.json", "--report", self.work / "server.json", INSECURE, *more]

    def owner(self, which, *more):
        return [OWNER, "validate", "--keys", self.keys, "--data", self.folder / f"{which}.enc",
                "--exchange", self.exchange, "--out", self.work / "best.enc", "--json",
                "--config", self.folder / "train.json", INSECURE, *more]

    def both(self, which, owner=(), server=()):
        running = self.start(*self.server(which, *server))
        answered = run(*self.owner(which, *owner))
        _, errors = running.communicate(timeout=120)
        self.assertEqual(answered.returncode, 0, answered.stderr)
        self.assertEqual(running.returncode, 0, errors)
        return json.loads(answered.stdout), json.loads((self.work / "server.json").read_text())

    def weights(self, path):
        out = self.work / "weights.json"
        self.good(OWNER, "decrypt", "--model", path, "--keys", self.keys, "--out", out, INSECURE)
        return json.loads(out.read_text())

    def wait_for(self, path):
        end = time.monotonic() + 120
        while not path.exists():
            self.assertLess(time.monotonic(), end, f"no {path}")
            time.sleep(0.02)

    def test_stops_and_returns_the_best_model(self):
        said, server = self.both("wrong", owner=["--patience", 2])
        self.assertTrue(said["stopped_early"])
        self.assertEqual(said["best_round"], 1)
        self.assertEqual(len(said["rounds"]), 3)
        losses = [r["loss"] for r in said["rounds"]]
        self.assertEqual(losses, sorted(losses))
        self.assertTrue(server["stopped_early"])
        self.assertEqual(server["steps"], 3)
        self.assertEqual([r["stop"] for r in server["validation_rounds"]], [False, False, True])
        # The model after one step, and not the last one.
        (self.work / "one.json").write_text(
            json.dumps({**CONFIG, "steps": STEPS, "validation_every": 1}))
        self.assertNotEqual(self.weights(self.work / "best.enc"),
                            self.weights(self.work / "last.enc"))
        steps = json.loads(
            self.good(OWNER, "inspect", self.work / "best.enc", "--json").stdout)["contents"]
        self.assertEqual(steps["steps_done"], 1)

    def test_goes_through_when_it_gets_better(self):
        said, server = self.both("right")
        self.assertFalse(said["stopped_early"])
        self.assertEqual(said["best_round"], STEPS)
        self.assertGreater(said["rounds"][-1]["accuracy"], 0.9)
        self.assertEqual(server["steps"], STEPS)
        self.assertEqual(self.weights(self.work / "best.enc"),
                         self.weights(self.work / "last.enc"))
        # Nothing is asked after the last step, so nothing is answered.
        self.assertTrue((self.exchange / f"round-{STEPS:04d}.enc").exists())
        self.assertFalse((self.exchange / f"answer-{STEPS:04d}.bit").exists())
        # What was computed from encrypted scores is what the decrypted model gives in the clear.
        self.good(OWNER, "decrypt", "--model", self.work / "best.enc", "--keys", self.keys,
                  "--out", self.work / "best.npz", INSECURE)
        clear = json.loads(self.good(OWNER, "evaluate", "--model", self.work / "best.npz",
                                     "--features", self.folder / "xv.npy", "--labels",
                                     self.folder / "yv.npy", "--json").stdout)
        self.assertEqual(clear["accuracy"], said["rounds"][-1]["accuracy"])
        self.assertAlmostEqual(clear["max_logit"], said["rounds"][-1]["max_logit"], delta=0.01)
        # Rounds are files like any other.
        self.assertIn("a round of validation", self.good(
            OWNER, "inspect", self.exchange / "round-0001.enc").stdout)

    def test_stops_when_logits_leave_their_range(self):
        said, server = self.both("right", owner=["--max-logit", 0.01, "--balanced", 0.5])
        self.assertEqual(said["balance"], 0.5)
        self.assertTrue(said["stopped_early"])
        self.assertEqual(server["steps"], 1)

    def test_best_rounds_beyond_the_circuit_are_not_trusted(self):
        config = {**CONFIG, "steps": STEPS, "validation_every": 1, "learning_rate": 40}
        (self.work / "fast.json").write_text(json.dumps(config))
        def fast(line):
            return [self.work / "fast.json" if word == self.folder / "train.json" else word
                    for word in line]
        running = self.start(*fast(self.server("right")))
        answered = run(*fast(self.owner("right")))
        _, errors = running.communicate(timeout=120)
        self.assertEqual(running.returncode, 0, errors)
        said = json.loads(answered.stdout)
        self.assertGreater(said["rounds"][0]["max_logit"], said["logit_limit"])
        self.assertEqual(answered.returncode, 4, answered.stderr)
        self.assertFalse(said["trusted"])
        self.assertIn("on the validation set in the best round", said["reasons"][0])

    def test_a_round_that_diverged_leaves_the_best_before_it(self):
        config = {**CONFIG, "steps": STEPS, "validation_every": 2, "schedule": "list", "rate_list": [1, 1, 1000, 1000, 1, 1]}
        (self.work / "wild.json").write_text(json.dumps(config))
        def wild(line):
            return [self.work / "wild.json" if word == self.folder / "train.json" else word for word in line]
        running = self.start(*wild(self.server("right")))
        answered = run(*wild(self.owner("right")))
        _, errors = running.communicate(timeout=120)
        self.assertEqual(running.returncode, 0, errors)
        kept = "the best round before it, round 1 after 2 steps, is kept: its encrypted model is in '"
        self.refused(answered, "round-0002.enc", "training diverged", kept, "best.enc'", code=4)
        self.assertEqual(json.loads((self.work / "server.json").read_text())["steps"], 4)
        self.refused(run(*wild(self.owner("right"))), "round 2 of this run was refused on", "train anew")
        self.good(OWNER, "decrypt", "--model", self.work / "best.enc", "--keys", self.keys, "--out", self.work / "best.npz",
                  "--config", self.work / "wild.json", INSECURE)

    def test_one_bit_leaves_the_owner(self):
        self.both("wrong", owner=["--patience", 2])
        for number, stop in ((1, 0), (2, 0), (3, 1)):
            round_path = self.exchange / f"round-{number:04d}.enc"
            sent = (self.exchange / f"answer-{number:04d}.bit").read_bytes()
            self.assertEqual(sent, answer_file(round_path, number, stop))
        # And no other file: what the owner wrote lies beside its model.
        self.assertEqual(sorted(path.name for path in self.exchange.iterdir()),
                         sorted([f"round-{n:04d}.enc" for n in (1, 2, 3)] +
                                [f"answer-{n:04d}.bit" for n in (1, 2, 3)]))

    def test_times_out(self):
        result = run(*self.server("right", "--answer-timeout", 0.2))
        self.refused(result, "no answer to round 1", "answer-0001.bit", "validate")
        self.assertFalse((self.work / "last.enc").exists())
        shutil.rmtree(self.exchange)
        result = run(*self.owner("right", "--timeout", 0.2))
        self.refused(result, "no round 1", "round-0001.enc", "train")
        # A folder that is not the server's shows at once.
        self.assertIn(f"waiting for round 1 in '{self.exchange}'", result.stderr.splitlines()[0])
        self.assertFalse((self.work / "best.enc").exists())

    def test_answers_that_are_none(self):
        def answered(make, *words):
            shutil.rmtree(self.exchange, ignore_errors=True)
            server = self.start(*self.server("right"))
            self.wait_for(self.exchange / "round-0001.enc")
            first = make(self.exchange / "round-0001.enc")
            temporary = self.work / "answer"
            temporary.write_bytes(first[0])
            temporary.rename(self.exchange / "answer-0001.bit")
            if len(first) > 1:
                self.wait_for(self.exchange / "round-0002.enc")
                temporary.write_bytes(first[1])
                temporary.rename(self.exchange / "answer-0002.bit")
            out, errors = server.communicate(timeout=120)
            self.refused(subprocess.CompletedProcess([], server.returncode, out, errors), *words)
            self.assertFalse((self.work / "last.enc").exists())

        def tampered(path):
            whole = bytearray(answer_file(path, 1, 1))
            whole[-41] ^= 1  # in the frame that holds the bit
            return [bytes(whole)]
        answered(tampered, "answer-0001.bit", "damaged")
        answered(lambda path: [answer_file(path, 1, 0, bytes(16))], "answer-0001.bit",
                 "another run")
        answered(lambda path: [answer_file(path, 1, 0)] * 2, "answer-0002.bit",
                 "answers round 1, expected round 2")
        answered(lambda path: [answer_file(path, 1, 2)], "answer-0001.bit", "0 to 1")
        answered(lambda path: [path.read_bytes()], "a round of validation",
                 "expected an answer")

        # Another owner's answer.
        other = self.work / "keys"
        self.make_keys(other)
        header = (other / "evaluation.keys").read_bytes()[80:96]

        def foreign(path):
            mine = answer_file(path, 1, 0)
            fake = self.work / "fake"
            start = mine[:80] + header + mine[96:160]
            fake.write_bytes(start + hashlib.sha256(start).digest() + path.read_bytes()[HEADER:])
            return [answer_file(fake, 1, 0)]
        answered(foreign, "answer-0001.bit", "belongs to the keys")

    def test_a_used_folder_is_refused(self):
        self.both("right", owner=["--max-logit", 0.01])
        self.refused(run(*self.server("right")), "round-0001.enc", "another run")
        (self.exchange / "round-0001.enc").unlink()
        self.refused(run(*self.server("right")), "answer-0001.bit", "another run")
        # Nor does an owner mix two runs up.
        self.refused(run(*self.owner("wrong")), "best.enc.rounds.json", "another validation")

    def test_the_ledger_knows_every_answer(self):
        before = self.ledger()
        self.both("wrong", owner=["--patience", 2])
        ledger = self.ledger()
        answers = ledger["entries"][len(before["entries"]):]
        answers = [e for e in answers if e["kind"] == "answered"]
        self.assertEqual([(e["round"], e["stop"]) for e in answers],
                         [(1, False), (2, False), (3, True)])
        self.assertEqual(len({e["run"] for e in answers}), 1)
        # One of STEPS moments, and whether by a refusal, whenever it ended.
        self.assertAlmostEqual(ledger["answered_bits"] - before["answered_bits"],
                               math.log2(2 * STEPS))
        # A validator that has lost its record does not answer by another rule.
        for name in ("best.enc", "best.enc.rounds.json"):
            (self.work / name).unlink()
        for path in self.exchange.glob("answer-*.bit"):
            path.unlink()
        self.refused(run(*self.owner("wrong", "--patience", 1)), "another patience", "answered once")
        self.assertEqual(list(self.exchange.glob("answer-*.bit")), [])
        self.assertEqual(self.ledger()["answered_bits"], ledger["answered_bits"])
        self.good(*self.owner("wrong", "--patience", 2))
        self.assertEqual(self.ledger()["answered_bits"], ledger["answered_bits"])

    def test_nothing_is_asked_that_cannot_be_kept(self):
        self.start(*self.server("right"))
        self.wait_for(self.exchange / "round-0001.enc")
        before = len(self.ledger()["entries"])
        record = self.work / "best.enc.rounds.json"
        for limit in range(5, 40):
            def few():
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            done = subprocess.run([*map(str, self.owner("right", "--timeout", 0))], capture_output=True,
                                  text=True, preexec_fn=few)
            self.refused(done)
            asked = [e["kind"] for e in self.ledger()["entries"][before:] if e["kind"] == "asked"]
            self.assertEqual(len(asked), int(record.exists()), f"{limit} descriptors: {done.stderr}")
            if (self.exchange / "answer-0001.bit").exists():
                break
        self.assertGreater(limit, 8)
        self.assertEqual(len(asked), 1)

    def ledger(self):
        return json.loads(self.good(OWNER, "ledger", "--keys", self.keys, "--json",
                                    INSECURE).stdout)

    def test_rounds_that_are_not_the_owners(self):
        self.both("right")
        for name in ("best.enc", "best.enc.rounds.json"):
            (self.work / name).unlink()
        # Scores of another data set than the owner's own.
        self.refused(run(*self.owner("wrong")), "round-0001.enc", "another data set")
        shutil.copy(self.exchange / "round-0001.enc", self.exchange / "round-0002.enc")
        self.refused(run(*self.owner("right")), "round-0002.enc", "holds round 1, expected 2")

    def forge(self, path, change):
        """The file with sections as change() leaves them."""
        header, sections = frames(path)
        change(sections)
        path.write_bytes(container(header, sections))

    def test_a_record_is_of_one_run(self):
        self.both("right")
        answers = {path.name: path.read_bytes() for path in self.exchange.glob("answer-*.bit")}
        best = (self.work / "best.enc").read_bytes()
        # The same run again: the same report.
        again = self.good(*self.owner("right", "--timeout", 0.2))
        self.assertEqual(len(json.loads(again.stdout)["rounds"]), STEPS)
        self.assertNotIn("waiting", again.stderr)
        # A new training into the same --out, before its first round and after it.
        shutil.move(self.exchange, self.work / "first")
        self.refused(run(*self.owner("right", "--timeout", 0.2)), "best.enc.rounds.json",
                     "earlier run", "have the best model elsewhere, or remove it")
        server = self.start(*self.server("right", "--answer-timeout", 5))
        self.wait_for(self.exchange / "round-0001.enc")
        self.refused(run(*self.owner("right")), "best.enc.rounds.json", "earlier run",
                     "have the best model elsewhere, or remove it")
        self.assertEqual(list(self.exchange.glob("answer-*.bit")), [])
        server.kill()
        server.wait()
        # Even when it has come as far as the earlier one.
        shutil.copy(self.exchange / "round-0001.enc",
                    self.exchange / f"round-{STEPS:04d}.enc")
        self.refused(run(*self.owner("right")), "best.enc.rounds.json", "is of another")
        self.assertEqual((self.work / "best.enc").read_bytes(), best)
        self.assertEqual({path.name: path.read_bytes()
                          for path in (self.work / "first").glob("answer-*.bit")}, answers)

    def test_a_record_that_was_changed(self):
        self.both("right", owner=["--max-logit", 0.01])
        record = self.work / "best.enc.rounds.json"
        good = record.read_text()
        for old, new in (('"stopped_early": true', '"stopped_early": false'),
                         ('"patience": 3', '"patience": 4'), ('"best_round": 1', '"best_round": 2'),
                         ('"finished": false', '"finished": true'), ("\n", "\r\n"), ("{", " {")):
            self.assertIn(old, good)
            record.write_text(good.replace(old, new, 1))
            self.refused(run(*self.owner("right")), "best.enc.rounds.json", "seal is wrong")
        # What earlier versions wrote.
        record.write_text(json.dumps(json.loads(good)["record"]))
        self.refused(run(*self.owner("right")), "best.enc.rounds.json", "have the best model elsewhere")
        record.write_text(good)
        (self.work / "best.enc").write_bytes((self.work / "last.enc").read_bytes() + b"x")
        self.refused(run(*self.owner("right")), "best.enc")

    def test_a_substituted_validation_set(self):
        own = (self.folder / "right.enc").read_bytes()
        copy = self.work / "copy.enc"
        copy.write_bytes(own)
        labels = frames(self.folder / "wrong.enc")[1]["LABL"]

        def swap(sections):
            sections["LABL"] = labels
        self.forge(copy, swap)
        arguments = [str(copy) if a == self.folder / "right.enc" else a
                     for a in self.owner("right")]
        self.refused(run(*arguments), "copy.enc", "other contents")
        copy.write_bytes(own)  # an honest copy is as good as the file
        self.refused(run(*arguments, "--timeout", 0.1), "no round 1")
        # A set that these keys never made, as far as they know.
        record, = self.keys.glob("data-sets-*.json")
        kept = record.read_bytes()
        self.addCleanup(record.write_bytes, kept)
        record.unlink()
        self.refused(run(*arguments), "copy.enc", "no record", "--unrecorded-data")
        self.refused(run(*arguments, "--unrecorded-data", "--timeout", 0.1), "no round 1")
        record.write_bytes(kept.replace(b"right.enc", b"write.enc"))
        self.refused(run(*arguments), record.name, "seal is wrong")

    def test_what_was_held_out_of_another_training_set(self):
        held_out = lambda name, *more: run(
            OWNER, "encrypt", "--features", self.folder / "x.npy", "--labels", self.folder / "y.npy",
            "--keys", self.keys, "--out", self.work / f"{name}.enc", "--validation-fraction", 0.3,
            "--seed", 7, INSECURE, *more)  # which says nothing of what it was drawn from
        self.assertEqual(held_out("one").returncode, 0)
        self.assertEqual(held_out("two").returncode, 0)
        before = {path.name: path.read_bytes() for path in self.work.glob("*.enc")}
        # Refused after the samples were read, it replaces neither of the two.
        (self.work / "bad.json").write_text('{"momentun": 0.5}')
        self.refused(held_out("one", "--config", self.work / "bad.json"), "momentun")
        self.assertEqual({path.name: path.read_bytes() for path in self.work.glob("*.enc")}, before)
        both = lambda one, other: ([self.work / f"{one}.enc" if a == self.folder / "data.enc" else a
                                    for a in self.server(other)],
                                   [self.work / f"{other}-validation.enc" if a == self.folder /
                                    "right.enc" else a for a in self.owner("right")])
        for name in ("one", "two"):
            (self.folder / f"{name}.enc").unlink(missing_ok=True)
            (self.folder / f"{name}.enc").symlink_to(self.work / f"{name}-validation.enc")
            self.addCleanup((self.folder / f"{name}.enc").unlink)
        server, owner = both("one", "two")
        running = self.start(*server)
        self.refused(run(*owner), "two-validation.enc", "held out of another training set")
        running.kill()
        running.communicate()
        shutil.rmtree(self.exchange)
        server, owner = both("one", "one")
        running = self.start(*server)
        self.good(*owner)
        running.communicate(timeout=120)
        self.assertEqual(running.returncode, 0)

    def test_forged_rounds(self):
        def answered(change, *words, owner=(), stopped=False):
            shutil.rmtree(self.exchange, ignore_errors=True)
            for name in ("best.enc", "best.enc.rounds.json"):
                (self.work / name).unlink(missing_ok=True)
            self.exchange.mkdir()
            path = self.exchange / "round-0001.enc"
            path.write_bytes(honest)
            self.forge(path, change)
            self.refused(run(*self.owner("right", *owner)), "round-0001.enc", *words)
            answer = self.exchange / "answer-0001.bit"
            self.assertEqual(answer.exists(), stopped)
            if stopped:
                self.assertEqual(answer.read_bytes(), answer_file(path, 1, 1))
            self.assertFalse((self.work / "best.enc").exists())

        self.both("right", owner=["--max-logit", 0.01])
        honest = (self.exchange / "round-0001.enc").read_bytes()

        def scale(section, factor):
            def change(sections):
                at = bytearray(sections[section])
                value, = struct.unpack_from("<d", at, 3)
                struct.pack_into("<d", at, 3, value * factor)
                sections[section] = bytes(at)
            return change
        for factor in (0.5, 2.0 ** -60, 2.0 ** 20, float("nan"), -1.0):
            answered(scale("WGHT", factor), "scale")
            answered(scale("SCOR", factor), "scale")

        def patch(section, at, layout, value):
            def change(sections):
                data = bytearray(sections[section])
                struct.pack_into(layout, data, at, value)
                sections[section] = bytes(data)
            return change
        answered(patch("TRAI", 0, "<I", 2), "after 2 steps, expected 1")
        answered(patch("TRAI", 0, "<I", 0), "steps")
        answered(patch("TRAI", 0, "<I", 1000), "after 1000 steps, its configuration has")
        answered(patch("RUN.", 16, "<I", 2), "holds round 2, expected 1")
        answered(patch("RUN.", 20, "<B", 1), "the last round")
        answered(patch("RUN.", 20, "<B", 2), "0 to 1")
        answered(patch("LAYT", 0, "<Q", 299), "299 samples")
        answered(patch("LAYV", 0, "<Q", 61), "another data set")

        def other_data(sections):
            sections["LAYT"] = sections["LAYT"][:-1] + bytes([sections["LAYT"][-1] ^ 1])
        answered(other_data, "no record of its data set")

        def config(sections):
            sections["TRAI"] = sections["TRAI"].replace(b'"learning_rate":0.5',
                                                        b'"learning_rate":0.7')
        answered(config, "another configuration", "learning_rate is 0.7, expected 0.5")

        def noise(sections):
            # The second half of what is decrypted, replaced by the first.
            data = sections["SCOR"]
            size = len(data) // 8
            half = (size - 11) // 2
            self.assertEqual(8 * (11 + 2 * half), len(data))
            pieces = [data[at:at + 11 + half] + data[at + 11:at + 11 + half]
                      for at in range(0, len(data), size)]
            sections["SCOR"] = b"".join(pieces)
        answered(noise, "another ciphertext", "answered once")

        def noise_of_another_run(sections):
            noise(sections)
            sections["RUN."] = bytes(16) + sections["RUN."][16:]
        answered(noise_of_another_run, "not what this training can have produced", stopped=True)

    def test_files_that_are_copied(self):
        # What copies the folder may take its time: a part of a file is none yet.
        server = self.start(*self.server("right"))
        first, answer = self.exchange / "round-0001.enc", self.exchange / "answer-0001.bit"
        self.wait_for(first)
        whole = answer_file(first, 1, 1)
        for size in (0, 5, 191, 192, 300, len(whole) - 1):
            answer.write_bytes(whole[:size])
            time.sleep(0.1)
        self.assertIsNone(server.poll())
        answer.write_bytes(whole)
        _, errors = server.communicate(timeout=120)
        self.assertEqual(server.returncode, 0, errors)
        shutil.copy(first, self.work / "first")

        shutil.rmtree(self.exchange)
        self.exchange.mkdir()
        whole = (self.work / "first").read_bytes()
        for size in (0, 5, 191, 192, 200, len(whole) // 2, len(whole) - 1):
            first.write_bytes(whole[:size])
            self.refused(run(*self.owner("right", "--timeout", 0)), "no round 1",
                         "only a part is there")
        # Nor does a file that is a hole keep anybody for days.
        with open(first, "wb") as hole:
            hole.write(whole[:192])
            hole.truncate(1 << 42)
        self.refused(run(*self.owner("right", "--timeout", 0)), "round-0001.enc")
        first.write_bytes(whole[:200])
        owner = self.start(*self.owner("right", "--max-logit", 0.01))
        self.assertIn("waiting for round 1", owner.stderr.readline())
        first.write_bytes(whole)
        out, errors = owner.communicate(timeout=120)
        self.assertEqual(owner.returncode, 0, errors)
        self.assertTrue(json.loads(out)["stopped_early"])
        shutil.rmtree(self.exchange)
        server = self.start(*self.server("right", "--answer-timeout", 1))
        self.wait_for(first)
        answer.write_bytes(answer_file(first, 1, 1)[:300])
        out, errors = server.communicate(timeout=120)
        self.refused(subprocess.CompletedProcess([], server.returncode, out, errors),
                     "no answer to round 1", "only a part is there")

    def test_both_sides_survive_a_kill(self):
        checkpoints = ["--checkpoint", self.work / "checkpoints", "--resume"]
        self.both("right", server=["--checkpoint", self.work / "others"])
        best = (self.work / "best.enc").read_bytes()
        for name in ("best.enc", "best.enc.rounds.json", "last.enc"):
            (self.work / name).unlink()
        shutil.rmtree(self.exchange)

        server = self.start(*self.server("right", *checkpoints))
        owner = self.start(*self.owner("right"))
        self.wait_for(self.exchange / "answer-0002.bit")
        owner.kill()
        owner.wait()
        # Somewhere in steps or waiting.
        time.sleep(0.3)
        server.kill()
        server.wait()
        # An answer that was lost on its way is given again, the same.
        lost = sorted(self.exchange.glob("answer-*.bit"))[-1]
        before = lost.read_bytes()
        lost.unlink()
        server = self.start(*self.server("right", *checkpoints))
        answered = run(*self.owner("right"))
        _, errors = server.communicate(timeout=120)
        self.assertEqual(answered.returncode, 0, answered.stderr)
        self.assertEqual(server.returncode, 0, errors)
        self.assertEqual(lost.read_bytes(), before)
        self.assertEqual(len(json.loads(answered.stdout)["rounds"]), STEPS)
        self.assertEqual((self.work / "best.enc").read_bytes(), best)

    def test_command_lines(self):
        data = ["--features", self.folder / "x.npy", "--labels", self.folder / "y.npy", "--keys",
                self.keys, INSECURE]
        out = self.work / "d.enc"
        result = json.loads(self.good(OWNER, "encrypt", *data, "--validation-fraction", 0.1,
                                      "--out", out, "--json").stdout)
        self.assertEqual(result["samples"], 270)
        self.assertEqual(result["validation"]["samples"], 30)
        self.assertTrue((self.work / "d-validation.enc").exists())
        self.refused(run(OWNER, "encrypt", *data, "--validation-fraction", 0.001, "--out", out),
                     "x.npy", "too few")
        self.refused(run(OWNER, "encrypt", *data, "--validation-fraction", 0.1, "--validation",
                         self.folder / "xv.npy", "--out", out), "one of")
        without = self.server("right")
        at = without.index("--exchange")
        self.refused(run(*without[:at], *without[at + 2:]), "go together")
        unlabelled = self.work / "u.enc"
        self.good(OWNER, "encrypt", "--features", self.folder / "x.npy", "--unlabelled",
                  "--keys", self.keys, "--out", unlabelled, INSECURE)
        self.refused(run(OWNER, "validate", "--keys", self.keys, "--data", unlabelled,
                         "--exchange", self.exchange, "--out", out, INSECURE),
                     "u.enc", "was encrypted for prediction, expected a set for validation")


if __name__ == "__main__":
    main()
