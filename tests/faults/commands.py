"""Every command of both programs as a case that can be run in a box, a folder of its own, and what
holds of the box afterwards.

A test is called with: BLINDTUNER BLINDTUNER-SERVER WORLDS CASE, and more.
"""
import ast
import contextlib
import datetime
import hashlib
import itertools
import json
import math
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from worlds import LINKED

OWNER, SERVER, WORLDS = sys.argv[1], sys.argv[2], Path(sys.argv[3])
INSECURE = "--allow-insecure-parameters"
# Which of what takes turns, day by day, is tried: of a day that is named, of this one, or all of it (`make faults-long`).
CHOICE = os.environ.get("BLINDTUNER_FAULTS") or str(datetime.date.today().toordinal())
EVERYTHING = CHOICE == "all"
DAY = 0 if EVERYTHING else int(CHOICE)
LIMIT = 120  # seconds; nothing takes more than one
# A temporary's name, and what may stay for good beside outputs: locks hold nobody.
TEMPORARY = re.compile(r"\.tmp\b|\.tmp-")


@dataclass
class Case:
    """`arguments`: {w} is the world's folder; the working folder is the box. `outputs`: what the
    command makes, `exact` those that are the same bits in every run. `beforehand`: files and
    folders of the world that are copied into the box. `again`: the next run, where it is another.
    `over`: arguments for a run over the outputs of an earlier one; None: such a run is refused.
    `earlier`: files of the other world that are those outputs, where no run there makes them."""
    name: str
    program: str
    arguments: str
    outputs: list = field(default_factory=list)
    exact: list = field(default_factory=list)
    beforehand: dict = field(default_factory=dict)
    again: str = ""
    over: str | None = ""
    earlier: dict = field(default_factory=dict)
    once: bool = False  # What was done before the fault came is not done again: the next run is refused.
    insecure: bool = True
    # Long: it is tried at fewer of its calls (faults_test.py).
    long: bool = False
    changes: str = ""  # the option whose folder or file it changes in place
    injected: str = ""  # the program that is meant, when not the one that is started

    def line(self, world, *more):
        told = WORLDS / world / "agreeing" / "fingerprint"
        text = " ".join([self.arguments, *more]).format(
            w=WORLDS / world, fingerprint=told.read_text().replace(" ", "") if told.exists() else "")
        return [self.program, *text.split(), *([INSECURE] if self.insecure else [])]

    @property
    def process(self):
        return Path(self.injected or self.program).name

    @property
    def command(self):
        """The program and what it is told to do: blindtuner study run."""
        words = itertools.takewhile(lambda word: word[0] not in "-{", self.arguments.split())
        return " ".join([Path(self.program).name, *words])

    def earlier_cases(self):
        """Of the same command, those before it."""
        return [case for case in CASES[:CASES.index(self)] if case.command == self.command]


KEYS = {"keys": "keys"}
SHAPE = "--classes 3 --features 8 --batch 64 --parameters InsecureTest10"
FEATURES = "--features {w}/x.npy --labels {w}/y.npy"
TESTS = "--features {w}/xt.npy --labels {w}/yt.npy"
TRAIN = "train --keys keys/evaluation.keys --data {w}/data.enc --config {w}/train.json"
STUDIED = "--features {w}/x.npy --labels {w}/y.npy --class-numbers"
STUDY = "--folder mine --exchange exchange"


def study_at(place):
    """Of a study (worlds.py) what whoever is to go on there has at hand."""
    return {f"{place}/mine": "mine", f"{place}/exchange": "exchange"}


def ledgers():
    """Of the world's keys, whose identity is in the name."""
    return [f"keys/{path.name}" for path in (WORLDS / "a" / "keys").glob("ledger-*")]


def study_case(name, place, arguments, outputs, exact, program=OWNER):
    """An owner, the recipient or the server goes on, as far as it can."""
    start = f"study run {STUDY}" if program == OWNER else f"study {STUDY}"
    return Case(f"study-{name}", program, f"{start} --once {arguments}", outputs + exact, exact,
                beforehand=study_at(place), over=None, long=True)


FINETUNED = ["out/model.npz", "out/report.json", "out/report.html"]

