#!/usr/bin/env python3
"""Samples of one patient or lesion, from tables, pictures and archives, stay on one side; and what is
said of classes that have no samples, or lose theirs.

usage: groups_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json
import os
import random
import struct
import tempfile
import zipfile
from pathlib import Path

from cli_base import INSECURE, OWNER, PARAMETERS, Base, blobs, main, run
from extract_test import npz, png, tiny_model


def patients(count, rows, seed):
    """Rows of (patient, features, class) in any order: a class tossed for each patient."""
    generator = random.Random(seed)
    out = []
    for patient in range(count):
        centre = [generator.gauss(0, 2) for _ in range(40)]
        label = generator.choice(["case", "control"])
        out += [(f"patient-{patient:03d}", [x + generator.gauss(0, 0.3) for x in centre], label)
                for _ in range(rows)]
    generator.shuffle(out)
    return out


def write(path, rows, name="patient_id"):
    names = ",".join(f"f{j}" for j in range(len(rows[0][1])))
    path.write_text(f"{name},{names},label\n" + "".join(
        f"{who}," + ",".join(f"{x:.4f}" for x in features) + f",{label}\n"
        for who, features, label in rows))


class Groups(Base):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="blindtuner-groups-"))
        os.environ["XDG_CACHE_HOME"] = str(cls.folder / "cache")
        cls.out = cls.folder / "run"

    def finetune(self, *arguments):
        return run(OWNER, "finetune", "--out", self.out, "--parameters", PARAMETERS, "--steps", 4,
                   "--preset", "fast", "--seed", 1, "--new-keys", INSECURE, "--json", *arguments)

    def report(self, *arguments):
        result = self.finetune(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout), result.stderr

    def test_patients_stay_on_one_side(self):
        # 1000 rows of 40 patients, tossed: right about half of the 8 that are held out.
        rows = patients(40, 25, 3)
        path = self.folder / "p.csv"
        write(path, rows)
        report, said = self.report("--features", path)
        self.assertLess(report["accuracy_encrypted"], 0.8)
        self.assertEqual(report["features"], 40)
        self.assertAlmostEqual(report["test_samples"], 200, delta=25)
        self.assertIn("samples with one value of column 1 ('patient_id') stay together when samples "
                      "are held out: 40 groups", said)
        self.assertNotIn("warning: ", said)
        self.assertEqual(report["reading"]["train"]["groups"],
                         {"column": "patient_id", "groups": 40, "together": True,
                          "of_test": {"column": "patient_id", "in_both": 0,
                                      "values": report["test_samples"] // 25}})
        # Nobody's name is in what is left there.
        for file in self.out.rglob("*"):
            if file.is_file():
                self.assertNotIn(b"patient-0", file.read_bytes(), file)
        report, said = self.report("--features", path, "--group-column", "none")
        self.assertGreater(report["accuracy_encrypted"], 0.95)
        self.assertNotIn("groups", report["reading"]["train"])
        # By another column, which is no feature then.
        report, said = self.report("--features", path, "--group-column", "f3")
        self.assertEqual(report["features"], 39)
        self.refused(self.finetune("--features", path, "--group-column", "ward"), "no column 'ward'")
        # Too few of a class: rows are split, and it is said.
        write(path, patients(4, 25, 3))
        report, said = self.report("--features", path)
        self.assertIn("of its 4 values too few are of one class", said)
        self.assertIn("warning: 4 of 4 values of 'patient_id' among the samples for test are in the "
                      "training set too", said)

    def test_patients_of_two_files(self):
        rows = patients(40, 10, 5)
        write(self.folder / "train.csv", rows[:250])
        write(self.folder / "test.csv", rows[250:])
        given = ["--features", self.folder / "train.csv", "--test-features",
                 self.folder / "test.csv"]
        report, said = self.report(*given)
        there = {row[0] for row in rows[:250]}
        here = {row[0] for row in rows[250:]}
        self.assertIn(f"warning: {len(here & there)} of {len(here)} values of 'patient_id' among the "
                      "samples for test are in the training set too: results on them may be too good",
                      said)
        self.assertEqual(report["reading"]["test"]["groups_in_training"],
                         {"column": "patient_id", "values": len(here),
                          "in_both": len(here & there)})
        _, said = self.report(*given, "--group-column", "none")
        self.assertNotIn("patient_id' among", said)
        # Of other patients; and one row each of the same ones.
        write(self.folder / "test.csv", [("Q" + who, x, k) for who, x, k in rows[250:]])
        self.assertNotIn("warning: ", self.report(*given)[1])
        once = {who: (who, x, k) for who, x, k in rows}
        write(self.folder / "train.csv", list(once.values()))
        write(self.folder / "test.csv", [next(r for r in rows if r[0] == who) for who in once])
        self.assertIn("warning: 40 of 40 values of 'patient_id'", self.report(*given)[1])

    def test_encrypt_holds_out_whole_patients(self):
        rows = patients(30, 8, 7)
        path = self.folder / "e.csv"
        write(path, rows)
        keys = self.folder / "keys"
        self.good(OWNER, "keygen", "--out", keys, "--classes", 2, "--features", 40, "--batch", 128,
                  "--parameters", PARAMETERS, INSECURE)
        given = ["encrypt", "--features", path, "--keys", keys, "--validation-fraction", 0.25,
                 INSECURE, "--json"]
        result = self.good(OWNER, *given, "--out", self.folder / "e.enc")
        self.assertIn("30 groups", result.stderr)
        self.assertNotIn("warning: ", result.stderr)
        self.assertEqual(json.loads(result.stdout)["validation"]["samples"] % 8, 0)
        result = self.good(OWNER, *given, "--out", self.folder / "n.enc", "--group-column", "none")
        self.assertNotIn("stay together", result.stderr)

    def test_lesions_of_pictures(self):
        generator = random.Random(9)
        model = self.folder / "vit.safetensors"
        tiny_model(model)
        rows = []
        for lesion in range(30):
            colour = [generator.randrange(30, 225) for _ in range(3)]
            label = generator.choice(["mel", "nv"])
            for _ in range(4):
                name = f"ISIC_{len(rows):05d}"
                png(self.folder / f"{name}.png", 24, 24, tuple(colour))
                rows.append(f"HAM_{lesion:04d},{name},{label},{'fm'[lesion % 2]}")
        path = self.folder / "HAM_metadata.csv"
        path.write_text("lesion_id,image_id,dx,sex\n" + "\n".join(rows) + "\n")
        given = ["--model", model, "--pooling", "model"]
        features = self.folder / "ham.npz"
        result = self.good(OWNER, "extract", "--images", path, *given, "--out", features)
        self.assertIn("'lesion_id') stay together when samples are held out: 30 groups",
                      result.stderr)
        members = npz(features)
        self.assertEqual(members["groups"][1][:5], ["HAM_0000"] * 4 + ["HAM_0001"])
        self.assertEqual(members["group_column"][1], ["lesion_id"])
        for source in (["--features", features], ["--images", path, *given]):
            report, said = self.report(*source)
            groups = report["reading"]["train"]["groups"]
            self.assertEqual((groups["column"], groups["groups"], groups["of_test"]["in_both"]),
                             ("lesion_id", 30, 0))
            self.assertEqual(report["test_samples"] % 4, 0)
            self.assertNotIn("values of 'lesion_id' among", said)
        report, _ = self.report("--images", path, *given, "--group-column", "none")
        self.assertNotIn("groups", report["reading"]["train"])
        report, _ = self.report("--images", path, *given, "--group-column", "1")
        self.assertEqual(report["reading"]["train"]["groups"]["groups"], 30)
        # The test set's pictures of the same lesions.
        lines = path.read_text().splitlines()
        for name, some in (("a.csv", lines[1::2]), ("b.csv", lines[2::8])):
            (self.folder / name).write_text("\n".join([lines[0], *some]) + "\n")
        _, said = self.report("--images", self.folder / "a.csv", "--test-images",
                              self.folder / "b.csv", *given)
        self.assertIn("warning: 15 of 15 values of 'lesion_id' among the samples for test", said)

    def test_patients_of_arrays(self):
        """.npz and IDX of pictures: groups go through `extract`, and splits keep them together."""
        model = self.folder / "vit3.safetensors"
        tiny_model(model)
        given = ["--model", model, "--pooling", "model"]
        generator = random.Random(11)
        pixels, labels, patients_ = bytearray(), [], []
        for patient in range(30):
            label = generator.choice([0, 1])
            for _ in range(4):
                pixels += bytes([generator.randrange(30, 225)]) * 256
                labels.append(label)
                patients_.append(f"P{patient:02d}")
        count = len(labels)
        idx = self.folder / "x.idx"
        idx.write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, count, 16, 16) + pixels)
        table = self.folder / "y.csv"
        table.write_text("patient_id,label\n" + "".join(
            f"{who},{label}\n" for who, label in zip(patients_, labels)))
        archive = self.folder / "pictures.npz"
        with zipfile.ZipFile(archive, "w") as out:
            for name, kind, shape, data in (
                    ("slides", "|u1", (count, 16, 16), bytes(pixels)),
                    ("kinds", "<i4", (count,), struct.pack(f"<{count}i", *labels)),
                    ("groups", "<U3", (count,), "".join(patients_).encode("utf-32-le"))):
                header = str({"descr": kind, "fortran_order": False, "shape": shape}).encode()
                out.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" +
                             struct.pack("<H", len(header) + 1) + header + b"\n" + data)
        of_archive = ["--images", archive, "--images-member", "slides", "--labels-member", "kinds"]
        for source in (of_archive, ["--images", idx, "--labels", table]):
            features = self.folder / "groups.npz"
            features.unlink(missing_ok=True)
            result = self.good(OWNER, "extract", *source, *given, "--out", features)
            self.assertIn("stay together when samples are held out: 30 groups", result.stderr)
            self.assertEqual(npz(features)["groups"][1], patients_)
            # finetune takes the archive's members as extract does.
            report, _ = self.report(*(source + given if source == of_archive else ["--features", features]))
            groups = report["reading"]["train"]["groups"]
            self.assertEqual((groups["groups"], groups["of_test"]["in_both"]), (30, 0))
            self.assertEqual(report["test_samples"] % 4, 0)

    def test_classes_without_samples(self):
        model = self.folder / "vit2.safetensors"
        tiny_model(model)
        images = self.folder / "images"
        for i in range(12):
            png(images / "cat" / f"{i}.png", 20, 20, (180, 20 + i, 20))
            png(images / "dog" / f"{i}.png", 20, 20, (20, 160 + i, 30))
            (images / "owl").mkdir(exist_ok=True)
            (images / "owl" / f"{i}.jpg").write_text("<html>")
        _, said = self.report("--images", images, "--model", model, "--pooling", "model",
                              "--on-error", "skip")
        self.assertIn("warning: none of the 12 pictures of the class 'owl' could be read", said)
        self.assertIn("warning: 'images': no sample of 'owl': the model has such a class",
                      said.replace(f"{self.folder}/", ""))

    def test_classes_that_lose_their_rows(self):
        features, labels = blobs(300, 2)
        path = self.folder / "missing.csv"

        def said(missing):
            path.write_text("a,b,c,d,label\n" + "".join(
                ("" if missing(i, k) else f"{x[0]:.4f}") + "," +
                ",".join(f"{v:.4f}" for v in x[1:4]) + f",k{k}\n"
                for i, (x, k) in enumerate(zip(features, labels))))
            return self.report("--features", path, "--skip-missing")[1]
        self.assertIn("warning: 'missing.csv': 96 of 100 rows of the class 'k1' lack a value and are "
                      "left out, 0 of 200 of the others: what is left may be no fair sample",
                      said(lambda i, k: k == 1 and i >= 12).replace(f"{self.folder}/", ""))
        self.assertIn("100 of 100 rows of the class 'k1' lack a value and are left out, 0 of 200 of "
                      "the others: nothing is left of it", said(lambda i, k: k == 1))
        self.assertNotIn("lack a value", said(lambda i, k: i % 7 == 0))

    def test_what_an_accuracy_does_not_tell(self):
        features, labels = blobs(240, 4)
        train, test = self.folder / "a.csv", self.folder / "b.csv"

        def table(path, rows, name="target", values=None, unit=1):
            path.write_text("a,b,c,d,e,f," + name + "\n" + "".join(
                ",".join(f"{v:.4f}" for v in (*features[i][:5], unit * features[i][5])) +
                f",{values(i) if values else labels[i]}\n" for i in rows))
        table(train, range(150))
        table(test, [i for i in range(150, 240) if labels[i] == 1], unit=1000)
        report, said = self.report("--features", train, "--test-features", test)
        self.assertIn("warning: 1 of 6 features of the samples for test lie elsewhere than in the "
                      "training set or are of another scale, the first is 'f'", said)
        self.assertEqual(report["reading"]["test"]["of_other_scale"], 1)
        self.assertEqual(len(report["notes"]), 2)
        self.assertIn("every sample is of one class, '1'", report["notes"][0])
        self.assertIn("1 of 6 features of the samples for test", report["notes"][1])
        model = self.out / "model.npz"
        table(test, [i for i in range(150, 240) if labels[i] == 1])
        result = self.good(OWNER, "evaluate", "--model", model, "--features", test)
        self.assertIn("NOTE: every sample is of one class, '1'", result.stdout)
        table(test, range(150, 240))
        result = self.good(OWNER, "evaluate", "--model", model, "--features", test)
        self.assertNotIn("NOTE", result.stdout)
        # One class is hidden among another's samples.
        table(test, range(150, 240), values=lambda i: 2 if labels[i] == 0 else labels[i])
        lines = test.read_text().splitlines()
        swapped = [line[:-1] + "0" if line.endswith(",2") and k == 2 else line
                   for line, k in zip(lines[1:], labels[150:])]
        only = [line for line in swapped if not line.endswith(",2")]
        test.write_text("\n".join([lines[0], *only]) + "\n")
        result = self.good(OWNER, "evaluate", "--model", model, "--features", test)
        self.assertIn("NOTE: '0' is never predicted: every sample of it counts as wrong", result.stdout)
        self.assertIn("NOTE: no sample is of '2': the figures are of the other classes", result.stdout)
        self.assertIn("; macro F1 has 0 for '2', as samples are taken for it", result.stdout)
        self.assertIn(" samples of 2 of 3 classes;", result.stdout)
        # The model knows its label; another column of zeros and ones is none.
        table(test, range(150, 240), "smoker", lambda i: i % 2)
        self.refused(run(OWNER, "evaluate", "--model", model, "--features", test),
                     "no column 'target'")
        table(test, range(150, 240), "other")
        result = self.good(OWNER, "evaluate", "--model", model, "--features", test,
                           "--label-column", "other")
        self.assertIn("balanced", result.stdout)
        # A table without a header has it where it is.
        test.write_text("\n".join(test.read_text().splitlines()[1:]) + "\n")
        self.good(OWNER, "evaluate", "--model", model, "--features", test)


if __name__ == "__main__":
    main()
