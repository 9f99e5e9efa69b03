#!/usr/bin/env python3
"""`blindtuner extract` as a user runs it, with a tiny random model, and what follows it.

usage: extract_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import ast
import json
import math
import os
import random
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
import zlib
from pathlib import Path

from cli_test import INSECURE, OWNER, PARAMETERS, Base, run

WIDTH = 64


def safetensors(path, shapes, seed):
    """Random weights, norms near one."""
    generator = random.Random(seed)
    header, data = {}, b""
    for name, shape in shapes.items():
        count = 1
        for extent in shape:
            count *= extent
        mean = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        values = [generator.gauss(mean, 0.1) for _ in range(count)]
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack(f"<{count}f", *values)
    text = json.dumps(header).encode()
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def tiny_model(path, seed=1, leave_out=()):
    """32 x 32 pixels, patches of 16, one block."""
    shapes = {"cls_token": [1, 1, WIDTH], "pos_embed": [1, 5, WIDTH],
              "patch_embed.proj.weight": [WIDTH, 3, 16, 16], "patch_embed.proj.bias": [WIDTH]}
    for name, out, width in (("attn.qkv", 3 * WIDTH, WIDTH), ("attn.proj", WIDTH, WIDTH),
                             ("mlp.fc1", 4 * WIDTH, WIDTH), ("mlp.fc2", WIDTH, 4 * WIDTH)):
        shapes[f"blocks.0.{name}.weight"] = [out, width]
        shapes[f"blocks.0.{name}.bias"] = [out]
    for name in ("blocks.0.norm1", "blocks.0.norm2", "norm"):
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = [WIDTH]
    safetensors(path, {name: shape for name, shape in shapes.items() if name not in leave_out},
                seed)


def png(path, width, height, colour, claim=None):
    """One colour, and some noise; `claim`: other dimensions in the header."""
    def chunk(name, data):
        return (struct.pack(">I", len(data)) + name + data +
                struct.pack(">I", zlib.crc32(name + data)))
    generator = random.Random(str(path))
    rows = b"".join(b"\0" + bytes(min(255, c + generator.randrange(40)) for _ in range(width)
                                  for c in colour) for _ in range(height))
    header = struct.pack(">IIBBBBB", *(claim or (width, height)), 8, 2, 0, 0, 0)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                           chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def npz(path):
    """Members as (shape, flat list)."""
    out = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            length = struct.unpack("<H", data[8:10])[0]
            header = ast.literal_eval(data[10:10 + length].decode())
            kind, shape = header["descr"], header["shape"]
            if kind[1] == "U":
                step = 4 * int(kind[2:])
                values = [data[i:i + step].decode("utf-32-le").rstrip("\0")
                          for i in range(10 + length, len(data), step)]
            else:
                code = {"<f4": "f", "<f8": "d", "<i4": "i"}[kind]
                values = [value for value, in struct.iter_unpack(f"<{code}", data[10 + length:])]
                if header["fortran_order"]:
                    values = [values[i + j * shape[0]] for i in range(shape[0])
                              for j in range(shape[1])]
            out[name.removesuffix(".npy")] = (shape, values)
    return out


def tiny_bert(folder):
    """A BERT of one block with a vocabulary of letters and a few words, as a folder."""
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "play", "book", "the", "a", "##s", "song", "table",
             "é", "##e", "!"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    (folder / "config.json").write_text(json.dumps({
        "model_type": "bert", "num_attention_heads": 2, "hidden_size": WIDTH,
        "vocab_size": len(words)}))
    shapes = {"embeddings.word_embeddings.weight": [len(words), WIDTH],
              "embeddings.position_embeddings.weight": [16, WIDTH],
              "embeddings.token_type_embeddings.weight": [2, WIDTH]}
    block = "encoder.layer.0."
    for name, out, width in (("attention.self.query", WIDTH, WIDTH),
                             ("attention.self.key", WIDTH, WIDTH),
                             ("attention.self.value", WIDTH, WIDTH),
                             ("attention.output.dense", WIDTH, WIDTH),
                             ("intermediate.dense", 4 * WIDTH, WIDTH),
                             ("output.dense", WIDTH, 4 * WIDTH)):
        shapes[f"{block}{name}.weight"] = [out, width]
        shapes[f"{block}{name}.bias"] = [out]
    for name in ("embeddings.LayerNorm", block + "attention.output.LayerNorm",
                 block + "output.LayerNorm"):
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = [WIDTH]
    safetensors(folder / "model.safetensors", shapes, 3)


class Extract(Base):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="blindtuner-extract-"))
        cls.model = cls.folder / "tiny.safetensors"
        tiny_model(cls.model)
        cls.images = cls.folder / "images"
        for i in range(20):
            png(cls.images / "red" / f"{i}.png", 20 + i, 30, (180, 20, 20))
            png(cls.images / "green" / f"{i}.png", 40, 25 + i, (20, 160, 30))
        os.environ["XDG_CACHE_HOME"] = str(cls.folder / "xdg")

    def extract(self, *arguments, images=None, model=None, out="f.npz"):
        return run(OWNER, "extract", "--model", model or self.model, "--images",
                   images or self.images, "--out", self.folder / out, *arguments)

    def report(self, *arguments, **more):
        result = self.extract("--json", *arguments, **more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_a_table_of_texts(self):
        """is none of pictures, however long they are, as names of files are not."""
        table = self.folder / "texts.csv"
        for text in ("where is my card", "the card, " + 750 * "lost again ", "\x01 \N{SNOWMAN}"):
            table.write_text(f'text,label\nhow much is it,cost\n"{text}",card\n')
            for more in ((), ("--path-column", "text")):
                self.refused(self.extract("--no-cache", *more, images=table, out="none.npz"), "texts.csv")
        self.assertFalse((self.folder / "none.npz").exists())

    def test_features_and_what_follows(self):
        report = self.report("--no-cache")
        self.assertEqual((report["pictures"], report["features"], report["classes"]),
                         (40, WIDTH, ["green", "red"]))
        self.assertEqual((report["computed"], report["cached"], report["skipped"]), (40, 0, 0))
        members = npz(self.folder / "f.npz")
        self.assertEqual(members["features"][0], (40, WIDTH))
        self.assertEqual(members["labels"][1], [0] * 20 + [1] * 20)
        self.assertEqual(members["classes"][1], ["green", "red"])
        self.assertEqual(members["names"][1][:3], ["green/0.png", "green/1.png", "green/10.png"])
        # Encrypting reads it as it is.
        keys = self.folder / "keys"
        self.good(OWNER, "keygen", "--out", keys, "--classes", 2, "--features", WIDTH, "--batch",
                  128, "--parameters", PARAMETERS, INSECURE)
        self.good(OWNER, "encrypt", "--features", self.folder / "f.npz", "--keys", keys, "--out",
                  self.folder / "data.enc", INSECURE)
        self.good(OWNER, "whiten", "--features", self.folder / "f.npz", "--out",
                  self.folder / "w.npz")
        # One thread, or a batch that begins elsewhere, changes nothing but the last bits.
        self.report("--no-cache", "--threads", 1, out="one.npz")
        for a, b in zip(members["features"][1], npz(self.folder / "one.npz")["features"][1]):
            self.assertAlmostEqual(a, b, delta=1e-5)

    def test_cache(self):
        images, cache = self.folder / "growing", self.folder / "cache"
        shutil.copytree(self.images, images)
        first = self.report("--cache", cache, images=images)
        self.assertEqual((first["computed"], first["cached"]), (40, 0))
        whole = (self.folder / "f.npz").read_bytes()
        second = self.report("--cache", cache, images=images)
        self.assertEqual((second["computed"], second["cached"]), (0, 40))
        self.assertEqual((self.folder / "f.npz").read_bytes(), whole)
        self.assertEqual(stat.S_IMODE(os.stat(cache).st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(os.stat(self.folder / "f.npz").st_mode), 0o600)
        # An added picture costs only itself; the name of one is not what counts.
        png(images / "red" / "new.png", 33, 33, (255, 0, 0))
        (images / "red" / "3.png").rename(images / "red" / "other.png")
        third = self.report("--cache", cache, images=images)
        self.assertEqual((third["computed"], third["cached"]), (1, 40))
        # Another model has features of its own; so have other settings.
        tiny_model(self.folder / "other.safetensors", seed=2)
        fourth = self.report("--cache", cache, images=images,
                             model=self.folder / "other.safetensors")
        self.assertEqual(fourth["cached"], 0)
        settings = self.folder / "settings"
        settings.mkdir()
        shutil.copy(self.model, settings / "model.safetensors")
        (settings / "config.json").write_text(json.dumps({"pretrained_cfg": {"crop_pct": 1.0}}))
        fifth = self.report("--cache", cache, images=images, model=settings / "model.safetensors")
        self.assertEqual(fifth["cached"], 0)
        # A damaged cache is an empty one.
        for path in cache.iterdir():
            damaged = bytearray(path.read_bytes())
            damaged[100] ^= 1
            path.write_bytes(damaged)
        sixth = self.report("--cache", cache, images=images)
        self.assertEqual((sixth["computed"], sixth["cached"]), (1, 40))
        # By default it is where such things are kept, which is said when it begins.
        kept = f"features are kept in the clear in '{self.folder / 'xdg' / 'blindtuner'}'"
        self.assertIn(kept, self.extract(images=images).stderr)
        self.assertNotIn(kept, self.extract(images=images).stderr)
        self.assertEqual(len(list((self.folder / "xdg" / "blindtuner").iterdir())), 1)
        self.refused(self.extract("--cache", self.model), "tiny.safetensors")

    def test_unreadable_pictures(self):
        images = self.folder / "some-bad"
        for i in range(3):
            png(images / "a" / f"{i}.png", 9, 9, (9, 9, 9))
            png(images / "b" / f"{i}.png", 9, 9, (99, 9, 9))
        png(images / "a" / "1.png", 9, 9, (9, 9, 9), claim=(100000, 100000))
        (images / "b" / "0.png").write_bytes(b"")
        (images / "b" / "1.jpg").write_text("no picture")
        self.refused(self.extract("--no-cache", images=images, out="bad.npz"), "a/1.png'",
                     "100000 x 100000 pixels")
        self.assertFalse((self.folder / "bad.npz").exists())
        result = self.extract("--no-cache", "--json", "--on-error", "skip", images=images)
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual((report["pictures"], report["skipped"]), (4, 3))
        for name in ("a/1.png", "b/0.png", "b/1.jpg"):
            self.assertIn(name, result.stderr)
        members = npz(self.folder / "f.npz")
        self.assertEqual(members["names"][1], ["a/0.png", "a/2.png", "b/1.png", "b/2.png"])
        self.assertEqual(members["labels"][1], [0, 0, 1, 1])
        for path in images.rglob("*.*"):
            path.write_bytes(b"x")
        self.refused(self.extract("--no-cache", "--on-error", "skip", images=images),
                     "none of 7 pictures could be read")
        png(images / "a" / "0.png", 9, 9, (9, 9, 9), claim=(0, 9))
        self.refused(self.extract("--no-cache", images=images), "a/0.png'", "bad PNG")

    def test_bad_input(self):
        empty = self.folder / "empty"
        empty.mkdir()
        self.refused(self.extract(images=empty), "empty'", "no pictures")
        self.refused(self.extract(images=self.folder / "gone"), "gone'", "no such file or folder")
        self.refused(self.extract(images=self.folder / "keys-of-nothing.csv"), "no such file")
        self.refused(self.extract(images=self.images / "red", out="f.npy"), ".npz")
        self.refused(self.extract(out="no/such/f.npz"), "no such folder; make it first")
        one = self.folder / "one"
        png(one / "a" / "0.png", 9, 9, (9, 9, 9))
        self.refused(self.extract(images=one), "one class")
        table = self.folder / "table.csv"
        table.write_text("path,label\nimages/red/0.png,x\nimages/red/gone.png,y\n")
        self.refused(self.extract(images=table), "table.csv', line 3", "gone.png")
        table.write_bytes(b"images/red/0.png,x\n\xff,y\n")
        self.refused(self.extract(images=table), "table.csv', line 2", "UTF-8")
        self.refused(self.extract(model=table), "table.csv")
        self.refused(self.extract(model=self.folder / "gone"), "gone")
        partial = self.folder / "partial.safetensors"
        tiny_model(partial, leave_out=("blocks.0.norm2.bias",))
        self.refused(self.extract(model=partial), "blocks.0.norm2.bias")
        partial.write_bytes(self.model.read_bytes()[:-100])
        self.refused(self.extract(model=partial), "partial.safetensors")
        self.assertEqual(self.extract("--on-error", "ignore").returncode, 2)

    def test_unlabelled_and_classes(self):
        self.report("--no-cache", images=self.images / "red")
        self.assertEqual(sorted(npz(self.folder / "f.npz")),
                         ["digests", "encoder", "features", "names", "pooling"])
        self.report("--no-cache", out="train.npz")
        test = self.folder / "test"
        png(test / "red" / "x.png", 9, 9, (200, 0, 0))
        self.report("--no-cache", "--classes", self.folder / "train.npz", images=test)
        members = npz(self.folder / "f.npz")
        self.assertEqual((members["labels"][1], members["classes"][1]), ([1], ["green", "red"]))
        (test / "red").rename(test / "blue")
        self.refused(self.extract("--classes", self.folder / "train.npz", images=test), "'blue'")

    def test_classes_that_are_numbers(self):
        train, test, file = self.folder / "counted", self.folder / "counted_test", self.folder / "m.json"
        for i, (folder, name) in enumerate(((train, "1"), (train, "2"), (train, "3"), (test, "2"), (test, "2"), (test, "3"))):
            png(folder / name / f"{i}.png", 9, 9, (40 * i, 0, 0))
        self.report("--no-cache", images=train, out="train.npz")
        self.report("--no-cache", "--classes", self.folder / "train.npz", images=test)
        members = npz(self.folder / "f.npz")
        self.assertEqual((members["labels"][1], members["classes"][1]), ([1, 1, 2], ["1", "2", "3"]))
        # These are places, whatever the classes are called: always '2' is right about two of them.
        file.write_text(json.dumps({"weights": [[0] * WIDTH] * 3, "bias": [0, 1, 0], "logit_limit": 5, "class_names": ["1", "2", "3"]}))
        judged = run(OWNER, "evaluate", "--json", "--model", file, "--features", self.folder / "f.npz")
        self.assertAlmostEqual(json.loads(judged.stdout)["accuracy"], 2 / 3, msg=judged.stderr)

    def test_masks_among_pictures(self):
        masked = self.folder / "masked"
        for i in range(12):
            for end in ("", "_mask"):
                png(masked / "ab"[i % 2] / f"{i}{end}.png", 8, 8, (20 * i, 90, 200))
        result = self.extract("--no-cache", "--quiet", images=masked)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f"warning: '{masked}': 12 of 24 pictures are called after others", result.stderr)
        members = npz(self.folder / "f.npz")
        for name, group in zip(members["names"][1], members["groups"][1]):
            self.assertEqual(group, str(masked / name).removesuffix(".png").removesuffix("_mask"))


class ExtractTexts(Base):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="blindtuner-texts-"))
        cls.model = cls.folder / "bert"
        tiny_bert(cls.model)
        cls.table = cls.folder / "t.tsv"
        cls.table.write_text("text\tintent\nPlay the song!\tmusic\nBOOK a table\tbooking\n"
                             "play   the SONG !\tmusic\n" + "song " * 50 + "\tmusic\n")

    def extract(self, *arguments, model=None, table=None):
        return run(OWNER, "extract", "--model", model or self.model, "--texts",
                   table or self.table, "--out", self.folder / "f.npz", *arguments)

    def test_features(self):
        cache = self.folder / "cache"
        result = self.extract("--json", "--cache", cache)
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual((report["texts"], report["features"], report["classes"]),
                         (4, WIDTH, ["booking", "music"]))
        members = npz(self.folder / "f.npz")
        self.assertEqual(members["labels"][1], [1, 0, 1, 1])
        self.assertEqual(members["names"][1], ["2", "3", "4", "5"])
        self.assertEqual(members["label_name"][1], ["intent"])
        rows = members["features"][1]
        # The same tokens are the same text.
        for a, b in zip(rows[:WIDTH], rows[2 * WIDTH:3 * WIDTH]):
            self.assertAlmostEqual(a, b, delta=1e-6)
        self.assertNotEqual(rows[:WIDTH], rows[WIDTH:2 * WIDTH])
        again = json.loads(self.extract("--json", "--cache", cache).stdout)
        self.assertEqual((again["computed"], again["cached"]), (0, 4))
        # The weights' file itself will do.
        by_file = json.loads(self.extract("--json", "--cache", cache, model=self.model /
                                          "model.safetensors").stdout)
        self.assertEqual(by_file["cached"], 4)

    def test_what_the_model_does_not_see(self):
        """Ends of long texts, and words that its vocabulary lacks."""
        table = self.folder / "long.csv"
        table.write_text("text,label\nplay the song,x\n" + "play " * 20 + ",y\nbook a table,x\n" +
                         "the song " * 9 + ",y\nbook,z\n,\n")
        result = self.extract("--json", "--no-cache", "--skip-missing", table=table)
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual((report["cut_texts"], report["unknown_tokens"]), (2, 0))
        self.assertIn("2 of 5 texts are longer than the 16 tokens that the model takes: their ends "
                      "are not read, the first is on line 3", result.stderr)
        self.assertNotIn("vocabulary", result.stderr)
        # Sixteen tokens are not too many.
        table.write_text("text,label\n" + "play " * 14 + ",x\nfièvre aiguë,y\ntoux sèche,y\nno,x\n"
                         "rien à signaler,x\n")
        result = self.extract("--json", "--no-cache", table=table)
        self.assertEqual(json.loads(result.stdout)["cut_texts"], 0)
        self.assertIn("tokens are not in the model's vocabulary", result.stderr)
        # Warnings of reading are said here, too.
        table.write_text("text,label\nplay,a|b\nbook,a\nsong,b\n")
        self.assertIn("1 of 3 classes look like several labels of one sample ('a|b')",
                      self.extract("--no-cache", "--quiet", table=table).stderr)

    def test_bad_input(self):
        bad = self.folder / "bad.tsv"
        bad.write_bytes(b"a\tx\n\xff\ty\n")
        self.refused(self.extract(table=bad), "bad.tsv', line 2: not UTF-8")
        bad.write_text("a\tx\nb\tx\n")
        self.refused(self.extract(table=bad), "one class ('x')")
        bad.write_text("")
        self.refused(self.extract(table=bad), "empty")
        self.refused(self.extract(table=self.folder / "gone.tsv"), "gone.tsv", "no such file")
        self.refused(self.extract(model=self.folder / "gone"), "gone")
        bare = self.folder / "bare"
        shutil.copytree(self.model, bare)
        (bare / "vocab.txt").unlink()
        self.refused(self.extract(model=bare), "no tokenizer.json and no vocab.txt")
        (bare / "vocab.txt").write_text("a\nb\n")
        self.refused(self.extract(model=bare), "no token '[CLS]'")
        # Another model's vocabulary, with more tokens than this one knows.
        (bare / "vocab.txt").write_text("x\n" * 20 + "[CLS]\n[SEP]\n[UNK]\n")
        self.refused(self.extract("--no-cache", model=bare), "vocabulary")
        self.assertEqual(self.extract("--images", self.folder).returncode, 2)

    def test_sentence_transformers_settings(self):
        """What lies beside the encoder changes features, or is refused by name."""
        def rows(model):
            result = self.extract("--json", "--no-cache", model=model)
            self.assertEqual(result.returncode, 0, result.stderr)
            return npz(self.folder / "f.npz")["features"][1], json.loads(result.stdout), result.stderr

        cased = self.folder / "cased"
        shutil.copytree(self.model, cased)
        (cased / "tokenizer_config.json").write_text('{"do_lower_case": false}')
        plain, report, warning = rows(cased)
        self.assertIn("pooling", report["guessed"])
        self.assertIn("warning: '" + str(cased) + "'", warning)
        self.assertNotEqual(plain[:WIDTH], plain[2 * WIDTH:3 * WIDTH])
        (cased / "sentence_bert_config.json").write_text('{"do_lower_case": true}')
        lowered, _, _ = rows(cased)
        for a, b in zip(lowered[:WIDTH], lowered[2 * WIDTH:3 * WIDTH]):
            self.assertAlmostEqual(a, b, delta=1e-6)
        (cased / "config_sentence_transformers.json").write_text(
            '{"prompts": {"q": "the book "}, "default_prompt_name": "q"}')
        prompted, report, _ = rows(cased)
        self.assertEqual(report["prompt"], "the book ")
        self.assertNotEqual(prompted[:WIDTH], lowered[:WIDTH])
        (cased / "modules.json").write_text(json.dumps([
            {"type": f"sentence_transformers.models.{name}", "path": path}
            for name, path in (("Transformer", ""), ("WordWeights", "2_WordWeights"))]))
        self.refused(self.extract(model=cased), ".WordWeights', expected Transformer")


class Encoders(Base):
    """What features are made of, and what is said about it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="blindtuner-encoders-"))
        cls.model = cls.folder / "vit" / "model.safetensors"
        cls.model.parent.mkdir()
        tiny_model(cls.model)
        cls.bert = cls.folder / "bert"
        tiny_bert(cls.bert)
        cls.pictures = cls.folder / "pictures"
        for i in range(6):
            png(cls.pictures / "ab"[i % 2] / f"{i}.png", 32, 32, (30 * i, 90, 200))

    def run_extract(self, *arguments, model=None):
        out = self.folder / "f.npz"
        result = run(OWNER, "extract", "--json", "--model", model or self.model, "--out", out, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout), npz(out), result.stderr

    def test_the_last_block_computes_what_is_read(self):
        """Counted in the products that oneDNN says it computes: of the class token's features nobody
        reads the other tokens."""
        def products(pooling):
            result = subprocess.run(
                [OWNER, "extract", "--model", self.model, "--images", self.pictures, "--no-cache",
                 "--pooling", pooling, "--out", self.folder / "f.npz"],
                env={**os.environ, "ONEDNN_VERBOSE": "1"}, capture_output=True, text=True)
            self.assertEqual(result.returncode, 0, result.stderr)
            sizes = re.findall(r",exec,cpu,matmul,.*,(\d+)x(\d+):\2x(\d+):", result.stdout)
            if not sizes:
                self.skipTest("this oneDNN keeps no log")
            return sum(math.prod(map(int, size)) for size in sizes)
        self.assertLess(products("class"), products("mean") / 2)

    def test_poolings(self):
        cache = ("--cache", self.folder / "cache", "--images", self.pictures)
        single = {}
        for name in ("model", "class", "mean"):
            report, members, _ = self.run_extract(*cache, "--pooling", name)
            self.assertEqual((report["pooling"], members["pooling"][1]), (name, [name]))
            self.assertEqual((report["features"], report["cached"]), (WIDTH, 0))
            single[name] = members["features"][1]
            (self.folder / "f.npz").rename(self.folder / f"{name}.npz")
        self.refused(run(OWNER, "finetune", "--features", self.folder / "class.npz", "--test-features",
                         self.folder / "mean.npz", "--out", self.folder / "out"), "mean.npz", "pooling 'mean'", "'class'")
        # As wide as the others, and of pictures of another size.
        self.run_extract(*cache, "--pooling", "class", "--image-size", "64")
        (self.folder / "f.npz").rename(self.folder / "large.npz")
        self.refused(run(OWNER, "finetune", "--features", self.folder / "class.npz", "--test-features",
                         self.folder / "large.npz", "--out", self.folder / "out"), "large.npz", "other settings of it")
        (encoder,) = npz(self.folder / "class.npz")["encoder"][1]
        self.assertEqual(npz(self.folder / "mean.npz")["encoder"][1], [encoder])
        (self.folder / "m.json").write_text(json.dumps({"weights": [[1] * WIDTH, [0] * WIDTH], "bias": [0, 0], "class_names": ["a", "b"],
                                                        "encoder": encoder}))
        evaluate = [OWNER, "evaluate", "--model", self.folder / "m.json", "--features"]
        self.refused(run(*evaluate, self.folder / "large.npz"), "large.npz", "other settings of it")
        self.good(*evaluate, self.folder / "class.npz")
        # Sets for prediction too, with the training set's map or without one.
        keys, mapped = self.folder / "keys", self.folder / "mapped"
        few = ["--classes", 2, "--parameters", "InsecureTest10", INSECURE]
        self.good(OWNER, "whiten", "--features", self.folder / "class.npz", "--components", 4, "--out",
                  self.folder / "map.npz")
        for out, width, more in ((keys, WIDTH, []), (mapped, 4, ["--whitening", self.folder / "map.npz"])):
            self.good(OWNER, "keygen", "--out", out, "--features", width, *few)
            encrypt = [OWNER, "encrypt", "--keys", out, "--out", out / "x.enc", *more, INSECURE]
            self.good(*encrypt, "--features", self.folder / "class.npz")
            for use in ([], ["--unlabelled"]) if more else (["--unlabelled"],):
                self.refused(run(*encrypt, *use, "--features", self.folder / "mean.npz"), "mean.npz",
                             "pooling 'mean'", "expected 'class'")
                self.refused(run(*encrypt, *use, "--features", self.folder / "large.npz"), "other settings of it")
            self.good(*encrypt, "--unlabelled", "--features", self.folder / "class.npz")
        self.assertEqual(single["model"], single["class"])
        self.assertNotEqual(single["class"], single["mean"])
        report, members, _ = self.run_extract(*cache, "--pooling", "class+mean")
        self.assertEqual((report["features"], report["cached"]), (2 * WIDTH, 0))
        both = members["features"][1]
        for i, (a, b) in enumerate(zip(both[:WIDTH] + both[WIDTH:2 * WIDTH],
                                       single["class"][:WIDTH] + single["mean"][:WIDTH])):
            self.assertAlmostEqual(a, b, delta=1e-5, msg=str(i))
        report, _, _ = self.run_extract(*cache, "--pooling", "class+mean")
        self.assertEqual(report["cached"], 6)
        # All that are chosen from, in one pass; what asks for more blocks than there are is left out.
        report, members, _ = self.run_extract(*cache, "--pooling", "auto")
        self.assertEqual((report["pooling"], report["poolings"]), ("auto", ["model", "class+mean"]))
        self.assertEqual(members["poolings"][1], ["model", "class+mean"])
        self.assertEqual(members["pooling_columns"][1],
                         [0, 0, WIDTH, 1, WIDTH, WIDTH, 1, 2 * WIDTH, WIDTH])
        for i, (a, b) in enumerate(zip(members["features"][1][:3 * WIDTH],
                                       single["model"][:WIDTH] + both[:2 * WIDTH])):
            self.assertAlmostEqual(a, b, delta=1e-5, msg=str(i))
        self.refused(run(OWNER, "evaluate", "--model", "m.npz", "--features", self.folder / "f.npz"), "m.npz")
        self.refused(run(OWNER, "whiten", "--features", self.folder / "f.npz", "--out",
                         self.folder / "w.npz"), "f.npz", "several poolings")
        self.refused(run(OWNER, "demo", "--model", self.model, "--pooling", "auto", "--out",
                         self.folder / "out"), "--pooling auto")
        for bad, part in (("cls", "expected model, class, mean"), ("last2", "1 blocks")):
            self.refused(run(OWNER, "extract", "--model", self.model, "--out", self.folder / "f.npz",
                             *cache, "--pooling", bad), "--pooling", part)

    def test_what_was_guessed_is_said(self):
        arguments = ("--no-cache", "--images", self.pictures)
        report, plain, warning = self.run_extract(*arguments)
        self.assertEqual(report["guessed"], ["heads", "epsilon", "activation", "pictures"])
        self.assertEqual(len(warning.splitlines()), 1)
        for part in ("warning: ", str(self.model), "guessed", "heads 1", "mean 0.485"):
            self.assertIn(part, warning)
        full = self.folder / "full"
        shutil.copytree(self.model.parent, full)
        (full / "config.json").write_text(json.dumps({
            "num_attention_heads": 1, "layer_norm_eps": 1e-6, "hidden_act": "gelu"}))
        (full / "preprocessor_config.json").write_text(json.dumps({
            "size": 32, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}))
        report, told, warning = self.run_extract(*arguments, model=full)
        self.assertEqual((report["guessed"], warning), ([], ""))
        self.assertIn("preprocessor_config.json", report["settings"][-1]["from"])
        self.assertNotEqual(plain["features"][1], told["features"][1])

    def test_other_sizes_of_pictures(self):
        report, _, _ = self.run_extract("--no-cache", "--images", self.pictures, "--image-size", "64")
        self.assertIn("middle 64", report["preprocessing"])

    def test_pairs(self):
        table = self.folder / "pairs.csv"
        table.write_text("path,text,label\n" + "".join(
            f"pictures/{'ab'[i % 2]}/{i}.png,{'play the song' if i % 2 else 'book'},{'xy'[i % 2]}\n"
            for i in range(6)))
        report, members, _ = self.run_extract("--no-cache", "--pairs", table, "--text-model", self.bert,
                                              "--text-column", "text")
        self.assertEqual((report["pairs"], report["features"]), (6, 2 * WIDTH))
        self.assertEqual((report["picture_features"], report["text_features"]), (WIDTH, WIDTH))
        self.assertEqual(members["labels"][1], [0, 1, 0, 1, 0, 1])
        rows = members["features"][1]
        row = lambda i: rows[2 * WIDTH * i:2 * WIDTH * (i + 1)]
        _, pictures, _ = self.run_extract("--no-cache", "--images", self.pictures)
        for a, b in zip(row(0)[:WIDTH], pictures["features"][1][:WIDTH]):  # a/0.png is the first of all
            self.assertAlmostEqual(a, b, delta=1e-5)
        for a, b in zip(row(1)[WIDTH:], row(3)[WIDTH:]):
            self.assertAlmostEqual(a, b, delta=1e-5)
        self.assertNotEqual(row(0)[WIDTH:], row(1)[WIDTH:])
        # Which column holds the texts is known before the pictures' encoder is at work.
        cache, several = self.folder / "none", self.folder / "several.csv"
        several.write_text("path,one,other,label\n" + "".join(
            f"pictures/{'ab'[i % 2]}/{i}.png,play the song {i} of it,book a table for {i},{'xy'[i % 2]}\n"
            for i in range(6)))
        self.refused(run(OWNER, "extract", "--cache", cache, "--model", self.model, "--pairs", several,
                         "--text-model", self.bert, "--out", self.folder / "f.npz"), "--text-column")
        self.assertFalse(cache.exists())
        # Pictures that are passed over take their texts with them.
        (self.pictures / "a" / "2.png").rename(self.pictures / "a" / "gone")
        report, members, _ = self.run_extract("--no-cache", "--pairs", table, "--text-model", self.bert,
                                              "--text-column", "text", "--on-error", "skip")
        (self.pictures / "a" / "gone").rename(self.pictures / "a" / "2.png")
        self.assertEqual((report["pairs"], report["skipped"]), (5, 1))
        self.assertEqual(members["labels"][1], [0, 1, 1, 0, 1])
        for a, b in zip(members["features"][1][4 * WIDTH:6 * WIDTH], row(3)):
            self.assertAlmostEqual(a, b, delta=1e-5)
        self.refused(run(OWNER, "extract", "--no-cache", "--model", self.model, "--pairs", table,
                         "--text-column", "text", "--out", self.folder / "f.npz"),
                     "not a text encoder that is known")
        # Texts of one picture stay together when samples are held out.
        for i in range(12):
            png(self.folder / "captioned" / f"{i}.png", 8, 8, (200, 20 * i, 20))
        captions = self.folder / "captions.csv"
        captions.write_text("image,caption,label\n" + "".join(
            f"captioned/{i}.png,play the song {n} of {i},{'xy'[i % 2]}\n"
            for i in range(12) for n in range(2)))
        _, members, said = self.run_extract("--no-cache", "--pairs", captions, "--text-model", self.bert)
        self.assertIn("12 groups", said)
        self.assertEqual(members["group_column"][1], ["image"])
        groups = members["groups"][1]
        self.assertEqual((groups[0::2], len(set(groups))), (groups[1::2], 12))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
