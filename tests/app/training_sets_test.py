#!/usr/bin/env python3
"""What is amiss with a training set is said by every command that reads one.

usage: training_sets_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json
import random
import shutil
import tempfile
from pathlib import Path

from cli_base import INSECURE, OWNER, PARAMETERS, Base, main, run

NAMES = "xyz"
FEATURES = ("a", "b", "score", "is_x", "is_y", "is_z")
FAST = ("--preset", "fast", "--steps", 2, "--validation-fraction", 0, "--parameters", PARAMETERS)


class TrainingSets(Base):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="blindtuner-app-"))
        cls.table, cls.test = cls.folder / "train.csv", cls.folder / "test.csv"
        for path, seed in ((cls.table, 1), (cls.test, 2)):
            rows = cls.rows(300, seed)
            if path == cls.table:
                rows.append([*rows[0][:-1], NAMES[NAMES.index(rows[0][-1]) - 1]])  # the first again, of another class
                rows.append([0.5, 0.5, 40, 0, 0, 0, "total"])
            cls.write(path, (*FEATURES, "label"), rows)
        (cls.folder / "train.json").write_text(json.dumps({"steps": 4, "batch_size": 64, "learning_rate": 0.2}))

    @staticmethod
    def rows(count, seed):
        generator = random.Random(seed)
        out = []
        for i in range(count):
            k = generator.randrange(3)
            out.append([*(f"{generator.gauss(0, 1):.4f}" for _ in "ab"), 10 * k, *(int(j == k) for j in range(3)), NAMES[k]])
        return out

    @staticmethod
    def write(path, names, rows):
        path.write_text("\n".join(",".join(map(str, row)) for row in (names, *rows)) + "\n")

    def study(self, name, *shape):
        """One that nobody has joined but its coordinator."""
        place = ("--folder", self.folder / name, "--exchange", self.folder / f"{name}-x", "--owner", "a")
        self.good(OWNER, "study", "create", *place, "--name", name, "--owners", "a,b", "--classes", "x,y,z,total,other",
                  "--config", self.folder / "train.json", "--whitening", "pooled", "--parameters", "InsecureJoint4", INSECURE, *shape)
        return ("study", "run", "--folder", self.folder / name, "--once", INSECURE)

    def commands(self, table, *columns):
        """All that train with labels."""
        width = len(columns[1].split(","))
        keys = self.folder / f"keys-{width}"
        if not keys.exists():
            self.good(OWNER, "keygen", "--out", keys, "--classes", 4 if table == self.table else 3,
                      "--features", width, "--parameters", PARAMETERS, INSECURE)
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        yield ("finetune", "--test-features", self.test if table == self.table else table, "--out", out, *FAST, INSECURE)
        yield ("encrypt", "--keys", keys, "--out", self.folder / "data.enc", INSECURE)
        yield self.study(f"study-{width}", "--columns", width)

    def test_what_gives_the_label_away(self):
        columns = ("--feature-columns", ",".join(FEATURES))
        for command in self.commands(self.table, *columns):
            with self.subTest(command=command[0]):
                said = run(OWNER, *command, "--features", self.table, *columns).stderr
                warnings = [line for line in said.splitlines() if line.startswith("warning: ")]
                for words in ("train.csv': 2 samples have an equal of another class",
                              "a class has a single sample: 'total' ('" + str(self.table) + "', line 303)",
                              "'score' alone gives the label in 99.6 % of 302 rows",
                              "'is_x', 'is_y', 'is_z' are the label as one-hot columns (nearly)"):
                    self.assertEqual(sum(words in line for line in warnings), 1, (words, said))
                in_study = command[0] == "study"
                self.assertEqual("train.csv': no sample of 'other': the model knows such a class from other owners' rows" in said, in_study)
                self.assertEqual("make another study, in which all owners leave them out" in said, in_study)

    def test_what_counts_the_rows(self):
        table = self.folder / "counted.csv"
        self.write(table, ("a", "count", "label"), [[row[0], 5 * i, row[-1]] for i, row in enumerate(self.rows(300, 3))])
        columns = ("--feature-columns", "a,count")
        two = self.study("columns", "--columns", "2,1", "--labels", "b")
        for command in (*self.commands(table, *columns), ("whiten", "--out", self.folder / "map.npz"), two):
            with self.subTest(command=command[:4]):
                said = run(OWNER, *command, "--features", table, *columns, *(["--label-column", "none"] if command == two else [])).stderr
                self.assertEqual(said.count("warning: 'count' counts the rows"), 1, said)
                self.assertNotIn("alone gives", said)

    def test_columns_of_who_has_the_labels(self):
        columns = self.study("labelled", "--columns", "6,1", "--labels", "a")
        said = run(OWNER, *columns, "--features", self.table, "--feature-columns", ",".join(FEATURES)).stderr
        self.assertIn("warning: 'score' alone gives the label in 99.6 % of 302 rows", said)
        self.assertIn("no sample of 'other': the model has such a class and cannot know it", said)
        self.assertTrue(said.count("make another study\n") == 1, said)
        self.assertNotIn("equal", said)  # which others' columns may tell apart


if __name__ == "__main__":
    main()
