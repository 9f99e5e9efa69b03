"""What the programs make of a folder of files that were written once and are kept: tests/frozen/README.md.

`make` writes such a folder, `observe` opens everything in one.
"""
import ast
import gzip
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Of studies of several owners: megabytes each, and read only while keys are made.
NOT_FROZEN = {"key_shares", "way_in_keys"}
# Which studies/ has (studies.py).
OF_STUDIES = {"contribution", "sums", "sealed_share"}
sys.path.insert(0, str(HERE.parent / "golden"))
import reference  # noqa: E402

INSECURE = "--allow-insecure-parameters"
# As rlwe/parameters.h has the set.
PARAMETERS = reference.Parameters(
    "InsecureTest10", 10, 7,
    [[50, 49], [40] * 3, [36] * 11 + [39] * 3, [50] * 8, [50] * 3], [50] * 9)
CLASSES = ("ash", "birch", "cedar")
PASSPHRASE = "a frozen passphrase\n"
WIDTH = 64  # of the tiny transformer


# --- Programs, tables, arrays --------------------------------------------------------------------

class Programs:
    """Both programs, run in one folder."""

    def __init__(self, owner, server, folder):
        self.paths, self.folder = {"blindtuner": owner, "blindtuner-server": server}, folder

    def start(self, program, *arguments):
        return subprocess.Popen([self.paths[program], *map(str, arguments)], cwd=self.folder,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**os.environ, "TZ": "UTC"})

    def end(self, process):
        out, err = process.communicate()
        if process.returncode != 0:
            raise AssertionError(f"{' '.join(process.args)}: {err}")
        return out

    def owner(self, *arguments):
        return self.end(self.start("blindtuner", *arguments, "--quiet", INSECURE))

    def owner_json(self, *arguments):
        return json.loads(self.owner(*arguments, "--json"))

    def server(self, *arguments):
        return self.end(self.start("blindtuner-server", *arguments, "--quiet", INSECURE))


def table(path, samples, seed):
    generator = random.Random(seed)
    lines = ["a,b,c,d,kind"]
    for i in range(samples):
        row = [generator.gauss(2.0 if j % 3 == i % 3 else 0.0, 0.7) for j in range(4)]
        lines.append(",".join(f"{x:.3f}" for x in row) + f",{CLASSES[i % 3]}")
    path.write_text("\n".join(lines) + "\n")


def npz(path):
    """Members of an archive of numbers and words: {name: [shape, flat list]}."""
    out = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            begin = 10 + struct.unpack("<H", data[8:10])[0]
            header = ast.literal_eval(data[10:begin].decode())
            kind, body = header["descr"], data[begin:]
            if kind[1] == "U":
                step = 4 * int(kind[2:])
                values = [body[i:i + step].decode("utf-32-le").rstrip("\0")
                          for i in range(0, len(body), step)]
            else:
                code = {"f4": "f", "f8": "d", "i4": "i", "i8": "q", "u1": "B", "b1": "B"}[kind[1:]]
                values = [value for value, in struct.iter_unpack(f"<{code}", body)]
            out[name.removesuffix(".npy")] = [list(header["shape"]), values,
                                              header["fortran_order"]]
    return out


# --- A transformer and pictures for the cache of features ----------------------------------------

