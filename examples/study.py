#!/usr/bin/env python3
"""Three clinics that have pictures of different kinds, in different numbers, train one classifier: four processes with four
folders that share nothing but an exchange. Everything is done by the programs, as their people would; this script only
plays the people, and cuts Fashion-MNIST into three.

usage: study.py [--bin FOLDER] [--out FOLDER] [--samples N] [--parameters NAME] [--union]

Features are the small transformer's in models/backbone. Each clinic lacks some classes altogether and has few of others; all
are tested on the same 10,000 pictures. --union trains on all pictures together as one owner, too, with the same settings, for comparison.
"""
import argparse
import ast
import json
import random
import re
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
DATA = Path("/usr/share/datasets/fashion-mnist")
CLASSES = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
# Of each class's pictures, how many parts go to each clinic: none of some.
SHARES = {
    "clinic-a": [8, 8, 8, 8, 8, 8, 8, 8, 0, 0],
    "clinic-b": [0, 2, 3, 3, 3, 0, 3, 3, 8, 8],
    "clinic-c": [2, 0, 1, 1, 1, 2, 1, 0, 2, 2],
}


def npy(data):
    """Header and rows of an array in an .npz."""
    length = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + length].decode())
    return header, data[10 + length:]


def with_rows(header, body, rows):
    count = header["shape"][0]
    size = len(body) // count
    text = repr(header | {"shape": (len(rows), *header["shape"][1:])})
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return (b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() +
            b"".join(body[i * size:(i + 1) * size] for i in rows))


