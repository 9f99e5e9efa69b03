#!/usr/bin/env python3
"""Whose each sample is, from `encrypt --unlabelled` to `evaluate --scores`: labels in any order.

usage: identifiers_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json
import random

from cli_base import FEATURES, INSECURE, OWNER, SERVER, Base, blobs, main, npy, run
from extract_test import npz

COUNT = 90


class Identifiers(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.x, cls.y = blobs(COUNT, 7)
        # In an order that labels are not in: the class says nothing about the place.
        order = list(range(COUNT))
        random.Random(3).shuffle(order)
        cls.x, cls.y = [cls.x[i] for i in order], [cls.y[i] for i in order]
        (cls.folder / "c.json").write_text(json.dumps({"steps": 4, "batch_size": 128}))
        cls.good(SERVER, "train", "--keys", cls.keys / "evaluation.keys", "--data",
                 cls.folder / "data.enc", "--out", cls.folder / "m.enc", "--config",
                 cls.folder / "c.json", INSECURE)

    def scores(self, ids, name="id", out="s.npz", *more, extra=None):
        """Decrypted scores of samples with these identifiers (None: an array)."""
        at = lambda file: self.folder / file
        if ids is None:
            npy(at("new.npy"), self.x)
            new = at("new.npy")
        else:
            new = at("new.csv")
            rows = [[name, *extra] if extra else [name]]
            rows[0] += [f"f{j}" for j in range(FEATURES)]
            for i, row in enumerate(self.x):
                rows.append([ids[i], *([values[i] for values in extra.values()] if extra else []),
                             *(f"{value:.4f}" for value in row)])
            new.write_text("".join(",".join(row) + "\n" for row in rows))
        said = self.good(OWNER, "encrypt", "--features", new, "--unlabelled", "--keys", self.keys,
                         "--out", at("new.enc"), INSECURE)
        self.good(SERVER, "predict", "--keys", self.keys / "evaluation.keys", "--data",
                  at("new.enc"), "--model", at("m.enc"), "--out", at("s.enc"), INSECURE)
        at(out).unlink(missing_ok=True)
        decrypted = self.good(OWNER, "decrypt", "--scores", at("s.enc"), "--keys", self.keys,
                              "--out", at(out), INSECURE, *more)
        return said.stdout + decrypted.stdout

    def labels(self, ids, heading="id", labels=None, seed=5):
        """A table of labels, shuffled."""
        pairs = list(zip(ids, labels or self.y))
        random.Random(seed).shuffle(pairs)
        (self.folder / "y.csv").write_text(f"{heading},label\n" +
                                           "".join(f"{i},{k}\n" for i, k in pairs))

    def evaluate(self, *more, scores="s.npz"):
        return run(OWNER, "evaluate", "--scores", self.folder / scores, "--labels",
                   self.folder / "y.csv", "--json", *more)

    def right(self, *more, samples=COUNT, **named):
        result = self.evaluate(*more, **named)
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertGreater(report["accuracy"], 0.9)
        self.assertEqual(sum(map(sum, report["confusion"])), samples)
        return result.stderr

    def test_labels_in_another_order(self):
        names = [f"p{i:03}" for i in range(COUNT)]
        said = self.scores(names)
        self.assertIn("whose each is, by column 1 ('id'), is kept beside the keys", said)
        self.assertEqual(npz(self.folder / "s.npz")["identifiers"][1], names)
        self.assertEqual(npz(self.folder / "s.npz")["identifier_columns"][1], ["id"])
        # Nothing of it is in what the server gets.
        for file in ("new.enc", "s.enc"):
            self.assertNotIn(b"p001", (self.folder / file).read_bytes())
        self.labels(names)
        said = self.right()
        self.assertIn("labels go to samples by column 1 ('id'), as 'id' of ", said)
        self.assertIn("in another order than their places", said)
        # Under another name, as files.
        self.labels([f"images/{name}.png" for name in names], "file")
        self.assertIn("but for folders and endings", self.right())
        # Features with labels of their own are read for these.
        rows = list(zip(names, self.x, self.y))
        random.Random(8).shuffle(rows)
        (self.folder / "both.csv").write_text(
            "id," + ",".join(f"f{j}" for j in range(FEATURES)) + ",label\n" +
            "".join(f"{name},{','.join(f'{v:.4f}' for v in x)},{y}\n" for name, x, y in rows))
        result = self.good(OWNER, "evaluate", "--scores", self.folder / "s.npz", "--features",
                           self.folder / "both.csv", "--json")
        self.assertGreater(json.loads(result.stdout)["accuracy"], 0.9)

    def test_samples_and_labels_that_lack_each_other(self):
        names = [f"p{i:03}" for i in range(COUNT)]
        self.scores(names)
        self.labels(names[3:], labels=self.y[3:])
        self.refused(self.evaluate(), "y.csv': no row with 'p000' in column 1 ('id')",
                     "3 of its 90 rows: 'p000', 'p001', 'p002'", "--skip-missing")
        said = self.right("--skip-missing", samples=COUNT - 3)
        self.assertIn("samples without a label are left out, 3 of its 90 rows: 'p000'", said)
        self.labels(names + ["q1", "q2"], labels=self.y + [0, 1])
        self.refused(self.evaluate(), "s.npz': no row with 'q", "2 of its 92 rows",
                     "--skip-missing")
        self.assertIn("labels without a sample are left out, 2 of its 92 rows",
                      self.right("--skip-missing"))
        # Of others altogether.
        self.labels([f"q{i:03}" for i in range(COUNT)])
        self.refused(self.evaluate(), "hold other values, as of other samples", "--drop-columns")
        self.labels([f"q{i:03}" for i in range(COUNT)], "case_id")
        result = self.evaluate()
        self.assertEqual(result.returncode, 0)
        self.assertIn("warning: ", result.stderr)
        self.assertIn("hold other values: rows go together by their places", result.stderr)

    def test_identifiers_that_are_there_twice(self):
        names = [f"p{i:03}" for i in range(COUNT)]
        twice = ["p001"] + names[1:]
        self.scores(names)
        self.labels(twice)
        self.refused(self.evaluate(), "are not the same and do not tell rows apart",
                     "--drop-columns")
        self.scores(twice)
        self.labels(names)
        self.refused(self.evaluate(), "do not tell rows apart")
        # The same in both, row by row: by their places.
        (self.folder / "y.csv").write_text("id,label\n" + "".join(
            f"{i},{k}\n" for i, k in zip(twice, self.y)))
        self.assertIn("by their places", self.right())

    def test_numbers_and_texts(self):
        # As a spreadsheet makes numbers of them, and pandas fractions of these.
        padded = [f"{i:05}" for i in range(100, 100 + COUNT)]
        self.scores(padded)
        for form in ("{}", "{}.0", "{:06}"):
            self.labels([form.format(int(one)) for one in padded])
            self.assertIn("in another order", self.right())
        # Every row's number, that labels have in another order.
        self.scores([str(i + 1) for i in range(COUNT)])
        self.labels([str(i + 1) for i in range(COUNT)])
        self.right()
        # An index without a name.
        self.scores([str(i) for i in range(COUNT)], "")
        self.labels([str(i) for i in range(COUNT)], "")
        self.right()
        # No ASCII, in two forms of Unicode.
        self.scores([f"Z\u00fcrich {i}" for i in range(COUNT)])
        self.labels([f"Zu\u0308rich {i}" for i in range(COUNT)])
        self.right()

    def test_columns_that_contradict_each_other(self):
        names, other = [f"p{i:03}" for i in range(COUNT)], [f"q{i:03}" for i in range(COUNT)]
        self.scores(names, extra={"sample_id": other})
        both = list(zip(names, other[1:] + other[:1]))
        self.labels([",".join(pair) for pair in both], "id,sample_id")
        self.refused(self.evaluate(), "do not say the same as", "--drop-columns")
        self.right("--drop-columns", "sample_id")
        self.labels([",".join(pair) for pair in zip(names, other)], "id,sample_id")
        self.right()

    def test_where_nothing_tells_it_is_said(self):
        names = [f"p{i:03}" for i in range(COUNT)]
        (self.folder / "y.csv").write_text("label\n" + "".join(f"{k}\n" for k in self.y))
        self.scores(names)
        self.assertIn("by their places: no identifier in both tells rows apart", self.right())
        self.assertIn("only .npz keeps whose each sample is", self.scores(names, "id", "s.npy"))
        self.assertIn("by their places: the scores have no identifiers",
                      self.right(scores="s.npy"))
        self.labels(names)
        result = self.evaluate(scores="s.npy")
        self.assertIn("warning: ", result.stderr)
        self.assertIn("rows go together by their places, not by column 1 ('id')", result.stderr)
        self.scores(None)
        self.assertNotIn("identifiers", npz(self.folder / "s.npz"))
        self.assertIn("warning: ", self.evaluate().stderr)

    def test_samples_that_were_mixed_for_training(self):
        at = lambda file: self.folder / file
        npy(at("new.npy"), self.x)
        npy(at("new-y.npy"), self.y, "<i4")
        (at("y.csv")).write_text("label\n" + "".join(f"{k}\n" for k in self.y))

        def encrypt(*more):
            self.good(OWNER, "encrypt", "--features", at("new.npy"), "--labels", at("new-y.npy"),
                      "--keys", self.keys, "--out", at("mixed.enc"), INSECURE, *more)

        def decrypt(data, out="mixed.npz"):
            self.good(SERVER, "predict", "--keys", self.keys / "evaluation.keys", "--data",
                      at(data), "--model", at("m.enc"), "--out", at("s.enc"), INSECURE)
            return run(OWNER, "decrypt", "--scores", at("s.enc"), "--keys", self.keys, "--out",
                       at(out), INSECURE)
        # All rows: they are put back.
        encrypt()
        for out in ("mixed.npz", "mixed.npy"):
            said = decrypt("mixed.enc", out)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertIn("scores are in the order of its rows again", said.stdout)
            self.right(scores=out)
        encrypt("--seed", 0)
        said = decrypt("mixed.enc")
        self.assertNotIn("order", said.stdout)
        self.right(scores="mixed.npz")
        # A part of them, as many as there are labels: nobody knows which.
        encrypt("--validation-fraction", 0.5)
        (at("y.csv")).write_text("label\n" + "".join(f"{k}\n" for k in self.y[:COUNT // 2]))
        for data in ("mixed.enc", "mixed-validation.enc"):
            said = decrypt(data)
            self.assertIn("WARNING: ", said.stdout)
            self.assertIn("nobody knows which row each is", said.stdout)
            self.refused(self.evaluate(scores="mixed.npz"), "mixed.npz': is of samples that were",
                         "score the rows encrypted with --unlabelled")
            at("mixed.npy").unlink(missing_ok=True)
            self.refused(decrypt(data, "mixed.npy"), "nobody knows which row each is")
            self.assertFalse(at("mixed.npy").exists())

    def test_they_stay_with_the_owner(self):
        names = [f"p{i:03}" for i in range(COUNT)]
        self.scores(names)
        kept = sorted(self.keys.glob("identifiers-*.json"), key=lambda path: path.stat().st_mtime)
        self.assertEqual(kept[-1].stat().st_mode & 0o777, 0o600)
        decrypt = [OWNER, "decrypt", "--scores", self.folder / "s.enc", "--keys", self.keys,
                   INSECURE]
        whole = kept[-1].read_bytes()
        kept[-1].write_bytes(whole.replace(b"p001", b"p999"))
        self.refused(run(*decrypt, "--out", self.folder / "again.npz"), "identifiers-", "its seal is wrong",
                     "scores in .npy do without it")
        self.good(*decrypt, "--out", self.folder / "again.npy")
        # Of another data set.
        if len(kept) > 1:
            kept[-1].write_bytes(kept[0].read_bytes())
            self.refused(run(*decrypt, "--out", self.folder / "again.npz"), "holds no identifiers of data set")
        kept[-1].unlink()
        (ledger,) = self.keys.glob("ledger-*.jsonl")
        before = ledger.read_bytes()
        self.refused(run(*decrypt, "--out", self.folder / "again.npz"), "identifiers-", "put it back", "as .npy")
        # Nothing was opened for it.
        self.assertEqual(ledger.read_bytes(), before)
        self.good(*decrypt, "--out", self.folder / "again.npy")
        self.refused(run(OWNER, "decrypt", "--scores", self.folder / "s.enc", "--keys", self.keys,
                         "--out", self.keys / kept[-1].name, INSECURE), ".json")


if __name__ == "__main__":
    main()
