#!/usr/bin/env python3
"""Members of JSON that somebody else may have written: without any of them, and with anything in its place, a command
does what it is told or says in one line what is wrong.

usage: members_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import copy
import json
import zipfile

from cli_base import CLASSES, FEATURES, INSECURE, OWNER, SERVER, Base, blobs, main, npy, run
from extract_test import tiny_bert

GONE = object()
OTHERS = (GONE, None, "x", -1, 1e300, [], {}, True)
MODEL = {"classes": CLASSES, "features": FEATURES, "circuit": "sigmoid_r32", "logit_limit": 5.0, "feature_names": list("abcdefgh"), "pooling": "model", "label_name": "y", "features_member": "x",
         "weights": [[0.1] * FEATURES] * CLASSES, "bias": [0.1, 0.2, 0.3]}


def places(value, at=()):
    """Of every member and of the first of every list."""
    if at:
        yield at
    inside = value if isinstance(value, dict) else range(min(1, len(value))) if isinstance(value, list) else ()
    for key in inside:
        yield from places(value[key], (*at, key))


def changed(value):
    for place in places(value):
        for other in OTHERS:
            out = copy.deepcopy(value)
            whole = out
            for key in place[:-1]:
                whole = whole[key]
            if other is GONE:
                del whole[place[-1]]
            else:
                whole[place[-1]] = other
            yield place, "gone" if other is GONE else other, out


class Members(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        features, labels = blobs(30, 1)
        npy(cls.folder / "x.npy", features)
        npy(cls.folder / "y.npy", labels, "<i4")

    def go_through(self, file, value, *command, needed=()):
        """`needed`: members that nothing stands in for."""
        file.write_text(json.dumps(value))
        self.good(*command)
        for place, other, text in changed(value):
            file.write_text(json.dumps(text))
            done = run(*command)
            with self.subTest(place=place, other=other):
                self.assertIn(done.returncode, (0, 1, 4), done.stderr)  # 4: not to be trusted
                if done.returncode == 1:
                    said, = (line for line in done.stderr.splitlines() if line.startswith("blindtuner: "))
                    self.assertIn(str(self.folder), said)  # a file beside it, or itself
                if other == "gone" and len(place) == 1 and place[0] in needed:
                    self.assertEqual(done.returncode, 1)
                    self.assertIn(f"'{place[0]}", done.stderr)
        file.write_text(json.dumps(value))

    def test_models(self):
        file = self.folder / "m.json"
        self.go_through(file, MODEL, OWNER, "evaluate", "--model", file, "--features", self.folder / "x.npy",
                        "--labels", self.folder / "y.npy", needed=("weights", "bias", "logit_limit"))
        # Sizes that are said are those of the numbers.
        for name in ("classes", "features", "class_names"):
            for other in (value for value in OTHERS if value is not GONE):
                with self.subTest(name=name, other=other):
                    file.write_text(json.dumps({**MODEL, name: other}))
                    self.refused(run(OWNER, "evaluate", "--model", file, "--features", self.folder / "x.npy",
                                     "--labels", self.folder / "y.npy"), name)

    def test_members_of_archives(self):
        """What training took of an archive is what is validated, predicted and judged by: the map, the record and the model know it."""

        def archive(name, **members):
            with zipfile.ZipFile(self.folder / name, "w") as out:
                for member, rows in members.items():
                    npy(self.folder / "member.npy", rows, "<f4" if isinstance(rows[0], list) else "<i4")
                    out.write(self.folder / "member.npy", f"{member}.npy")
            return self.folder / name

        def site(name, rows, seed):
            features, labels = blobs(rows, seed)
            return archive(name, features=[[-x for x in row] for row in features], scan=features,
                           labels=labels[1:] + labels[:1], grade=labels)

        def taken(*command):
            said = json.loads(self.good(OWNER, *command, "--json").stdout)
            return said["reading"]["members"]

        train, test, both = site("train.npz", 300, 1), site("test.npz", 90, 2), {"features": "scan", "labels": "grade"}
        keys, map_file = self.folder / "member-keys", self.folder / "map.npz"
        self.make_keys(keys)
        self.assertEqual(taken("whiten", "--features", train, "--features-member", "scan", "--out", map_file)["features"], "scan")
        place = ("--whitening", map_file, "--keys", keys, INSECURE)
        self.assertEqual(taken("encrypt", "--features", train, "--labels-member", "grade", "--validation", test, *place,
                               "--out", self.folder / "members.enc"), both)
        self.assertEqual(taken("encrypt", "--features", test, "--unlabelled", *place, "--out", self.folder / "new.enc"),
                         {"features": "scan"})
        model = self.folder / "members-model.enc"
        self.good(SERVER, "train", "--keys", keys / "evaluation.keys", "--data", self.folder / "members.enc", "--out", model,
                  "--config", self.folder / "train.json", INSECURE)
        for ending in ("npz", "json"):
            opened = self.folder / f"members-model.{ending}"
            self.good(OWNER, "decrypt", "--model", model, *place, "--out", opened)
            self.assertEqual(taken("evaluate", "--model", opened, "--features", test), both)
            apart, named = archive("scan.npz", scan=blobs(90, 2)[0]), archive("grade.npz", grade=blobs(90, 2)[1])
            said = json.loads(self.good(OWNER, "evaluate", "--model", opened, "--features", apart, "--labels", named,
                                        "--json").stdout)
            self.assertGreater(said["accuracy"], 0.9)
            self.assertEqual(taken("evaluate", "--model", opened, "--features", test, "--labels-member", "labels"),
                             {"features": "scan", "labels": "labels"})

    def test_settings_of_encoders(self):
        bert, table = self.folder / "bert", self.folder / "texts.csv"
        tiny_bert(bert)
        table.write_text("text,label\nsome words,a\nand others,b\n")
        (bert / "modules.json").write_text(json.dumps(
            [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
             {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]))
        (bert / "1_Pooling").mkdir()
        (bert / "1_Pooling/config.json").write_text(json.dumps(
            {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}))
        for file in sorted(bert.rglob("*.json")):
            self.go_through(file, json.loads(file.read_text()), OWNER, "extract", "--no-cache", "--model", bert,
                            "--texts", table, "--out", self.folder / "f.npz")


if __name__ == "__main__":
    main()