def transformer(path):
    """32 x 32 pixels, patches of 16, one block; weights from a formula, so that it need not be kept."""
    shapes = {"cls_token": [1, 1, WIDTH], "pos_embed": [1, 5, WIDTH],
              "patch_embed.proj.weight": [WIDTH, 3, 16, 16], "patch_embed.proj.bias": [WIDTH]}
    for name, out, width in (("attn.qkv", 3 * WIDTH, WIDTH), ("attn.proj", WIDTH, WIDTH),
                             ("mlp.fc1", 4 * WIDTH, WIDTH), ("mlp.fc2", WIDTH, 4 * WIDTH)):
        shapes[f"blocks.0.{name}.weight"] = [out, width]
        shapes[f"blocks.0.{name}.bias"] = [out]
    for name in ("blocks.0.norm1", "blocks.0.norm2", "norm"):
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = [WIDTH]
    header, data = {}, bytearray()
    for k, (name, shape) in enumerate(shapes.items()):
        count = 1
        for extent in shape:
            count *= extent
        one = 1.0 if "norm" in name and name.endswith("weight") else 0.0
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack(f"<{count}f", *(one + ((i * i + 7 * i + k) % 23 - 11) / 64
                                            for i in range(count)))
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def pictures(folder):
    """Two folders of two pictures of one colour each, in the plainest PNG."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    for name, colour in (("green", (20, 160, 30)), ("red", (180, 20, 20))):
        (folder / name).mkdir(parents=True)
        for i in range(2):
            rows = (b"\0" + bytes(colour) * 32) * (32 - i)
            stored = (b"\x78\x01\x01" + struct.pack("<HH", len(rows), 0xffff ^ len(rows)) + rows +
                      struct.pack(">I", zlib.adler32(rows)))
            (folder / name / f"{i}.png").write_bytes(
                b"\x89PNG\r\n\x1a\n" +
                chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32 - i, 8, 2, 0, 0, 0)) +
                chunk(b"IDAT", stored) + chunk(b"IEND", b""))


EXTRACT = ("extract", "--images", "pictures", "--model", "tiny.safetensors", "--cache", "cache")


# --- Evaluation keys, shrunk ---------------------------------------------------------------------

def thin_keys(data):
    """The file with zeros for the residues of the bootstrapping keys, which are nearly all of its
    bytes; their heads and seeds, and the keys of the matrix products, stay."""
    header, sections = reference.open_container(data)
    reader, out = reference.Reader(sections["BOOT"], PARAMETERS), bytearray()

    def head(count):
        out.extend(reader.take(count))
        return out[-count:]

    def key():
        log_n = PARAMETERS.log_n if head(1)[0] else PARAMETERS.log_small_n
        q_count, p_count, digits = struct.unpack("<3H", head(6))
        head(2 * digits + 32)
        bits = sum(q.bit_length() for q, _ in PARAMETERS.moduli(q_count, p_count))
        count = digits * bits * (1 << log_n) // 8
        reader.take(count)
        out.extend(bytes(count))

    key()
    for _ in range(struct.unpack("<I", head(4))[0]):
        head(8)
        key()
    for _ in range(4):
        key()
    reader.end()
    sections["BOOT"] = bytes(out)
    return reference.container(header["kind"], PARAMETERS, header["key_id"], sections.items())


# --- Making --------------------------------------------------------------------------------------

KEYS, TRAINING = "run/keys", "stopped"
RUN = ("finetune", "--features", "train.csv", "--test-features", "test.csv", "--parameters",
       PARAMETERS.name, "--steps", 3, "--batch", 16, "--validation-every", 1)
MAP = ("--whitening", "run/whitening.npz")


def train(programs, *more):
    return programs.start(
        "blindtuner-server", "train", "--keys", "evaluation.keys", "--data", "stopped/data.enc",
        "--out", "stopped/model.enc", "--config", "stopped/config.json", "--validation",
        "stopped/data-validation.enc", "--exchange", "stopped/exchange", "--checkpoint",
        "stopped/checkpoint", "--quiet", INSECURE, *more)


def validate(programs):
    """Stops the training after its first round."""
    return programs.start(
        "blindtuner", "validate", "--keys", KEYS, "--data", "stopped/data-validation.enc",
        "--exchange", "stopped/exchange", "--out", "stopped/best.enc", "--config",
        "stopped/config.json", "--trained-on", "stopped/data.enc", "--max-logit", 1e-6, "--json",
        "--quiet", INSECURE)


def make(programs):
    """Every kind of file that the programs write, in the programs' folder, which is empty."""
    folder = programs.folder
    table(folder / "train.csv", 60, 1)
    table(folder / "test.csv", 15, 2)
    programs.owner(*RUN, "--out", "run", "--publish")
    keys = folder / KEYS / "evaluation.keys"
    keys.write_bytes(thin_keys(keys.read_bytes()))
    shutil.copy(keys, folder / "evaluation.keys")

    (folder / TRAINING / "exchange").mkdir(parents=True)
    (folder / TRAINING / "checkpoint").mkdir()
    (folder / TRAINING / "config.json").write_text(json.dumps(
        {"steps": 3, "batch_size": 16, "learning_rate": 0.5, "validation_every": 1}))
    programs.owner("encrypt", "--features", "train.csv", "--keys", KEYS, *MAP, "--seed", 1,
                   "--validation-fraction", 0.2, "--config", "stopped/config.json", "--out",
                   "stopped/data.enc")
    both = [train(programs), validate(programs)]
    for process in both:
        programs.end(process)

    programs.owner("encrypt", "--features", "test.csv", "--unlabelled", "--keys", KEYS, *MAP,
                   "--out", "new.enc")
    predict(programs, "scores.enc")
    decrypt_scores(programs, "scores.npz")
    decrypt_model(programs, "model.json")

    (folder / "passphrase").write_text(PASSPHRASE)
    shutil.copytree(folder / KEYS, folder / "sealed")
    programs.owner("passphrase", "--keys", "sealed", "--new-passphrase-file", "passphrase")
    (folder / "sealed.key").write_bytes((folder / "sealed/secret.key").read_bytes())
    shutil.rmtree(folder / "sealed")

    transformer(folder / "tiny.safetensors")
    pictures(folder / "pictures")
    programs.owner(*EXTRACT, "--out", "features.npz")
    (folder / "tiny.safetensors").unlink()

    with open(folder / "evaluation.keys.gz", "wb") as file, \
            gzip.GzipFile("", "wb", 9, file, 0) as packed:
        packed.write(keys.read_bytes())
    (folder / "evaluation.keys").unlink()
    keys.unlink()


