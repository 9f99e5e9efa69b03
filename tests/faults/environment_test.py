#!/usr/bin/env python3
"""A command in every environment that a machine may offer it.

usage: environment_test.py BLINDTUNER BLINDTUNER-SERVER WORLDS CASE FAULT-INJECTOR [--sanitized] [PART..]

Whatever the environment: no hang, no death by a signal, no exit code but those of README, one line
on stderr that says what is wrong; with exit code 0 every output is there and its reader accepts
it, with another one outputs are the old ones or new ones and whole. Inputs stay as they are.

What a run writes, and when, is every case's own: limits, users, two at once and signals are tried in all of them, two at
once thrice in the first case of a command (commands.py). Every signal comes at one place in a run, another every day. Streams and surroundings are
the command's, and an option's path is read by the same code in whatever state its folder is: these are tried in the
first case of a command, and of that command's options in the first case that has them; those of streams and surroundings
take turns in two days, as limits on memory do. With BLINDTUNER_FAULTS=all in the environment everything is tried in every case (`make faults-long`).
"""
import contextlib
import itertools
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from commands import CASES, EVERYTHING, INSECURE, LIMIT, WORLDS, Boxes, case_named, copy, run, today

INJECTOR = sys.argv[5]
SANITIZED = "--sanitized" in sys.argv  # sanitizers reserve address space, and start slowly
READ = {"--features", "--labels", "--whitening", "--keys", "--data", "--config", "--model", "--text-model",
        "--images", "--images-root", "--texts", "--pairs", "--scores", "--validation", "--validation-labels",
        "--parts", "--trained-on", "--transcript", "--passphrase-file", "--new-passphrase-file"}
WRITTEN = {"--out", "--validation-out", "--report", "--checkpoint", "--cache", "--signing-key"}
STUDY = {"--folder", "--exchange"}  # changed by all but those who only look
FOLDERS = {"--exchange", "--checkpoint", "--cache", "--folder"}
PHRASES = {"--passphrase-file", "--new-passphrase-file"}
LONG, NOT_UTF8, CONTROL = "n" * 300, os.fsdecode(b"\xff\xfe b"), "a\x1b[31m\n\tb"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
# A user of its own for every case: the limit on processes counts a user's.
USER = 60000 + [case.name for case in CASES].index(sys.argv[4])
ROOT = os.geteuid() == 0


def unprivileged(*limits):
    def become():
        for what, value in limits:
            resource.setrlimit(what, (value, value))
        if ROOT:
            os.setgroups([])
            os.setgid(USER)
            os.setuid(USER)
    return become


def is_reachable():
    """Whether the unprivileged user gets to the programs and the files that cases start from."""
    places = {place for path in (*sys.argv[1:4], INJECTOR) for place in Path(path).resolve().parents}
    return not ROOT or all(place.stat().st_mode & stat.S_IXOTH for place in places)


def limited(what, value):
    return lambda: resource.setrlimit(what, (value, value))


def closed(descriptors):
    def close():
        for descriptor in descriptors:
            os.close(descriptor)
    return close


def places(case):
    """Where in a case's line a path stands that is read, and where one that is written."""
    line = case.line("a")
    if "inspect" in case.name:
        return [2], []
    places_of = [(i, word, line[i - 1]) for i, word in enumerate(line) if not word.isdigit()]
    written = [i for i, word, option in places_of if option in WRITTEN | {case.changes} or word in case.outputs or
               option in STUDY and case.outputs]
    read = [i for i, _, option in places_of if option in READ | STUDY and i not in written]
    return read, written


