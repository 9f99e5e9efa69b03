#!/usr/bin/env python3
"""The files that the commands are tried on: two owners' worlds, made once for all tests.

usage: worlds.py BLINDTUNER BLINDTUNER-SERVER FOLDER

FOLDER/a and FOLDER/b hold the same kinds of files of two owners with other data and keys. What a
command wrote in b is the old state that a failing run in a must leave alone. What goes on from a state that
it changes, as studies do, has no such old state, and is in a alone.
"""
import gzip
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "app"))
from cli_base import CLASSES, FEATURES, INSECURE, OWNER, SERVER, blobs, npy  # noqa: E402
from extract_test import png, tiny_bert, tiny_model  # noqa: E402

PARAMETERS = "InsecureTest10"
KEYS = ["--classes", CLASSES, "--features", FEATURES, "--batch", 64, "--parameters", PARAMETERS,
        INSECURE]
STEPS = 3
LINKED = 1 << 16  # larger files are linked into a box, not copied


def good(*arguments, cwd):
    """Runs a program that must succeed."""
    result = subprocess.run([*map(str, arguments)], cwd=cwd, capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"{arguments[1]} failed: {result.stderr}")


def idx(path, shape, values):
    kind = struct.pack(">BBBB", 0, 0, 8, len(shape)) + struct.pack(f">{len(shape)}I", *shape)
    path.write_bytes(gzip.compress(kind + bytes(values), mtime=0))


def fashion(folder, seed):
    """What `demo` reads: ten classes of pictures of 4 x 4, 200 for training and 20 to test."""
    generator = random.Random(seed)
    folder.mkdir()
    for name, count in (("train", 200), ("t10k", 20)):
        labels = [i % 10 for i in range(count)]
        idx(folder / f"{name}-labels-idx1-ubyte.gz", [count], labels)
        idx(folder / f"{name}-images-idx3-ubyte.gz", [count, 4, 4],
            [min(255, (200 if j % 10 == label else 0) + generator.randrange(50))
             for label in labels for j in range(16)])


def inputs(folder, seed):
    for suffix, samples, more in (("", 90, 0), ("t", 30, 1), ("v", 30, 2)):
        features, labels = blobs(samples, 10 * seed + more)
        npy(folder / f"x{suffix}.npy", features)
        npy(folder / f"y{suffix}.npy", labels, "<i4")
    config = {"steps": STEPS, "batch_size": 64, "learning_rate": 0.5}
    (folder / "study.json").write_text(json.dumps(config))  # whose rounds are the study's own
    (folder / "train.json").write_text(json.dumps({**config, "validation_every": 1}))
    tiny_model(folder / "tiny.safetensors", seed)
    tiny_bert(folder / "bert")
    pairs = ["path,text,label"]
    for name, colour in (("red", (200, 0, 0)), ("green", (0, 200, 0))):
        for i in range(2):
            png(folder / "pictures" / name / f"{i}{seed}.png", 8, 8, colour)
            pairs.append(f"pictures/{name}/{i}{seed}.png,play the song,{name}")
        for i in range(9):
            png(folder / "album" / name / f"{i}.png", 8, 8, [(c + 5 * i * seed) % 256 for c in colour])
    (folder / "pairs.csv").write_text("\n".join(pairs) + "\n")
    (folder / "texts.tsv").write_text("text\tintent\n" + seed * (
        "play the song\tmusic\n" + "book a table\tbooking\n"))
    fashion(folder / "idx", seed)
    (folder / "phrase").write_text(f"correct horse {seed}\n")


def rounds(folder):
    """A run with validation, whole; and as it was after its first round."""
    def started(*arguments):
        return subprocess.Popen([*map(str, arguments)], cwd=folder, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)
    server = [SERVER, "train", "--keys", "keys/evaluation.keys", "--data", "data.enc", "--config",
              "train.json", "--out", "last.enc", "--validation", "data-validation.enc",
              "--exchange", "exchange", "--checkpoint", "checkpoint", "--report", "last.json",
              INSECURE]
    training = started(*server)
    while not (folder / "exchange" / "round-0001.enc").exists():
        assert training.poll() is None, training.stderr.read()
        time.sleep(0.01)
    # The server waits for the first answer, its checkpoint is written.
    shutil.copytree(folder / "checkpoint", folder / "paused" / "checkpoint")
    owner = started(OWNER, "validate", "--keys", "keys", "--data", "data-validation.enc",
                    "--exchange", "exchange", "--out", "best.enc", "--patience", 100, "--config",
                    "train.json", INSECURE)
    for process in (training, owner):
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    # All answers are there before a resumed server asks for them.
    shutil.copytree(folder / "exchange", folder / "paused" / "exchange",
                    ignore=shutil.ignore_patterns("round-000[23]*"))
    # And none before an owner starts.
    (folder / "open").mkdir()
    shutil.copytree(folder / "exchange", folder / "open" / "exchange",
                    ignore=shutil.ignore_patterns("answer-*"))
    for name in ("checkpoint", "exchange"):
        shutil.rmtree(folder / name)