CASES = [
    Case("keygen", OWNER, f"keygen --out keys {SHAPE}", ["keys/secret.key", "keys/evaluation.keys"],
         over="--force", once=True),
    # The derivation of a key from a passphrase is most of the time of all that have one.
    Case("keygen-passphrase", OWNER, f"keygen --out keys {SHAPE} --passphrase --passphrase-file {{w}}/phrase",
         ["keys/secret.key", "keys/evaluation.keys"], over=None, once=True, long=True),
    Case("whiten", OWNER, "whiten --features {w}/x.npy --out w.npz", ["w.npz"], ["w.npz"],
         insecure=False),
    Case("encrypt", OWNER, f"encrypt {FEATURES} --whitening {{w}}/w.npz --keys keys "
         "--validation-fraction 0.25 --out data.enc", ["data.enc", "data-validation.enc"],
         beforehand=KEYS),
    Case("encrypt-unlabelled", OWNER, "encrypt --features {w}/xt.npy --unlabelled --keys keys "
         "--out test.enc", ["test.enc"], beforehand=KEYS),
    Case("train", SERVER, TRAIN + " --out model.enc --report report.json --transcript run.transcript "
         "--signing-key {w}/server.signing",
         ["model.enc", "report.json", "run.transcript"], ["model.enc", "run.transcript"], beforehand=KEYS),
    Case("train-checkpoint", SERVER, TRAIN + " --out model.enc --checkpoint checkpoint",
         ["model.enc", "report.json", "checkpoint/checkpoint.enc"], ["model.enc"],
         beforehand=KEYS, again="--resume", over="--restart"),
    Case("train-validation", SERVER, TRAIN + " --out last.enc --checkpoint checkpoint --resume "
         "--validation {w}/data-validation.enc --exchange exchange --answer-timeout 2",
         ["last.enc", "report.json", "checkpoint/checkpoint.enc"], ["last.enc"],
         beforehand={**KEYS, "paused/checkpoint": "checkpoint", "paused/exchange": "exchange"},
         over=None),
    Case("predict", SERVER, "predict --keys keys/evaluation.keys --model {w}/model.enc "
         "--data {w}/test.enc --out scores.enc", ["scores.enc"], ["scores.enc"], beforehand=KEYS),
    Case("validate", OWNER, "validate --keys keys --data {w}/data-validation.enc "
         "--exchange exchange --out best.enc --patience 100 --timeout 2 --config {w}/train.json",
         ["best.enc", "exchange/answer-0001.bit", "exchange/answer-0002.bit"], ["best.enc"],
         beforehand={**KEYS, "open/exchange": "exchange"}, over=None),
    Case("decrypt", OWNER, "decrypt --model {w}/white-model.enc --whitening {w}/w.npz --keys "
         "keys --out model.npz", ["model.npz"], ["model.npz"], beforehand=KEYS),
    Case("decrypt-publish", OWNER, "decrypt --model {w}/model.enc --keys keys --out model.json "
         "--publish --config {w}/train.json --trained-on {w}/data.enc", ["model.json"], beforehand=KEYS),
    Case("decrypt-scores", OWNER, "decrypt --scores {w}/scores.enc --keys keys --out scores.npy",
         ["scores.npy"], ["scores.npy"], beforehand=KEYS),
    Case("evaluate", OWNER, f"evaluate --model {{w}}/model.npz {TESTS} --report report.json",
         ["report.json", "report.html"], insecure=False),
    Case("evaluate-scores", OWNER, "evaluate --scores {w}/scores.npy --labels {w}/yt.npy "
         "--report report.json", ["report.json", "report.html"], insecure=False),
    Case("extract", OWNER, "extract --model {w}/tiny.safetensors --images {w}/pictures "
         "--out pictures.npz --cache cache", ["pictures.npz"], ["pictures.npz"], insecure=False),
    Case("extract-texts", OWNER, "extract --model {w}/bert --texts {w}/texts.tsv --out texts.npz "
         "--cache cache", ["texts.npz"], ["texts.npz"], insecure=False),
    Case("extract-pairs", OWNER, "extract --model {w}/tiny.safetensors --text-model {w}/bert --pairs {w}/pairs.csv "
         "--images-root {w} --out pairs.npz --cache cache", ["pairs.npz"], ["pairs.npz"], insecure=False),
    Case("finetune", OWNER, f"finetune {FEATURES} --out out --parameters InsecureTest10 --steps 2",
         FINETUNED, long=True),
    # From pictures, with keys that are replaced, and a model to be shared.
    Case("finetune-pictures", OWNER, "finetune --images {w}/album --model {w}/tiny.safetensors --pooling class --cache "
         "cache --out out --parameters InsecureTest10 --steps 1 --validation-fraction 0 --publish --keys keys "
         "--new-keys", [*FINETUNED, "out/published.npz", "out/train-features.npz"],
         beforehand=KEYS, over=None, long=True, changes="--keys"),
    Case("finetune-server", OWNER, f"finetune {FEATURES} --out out --parameters InsecureTest10 "
         "--steps 1", FINETUNED, long=True, injected="blindtuner-server"),
    Case("demo", OWNER, "demo --data {w}/idx --features 8 --parameters InsecureTest10 --out out "
         "--config {w}/train.json", FINETUNED, long=True),  # finetune's engine
    Case("passphrase-remove", OWNER, "passphrase --keys keys --remove --passphrase-file {w}/phrase",
         ["keys/secret.key"], beforehand={"sealed": "keys"}, over=None, once=True, changes="--keys"),
    # The passphrase that it sets opens the key in whatever state the key is.
    Case("passphrase", OWNER, "passphrase --keys keys --new-passphrase-file {w}/phrase "
         "--passphrase-file {w}/phrase", ["keys/secret.key"], beforehand=KEYS, over=None,
         changes="--keys"),
    Case("study-create", OWNER, f"study create {STUDY} --owner a --name Sites --owners a,b "
         "--classes no,yes --columns 4 --parameters InsecureJoint4", ["mine/study.json"], over=None),
    Case("study-join", OWNER, f"study join {STUDY} --owner b",
         ["mine/study.json", "exchange/join-b"], beforehand={"joining/exchange": "exchange"}, over=None),
    *(study_case(*case) for case in (
        # Until it sends its shares what was drawn before decides every byte; what is encrypted, or sealed, has noise
        # of its own.
        ("agree", "agreeing", "--fingerprint {fingerprint}", ["exchange/agree-a", "exchange/nonce-commit-s1-a"],
         ["exchange/agree-a"]),
        ("shares", "sharing", "", ["exchange/nonce-s1-a", "exchange/shares-commit-s1-a"],
         ["exchange/nonce-s1-a", "exchange/shares-commit-s1-a", "mine/s1/ways", "mine/s1/shares", "mine/s1/relin1"]),
        ("answer", "answering", "", ["mine/s1/relin2"],
         ["exchange/ways-s1-a", "exchange/shares-s1-a", "exchange/relin1-s1-a", "exchange/relin2-commit-s1-a"]),
        ("hand", "handing", "", ["exchange/part2-s1-a", "mine/s1/secret.key"], ["exchange/relin2-s1-a"]),
        ("session", "sharing", "--new-session", ["exchange/nonce-commit-s2-a"], []),
        ("without", "leaving", STUDIED + " --without c", [], ["exchange/without-s1-a"]),
        ("vote", "voting", STUDIED, ["exchange/score-share-1-2-s1-a", "exchange/score-answer-1-2-s1-a"],
         ["exchange/vote-1-s1-a"]),
        ("rows", "telling", STUDIED, ["exchange/stats-s1-a", "exchange/stats-commit-s1-a"],
         ["exchange/rows-s1-a"]),
        ("statistics", "pooling", STUDIED, ["exchange/stats-answer-s1-a", "exchange/stats-share-s1-a"], []),
        ("data", "sending", STUDIED, ["exchange/data-s1-a", "exchange/data-commit-s1-a"], ["exchange/data-map-s1-a"]),
        ("here", "looking", "", [], ["exchange/here-s1-a"]),
        ("give", "giving", "", ["exchange/answer-s1-a", "exchange/share-s1-a"], ["mine/s1/transcript"]),
        ("open", "opening", STUDIED, ["mine/report.json", "mine/report.html"], ["mine/s1/model.npz"]),
        ("receive", "receiving", "", ["mine/report.json"], ["mine/s1/model.npz"]),
        ("match", "matching", "--features {w}/a.csv --id-column id --label-column label --class-numbers",
         ["exchange/match-key-s1-a", "exchange/match-s1-a"], []))),
    Case("study-model", OWNER, f"study open {STUDY} --out model.npz",
         ["model.npz"], ["model.npz"], beforehand=study_at("opened"), earlier={"model.npz": "model.npz"},
         long=True),
    # A part says when it was made.
    Case("study-scores", OWNER, f"study scores {STUDY} --features {{w}}/a.csv --id-column id "
         "--out part.npz", ["part.npz"], beforehand=study_at("scoring"),
         earlier={"model.npz": "part.npz"}, long=True),
    Case("study-combine", OWNER, f"study combine {STUDY} --features {{w}}/a.csv --id-column id "
         "--label-column label --class-numbers --parts {w}/part.npz --out scores.npz", ["scores.npz"], ["scores.npz"],
         beforehand=study_at("scoring"), earlier={"model.npz": "scores.npz"}, long=True),
    Case("study-server", SERVER, f"study {STUDY} --once", ["exchange/join-server"],
         beforehand={"joining/exchange": "exchange"}, over=None),
    Case("study-server-status", SERVER, f"study {STUDY} --status", beforehand=study_at("naming"), over=None),
    *(study_case(*case, program=SERVER) for case in (
        ("keys", "adding", "", [], ["mine/s1/evaluation.keys", "mine/s1/way-in.keys", "exchange/ready-s1-server"]),
        ("train", "training", "", ["mine/s1/checkpoint.enc"],
         ["exchange/model-s1-server", "exchange/model-file-s1-server", "exchange/transcript-s1-server"]),
        ("rounds", "counting", "", ["mine/s1/checkpoint.enc"],
         ["exchange/scores-2-1-s1-server", "exchange/scores-2-2-s1-server"]),
        ("name", "naming", "", [], ["exchange/decryptors-s1-server"]))),
    Case("study-audit", SERVER, f"study --audit 2 {STUDY}",
         beforehand=study_at("trained"), over=None, long=True, changes="--folder"),
    # These write nothing: they have no calls to fail, but an environment.
    Case("plan", OWNER, "plan --samples 100 --classes 3 --features 8 --parameters InsecureTest10 "
         "--config {w}/train.json"),
    Case("plan-calibrate", OWNER, "plan --samples 100 --classes 3 --features 8 --parameters "
         "InsecureTest10 --calibrate"),
    Case("audit", SERVER, "audit --keys keys/evaluation.keys --data {w}/data.enc --transcript {w}/transcript",
         beforehand=KEYS),
    Case("ledger", OWNER, "ledger --keys keys", beforehand=KEYS),
    Case("ledger-anew", OWNER, "ledger --keys keys --begin-anew", ledgers(), beforehand={"unledgered": "keys"},
         over=None, once=True, changes="--keys"),
    Case("study-status", OWNER, f"study status {STUDY}", beforehand=study_at("looking"), over=None),
    Case("inspect", OWNER, "inspect {w}/data.enc", insecure=False),
    Case("inspect-server", SERVER, "inspect {w}/model.enc", insecure=False),
]


