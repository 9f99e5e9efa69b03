#!/usr/bin/env python3
"""Tables, archives and classes through the programs: what is taken for what, and what is said.

usage: tables_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json
import os
import random
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

from cli_base import CLASSES, FEATURES, INSECURE, OWNER, PARAMETERS, Base, blobs, main, npy, run
from extract_test import npz, png, tiny_model

NAMES = ["cat", "dog", "emu"]


def table(path, features, labels, header=True, columns=None, separator=","):
    """Features and labels by name; `columns`: the order of the columns, by name."""
    names = [f"f{j}" for j in range(FEATURES)] + ["label"]
    order = columns or names
    rows = [order] if header else []
    for i, row in enumerate(features):
        values = dict(zip(names, [f"{x:.4f}" for x in row] + [str(labels[i])]), index=str(i))
        rows.append([values[name] for name in order])
    Path(path).write_text("".join(separator.join(row) + "\n" for row in rows))


def array(values, kind):
    code = {"<f4": "f", "<i4": "i"}[kind]
    flat = [x for row in values for x in row] if isinstance(values[0], list) else values
    shape = f"({len(values)}, {len(values[0])})" if isinstance(values[0], list) else f"({len(values)},)"
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() +
            struct.pack(f"<{len(flat)}{code}", *flat))


class Tables(Base):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="blindtuner-tables-"))
        os.environ["XDG_CACHE_HOME"] = str(cls.folder / "cache")
        cls.out = cls.folder / "run"

    def finetune(self, *arguments):
        held_out = () if "--validation-features" in arguments else ("--validation-fraction", 0)
        return [OWNER, "finetune", "--out", self.out, "--parameters", PARAMETERS, "--steps", 2,
                "--preset", "fast", "--seed", 1, *held_out, "--new-keys", INSECURE, *arguments]

    def report(self, *arguments):
        result = self.good(*self.finetune("--json", *arguments))
        return json.loads(result.stdout), result.stderr

    def test_columns_and_classes_by_name(self):
        features, labels = blobs(150, 1)
        named = [NAMES[k] for k in labels]
        train, test = self.folder / "train.csv", self.folder / "test.tsv"
        order = ["index", "label"] + [f"f{j}" for j in range(FEATURES)]
        table(train, features, named, columns=order)
        train.write_text(train.read_text().replace("index", "", 1))
        # Other columns' order, another separator, a class that is missing.
        features, labels = blobs(60, 2)
        some = [i for i, k in enumerate(labels) if k != 0]
        table(test, [features[i] for i in some], [f" {NAMES[labels[i]]}" for i in some],
              columns=["f3", "label"] + [f"f{j}" for j in range(FEATURES) if j != 3], separator="\t")
        report, said = self.report("--features", train, "--test-features", test)
        self.assertEqual((report["features"], report["classes"]), (FEATURES, 3))
        self.assertEqual(report["class_names"], NAMES)
        self.assertGreater(report["accuracy_encrypted"], 0.9)
        reading = report["reading"]
        self.assertEqual(reading["train"]["label"], {"column": 2, "name": "label"})
        self.assertEqual(reading["train"]["left_out"][0]["why"], "an index: it has no name")
        self.assertEqual(reading["test"]["separator"], "\t")
        self.assertIn("label is column 2 ('label'), by its name", said)
        self.assertIn("left out column 1: an index: it has no name", said)
        # The model has the names of classes and columns.
        model = self.out / "model.npz"
        self.assertEqual(npz(model)["classes"][1], NAMES)
        evaluated = json.loads(self.good(OWNER, "evaluate", "--model", model, "--features", test,
                                         "--json").stdout)
        self.assertEqual(evaluated["confusion"], report["confusion"])
        # A class that training had not, and the one that was meant.
        test.write_text(test.read_text().replace(" dog", "Dog", 1))
        self.refused(run(OWNER, "evaluate", "--model", model, "--features", test), "class 'Dog'",
                     "did you mean 'dog'?")
        # Numbers are no names, unless somebody says what they stand for.
        table(test, features, labels)
        arguments = [OWNER, "evaluate", "--model", model, "--features", test, "--json"]
        self.refused(run(*arguments), "--class-numbers")
        self.assertGreater(json.loads(self.good(*arguments, "--class-numbers").stdout)["accuracy"],
                           0.9)
        # A column that training had.
        table(test, features, labels, columns=["f0", "label"])
        self.refused(run(*arguments), "no column 'f1'")

    def test_labels_in_a_table_of_their_own(self):
        features, labels = blobs(150, 1)
        x, y = self.folder / "x.csv", self.folder / "kinds.tsv"
        table(x, features, labels, columns=["index"] + [f"f{j}" for j in range(FEATURES)])
        y.write_text("site\tkind\n" + "".join(f"{'uvw'[i // 7 % 3]}\t{NAMES[k]}\n"
                                              for i, k in enumerate(labels)))
        arguments = ["--features", x, "--labels", y]
        self.refused(run(*self.finetune(*arguments)), "kinds.tsv", "column 1 ('site'), column 2",
                     "--label-column")
        # What is chosen of the features is not looked for among the labels, and the other way round.
        report, said = self.report(*arguments, "--label-column", "kind", "--drop-columns", "f7")
        self.assertEqual((report["features"], report["class_names"]), (FEATURES - 1, NAMES))
        reading = report["reading"]["train"]
        self.assertEqual((reading["separator"], reading["labels"]["separator"]), (",", "\t"))
        self.assertEqual((reading["label"], reading["labels"]["label"]),
                         ({"column": 2, "name": "kind"},) * 2)
        self.assertIn("kinds.tsv': label is column 2 ('kind'), as asked", said)
        # Of the labels' table, though the features have such a column as well.
        report, said = self.report(*arguments, "--label-column", "2")
        self.assertEqual((report["features"], report["class_names"]), (FEATURES, NAMES))
        evaluated = self.good(OWNER, "evaluate", "--model", self.out / "model.npz", *arguments,
                              "--label-column", "kind")
        self.assertIn("label is column 2 ('kind'), as asked", evaluated.stderr)
        self.assertIn("150 samples of 3 classes", evaluated.stdout)

    def test_other_tables_have_their_labels_where_training_had_them(self):
        at = lambda name: self.folder / name
        names = [f"f{j}" for j in range(FEATURES)]
        rng = random.Random(5)

        def write(name, count, seed, header=True, other="class"):
            features, labels = blobs(count, seed)
            rows = [",".join([f"{x:.4f}" for x in row] + [str(rng.randrange(3)), str(labels[i])])
                    for i, row in enumerate(features)]
            heading = [",".join([*names, other, "grade"])] if header else []
            at(name).write_text("\n".join(heading + rows) + "\n")

        for name, count, seed in (("train.csv", 150, 1), ("test.csv", 60, 2), ("few.csv", 4, 2)):
            write(name, count, seed)
        write("bare.csv", 60, 2, header=False)
        write("other.csv", 60, 2, other="kind")
        chosen = ["--features", at("train.csv"), "--label-column", "grade"]
        report, _ = self.report(*chosen, "--drop-columns", "class", "--test-features",
                                at("test.csv"))
        self.assertGreater(report["accuracy_encrypted"], 0.9)
        model = self.out / "model.npz"
        self.assertEqual(npz(model)["label_name"][1], ["grade"])

        def accuracy(name, *more):
            result = self.good(OWNER, "evaluate", "--model", model, "--features", at(name), "--json",
                               *more)
            report = json.loads(result.stdout)
            return report["accuracy"], report["reading"]["label"]["name"], result.stderr

        for name in ("test.csv", "few.csv", "other.csv"):
            right, label, said = accuracy(name)
            self.assertGreater(right, 0.9, name)
            self.assertEqual(label, "grade")
            self.assertIn(f"label is column {FEATURES + 2} ('grade'), as in training", said)
        # Another that is asked for; a table that calls it by another name is refused.
        self.assertLess(accuracy("test.csv", "--label-column", "class")[0], 0.7)
        at("test.csv").write_text(at("test.csv").read_text().replace("grade", "marks", 1))
        self.refused(run(OWNER, "evaluate", "--model", model, "--features", at("test.csv")),
                     "no column 'grade'")
        # Models of earlier programs do not say it.
        with zipfile.ZipFile(model) as archive:
            members = {n: archive.read(n) for n in archive.namelist()}
        with zipfile.ZipFile(at("old.npz"), "w") as archive:
            for name, content in members.items():
                if name != "label_name.npy":
                    archive.writestr(name, content)
        evaluated = self.good(OWNER, "evaluate", "--model", at("old.npz"), "--features",
                              at("train.csv"), "--json")
        self.assertEqual(json.loads(evaluated.stdout)["reading"]["label"]["name"], "class")
        # Without a header it is where training had it.
        arguments = ["--features", at("train.csv"), "--label-column", "grade"]
        report, said = self.report(*arguments, "--test-features", at("bare.csv"))
        self.assertEqual(report["features"], FEATURES + 1)
        self.assertGreater(report["accuracy_encrypted"], 0.9)
        self.assertIn(f"label is column {FEATURES + 2}, as in training", said)

    def test_a_column_that_is_the_answer(self):
        features, labels = blobs(150, 1)
        train = self.folder / "answered.csv"
        lines = [",".join([f"f{j}" for j in range(FEATURES)] + ["visits", "label"])]
        lines += [",".join([f"{x:.4f}" for x in row] + [str(30 - 10 * k), NAMES[k]])
                  for row, k in zip(features, labels)]
        train.write_text("\n".join(lines) + "\n")
        # In a table it is left out, unless it is asked for.
        chosen = ["--feature-columns", ",".join([f"f{j}" for j in range(FEATURES)] + ["visits"])]
        report, said = self.report("--features", train, "--quiet", *chosen)
        self.assertIn("warning: 'visits' alone gives the label in 100 % of", said)
        self.assertEqual(report["reading"]["train"]["answers"],
                         [{"feature": FEATURES + 1, "name": "visits", "share": 1.0}])
        report, said = self.report("--features", train, "--quiet")
        self.assertEqual((said, report["reading"]["train"]["answers"]), ("", []))
        result = self.good(OWNER, "keygen", "--out", self.folder / "answer-keys", "--classes", CLASSES,
                           "--features", FEATURES + 1, "--parameters", PARAMETERS, INSECURE)
        result = self.good(OWNER, "encrypt", "--features", train, "--keys", self.folder / "answer-keys",
                           "--out", self.folder / "answered.enc", INSECURE, *chosen)
        self.assertIn("warning: 'visits' alone gives the label in 100 % of 150 rows", result.stderr)

    def test_a_line_of_means(self):
        features, labels = blobs(150, 1)
        path = self.folder / "means.csv"
        table(path, features, [NAMES[k] for k in labels])
        self.assertNotIn("single sample", self.report("--features", path)[1])
        with open(path, "a") as file:
            file.write(",".join(["0.25"] * FEATURES) + ",Mean\n")
        report, said = self.report("--features", path, "--quiet")
        self.assertIn("warning: a class has a single sample: 'Mean' (", said)
        self.assertIn("means.csv', line 152)", said)
        self.assertEqual(report["class_names"], ["Mean"] + NAMES)

    def test_the_index_alone_would_tell_the_classes(self):
        generator = random.Random(5)
        features = [[generator.gauss(0, 1) for _ in range(FEATURES)] for _ in range(240)]
        labels = sorted(i % CLASSES for i in range(240))
        path = self.folder / "sorted.csv"
        table(path, features, labels,
              columns=["index"] + [f"f{j}" for j in range(FEATURES)] + ["label"])
        path.write_text(path.read_text().replace("index", "", 1))
        report, _ = self.report("--features", path)
        # A third by chance, of 48: a binomial's chance to reach 36 is below 1e-7.
        self.assertLess(report["accuracy_encrypted"], 0.75)
        self.assertEqual(report["features"], FEATURES)

    def test_the_label_in_disguise(self):
        generator = random.Random(6)
        count = 240
        labels = [generator.randrange(CLASSES) for _ in range(count)]
        noise = [[generator.gauss(0, 1) for _ in range(FEATURES)] for _ in range(count)]
        path, x, y = self.folder / "twin.csv", self.folder / "twin.npy", self.folder / "labels.npy"
        names = [f"f{j}" for j in range(FEATURES)]
        twin = lambda i: [float(labels[i])]
        hot = lambda i: [float(labels[i] == k) for k in range(CLASSES)]
        for columns, of in ((["code"], twin), (["is_a", "is_b", "is_c"], hot)):
            with open(path, "w") as file:
                file.write(",".join(columns + names + ["label"]) + "\n")
                for i, row in enumerate(noise):
                    file.write(",".join(f"{v:.4f}" for v in of(i) + row) + f",{NAMES[labels[i]]}\n")
            report, said = self.report("--features", path)
            # Chance, as without them: of 48, 36 are right less than once in ten million.
            self.assertLess(report["accuracy_encrypted"], 0.75)
            self.assertEqual(report["features"], FEATURES)
            self.assertIn("says the same as the label" if len(columns) == 1 else
                          "they say the same as the label", said)
            self.assertEqual(report["reading"]["train"]["answers"], [])
            # What was asked for stays, and arrays are taken as they are; both are warned of.
            report, said = self.report("--features", path, "--feature-columns", ",".join(columns + names))
            self.assertIn("warning: 'code' alone gives the label in 100 %" if len(columns) == 1 else
                          "warning: 'is_a', 'is_b', 'is_c' are the label as one-hot columns", said)
            npy(x, [of(i) + row for i, row in enumerate(noise)])
            npy(y, labels, "<i4")
            report, said = self.report("--features", x, "--labels", y)
            self.assertIn("warning: feature 1 alone gives the label in 100 %" if len(columns) == 1 else
                          "warning: feature 1, feature 2, feature 3 are the label as one-hot", said)
            self.assertEqual([one["feature"] for one in report["reading"]["train"]["answers"]],
                             list(range(1, len(columns) + 1)))
        # Rows that are counted, and honest noise.
        npy(x, [[5.0 - i] + row for i, row in enumerate(noise)])
        self.assertIn("warning: feature 1 counts the rows",
                      self.report("--features", x, "--labels", y)[1])
        npy(x, noise)
        self.assertEqual(self.report("--features", x, "--labels", y)[0]["reading"]["train"]["answers"],
                         [])

    def test_one_class_in_two_spellings(self):
        features, labels = blobs(60, 8)
        path = self.folder / "spellings.csv"
        table(path, features, [NAMES[k] if i % 2 else NAMES[k].title() for i, k in enumerate(labels)])
        self.refused(run(*self.finetune("--features", path)), "look like one class", "'cat' (",
                     "'Cat' (", "spellings.csv', line ")

    def test_several_candidates_are_refused(self):
        path = self.folder / "several.csv"
        path.write_text("a,sex,risk\n" + "".join(f"{0.5 * i},{i % 2},{i % 3}\n" for i in range(30)))
        path.write_text(path.read_text().replace("0.5,", "0.7,", 1))
        self.refused(run(*self.finetune("--features", path)), "several columns may be the label",
                     "column 2 ('sex'), column 3 ('risk')", "--label-column")
        report, _ = self.report("--features", path, "--label-column", "risk", "--drop-columns", "sex")
        self.assertEqual((report["features"], report["classes"]), (1, 3))

    def test_archives_of_several_sets(self):
        generator = random.Random(7)
        features = lambda n: [[generator.gauss(0, 1) for _ in range(FEATURES)] for _ in range(n)]
        tosses = lambda n: [generator.randrange(2) for _ in range(n)]
        path = self.folder / "all.npz"
        x, y = features(120), tosses(120)
        members = {"X_train": array(x, "<f4"), "y_train": array(y, "<i4"),
                   "X_test": array(features(90) + x[:10], "<f4"),
                   "y_test": array(tosses(90) + y[:10], "<i4")}

        def write(names):
            with zipfile.ZipFile(path, "w") as archive:
                for name in names:
                    archive.writestr(name + ".npy", members[name])
        write(members)
        named = ["--features", path, "--features-member", "X_train", "--labels-member", "y_train"]
        for arguments in ([*named, "--test-features", path], named, ["--features", path]):
            report, said = self.report(*arguments)
            self.assertEqual(report["test_samples"], 100)
            # Coin tosses: of 100, 80 are right less than once in a billion.
            self.assertLess(report["accuracy_encrypted"], 0.8)
            self.assertIn("warning: 10 of the 100 samples for test are in the training set", said)
            self.assertEqual(report["reading"]["test"]["samples_in_training_too"], 10)
            # Where the figures are, too.
            self.assertTrue(any(note.startswith("10 of the 100 samples for test are in the training set") for note in report["notes"]))
        self.refused(run(*self.finetune(*named, "--test-features", path, "--test-features-member",
                                        "X_train")), "the same features for training and for test")
        write(["X_train", "y_train"])
        self.refused(run(*self.finetune(*named, "--test-features", path)), "test features",
                     "--test-features-member")
        path = self.folder / "same.csv"
        table(path, *blobs(60, 3))
        self.refused(run(*self.finetune("--features", path, "--test-features", path)),
                     "the same features for training and for test")

    def test_copies_stay_on_one_side(self):
        # Coin tosses, every sample five times: what is learnt by heart is of no use. 20 tosses at
        # least, each for five samples; all of 20 are right once in a million, 0.95 of them as seldom.
        generator = random.Random(11)
        features = [[generator.gauss(0, 1) for _ in range(40)] for _ in range(120)]
        labels = [generator.randrange(2) for _ in features]
        npy(self.folder / "x.npy", [row for row in features for _ in range(5)])
        npy(self.folder / "y.npy", [k for k in labels for _ in range(5)], "<i4")
        given = ["--features", self.folder / "x.npy", "--labels", self.folder / "y.npy"]
        report, said = self.report(*given)
        self.assertLess(report["accuracy_encrypted"], 0.95)
        self.assertAlmostEqual(report["test_samples"], 120, delta=5)
        self.assertEqual(report["reading"]["train"]["copies"],
                         {"samples": 480, "contradicting": 0, "by_chance": False, "in_test_too": 0,
                          "nearly_in_test": 0})
        self.assertIn("480 of 600 samples equal an earlier one: copies stay together", said)
        self.assertNotIn("warning: ", said)
        # Those that nearly are copies are noticed, whoever held them out.
        npy(self.folder / "x.npy", [[x * (1 + 1e-6 * i) for x in row] for row in features
                                    for i in range(5)])
        report, said = self.report(*given)
        self.assertIn(f"warning: {report['test_samples']} of {report['test_samples']} samples for "
                      "test nearly equal one in the training set", said)
        npy(self.folder / "x.npy", features)
        npy(self.folder / "y.npy", labels, "<i4")
        npy(self.folder / "rounded.npy", [[round(x, 3) for x in row] for row in features])
        test = ["--test-features", self.folder / "rounded.npy", "--test-labels",
                self.folder / "y.npy"]
        report, said = self.report(*given, *test)
        self.assertIn("warning: 120 of 120 samples for test nearly equal", said)
        self.assertEqual(report["reading"]["test"]["nearly_in_training"], 120)
        # A validation set that is the test set.
        npy(self.folder / "other.npy", [[generator.gauss(0, 1) for _ in range(40)] for _ in labels])
        test[1] = self.folder / "other.npy"
        report, said = self.report(*given, *test, "--validation-features", test[1],
                                   "--validation-labels", test[3])
        self.assertIn("warning: 120 of the 120 samples for test are in the validation set", said)
        # Copies of several classes; samples that are equal because few can be different.
        table(self.folder / "t.csv", blobs(60, 1)[0] * 2, [i // 60 for i in range(120)])
        report, said = self.report("--features", self.folder / "t.csv")
        self.assertIn("warning: 't.csv': 120 samples have an equal of another class",
                      said.replace(f"{self.folder}/", ""))
        rows = [[generator.randrange(2), generator.randrange(3)] for _ in range(90)]
        (self.folder / "t.csv").write_text("a,b,label\n" + "".join(
            f"{a},{b},{(a + b) % 2}\n" for a, b in rows))
        report, said = self.report("--features", self.folder / "t.csv", "--label-column", "label")
        self.assertEqual(report["reading"]["train"]["copies"]["by_chance"], True)
        self.assertIn("no more combinations than there are samples", said)
        self.assertIn("samples for test are in the training set as well: the columns' values", said)

    def test_copies_stay_on_one_side_of_what_encrypt_holds_out(self):
        features, labels = blobs(60, 1)
        keys = self.folder / "keys-of-copies"
        self.make_keys(keys)
        npy(self.folder / "x.npy", [row for row in features for _ in range(4)])
        npy(self.folder / "y.npy", [k for k in labels for _ in range(4)], "<i4")
        result = self.good(OWNER, "encrypt", "--features", self.folder / "x.npy", "--labels",
                           self.folder / "y.npy", "--keys", keys, "--out", self.folder / "c.enc",
                           "--validation-fraction", 0.25, INSECURE)
        self.assertIn("180 of 240 samples equal an earlier one", result.stderr)
        self.assertNotIn("warning: ", result.stderr)
        self.assertIn("60 samples for validation", result.stdout)

    def test_columns_by_name_on_the_way_over_two_machines(self):
        from cli_base import SERVER
        keys, names = self.folder / "keys-of-columns", [f"f{j}" for j in range(FEATURES)]
        self.make_keys(keys)
        # Every column tells another class, so that another order tells nothing.
        at = lambda name: self.folder / name
        for name, seed, order in (("train.csv", 1, names), ("new.csv", 2, names),
                                  ("turned.csv", 2, names[::-1])):
            features, labels = blobs(120, seed)
            table(at(name), features, [NAMES[k] for k in labels], columns=order + ["label"])
        table(at("odd.csv"), features, labels, columns=names[1:] + ["label"])
        at("labels.csv").write_text("id,label\n" + "".join(f"p{i},{NAMES[k]}\n"
                                                           for i, k in enumerate(labels)))
        (at("c.json")).write_text(json.dumps({"steps": 4, "batch_size": 128}))
        self.good(OWNER, "whiten", "--features", at("train.csv"), "--out", at("map.npz"))
        self.assertEqual(npz(at("map.npz"))["feature_names"][1], names)
        whitened = ["--whitening", at("map.npz"), "--keys", keys, INSECURE]
        encrypt = lambda features, out, *more: run(OWNER, "encrypt", "--features", features, "--out",
                                                   out, *more)
        scores = []
        for given in (whitened, whitened[2:]):
            self.assertEqual(encrypt(at("train.csv"), at("train.enc"), *given).returncode, 0)
            self.good(SERVER, "train", "--keys", keys / "evaluation.keys", "--data",
                      at("train.enc"), "--out", at("m.enc"), "--config", at("c.json"), INSECURE)
            for new in ("new.csv", "turned.csv"):
                result = encrypt(at(new), at("new.enc"), "--unlabelled", *given)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.good(SERVER, "predict", "--keys", keys / "evaluation.keys", "--data",
                          at("new.enc"), "--model", at("m.enc"), "--out", at("s.enc"), INSECURE)
                self.good(OWNER, "decrypt", "--scores", at("s.enc"), "--keys", keys, "--out",
                          at("s.npz"), INSECURE)
                evaluated = self.good(OWNER, "evaluate", "--scores", at("s.npz"), "--labels",
                                      at("labels.csv"), "--json")
                self.assertGreater(json.loads(evaluated.stdout)["accuracy"], 0.9)
                self.assertIn("rows go together by their places, not by column 1 ('id')",
                              evaluated.stderr)
            self.refused(encrypt(at("odd.csv"), at("new.enc"), "--unlabelled", *given),
                         "no column 'f0', which is a feature of the training set")
        self.good(OWNER, "decrypt", "--model", at("m.enc"), "--keys", keys, "--out", at("m.npz"),
                  INSECURE)
        self.assertEqual(npz(at("m.npz"))["label_name"][1], ["label"])
        # What is trained on is read as the map is.
        table(at("train.csv"), *blobs(120, 1), columns=["label"] + names[:2] + names[:1:-1])
        self.assertEqual(encrypt(at("train.csv"), at("train.enc"), *whitened).returncode, 0)
        self.refused(encrypt(at("odd.csv"), at("train.enc"), *whitened), "no column 'f0'")

    def test_several_training_sets_under_one_key(self):
        from cli_base import SERVER
        keys, names = self.folder / "keys-of-several", [f"f{j}" for j in range(FEATURES)]
        self.make_keys(keys)
        at = lambda name: self.folder / name
        features, labels = blobs(120, 1)
        npy(at("first.npy"), features)
        at("first-y.csv").write_text("label\n" + "".join(f"{k + 1}\n" for k in labels))
        table(at("second.csv"), features, [NAMES[k] for k in labels], columns=names[::-1] + ["label"])
        features, labels = blobs(60, 2)
        table(at("new.csv"), features, labels, columns=names)
        at("new-y.csv").write_text("label\n" + "".join(f"{k + 1}\n" for k in labels if k < 2))
        npy(at("new-1.npy"), [row for row, k in zip(features, labels) if k < 2])
        at("c.json").write_text(json.dumps({"steps": 4, "batch_size": 128}))
        own = ["--keys", keys, INSECURE]
        self.good(OWNER, "encrypt", "--features", at("first.npy"), "--labels", at("first-y.csv"),
                  "--out", at("first.enc"), *own)
        self.good(OWNER, "encrypt", "--features", at("second.csv"), "--out", at("second.enc"), *own)
        for which in ("first", "second"):
            self.good(SERVER, "train", "--keys", keys / "evaluation.keys", "--data",
                      at(f"{which}.enc"), "--out", at(f"{which}-m.enc"), "--config", at("c.json"),
                      INSECURE)
        new = [OWNER, "encrypt", "--unlabelled", "--out", at("new.enc"), *own, "--features"]

        def scores(model, *more):
            self.good(SERVER, "predict", "--keys", keys / "evaluation.keys", "--data",
                      at("new.enc"), "--model", at(f"{model}-m.enc"), "--out", at("s.enc"), INSECURE)
            return run(OWNER, "decrypt", "--scores", at("s.enc"), "--out", at("s.npz"), *own, *more)
        self.refused(run(*new, at("new.csv")), "training sets of different columns", "--trained-on")
        self.refused(run(*new, at("new.csv"), "--trained-on", at("new-y.csv")), "new-y.csv")
        # In the order of the second, for whose model they are.
        self.good(*new, at("new.csv"), "--trained-on", at("second.enc"))
        self.assertEqual(scores("second").returncode, 0)
        self.assertEqual(npz(at("s.npz"))["classes"][1], list(NAMES[:CLASSES]))
        self.assertIn("went by their places", scores("first").stdout)
        # In their own.
        self.good(*new, at("new.csv"), "--trained-on", at("first.enc"))
        self.refused(scores("second"), "the samples' columns are f0, ", "--trained-on")
        # Classes are the model's, whatever others these keys know.
        self.good(*new, at("new-1.npy"), "--trained-on", at("first.enc"))
        self.assertEqual(scores("first").returncode, 0)
        evaluate = [OWNER, "evaluate", "--labels", at("new-y.csv"), "--json", "--scores"]
        self.assertGreater(json.loads(self.good(*evaluate, at("s.npz")).stdout)["accuracy"], 0.9)
        # Without their names 1 would be the second.
        self.good(OWNER, "decrypt", "--scores", at("s.enc"), "--out", at("s.npy"), *own)
        said = self.good(*evaluate, at("s.npy"))
        self.assertIn("no class names, and no label is 0", said.stderr)
        at("classes.txt").write_text("1\n2\n3\n")
        said = self.good(*evaluate, at("s.npy"), "--classes", at("classes.txt"))
        self.assertGreater(json.loads(said.stdout)["accuracy"], 0.9)
        self.assertNotIn("class names", said.stderr)

    def test_class_folders_that_are_not_utf8(self):
        tiny_model(self.folder / "tiny.safetensors")
        for part in ("one", "two"):
            for k, name in enumerate((b"good", b"bad\xff")):
                for i in range(5):
                    path = self.folder / "plain.png"
                    png(path, 20, 30, (30 + 150 * k, 20 + i, 20))
                    folder = os.path.join(os.fsencode(self.folder / part), name)
                    os.makedirs(folder, exist_ok=True)
                    os.replace(path, os.path.join(folder, b"%d%s.png" % (i, part.encode())))
        arguments = ["extract", "--model", self.folder / "tiny.safetensors", "--no-cache", "--images"]
        self.good(OWNER, *arguments, self.folder / "one", "--out", self.folder / "one.npz")
        self.assertEqual(npz(self.folder / "one.npz")["classes"][1], ["bad\\xff", "good"])
        self.good(OWNER, *arguments, self.folder / "two", "--out", self.folder / "two.npz",
                  "--classes", self.folder / "one.npz")

    def test_labels_that_are_no_class_numbers(self):
        features, labels = blobs(150, 4)
        keys = self.folder / "keys"
        self.make_keys(keys)
        for name, of in (("one", lambda k: k + 1), ("tens", lambda k: 10 * k), ("year", lambda k: 2021 + k)):
            npy(self.folder / "x.npy", features)
            npy(self.folder / f"{name}.npy", [of(k) for k in labels], "<i4")
            arguments = ["--features", self.folder / "x.npy", "--labels", self.folder / f"{name}.npy"]
            result = self.good(OWNER, "encrypt", *arguments, "--keys", keys, "--out",
                               self.folder / "data.enc", INSECURE)
            self.assertIn(f"classes: 0 is '{of(0)}', 1 is '{of(1)}', 2 is '{of(2)}'", result.stdout)
        report, _ = self.report(*arguments)
        self.assertEqual(report["class_names"], ["2021", "2022", "2023"])
        self.assertGreater(report["accuracy_encrypted"], 0.9)
        # What was decrypted with these keys has the names; scores in .npz as well.
        npy(self.folder / "new.npy", blobs(30, 5)[0])
        model = self.folder / "m.enc"
        (self.folder / "c.json").write_text(json.dumps({"steps": 2, "batch_size": 128}))
        from cli_base import SERVER
        evaluation = keys / "evaluation.keys"
        self.good(SERVER, "train", "--keys", evaluation, "--data", self.folder / "data.enc", "--out",
                  model, "--config", self.folder / "c.json", INSECURE)
        self.good(OWNER, "decrypt", "--model", model, "--keys", keys, "--out",
                  self.folder / "m.npz", INSECURE)
        self.assertEqual(npz(self.folder / "m.npz")["classes"][1], ["2021", "2022", "2023"])

    def test_an_unusable_cache_is_no_reason_to_stop(self):
        tiny_model(self.folder / "tiny.safetensors")
        for i in range(8):
            png(self.folder / "pictures" / "red" / f"{i}.png", 20, 30, (180, 20, 20))
            png(self.folder / "pictures" / "green" / f"{i}.jfif", 20, 30, (20, 180, 20))
        (self.folder / "pictures" / "red" / "notes.txt").write_text("none")
        (self.folder / "file").write_text("no folder")
        arguments = ["extract", "--model", self.folder / "tiny.safetensors", "--images",
                     self.folder / "pictures", "--out", self.folder / "f.npz"]
        before = os.environ["XDG_CACHE_HOME"]
        os.environ["XDG_CACHE_HOME"] = str(self.folder / "file")
        try:
            result = self.good(OWNER, *arguments)
            self.assertIn("warning: cannot make the folder", result.stderr)
            self.assertIn("note: 1 file is no picture: not used, the first is", result.stderr)
            self.assertNotIn("note:", self.good(OWNER, *arguments, "--quiet").stderr)
            # One that was asked for is.
            self.refused(run(OWNER, *arguments, "--cache", self.folder / "file" / "x"), "cannot make")
        finally:
            os.environ["XDG_CACHE_HOME"] = before
        # The same pictures twice, computed in another order: known by what they are made of.
        (self.folder / "other" / "red").mkdir(parents=True)
        (self.folder / "other" / "green").mkdir()
        for name in ("green/0.jfif", "red/3.png"):
            (self.folder / "other" / name).write_bytes((self.folder / "pictures" / name).read_bytes())
        report, said = self.report("--images", self.folder / "pictures", "--test-images",
                                   self.folder / "other", "--model",
                                   self.folder / "tiny.safetensors", "--no-cache")
        self.assertIn("warning: 2 of the 2 samples for test are in the training set", said)
        self.refused(run(*self.finetune("--images", self.folder / "pictures", "--test-images",
                                        self.folder / "pictures", "--model",
                                        self.folder / "tiny.safetensors")), "the same samples")

    def test_sixteen_bits_that_are_fewer(self):
        def grey(path, values):
            def chunk(name, data):
                return (struct.pack(">I", len(data)) + name + data +
                        struct.pack(">I", zlib.crc32(name + data)))
            rows = b"".join(b"\0" + struct.pack(">32H", *values) for _ in range(32))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"\x89PNG\r\n\x1a\n" +
                             chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 16, 0, 0, 0, 0)) +
                             chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
        tiny_model(self.folder / "tiny.safetensors")

        def features(folder, *arguments):
            result = self.good(OWNER, "extract", "--model", self.folder / "tiny.safetensors",
                               "--images", folder, "--out", self.folder / "f.npz", "--no-cache",
                               "--quiet", *arguments)
            return npz(self.folder / "f.npz")["features"][1], result.stderr
        wide, small = self.folder / "wide", self.folder / "small"
        for name, most in (("a", 255), ("b", 90)):
            for i in range(2):
                values = [j * (most - i) // 31 for j in range(32)]
                grey(small / name / f"{i}.png", values)
                grey(wide / name / f"{i}.png", [value << 8 for value in values])
        want, said = features(wide)
        self.assertNotIn("16 bits", said)
        got, said = features(small)
        self.assertIn("warning: 4 pictures have samples of 16 bits, but use no more than 8", said)
        self.assertEqual(got, want)
        # A test set is taken as the training set was, whatever is in it.
        for path in small.rglob("1.png"):
            path.unlink()
        (self.folder / "f.npz").rename(self.folder / "train.npz")
        some, said = features(small / "b", "--classes", self.folder / "train.npz")
        self.assertNotIn("16 bits", said)
        for a, b in zip(some, want[-2 * len(some):]):
            self.assertAlmostEqual(a, b, delta=1e-5)
        # Some of 12 bits beside others of 16.
        for i, path in enumerate(sorted(wide.rglob("*.png"))):
            if i % 2:
                grey(path, [16 * j * (i + 1) for j in range(32)])
        _, said = features(wide)
        self.assertIn("warning: 2 of 4 pictures with samples of 16 bits use no more than 12 of them, "
                      "others up to 16", said)
        black, said = features(small, "--picture-bits", 16)
        self.assertEqual(black[:len(black) // 2], black[len(black) // 2:])

    def test_few_samples_say_which_split_failed(self):
        for count, words in ((4, ["for validation", "--validation-fraction 0"]),
                             (2, ["for the test", "--test-fraction"])):
            features, labels = blobs(CLASSES * count, 6)
            table(self.folder / "few.csv", features, labels)
            arguments = self.finetune("--features", self.folder / "few.csv")
            at = arguments.index("--validation-fraction")
            self.refused(run(*arguments[:at], *arguments[at + 2:]), "too few to hold out", *words)


if __name__ == "__main__":
    main()