class Study:
    """One that is run phase by phase, and copied where a party of it is to go on: that one's folder, and the exchange."""

    def __init__(self, folder):
        # Where files are in memory: the disk need not have them all.
        self.folder, self.place = folder, Path(tempfile.mkdtemp(prefix="blindtuner-study-"))

    def owner(self, command, name, *arguments):
        good(OWNER, "study", command, "--folder", self.place / name, *arguments, INSECURE, cwd=self.folder)

    def join(self, command, name, *arguments):
        self.owner(command, name, "--exchange", self.place / "exchange", "--owner", name, *arguments)

    def server(self):
        good(SERVER, "study", "--folder", self.place / "server", "--exchange", self.place / "exchange", "--once",
             INSECURE, cwd=self.folder)

    def go(self, parties, *arguments):
        """Each of these, named by a letter, does what is due: s is the server, l the recipient."""
        for name in parties:
            if name == "s":
                self.server()
            else:
                self.owner("run", name, "--exchange", self.place / "exchange", "--once", *arguments,
                           *(self.data(name) if name != "l" else ()))

    def agree(self, owners):
        told = subprocess.run([OWNER, "study", "status", "--folder", self.place / "a", "--json", INSECURE],
                              cwd=self.folder, capture_output=True, check=True)
        fingerprint = json.loads(told.stdout)["fingerprint"]
        self.go(owners, "--fingerprint", fingerprint)
        return fingerprint

    def keep(self, name, party, *needless):
        """`needless`: patterns of large files that nobody opens from here on."""
        for source, target in ((party, "mine"), ("exchange", "exchange")):
            if (self.place / source).exists():
                shutil.copytree(self.place / source, self.folder / name / target,
                                ignore=shutil.ignore_patterns(*needless))


SHARES_OF_ALL = ("shares-s1-*", "relin?-s1-*", "part?-s1-*")
KEYS_OF_ALL = (*SHARES_OF_ALL, "evaluation.keys")


def study(folder):
    """Of three owners, two of whom open the model, and a recipient: wherever a, the server or the recipient goes on."""
    s = Study(folder)
    s.data = lambda name: ("--features", "x.npy", "--labels", "y.npy", "--class-numbers")
    s.join("create", "a", "--name", "Sites", "--owners", "a,b,c", "--threshold", 2, "--recipient", "l", "--config",
           "study.json", "--classes", "red,green,blue", "--columns", FEATURES, "--whitening", "pooled",
           "--parameters", "InsecureJoint4")
    s.keep("joining", "b")
    for name in "bcl":
        s.join("join", name)
    s.server()
    fingerprint = s.agree("bcl")
    s.keep("agreeing", "a")
    (folder / "agreeing" / "fingerprint").write_text(fingerprint)
    s.agree("a")        # and commits to a nonce
    s.go("bcb")         # b and c commit, and show theirs
    s.keep("sharing", "a")
    s.go("abcb")        # all make shares; b and c send them
    s.keep("answering", "a", "shares-s1-[bc]")
    s.go("abc")         # all send, and answer
    s.keep("handing", "a", "shares-s1-[bc]")
    s.go("abc")         # and send their second rounds and parts of their secrets
    s.go("sbc")         # the keys; what b's and c's rows are
    s.keep("telling", "a", "shares", "shares-s1-[bc]", "relin?-s1-[bc]")
    s.go("a")           # and a's
    s.keep("leaving", "a", *KEYS_OF_ALL)
    s.go("bcb")         # statistics, which b and c answer
    s.keep("pooling", "a", *KEYS_OF_ALL)
    s.go("abcb")        # whose shares all show; b's and c's maps
    s.keep("sending", "a", *KEYS_OF_ALL)
    s.go("abc")         # and a's, and the data of all
    s.keep("training", "server", *SHARES_OF_ALL)
    s.go("s")           # the model
    s.keep("looking", "a", *KEYS_OF_ALL)
    s.go("ab")          # a and b are there
    s.keep("naming", "server", *KEYS_OF_ALL)
    s.go("sb")          # they are the ones who open it; b's answer
    s.keep("giving", "a", *KEYS_OF_ALL)
    s.go("ab")          # their shares, b opens it
    s.keep("opening", "a", *KEYS_OF_ALL)
    s.go("a")
    s.keep("receiving", "l", *KEYS_OF_ALL)
    s.keep("opened", "a", *KEYS_OF_ALL)
    # Whoever audits adds the shares up itself.
    s.keep("trained", "server", "part?-s1-*", "evaluation.keys", "way-in.keys")
    shutil.rmtree(s.place)