def today(choices, days):
    """Those whose turn it is, of choices that are all tried in so many days."""
    return list(choices) if EVERYTHING else list(choices)[DAY % days::days]


def case_named(name):
    return next(case for case in CASES if case.name == name)


def link_or_copy(source, target):
    # Programs replace files and never write into them, so that a link stays what it was.
    if os.path.getsize(source) >= LINKED and os.stat(source).st_dev == os.stat(
            os.path.dirname(target)).st_dev:
        os.link(source, target)
        return target
    return shutil.copy2(source, target)


def copy(source, target):
    if Path(source).is_dir():
        shutil.copytree(source, target, copy_function=link_or_copy, dirs_exist_ok=True)
    else:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(source, target)


def unidentified(name):
    """A file's name but for the identity of the keys that it belongs to."""
    return re.sub("-[0-9a-f]{16}\\b", "-ID", name)


def snapshot(folder):
    """Every file of a folder with what a write would change."""
    return {str(path.relative_to(folder)): (path.lstat().st_ino, path.lstat().st_size,
                                            path.lstat().st_mtime_ns)
            for path in sorted(folder.rglob("*")) if not path.is_dir()}


digests = {}


def digest(path):
    """Of a file's bytes. Large files lie in many boxes: as long as one is what it was, it is read once."""
    status = path.stat()
    if status.st_size < LINKED:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    known = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    if known not in digests:
        digests[known] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests[known]


