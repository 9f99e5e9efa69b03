#!/usr/bin/env python3
"""What comes from outside may be hostile: numbers that are none, files that are none, files that ask
for more than there is. Everything runs under a memory limit and has seconds, not minutes.

usage: limits_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import gzip
import json
import os
import re
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import extract_test
from cli_base import (CLASSES, FEATURES, INSECURE, OWNER, SANITIZED, SERVER, Base, npy)

GIB = 1 << 30
NOT_NUMBERS = ["nan", "inf", "-inf", "1e400", "-1", "", "0x10", "99999999999999999999"]


def run(program, *arguments, memory=2 * GIB, seconds=120):
    """Under a limit of the address space (not with sanitizers); a run that takes longer than
    `seconds` fails the test."""
    def set_limit():
        if not SANITIZED:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds, preexec_fn=set_limit)


def options_of(program):
    """A program's commands; its options that are numbers, as (command, option, kind, least, most);
    those that take a number by another way than add_number, and so have no range."""
    def within(*group):
        """Commands, those in groups of them as "study join"."""
        shown = run(program, *group, "--help").stdout
        if "Subcommands:" not in shown:
            return [" ".join(group)]
        return [command for name in re.findall(r"^  ([a-z]+) ", shown.split("Subcommands:")[1], re.M)
                for command in within(*group, name)]

    commands = within()
    out, unchecked = [], []
    for command in commands:
        text = run(program, *command.split(), "--help").stdout
        unchecked += [(command, option) for option in
                      re.findall(r"^\s+(--[a-z-]+).*\b(?:INT|UINT|FLOAT)\b", text, re.M)]
        out += [(command, *found) for found in
                re.findall(r"^\s+(--[a-z-]+) ([NX]):(\S+) to ([0-9.e+-]+)", text, re.M)]
    return commands, out, unchecked


class Numbers(Base):
    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def check(self, program, least_options):
        commands, options, unchecked = options_of(program)
        with self.subTest("every number has a range"):
            self.assertEqual(unchecked, [])
        self.assertGreaterEqual(len(options), least_options)
        # --threads at least.
        self.assertEqual({command for command, *_ in options}, set(commands))
        for command, option, kind, least, most in options:
            bad = list(NOT_NUMBERS)
            if kind == "N":
                bad += [str(int(most) + 1)] + ([str(int(least) - 1)] if int(least) > 0 else [])
            else:
                bad += [repr(float(most) * 1.001)]
                bad += [repr(float(least) * 0.999)] if float(least) > 0 else []
            for text in bad:
                result = run(program, *command.split(), option, text)
                with self.subTest(command=command, option=option, text=text):
                    self.refused(result, option, "expected a", code=2)
            for text in (least, most):
                result = run(program, *command.split(), f"{option}={text}", "--no-such-option")
                with self.subTest(command=command, option=option, text=text):
                    self.refused(result, code=2)  # for another reason
                    self.assertNotIn(option + ":", result.stderr)

    def test_owner(self):
        self.check(OWNER, 35)

    def test_server(self):
        self.check(SERVER, 5)


class Limits(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.environ["XDG_CACHE_HOME"] = str(cls.folder / "xdg")
        f = cls.folder
        cls.vision = f / "tiny.safetensors"
        extract_test.tiny_model(cls.vision)
        for name in ("a", "b"):
            extract_test.png(f / "pictures" / name / "0.png", 20, 20, (200, 20, 20))
        (f / "pictures.csv").write_text("pictures/a/0.png,a\npictures/b/0.png,b\n")
        cls.good(OWNER, "whiten", "--features", f / "x.npy", "--out", f / "w.npz")
        cls.good(SERVER, "train", "--keys", cls.keys / "evaluation.keys", "--data", f / "data.enc",
                 "--out", f / "m.enc", "--config", f / "train.json", INSECURE)
        cls.good(OWNER, "encrypt", "--features", f / "xt.npy", "--labels", f / "yt.npy", "--keys",
                 cls.keys, "--out", f / "test.enc", INSECURE)
        cls.good(SERVER, "predict", "--keys", cls.keys / "evaluation.keys", "--model", f / "m.enc",
                 "--data", f / "test.enc", "--out", f / "s.enc", INSECURE)
        cls.good(OWNER, "decrypt", "--model", f / "m.enc", "--keys", cls.keys, "--out",
                 f / "m.json", INSECURE)
        cls.good(OWNER, "decrypt", "--scores", f / "s.enc", "--keys", cls.keys, "--out",
                 f / "s.npy", INSECURE)
        cls.good(OWNER, "encrypt", "--features", f / "x.npy", "--labels", f / "y.npy", "--keys",
                 cls.keys, "--whitening", f / "w.npz", "--out", f / "white.enc", INSECURE)
        cls.good(SERVER, "train", "--keys", cls.keys / "evaluation.keys", "--data",
                 f / "white.enc", "--out", f / "white-m.enc", "--config", f / "train.json",
                 INSECURE)
        (f / "names.txt").write_text("a\nb\n")
        (f / "plan.json").write_text(json.dumps({"steps": 3, "batch_size": 8192}))

    def inputs(self):
        """Every command with every option by which it is given a file to read, all of them good."""
        f, keys = self.folder, self.keys / "evaluation.keys"
        data = {"--features": f / "x.npy", "--labels": f / "y.npy"}
        test = {"--features": f / "xt.npy", "--labels": f / "yt.npy"}
        out, insecure = ["--out", f / "out.npz"], [INSECURE]
        return [
            (OWNER, "whiten", {"--features": f / "x.npy"}, out),
            (OWNER, "encrypt", data | {"--whitening": f / "w.npz", "--validation": f / "xt.npy",
                                       "--validation-labels": f / "yt.npy"},
             ["--keys", self.keys] + out + insecure),
            (OWNER, "extract", {"--model": self.vision, "--images": f / "pictures.csv",
                                "--classes": f / "names.txt"}, out),
            (OWNER, "decrypt", {"--model": f / "white-m.enc", "--whitening": f / "w.npz"},
             ["--keys", self.keys] + out + insecure),
            (OWNER, "decrypt", {"--scores": f / "s.enc"},
             ["--keys", self.keys, "--out", f / "out.npy"] + insecure),
            (OWNER, "evaluate", {"--model": f / "m.json"} | test, []),
            (OWNER, "evaluate", {"--scores": f / "s.npy", "--labels": f / "yt.npy"}, []),
            (OWNER, "plan", {"--config": f / "plan.json"},
             ["--samples", 300, "--classes", CLASSES, "--features", FEATURES]),
            (OWNER, "inspect", {"": f / "data.enc"}, []),
            (SERVER, "inspect", {"": f / "m.enc"}, []),
            (SERVER, "train", {"--keys": keys, "--data": f / "data.enc",
                               "--config": f / "train.json"}, ["--out", f / "out.enc"] + insecure),
            (SERVER, "predict", {"--keys": keys, "--model": f / "m.enc",
                                 "--data": f / "test.enc"}, ["--out", f / "out.enc"] + insecure)]

    def call(self, program, command, files, others, **limits):
        arguments = [x for option, path in files.items() for x in ([option] if option else []) +
                     [path]]
        return run(program, command, *arguments, *others, **limits)

    def test_pipes_sockets_folders_and_devices_are_no_files(self):
        for program, command, files, others in self.inputs():
            result = self.call(program, command, files, others)
            self.assertEqual(result.returncode, 0, (command, result.stderr))
            for option, path in files.items():
                for make in ("pipe", "device", "folder"):
                    bad = self.folder / (make + path.suffix)
                    if make == "pipe":
                        os.mkfifo(bad)
                    elif make == "device":
                        bad.symlink_to("/dev/zero")
                    else:
                        bad.mkdir()
                    with self.subTest(command=command, option=option, bad=make):
                        result = self.call(program, command, files | {option: bad}, others,
                                           seconds=60)
                        self.refused(result, bad.name)
                    bad.rmdir() if make == "folder" else bad.unlink()

    def test_nested_brackets(self):
        f = self.folder
        extract = (OWNER, "extract", "--images", f / "pictures", "--no-cache", "--out",
                   f / "out.npz")
        bert = f / "bert"
        extract_test.tiny_bert(bert)
        (f / "t.csv").write_text("play,a\nbook,b\n")
        texts = (OWNER, "extract", "--model", bert, "--texts", f / "t.csv", "--no-cache", "--out",
                 f / "out.npz")
        commands = {
            "c.json": (OWNER, "plan", "--samples", 300, "--classes", 3, "--config", f / "c.json"),
            "d.json": (SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                       f / "data.enc", "--out", f / "out.enc", "--config", f / "d.json", INSECURE),
            "e.json": (OWNER, "evaluate", "--model", f / "e.json", "--features", f / "xt.npy",
                       "--labels", f / "yt.npy"),
            "config.json": (*extract, "--model", self.vision),
            "preprocessor_config.json": (*extract, "--model", self.vision),
            "bert/tokenizer.json": texts, "bert/tokenizer_config.json": texts,
            "bert/modules.json": texts}
        for name, command in commands.items():
            for open_, close in (("[", "]"), ('{"a":', "}")):
                for depth in (33, 150_000):
                    text = open_ * depth + "1" + close * depth
                    for content in (text, text[:len(open_) * depth]):
                        (f / name).write_text(content)
                        with self.subTest(name=name, open=open_, depth=depth):
                            self.refused(run(*command, memory=GIB), Path(name).name, "nested")
            (f / name).unlink()
        depth = 500_000
        header = ('{"a":' + "[" * depth + "]" * depth + "}").encode()
        (f / "deep.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
        self.refused(run(*extract, "--model", f / "deep.safetensors"), "nested")

    def test_a_tensor_without_bytes(self):
        whole = self.vision.read_bytes()
        length = struct.unpack("<Q", whole[:8])[0]
        header, data = json.loads(whole[8:8 + length]), whole[8 + length:]
        for name in header:
            begin, end = header[name]["data_offsets"]
            damaged = {other: dict(entry) for other, entry in header.items()}
            for entry in damaged.values():
                if entry["data_offsets"][0] >= end:
                    entry["data_offsets"] = [x - (end - begin) for x in entry["data_offsets"]]
            damaged[name]["data_offsets"] = [begin, begin]
            text = json.dumps(damaged).encode()
            path = self.folder / "hollow.safetensors"
            path.write_bytes(struct.pack("<Q", len(text)) + text + data[:begin] + data[end:])
            self.refused(run(OWNER, "extract", "--model", path, "--images",
                             self.folder / "pictures", "--no-cache", "--out",
                             self.folder / "out.npz"), "hollow.safetensors", name,
                         "does not fit its 0 bytes")

    def test_packed_files_are_as_large_as_they_say(self):
        header = bytes([0, 0, 8, 3]) + struct.pack(">III", 2, 2, 3)
        for name, content, words in (
                ("bomb-ubyte.gz", header + bytes(300 << 20), "more bytes than it states"),
                ("liar-ubyte.gz", bytes([0, 0, 8, 2]) + struct.pack(">II", 1 << 20, 1 << 19),
                 "more than deflate can make: it is cut off, or states too much")):
            path = self.folder / name
            path.write_bytes(gzip.compress(content, 1))
            self.refused(run(OWNER, "whiten", "--features", path, "--out",
                             self.folder / "out.npz", memory=GIB // 2), name, words)

    def test_plan(self):
        def plan(samples, *more):
            return run(OWNER, "plan", "--samples", samples, "--classes", 10, "--json", *more,
                       memory=GIB)
        most = plan(2**32 - 1)
        self.assertEqual(most.returncode, 0, most.stderr)
        report = json.loads(most.stdout)
        self.assertGreater(report["ciphertexts"], 2**32 // 8192 * 768 // 64)
        for samples in (2**32, 2**63 - 1, 2**63, 2**64 - 1):
            self.refused(plan(samples), "--samples", code=2)
        # Gradients are kept, so the forecast's memory grows with the steps; the plan's does not.
        many = plan(60000, "--steps", 100000)
        self.assertEqual(many.returncode, 0, many.stderr)
        self.assertGreater(json.loads(many.stdout)["bytes"]["server_memory"], 100000 * 2**18)
        self.refused(plan(60000, "--steps", 100001), "--steps", code=2)
        self.refused(plan(2**32 - 1, "--epochs", 100000), "at most 100000 steps")
        # Blocks of a study are listed: 2^22 of them.
        self.refused(plan(2**31, "--owners", 4), "together at most")
        for features, code in ((2**20 - 1, 0), (2**20, 2)):
            self.assertEqual(plan(60000, "--features", features).returncode, code)
        for classes, code in ((128, 0), (129, 2)):
            self.assertEqual(run(OWNER, "plan", "--samples", 60000, "--classes", classes,
                                 "--head", "sigmoid", memory=GIB).returncode, code)

    def test_classes_that_a_parameter_set_has_no_room_for(self):
        few = ["--parameters", "InsecureTest10", INSECURE]
        said = "a ring of dimension 128 has no room for 65 classes"
        for command in (["plan", "--samples", 300, "--head", "squared"],
                        ["keygen", "--out", self.folder / "many"]):
            self.refused(run(OWNER, *command, "--classes", 65, "--features", 8, *few), said)
        self.good(OWNER, "keygen", "--out", self.folder / "many", "--classes", 64, "--features", 8, *few)
        npy(self.folder / "many.npy", [[float(i % 65), 1.0] for i in range(650)])
        npy(self.folder / "labels.npy", [i % 65 for i in range(650)], "<i4")
        self.refused(run(OWNER, "finetune", "--features", self.folder / "many.npy", "--labels",
                         self.folder / "labels.npy", "--out", self.folder / "run", *few), said)

    def test_tables_of_pictures_stay_in_their_folder(self):
        f = self.folder
        (f / "inner").mkdir()
        table = f / "inner" / "t.csv"
        def extract(*more):
            return run(OWNER, "extract", "--model", self.vision, "--images", table, "--no-cache",
                       "--out", f / "out.npz", *more)
        for path in ("../pictures/a/0.png", f / "pictures/a/0.png"):
            table.write_text(f"{path},a\n{path},b\n")
            self.refused(extract(), "t.csv', line 1", "is not beneath the folder", "--images-root")
        self.assertEqual(extract("--images-root", f).returncode, 0)
        table.write_text("pictures/a/0.png,a\npictures/b/0.png,b\n")
        self.assertEqual(extract("--images-root", f).returncode, 0)

    def test_a_cache_that_is_a_link(self):
        f = self.folder
        (f / "real").mkdir(mode=0o700)
        (f / "link").symlink_to("real")
        command = (OWNER, "extract", "--model", self.vision, "--images", f / "pictures", "--out",
                   f / "out.npz", "--cache")
        self.refused(run(*command, f / "link"), "link", "--no-cache")
        self.assertEqual(run(*command, f / "real").returncode, 0)
        (f / "real").chmod(0o777)
        self.refused(run(*command, f / "real"), "others may write to it")

    def test_an_archive_that_unpacks_to_more_than_its_header_says(self):
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 8), }\n"
        bomb = self.folder / "bomb.npz"
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            with archive.open("weights.npy", "w") as member:
                member.write(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header)
                for _ in range(600):
                    member.write(bytes(1 << 20))
            npy(self.folder / "bias.npy", [0.0, 0.0, 0.0])
            archive.write(self.folder / "bias.npy", "bias.npy")
        self.refused(run(OWNER, "evaluate", "--model", bomb, "--features", self.folder / "x.npy",
                         "--labels", self.folder / "y.npy", memory=GIB // 2),
                     "bomb.npz", "bytes of data, expected 24 elements")

    def test_wide_features(self):
        # Few samples of many features are no wide matrix (the rest: Whitening.NoWiderThan..).
        npy(self.folder / "wide.npy", [[0.5] * 20000, [1.0] * 20000, [2.0, 3.0] * 10000])
        result = run(OWNER, "whiten", "--features", self.folder / "wide.npy", "--out",
                     self.folder / "out.npz", memory=GIB)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("'keygen --features 2'", result.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