# --- Opening -------------------------------------------------------------------------------------

def predict(programs, out):
    programs.server("predict", "--keys", "evaluation.keys", "--model", "run/model.enc", "--data",
                    "new.enc", "--out", out)


def decrypt_scores(programs, out, keys=KEYS, scores="scores.enc", *more):
    programs.owner("decrypt", "--keys", keys, "--scores", scores, "--data", "new.enc", "--config",
                   "run/config.json", "--trained-on", "run/train.enc", "--out", out, *more)


def decrypt_model(programs, out, model="run/model.enc", config="run/config.json",
                  data="run/train.enc"):
    programs.owner("decrypt", "--keys", KEYS, "--model", model, "--config", config, "--trained-on",
                   data, *MAP, "--out", out)


def unfreeze(frozen, folder):
    """A copy to work on, with what `make` has left out, and the permissions that a cache must have."""
    shutil.copytree(frozen, folder, dirs_exist_ok=True)
    keys = gzip.decompress((folder / "evaluation.keys.gz").read_bytes())
    for path in ("evaluation.keys", f"{KEYS}/evaluation.keys"):
        (folder / path).write_bytes(keys)
    transformer(folder / "tiny.safetensors")
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


def freeze(frozen, owner, server, make, observe, copied=shutil.copytree):
    """A new folder of what `make` makes and of what is observed of a copy of it."""
    if frozen.exists():
        sys.exit(f"{frozen} exists; what is frozen stays as it is")
    with tempfile.TemporaryDirectory(prefix="blindtuner-frozen-") as scratch:
        made, copy = Path(scratch) / "made", Path(scratch) / "copy"
        made.mkdir()
        make(Programs(owner, server, made))
        copied(made, copy)
        (made / "expected.json").write_text(json.dumps(observe(Programs(owner, server, copy)), indent=1) + "\n")
        shutil.copytree(made, frozen)
    print(f"{frozen}: {sum(f.stat().st_size for f in frozen.rglob('*') if f.is_file())} bytes")


def inspected(programs):
    """What `inspect` says of every container, but for the path."""
    out = {}
    for path in sorted(programs.folder.rglob("*")):
        if not path.is_file():
            continue
        with path.open("rb") as file:
            if file.read(8) != b"BLNDTUNR":
                continue
        name = path.relative_to(programs.folder).as_posix()
        shown = programs.owner_json("inspect", name)
        del shown["file"]
        # Estimates of security may become others.
        shown["parameters"] = {key: shown["parameters"][key] for key in ("name", "digest")}
        out[name] = shown
    return out