@dataclass
class Result:
    code: int
    output: str
    errors: str

    def complaints(self):
        return [line for line in self.errors.splitlines() if line.startswith("blindtuner")]


def run(line, box, environment=None, on_start=None, **options):
    """Runs a command line in a session of its own; what it started is gone when this returns."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        options.setdefault("stdout", output)
        options.setdefault("stderr", errors)
        options.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(line, cwd=box, start_new_session=True,
                                   env={**os.environ, **(environment or {})}, **options)
        try:
            if on_start:
                on_start(process)
            assert ends(process), f"still runs after {LIMIT} s: {line}: {doing(process)}"
            code = process.wait()
        finally:
            end_session(process)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return Result(code, *texts)


def ends(process):
    """Whether it ends in time. Popen.wait(timeout) would look every 50 ms: most commands take less. Seconds are
    counted one by one: a machine that stood still for minutes has let the command run for none of them."""
    if process.poll() is not None:
        return True
    descriptor = os.pidfd_open(process.pid)
    try:
        return any(select.select([descriptor], [], [], 1)[0] for _ in range(LIMIT))
    finally:
        os.close(descriptor)


def doing(process):
    """What each of its threads does, for a message: state, where the kernel has it wait, and seconds of CPU."""
    out = []
    for thread in Path(f"/proc/{process.pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            fields = (thread / "stat").read_text().rsplit(")", 1)[1].split()
            ticks = int(fields[11]) + int(fields[12])
            call = (thread / "syscall").read_text().split()[0]
            out.append(f"{fields[0]} in {(thread / 'wchan').read_text()}, call {call}, "
                       f"{ticks / os.sysconf('SC_CLK_TCK')} s of CPU")
    return "; ".join(out)


def end_session(process):
    """Children of a program that was killed end with it; they are given a while."""
    deadline = time.monotonic() + LIMIT / 2
    while True:
        try:
            os.killpg(process.pid, 0 if process.returncode is not None else signal.SIGKILL)
        except ProcessLookupError:
            return
        process.poll()
        if time.monotonic() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError("a child outlives its program")
        time.sleep(0.005)


class Boxes:
    """Boxes of one case, and what the case does when nothing goes wrong."""

    def __init__(self, case, folder):
        self.case, self.folder = case, folder
        os.environ["BLINDTUNER_THREADS"] = "1"
        self.inspected, self.opened = {}, set()
        self.old = self.make("old", "b" if case.over is not None and not case.earlier else "a")
        for source, target in case.earlier.items():
            copy(WORLDS / "b" / source, self.old / target)
        if case.over is not None and not case.earlier:
            self.succeed(self.old, case.line("b"))
        self.reference = self.make("reference")
        self.succeed(self.reference, case.line("a"))
        self.bits = {name: digest(self.reference / name) for name in case.exact}
        self.files = self.names(self.reference)
        self.world = snapshot(WORLDS)

    def make(self, name, world="a", over=False):
        """A box as it is before a run; `over`: with the outputs of a run in another world."""
        box = self.folder / name
        shutil.rmtree(box, ignore_errors=True)
        box.mkdir()
        for source, target in self.case.beforehand.items():
            copy(WORLDS / world / source, box / target)
        if over:
            self.put_old(box)
        return box

    def put_old(self, box):
        for name in self.names(self.old):
            if not any(name.startswith(target + "/") for target in self.case.beforehand.values()):
                copy(self.old / name, box / name)

    @staticmethod
    def names(box):
        return {str(path.relative_to(box)) for path in box.rglob("*")
                if not path.is_dir() or path.is_symlink()}

    @staticmethod
    def state(box):
        """What a box holds, names and bytes, as one value."""
        return tuple((name, digest(box / name)) for name in sorted(Boxes.names(box)))

    def succeed(self, box, line):
        result = run(line, box)
        assert result.code == 0, f"{line}: exit {result.code}: {result.errors}"

    # What holds of a box after a run of whatever end. ---------------------------------------------

    def check_result(self, result, codes=(0, 1)):
        """Only these exit codes, and one line that says why."""
        said = f"exit {result.code}: {result.errors[-600:]}"
        assert result.code in codes, said
        if result.code == 1:
            assert len(result.complaints()) == 1, said
            assert "internal error" not in result.errors, said

    def check_outputs(self, box, done=False):
        """Every output is the old one, or a new one and whole. `done`: new ones, all of them."""
        for name in self.case.outputs:
            path = box / name
            if not path.exists():
                assert not done, f"{name} is missing"
                continue
            if not done and (self.old / name).exists() and digest(path) == digest(self.old / name):
                continue
            # Each of several rounds may have had the best model so far.
            if name in self.bits and (done or self.case.name != "validate"):
                assert digest(path) == self.bits[name], f"{name} is neither old nor what it must be"
            else:
                self.check_whole(path)
        self.check_pair(box)
        self.check_run(box)

    def check_run(self, box):
        """The model of a run is opened by its map and its keys, whatever became of the next one: from
        the folder or, while results are put in place, from run.finished (app/owner/run_folder.h)."""
        out = box / "out"
        names = ("model.enc", "whitening.npz", "report.json")
        folder = next((folder for folder in (out / "run.finished", out)
                       if all((folder / name).exists() for name in names)), None)
        if folder is None:
            left = [name for name in names if (out / name).exists()]
            assert not left, f"of an earlier run only {left} are left"
            return
        state = self.state(out)
        if state in self.opened:
            return
        opened = self.folder / "opened"
        shutil.rmtree(opened, ignore_errors=True)
        identity = (folder / "model.enc").read_bytes()[80:96]
        secret = next(path for path in box.rglob("secret.key")
                      if path.read_bytes()[80:96] == identity)
        copy(secret.parent, opened)
        self.succeed(opened, [OWNER, "decrypt", "--model", folder / "model.enc", "--whitening",
                              folder / "whitening.npz", "--keys", opened, "--out",
                              opened / "model.npz", INSECURE])
        self.opened.add(state)

    def check_whole(self, path):
        """The file's reader accepts it."""
        bits = digest(path)
        if self.inspected.get(bits) == path.suffix:
            return
        if path.suffix == ".jsonl":
            self.succeed(path.parent, [OWNER, "ledger", "--keys", path.parent, INSECURE])
        # A study's messages are text that is signed.
        elif path.suffix == ".json" or path.read_bytes()[:1] == b"{":
            json.loads(path.read_text())
        elif path.suffix == ".html":
            assert path.read_text().rstrip().endswith("</html>"), f"{path} is cut off"
        elif path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None and archive.namelist(), f"{path} is damaged"
        elif path.suffix == ".npy":
            data = path.read_bytes()
            begin = 10 + int.from_bytes(data[8:10], "little")
            header = ast.literal_eval(data[10:begin].decode())
            size = math.prod(header["shape"]) * int(header["descr"][2:])
            assert len(data) == begin + size, f"{path} is damaged"
        else:
            self.succeed(path.parent, [OWNER, "inspect", path])
        self.inspected[bits] = path.suffix

    @staticmethod
    def check_pair(box):
        """A secret key and evaluation keys that lie together are one pair; or the evaluation keys' own
        secret key is kept, and those that the next command puts in their place lie there, too
        (party/owner/key_folder.h)."""
        def identity(path):
            return path.read_bytes()[80:96] if path.exists() else None
        for secret in box.rglob("secret.key"):
            folder, evaluation = secret.parent, identity(secret.with_name("evaluation.keys"))
            if evaluation not in (None, identity(secret)):
                assert identity(folder / "evaluation.keys.next") == identity(secret) and any(
                    identity(kept) == evaluation for kept in folder.glob("old-*/secret.key")
                ), f"{folder}: keys of two pairs"

    def check_no_temporaries(self, box):
        left = sorted(name for name in self.names(box) if TEMPORARY.search(name))
        assert not left, f"left behind: {left}"

    def check_next_run(self, box, over=False):
        """The next run succeeds, and the box is then what it is after a run without a fault."""
        case = self.case
        result = run(case.line("a", case.over if over and case.over else case.again), box)
        if case.once and result.code == 1:
            # The fault came when all was done already: a pair of keys, say, that is not replaced unasked.
            assert all((box / name).exists() for name in case.outputs), result.errors
        else:
            assert result.code == 0, f"the next run: exit {result.code}: {result.errors[-600:]}"
        self.check_outputs(box, done=True)

        def named(names):
            return {unidentified(name) for name in names}
        more = named(self.names(box)) - named(self.files)
        more -= named(self.names(self.old)) if over else set()
        # Replaced keys are kept, whatever became of the command that replaced them.
        # A lock that could not be removed is, by whoever takes it next.
        more = {name for name in more if not name.startswith("keys/old-") and not name.endswith(".lock")}
        assert not more, f"left behind after the next run: {sorted(more)}"

    def check_world(self):
        assert snapshot(WORLDS) == self.world, "a command changed its inputs"