def columns_study(folder):
    """Of two owners of columns whose rows are matched: when a is to send its identifiers, and when it has the model."""
    tables = {"a": ((0, 1, 2, 3, 4), True), "b": ((5, 6, 7), False)}
    features, labels = blobs(90, 7)
    for name, (columns, labelled) in tables.items():
        rows = [",".join(["id", *(f"c{j}" for j in columns), *(["label"] if labelled else [])])]
        for i, row in enumerate(features):
            rows.append(",".join([f"p{i}", *(str(row[j]) for j in columns), *([str(labels[i])] if labelled else [])]))
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    s = Study(folder)
    s.data = lambda name: ("--features", f"{name}.csv", "--id-column", "id",
                           *(("--label-column", "label", "--class-numbers") if name == "a" else ()))
    s.join("create", "a", "--name", "Wards", "--owners", "a,b", "--labels", "a", "--identifiers", "--config",
           "study.json", "--classes", "red,green,blue", "--columns", "5,3", "--whitening", "pooled", "--parameters",
           "InsecureJoint4")
    s.join("join", "b")
    s.server()
    s.agree("ab")
    # Up to the keys without a word of rows.
    data, s.data = s.data, lambda name: ()
    s.go("ababababa")
    s.keep("adding", "server")
    s.go("s")
    s.keep("matching", "a", "shares", "shares-s1-b", "relin?-s1-b")
    s.data = data
    s.go("abababab")      # which rows they have in common; the data
    s.go("sabababab")       # the model, opened
    s.keep("scoring", "a", *KEYS_OF_ALL)
    s.owner("scores", "b", "--features", "b.csv", "--id-column", "id", "--out", "part.npz")
    shutil.rmtree(s.place)


def voting_study(folder):
    """Of two owners who vote on the model after every step: when a has a vote, and when the server counts both."""
    s = Study(folder)
    s.data = lambda name: ("--features", "x.npy", "--labels", "y.npy", "--class-numbers")
    s.join("create", "a", "--name", "Votes", "--owners", "a,b", "--config", "study.json", "--classes",
           "red,green,blue", "--columns", FEATURES, "--validate-every", 1, "--parameters", "InsecureJoint4")
    s.join("join", "b")
    s.server()
    s.agree("ab")
    s.go("ababababa")
    s.go("sababab")     # the data, held-out rows among them
    s.go("sb")          # the first round's scores; b's share of a's
    s.keep("voting", "a", *KEYS_OF_ALL)
    s.go("aba")
    s.keep("counting", "server", *SHARES_OF_ALL)
    shutil.rmtree(s.place)


def lost(folder):
    """Keys under a passphrase, and keys without a ledger."""
    owner = ("passphrase", "--keys", "sealed", "--new-passphrase-file", "phrase", INSECURE)
    shutil.copytree(folder / "keys", folder / "sealed")
    good(OWNER, *owner, cwd=folder)
    shutil.copytree(folder / "keys", folder / "unledgered", ignore=shutil.ignore_patterns("ledger-*"))


def world(folder, seed):
    folder.mkdir(parents=True)
    inputs(folder, seed)

    def owner(*arguments):
        good(OWNER, *arguments, cwd=folder)

    def server(*arguments):
        good(SERVER, *arguments, "--keys", "keys/evaluation.keys", INSECURE, cwd=folder)
    owner("keygen", "--out", "keys", *KEYS)
    owner("whiten", "--features", "x.npy", "--out", "w.npz")
    owner("encrypt", "--features", "x.npy", "--labels", "y.npy", "--keys", "keys",
          "--validation", "xv.npy", "--validation-labels", "yv.npy", "--out", "data.enc", INSECURE)
    owner("encrypt", "--features", "xt.npy", "--unlabelled", "--keys", "keys", "--out", "test.enc",
          INSECURE)
    server("train", "--data", "data.enc", "--config", "train.json", "--out", "model.enc",
           "--transcript", "transcript", "--signing-key", "server.signing")
    owner("encrypt", "--features", "x.npy", "--labels", "y.npy", "--keys", "keys", "--whitening",
          "w.npz", "--out", "white.enc", INSECURE)
    server("train", "--data", "white.enc", "--config", "train.json", "--out", "white-model.enc")
    server("predict", "--model", "model.enc", "--data", "test.enc", "--out", "scores.enc")
    owner("decrypt", "--model", "model.enc", "--keys", "keys", "--out", "model.npz", INSECURE)
    owner("decrypt", "--scores", "scores.enc", "--keys", "keys", "--out", "scores.npy", INSECURE)
    rounds(folder)


def studies(folder):
    lost(folder)
    study(folder)
    columns_study(folder)
    voting_study(folder)


def make(folder):
    os.environ["BLINDTUNER_THREADS"] = "1"
    shutil.rmtree(folder, ignore_errors=True)
    for seed, name in enumerate("ab", 1):
        world(folder / name, seed)
    studies(folder / "a")
    # What is its owner's alone has to be read by another user, too, unless every box has a copy of its own.
    for path in folder.rglob("*"):
        copied = "mine" in path.parts and path.stat().st_size < LINKED
        if path.is_file() and not copied and not {"keys", "sealed", "unledgered"} & set(path.parts):
            path.chmod(0o644)


if __name__ == "__main__":
    make(Path(sys.argv[3]))