def write_rows(source, rows, target):
    """Rows of every member that has one a sample; others whole."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as out:
        samples = npy(archive.read("features.npy"))[0]["shape"][0]
        for name in archive.namelist():
            data = archive.read(name)
            header, body = npy(data)
            per_sample = header["shape"] and header["shape"][0] == samples
            out.writestr(name, with_rows(header, body, rows) if per_sample else data)


def labels_of(path):
    with zipfile.ZipFile(path) as archive:
        header, body = npy(archive.read("labels.npy"))
    code = {"<i8": "q", "<i4": "i", "|u1": "B"}[header["descr"]]
    return struct.unpack(f"<{header['shape'][0]}{code}", body)


def split(path, samples, folder):
    """Rows of each clinic, by SHARES, in a random order of one seed."""
    labels = labels_of(path)
    order = list(range(len(labels)))
    random.Random(1).shuffle(order)
    order = order[:samples or len(order)]
    rows = {name: [] for name in SHARES}
    for label in range(len(CLASSES)):
        own = [i for i in order if labels[i] == label]
        total, begin = sum(parts[label] for parts in SHARES.values()), 0
        for name, parts in SHARES.items():
            end = begin + len(own) * parts[label] // total
            rows[name] += own[begin:end]
            begin = end
    for name, own in rows.items():
        own.sort()
        (folder / name).mkdir()
        write_rows(path, own, folder / name / "train.npz")
        print(f"  {name}: {len(own)} pictures of {sum(p > 0 for p in SHARES[name])} classes", flush=True)
    everything = sorted(sum(rows.values(), []))
    write_rows(path, everything, folder / "union.npz")


class Programs:
    def __init__(self, folder, insecure):
        self.owner, self.server = folder / "blindtuner", folder / "blindtuner-server"
        self.more = ["--allow-insecure-parameters"] if insecure else []

    def good(self, program, *arguments):
        done = subprocess.run([program, *map(str, arguments), *self.more], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, arguments[:2]))} failed: {done.stderr}")
        return done.stdout

    def start(self, log, program, *arguments):
        return subprocess.Popen([program, *map(str, arguments), *self.more], stdout=log.open("w"),
                                stderr=subprocess.STDOUT)


def tell_phases(parties, folder, processes):
    """A line for each phase that these parties' logs tell, until a process has failed or all have ended."""
    begin, told = time.monotonic(), set()
    while True:
        codes = [process.poll() for process in processes]
        for party in parties:
            log = (folder / f"{party}.log").read_text()
            for phase in re.findall(rf"^{party} (?!waits).*|^training, step \d+", log, re.M):
                if phase not in told:
                    print(f"  {time.monotonic() - begin:4.0f} s  {phase}", flush=True)
                told.add(phase)
        if any(codes) or None not in codes:
            return
        time.sleep(0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bin", type=Path, default=HERE / "build/release/bin")
    parser.add_argument("--out", type=Path, default=HERE / "build/study")
    parser.add_argument("--samples", type=int, default=0, help="pictures of all clinics together (0: all 60,000)")
    parser.add_argument("--parameters", default="", help="a parameter set for tests, instead of a secure one")
    parser.add_argument("--union", action="store_true", help="train on all pictures as one owner, too")
    o = parser.parse_args()
    programs = Programs(o.bin, "Insecure" in o.parameters)
    out, exchange = o.out, o.out / "exchange"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)

    print("features of all pictures", flush=True)
    for part in ("train", "t10k"):
        subprocess.run([programs.owner, "extract", "--model", HERE / "models/backbone/model.safetensors", "--images",
                        DATA / f"{part}-images-idx3-ubyte.gz", "--labels", DATA / f"{part}-labels-idx1-ubyte.gz", "--out",
                        out / f"{part}.npz"], check=True, stdout=subprocess.DEVNULL)
    print("three clinics", flush=True)
    split(out / "train.npz", o.samples, out)
    (out / "config.json").write_text(json.dumps(
        {"steps": 20, "batch_size": 4096, "learning_rate": 4.0, "method": "nesterov", "momentum": 0.4}))

    begin = time.monotonic()
    exchange.mkdir()
    names = list(SHARES)
    first = ["--exchange", exchange, "--owner"]
    programs.good(programs.owner, "study", "create", "--folder", out / names[0] / "study", *first, names[0],
                  "--name", "fashion", "--owners", ",".join(names), "--classes", ",".join(CLASSES), "--columns", 256,
                  "--whitening", "pooled", "--epsilon", 0.1, "--config", out / "config.json",
                  *(["--parameters", o.parameters] if o.parameters else []))
    for name in names[1:]:
        programs.good(programs.owner, "study", "join", "--folder", out / name / "study", *first, name)
    processes = {"server": programs.start(out / "server.log", programs.server, "study", "--folder", out / "server",
                                          "--exchange", exchange)}
    # They read the study's fingerprint to each other.
    heard = {}
    for name in names:
        programs.good(programs.owner, "study", "run", "--folder", out / name / "study", "--once")
    while len(heard) < len(names):
        for name in names:
            status = json.loads(programs.good(programs.owner, "study", "status", "--folder", out / name / "study",
                                              "--json"))
            if status.get("fingerprint"):
                heard[name] = status["fingerprint"]
        time.sleep(0.2)
    if len(set(heard.values())) != 1:
        sys.exit(f"the clinics see different studies: {heard}")
    print("fingerprint", heard[names[0]], flush=True)
    for name in names:
        processes[name] = programs.start(out / f"{name}.log", programs.owner, "study", "run", "--folder",
                                         out / name / "study", "--fingerprint", heard[name], "--features",
                                         out / name / "train.npz", "--class-numbers", "--test", out / "t10k.npz")
    tell_phases(["server", names[0]], out, processes.values())
    if failed := [name for name, process in processes.items() if process.returncode]:
        for process in processes.values():  # the others would wait
            process.terminate()
        sys.exit(f"{failed[0]} failed:\n" + (out / f"{failed[0]}.log").read_text()[-2000:])
    seconds = time.monotonic() - begin

    print(f"\nthe study took {seconds:.0f} s; on the same 10,000 pictures:")
    for name in names:
        programs.good(programs.owner, "study", "open", "--folder", out / name / "study", "--out", out / name / "model.npz")
        report = json.loads((out / name / "study" / "report.json").read_text())
        print(f"  {name}: its own rows alone, in the clear, {100 * report['alone']['accuracy']:.2f} %; "
              f"all rows together, on ciphertexts, {100 * report['together']['accuracy']:.2f} %")
    print(f"reports: {out}/*/study/report.html")
    if o.union:
        one = json.loads(programs.good(
            programs.owner, "finetune", "--features", out / "union.npz", "--test-features", out / "t10k.npz", "--config",
            out / "config.json", "--epsilon", 0.1, "--validation-fraction", 0, "--out", out / "one", "--json", "--quiet",
            *(["--parameters", "InsecureTest12"] if programs.more else [])))
        print(f"  one owner of everything: on ciphertexts {100 * one['accuracy_encrypted']:.2f} %, in the clear "
              f"{100 * one['accuracy_plain']:.2f} %")


if __name__ == "__main__":
    main()
