#!/usr/bin/env python3
"""The files that the commands are tried on: two owners' worlds, made once for all tests.

usage: worlds.py BLINDTUNER BLINDTUNER-SERVER FOLDER

FOLDER/a and FOLDER/b hold the same kinds of files of two owners with other data and keys. What a
command wrote in b is the old state that a failing run in a must leave alone.
"""
import gzip
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "app"))
from cli_base import CLASSES, FEATURES, INSECURE, OWNER, SERVER, blobs, npy  # noqa: E402
from extract_test import png, tiny_bert, tiny_model  # noqa: E402

PARAMETERS = "InsecureTest10"
KEYS = ["--classes", CLASSES, "--features", FEATURES, "--batch", 64, "--parameters", PARAMETERS,
        INSECURE]
STEPS = 3


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
    config = {"steps": STEPS, "batch_size": 64, "learning_rate": 0.5, "validation_every": 1}
    (folder / "train.json").write_text(json.dumps(config))
    tiny_model(folder / "tiny.safetensors", seed)
    tiny_bert(folder / "bert")
    for name, colour in (("red", (200, 0, 0)), ("green", (0, 200, 0))):
        for i in range(2):
            png(folder / "pictures" / name / f"{i}{seed}.png", 8, 8, colour)
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


def study(folder):
    """Of two owners, when the first is to make its shares, and when it is to answer the other's."""
    def run(owner, *arguments):
        good(OWNER, "study", "run", "--folder", f"study/{owner}", "--once", *arguments, INSECURE, cwd=folder)

    def keep(name):
        for part in ("mine", "exchange"):
            shutil.copytree(folder / "study" / part, folder / name / part)
    place = ("--exchange", "study/exchange", "--owner")
    good(OWNER, "study", "create", "--folder", "study/mine", *place, "a", "--name", "Sites", "--owners", "a,b", "--classes",
         "no,yes", "--columns", 4, "--parameters", "InsecureJoint4", INSECURE, cwd=folder)
    good(OWNER, "study", "join", "--folder", "study/theirs", *place, "b", INSECURE, cwd=folder)
    good(SERVER, "study", "--folder", "study/server", "--exchange", "study/exchange", "--once", INSECURE, cwd=folder)
    told = subprocess.run([OWNER, "study", "status", "--folder", "study/mine", "--json", INSECURE], cwd=folder,
                          capture_output=True, check=True)
    fingerprint = ("--fingerprint", json.loads(told.stdout)["fingerprint"])
    run("mine", *fingerprint)    # agrees
    run("theirs", *fingerprint)  # agrees and commits to a nonce
    run("mine")                  # commits and shows its nonce
    run("theirs")                # shows its own, makes its shares
    keep("sharing")
    run("mine")                  # makes its shares and sends them
    run("theirs")                # sends its own and answers
    keep("answering")
    shutil.rmtree(folder / "study")


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
    study(folder)


def make(folder):
    os.environ["BLINDTUNER_THREADS"] = "1"
    shutil.rmtree(folder, ignore_errors=True)
    for seed, name in enumerate("ab", 1):
        world(folder / name, seed)
    # What is its owner's alone has to be read by another user, too.
    for path in folder.rglob("*"):
        if path.is_file() and "keys" not in path.parts:
            path.chmod(0o644)


if __name__ == "__main__":
    make(Path(sys.argv[3]))