def observe(programs):
    """All of a copy that `unfreeze` has made, by name: numbers, texts, lists and objects of them."""
    folder, seen = programs.folder, {}
    seen["containers"] = inspected(programs)
    seen["ledger"] = programs.owner_json("ledger", "--keys", KEYS)

    # The secret key, models and scores, and what was decrypted of them before.
    decrypt_model(programs, "again.json")
    seen["model"] = json.loads((folder / "again.json").read_text())
    seen["model.json"] = json.loads((folder / "model.json").read_text())
    decrypt_scores(programs, "again.npz")
    seen["scores"] = npz(folder / "again.npz")
    for name in ("run/model.npz", "run/published.npz", "run/whitening.npz", "scores.npz",
                 "features.npz"):
        seen[name] = npz(folder / name)
    for name in ("run/model.npz", "run/published.npz", "model.json"):
        seen["evaluation of " + name] = programs.owner_json("evaluate", "--model", name,
                                                            "--features", "test.csv")
    seen["evaluation of scores.npz"] = programs.owner_json(
        "evaluate", "--scores", "scores.npz", "--labels", "test.csv", "--label-column", "kind")

    # Evaluation keys, data sets, models: the server computes with them.
    predict(programs, "fresh.enc")
    decrypt_scores(programs, "fresh.npz", KEYS, "fresh.enc")
    seen["fresh scores"] = npz(folder / "fresh.npz")

    # The secret key under its passphrase.
    shutil.copytree(folder / KEYS, folder / "sealed")
    shutil.copy(folder / "sealed.key", folder / "sealed/secret.key")
    decrypt_scores(programs, "sealed.npz", "sealed", "scores.enc", "--passphrase-file",
                   "passphrase")
    seen["scores by the sealed key"] = npz(folder / "sealed.npz")

    # A checkpoint, a round that is written again, its answer: the training ends as it did.
    for name in ("stopped/model.enc", "stopped/exchange/round-0001.enc"):
        (folder / name).unlink()
    programs.end(train(programs, "--resume"))
    decrypt_model(programs, "stopped.json", "stopped/model.enc", "stopped/config.json",
                  "stopped/data.enc")
    seen["resumed training"] = json.loads((folder / "stopped.json").read_text())

    # The record of rounds; then the round again without it, under a ledger that does not know it.
    seen["validation"] = json.loads(programs.end(validate(programs)))
    answer = folder / "stopped/exchange/answer-0001.bit"
    before = answer.read_bytes()
    for path in (answer, folder / "stopped/best.enc", folder / "stopped/best.enc.rounds.json"):
        path.unlink()
    shutil.copytree(folder / KEYS, folder / "ledger-kept")
    for path in (folder / KEYS).glob("ledger-*"):
        path.unlink()
    programs.owner("ledger", "--keys", KEYS, "--begin-anew")
    seen["validation anew"] = json.loads(programs.end(validate(programs)))
    seen["the same answer"] = answer.read_bytes() == before

    # The record of data sets: a set for prediction is held to the training set's map.
    programs.owner("encrypt", "--features", "test.csv", "--unlabelled", "--keys", KEYS, *MAP,
                   "--out", "more.enc")
    shown = programs.owner_json("inspect", "more.enc")
    seen["encrypted with the frozen map"] = shown["contents"]

    # The cache of features.
    report = programs.owner_json(*EXTRACT, "--out", "cached.npz")
    seen["cache"] = [report["cached"], npz(folder / "cached.npz")]

    # A configuration, and a folder of results, which a run may replace.
    plan = programs.owner_json("plan", "--samples", 54, "--features", 4, "--classes", 3, "--config",
                               "run/config.json", "--parameters", PARAMETERS.name)
    seen["steps by the plan"] = plan["steps"]
    before = (folder / "run/model.enc").read_bytes()
    programs.owner(*RUN, "--out", "run", "--new-keys")
    seen["replaced by a run"] = (folder / "run/model.enc").read_bytes() != before
    seen["earlier results gone"] = not (folder / "run/published.npz").exists()
    return seen