class Environment:
    def __init__(self, case, folder):
        self.case, self.folder = case, folder
        self.boxes = Boxes(case, folder)
        self.line = case.line("a")
        self.failures, self.count = [], 0
        # Where in the line a path stands that is read, or written.
        self.read, self.written = places(case)
        self.first = EVERYTHING or not case.earlier_cases()

    def new(self, which):
        """Of these places (0: read, 1: written), those whose option no earlier case of this command has."""
        known = set() if EVERYTHING else {
            words[i - 1] for case in self.case.earlier_cases() for words in [case.line("a")]
            for i in places(case)[which]}
        return [i for i in (self.read, self.written)[which] if self.line[i - 1] not in known]

    @contextlib.contextmanager
    def trial(self, what, over=False):
        """A box for one run; what does not hold is noted under this name."""
        self.count += 1
        box = self.boxes.make("box", over=over and self.case.over is not None)
        try:
            yield box
        except (AssertionError, ValueError) as error:  # of what was to be JSON or UTF-8, too
            self.failures.append(f"{what}: {error}")

    def check(self, box, result, codes=(0, 1), heard=True):
        if heard or result.code not in codes:
            self.boxes.check_result(result, codes)
        self.boxes.check_outputs(box, done=result.code == 0)
        self.boxes.check_no_temporaries(box)

    def run_in(self, box, *more, **options):
        over = self.case.over if self.case.over and (box / self.case.outputs[0]).exists() else ""
        return run([*self.line, *over.split(), *more], box, **options)

    # Descriptors ----------------------------------------------------------------------------------

    def descriptors(self):
        if not self.first:
            return
        subsets = [which for count in (1, 2, 3) for which in itertools.combinations(range(3), count)]
        for which in today(subsets, 2):
            with self.trial(f"closed {which}") as box:
                result = self.run_in(box, preexec_fn=closed(which))
                self.check(box, result, heard=2 not in which)
        for name in today(("stdout", "stderr"), 2):
            with self.trial(f"{name} without a reader") as box:
                reader, writer = os.pipe()
                os.close(reader)
                with os.fdopen(writer, "wb") as end:
                    result = self.run_in(box, **{name: end})
                self.check(box, result, (0, 1, 130), heard=name == "stdout")
            with self.trial(f"{name} is full") as box, open("/dev/full", "wb") as full:
                result = self.run_in(box, **{name: full})
                # A report that could not be written is no success.
                self.check(box, result, (1,) if name == "stdout" else (0, 1),
                           heard=name == "stdout")
        with self.trial("stdin is a closed pipe") as box:
            reader, writer = os.pipe()
            os.close(writer)
            with os.fdopen(reader, "rb") as end:
                self.check(box, self.run_in(box, stdin=end), (0,))

    # Limits and users -----------------------------------------------------------------------------

    def limits(self):
        sizes = (0, 3000) if self.written else (0,)
        for size in sizes:
            with self.trial(f"files of {size} bytes at most", over=True) as box:
                result = self.run_in(box, preexec_fn=limited(resource.RLIMIT_FSIZE, size),
                                     stdout=subprocess.DEVNULL)
                # The limit holds for the test's own record of stderr, too.
                self.check(box, result, heard=False)
        # UBSan reads objects' types through a pipe.
        for files in (12,) if SANITIZED else (4, 12):
            with self.trial(f"{files} open files at most") as box:
                result = self.run_in(box, preexec_fn=limited(resource.RLIMIT_NOFILE, files))
                if not self.loader_failed(result):
                    self.check(box, result)
        for memory in () if SANITIZED else today((26, 27, 28, 29), 2):
            with self.trial(f"2^{memory} bytes of memory") as box:
                result = self.run_in(box, preexec_fn=limited(resource.RLIMIT_AS, 1 << memory),
                                     environment={"BLINDTUNER_THREADS": "4"})
                if not self.loader_failed(result):
                    self.check(box, result)

        # What the libraries of extract take for themselves.
        for data in () if SANITIZED or "--cache" not in self.line else (12, 14, 16):
            with self.trial(f"{data} MB of data") as box:
                result = self.run_in(box, preexec_fn=limited(resource.RLIMIT_DATA, data << 20))
                if not self.loader_failed(result):
                    self.check(box, result)

    @staticmethod
    def loader_failed(result):
        return result.code == 127 and "shared librar" in result.errors

    def give(self, box):
        """The box, and the way to it, for the unprivileged user."""
        for path in (self.folder, box, *box.rglob("*")):
            if ROOT and not path.is_symlink() and path.stat().st_nlink == 1 or path.is_dir():
                os.chown(path, USER if ROOT else -1, -1)
        for path in box.rglob("*"):
            # What is linked stays the other's, and readable.
            assert os.access(path, os.R_OK)
        self.folder.chmod(0o755)

    def users(self):
        if not is_reachable():
            print("skipped: an unprivileged user, who does not get to the programs: this copy lies in a folder of root's own")
            return
        with self.trial("an unprivileged user") as box:
            self.give(box)
            self.check(box, self.run_in(box, preexec_fn=unprivileged()), (0,))
        if not SANITIZED:  # which look for leaks on a thread of their own
            with self.trial("no further processes or threads") as box:
                self.give(box)
                result = self.run_in(box, preexec_fn=unprivileged((resource.RLIMIT_NPROC, 1)),
                                     environment={"BLINDTUNER_THREADS": "4"})
                self.check(box, result)
        with self.trial("a folder that is only to read", over=True) as box:
            self.give(box)
            before = self.boxes.state(box)
            folders = [box, *(path for path in box.rglob("*") if path.is_dir())]
            for path in folders:
                path.chmod(0o555)
            result = self.run_in(box, preexec_fn=unprivileged())
            for path in folders:
                path.chmod(0o755)
            self.check(box, result, (1,) if self.written else (0,))
            assert self.boxes.state(box) == before, "the folder has changed"
        with self.trial("a folder that is another's", over=True) as box:
            self.give(box)
            box.chmod(0)
            # From outside: whoever stands in a folder has entered it before.
            line = [word if i not in self.written + self.read or word.startswith("/")
                    else str(box / word) for i, word in enumerate(self.line)]
            result = run(line, self.folder, preexec_fn=unprivileged())
            box.chmod(0o755)
            local = any(not self.line[i].startswith("/") for i in self.read + self.written)
            self.check(box, result, (1,) if local else (0,))
        for i in self.new(0):
            with self.trial(f"{self.line[i - 1]} that is another's") as box:
                copy(box / self.line[i], box / "closed")
                self.give(box)
                (box / "closed").chmod(0)
                result = run(self.with_word(i, "closed"), box, preexec_fn=unprivileged())
                (box / "closed").chmod(0o755)
                self.check(box, result, (1,))

    def surroundings(self):
        """Variables and masks that must not matter."""
        if not self.first:
            return
        extract = "--cache" in self.line
        for what, environment in today((
                ("no home", {"HOME": "", "XDG_CACHE_HOME": ""}),
                ("a home that is none", {"HOME": "/proc/none", "XDG_CACHE_HOME": ""}),
                ("a German locale", {"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"}),
                ("no locale", {"LC_ALL": "none/such", "TZ": "../../none"}),
                ("no environment", None)), 2):
            with self.trial(what) as box:
                # Without --cache the home is where the cache goes.
                line = [word for word in self.line if word not in ("--cache", "cache")]
                options = {"environment": environment or {}}
                if environment is None:
                    line = ["/usr/bin/env", "-i", *line]
                result = run([*line, "--json"], box, **options)
                self.check(box, result, (0, 1) if extract else (0,))
                if result.code == 0:
                    json.loads(result.output)
        for mask in today((0, 0o77, 0o777), 2):
            with self.trial(f"umask {mask:03o}") as box:
                self.check(box, self.run_in(box, umask=mask), (0,) if mask != 0o777 else (0, 1))
                for secret in box.rglob("secret.key"):
                    assert secret.stat().st_mode & 0o77 == 0, "others may read the secret key"

    # Names ----------------------------------------------------------------------------------------

    def with_word(self, i, word):
        return [*self.line[:i], str(word), *self.line[i + 1:]]

    def bad_input(self, what, i, prepare, codes=(1,)):
        with self.trial(f"{self.line[i - 1]} {what}") as box:
            original = box / self.line[i]
            path = box / (f"bad{original.suffix}")
            word = prepare(path, original) or path.name
            result = run(self.with_word(i, word), box)
            self.check(box, result, codes)

    def inputs(self):
        def loop(path, _):
            path.symlink_to(path.name)

        def through_loop(path, _):
            path.symlink_to(path.name)
            return path.name + "/x"

        def other_kind(path, original):
            if original.is_dir():
                path.write_bytes(b"text")
            else:
                path.mkdir()

        def device(number):
            def make(path, _):
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, number))
            return make

        def cut(path, original):
            data = original.read_bytes()
            path.write_bytes(data[:len(data) * 2 // 3])

        def dangling(path, _):
            path.symlink_to("none")
        for i in self.new(0):
            folder = (WORLDS / self.line[i]).is_dir() or "/" not in self.line[i]
            phrase = self.line[i - 1] in PHRASES and "--remove" not in self.line  # any line is a new one
            text = phrase or self.line[i].endswith((".tsv", ".csv", ".json"))
            self.bad_input("that is not there", i, lambda path, _: "none")
            self.bad_input("with a name of 300 characters", i, lambda path, _: LONG)
            self.bad_input("with a path of 5000 characters", i, lambda path, _: "x/" * 2500 + "y")
            self.bad_input("that is a loop of links", i, loop)
            self.bad_input("behind a loop of links", i, through_loop)
            self.bad_input("that is a dangling link", i, dangling)
            self.bad_input("of the other kind, folder or file", i, other_kind)
            if self.line[i - 1] not in PHRASES:  # which may be pipes
                self.bad_input("that is a FIFO", i, lambda path, _: os.mkfifo(path))
            self.bad_input("that is a text of control characters", i,
                           lambda path, _: path.write_bytes(bytes(range(32)) * 40) and None,
                           (0,) if phrase else (1,))
            if ROOT:
                self.bad_input("that is /dev/null", i, device(3))
                self.bad_input("that is /dev/zero", i, device(5))
            if folder:
                continue
            self.bad_input("that is empty", i, lambda path, _: path.touch())
            # Two thirds of a table may be a table.
            self.bad_input("that is cut off", i, cut, (0, 1) if text else (1,))
        for i in self.new(0):
            for name in (NOT_UTF8, CONTROL):
                with self.trial(f"{self.line[i - 1]} named {name!r}") as box:
                    original = box / self.line[i]
                    copy(original, box / (name + original.suffix))
                    result = run([*self.with_word(i, name + original.suffix), "--json"], box)
                    self.check(box, result, (0,))
                    json.loads(result.output)

    def renamed(self, box, i, name):
        """Outputs of a run whose word i is another name."""
        old = self.line[i]
        names = [path.replace(old, name, 1) for path in self.case.outputs
                 if path == old or path.startswith(old + "/")]
        return [box / path for path in names]

    def check_renamed(self, box, i, name, result, codes, due=True):
        self.boxes.check_result(result, codes)
        if result.code == 0 and due:
            for path in self.renamed(box, i, name):
                assert path.exists(), f"{path.name!r} is missing"
                self.boxes.check_whole(path)
        self.boxes.check_no_temporaries(box)

    def bad_output(self, what, i, prepare, codes=(1,), same=None):
        with self.trial(f"{self.line[i - 1]} {what}") as box:
            path = box / ("bad" + Path(self.line[i]).suffix)
            word = prepare(path) or path.name
            kind = stat.S_IFMT(path.lstat().st_mode) if os.path.lexists(path) else None
            result = run(self.with_word(i, word), box)
            # Who has a study's model needs no exchange.
            if self.line[i - 1] == "--exchange" and not self.renamed(box, i, word):
                codes = (0, 1)
            # In another folder than that which it is to go on in there may be nothing to do.
            due = self.line[i] not in self.case.beforehand.values()
            self.check_renamed(box, i, word, result, codes, due)
            if kind:
                assert stat.S_IFMT(path.lstat().st_mode) == kind, "was replaced by another kind"

    def outputs(self):
        for i in self.new(1):
            folder = self.line[i - 1] in FOLDERS or "." not in self.line[i]

            def link_to(target):
                return lambda path: path.symlink_to(target)

            def other_kind(path):
                if folder:
                    path.touch()
                else:
                    path.mkdir()

            def to_old(path):
                target = path.with_name("old" + path.suffix)
                if folder:
                    target.mkdir()
                else:
                    target.write_bytes(b"old")
                path.symlink_to(target.name)

            def into_loop(path):
                path.symlink_to(path.name)
                return path.name + "/x" + path.suffix

            def null(path):
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
            self.bad_output("with a name of 300 characters", i,
                            lambda path: LONG + path.suffix)
            self.bad_output("with a path of 5000 characters", i,
                            lambda path: "x/" * 2500 + path.name)
            self.bad_output("in a folder that is not there", i,
                            lambda path: "none/such/" + path.name, (0, 1))
            self.bad_output("that is a loop of links", i, link_to("bad" + Path(
                self.line[i]).suffix))
            self.bad_output("behind a loop of links", i, into_loop)
            self.bad_output("of the other kind, folder or file", i, other_kind)
            self.bad_output("that is a link", i, to_old, (0, 1))
            self.bad_output("that is a dangling link", i, link_to("new" + Path(
                self.line[i]).suffix), (0, 1))
            self.bad_output("that is a FIFO", i, lambda path: os.mkfifo(path), (1,))
            if ROOT:
                self.bad_output("that is a device", i, null, (0, 1))
            for name in (NOT_UTF8, CONTROL):
                with self.trial(f"{self.line[i - 1]} named {name!r}") as box:
                    old = self.line[i]
                    name += Path(old).suffix
                    for target in self.case.beforehand.values():
                        if old == target:
                            os.rename(box / old, box / name)
                    result = run([*self.with_word(i, name), "--json"], box)
                    self.check_renamed(box, i, name, result, (0,))
                    json.loads(result.output)

    # Others ---------------------------------------------------------------------------------------

    def two_at_once(self):
        if not self.written:
            return
        for _ in range(3 if self.first else 1):
            with self.trial("two at once") as box:
                results = [None, None]

                def start(which):
                    results[which] = self.run_in(box)
                threads = [threading.Thread(target=start, args=[k]) for k in (0, 1)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert all(results), "hangs"
                for result in results:
                    self.boxes.check_result(result)
                assert any(result.code == 0 for result in results), results
                self.boxes.check_outputs(box, done=True)
                self.boxes.check_no_temporaries(box)

    def calls(self):
        log = self.folder / "log"
        box = self.boxes.make("box")
        run(self.line, box, {"LD_PRELOAD": INJECTOR, "FAULT_PROGRAM": self.case.process,
                             "FAULT_LOG": str(log), "ASAN_OPTIONS": "verify_asan_link_order=0"})
        return len(log.read_text(errors="replace").splitlines())

    def signals(self):
        if not self.written:
            for number in SIGNALS:
                with self.trial(f"signal {number}") as box:
                    result = self.run_in(box, on_start=lambda process, n=number: send(process, n))
                    self.check(box, result, (0, 130))
            return
        last = self.calls()
        places = sorted({1, last // 2, last})
        turns = [(number, places[(i + turn) % len(places)])
                 for i, number in enumerate(SIGNALS) for turn in range(len(places))]
        for number, at in today(turns, len(places)):
            with self.trial(f"signal {number} at call {at}", over=True) as box:
                result = self.run_in(box, environment={
                    "LD_PRELOAD": INJECTOR, "FAULT_PROGRAM": self.case.process,
                    "FAULT_AT": str(at), "FAULT_MODE": str(int(number)),
                    "ASAN_OPTIONS": "verify_asan_link_order=0"})
                self.check(box, result, (0, 130) if not self.case.injected else (0, 1, 130))
        # As nohup has the one; the other ends a shell's background jobs all the same. An owner whose
        # server alone is interrupted says that it failed.
        interrupted = 1 if self.case.injected else 130
        for number, expected in ((signal.SIGHUP, 0), (signal.SIGINT, interrupted)):
            with self.trial(f"signal {number} that is ignored") as box:
                result = self.run_in(box, preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
                                     environment={
                                         "LD_PRELOAD": INJECTOR,
                                         "FAULT_PROGRAM": self.case.process, "FAULT_AT": "1",
                                         "FAULT_MODE": str(int(number)),
                                         "ASAN_OPTIONS": "verify_asan_link_order=0"})
                self.check(box, result, (expected,) if self.case.injected else (0, expected))


def send(process, number):
    """Sends the signal as soon as the process handles or ignores it."""
    deadline = time.monotonic() + LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), open(f"/proc/{process.pid}/status") as status:
            masks = dict(line.split(":", 1) for line in status)
            caught = int(masks["SigCgt"], 16) | int(masks["SigIgn"], 16)
            if caught >> (number - 1) & 1:
                process.send_signal(number)
                return


PARTS = ("descriptors", "limits", "users", "surroundings", "inputs", "outputs", "two_at_once",
         "signals")


def main():
    folder = Path(tempfile.mkdtemp(prefix="blindtuner-environment-"))
    chosen = [word for word in sys.argv[6:] if word in PARTS] or PARTS
    try:
        environment = Environment(case_named(sys.argv[4]), folder)
        for part in chosen:
            getattr(environment, part)()
        environment.boxes.check_world()
    finally:
        shutil.rmtree(folder)
    for failure in environment.failures:
        print(failure)
    print(f"{environment.count} environments, {len(environment.failures)} with consequences")
    sys.exit(1 if environment.failures else 0)


if __name__ == "__main__":
    main()
