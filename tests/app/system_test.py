#!/usr/bin/env python3
"""The programs and the system they run on: streams, signals, locks, names, outputs, limits.

usage: system_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import cli_base
from cli_base import (CLASSES, FEATURES, INSECURE, OWNER, SANITIZED, SERVER, Base, main, npy,
                      run)

# The smallest there are: what is tested here is not the arithmetic.
cli_base.PARAMETERS = PARAMETERS = "InsecureTest10"
BOUND = 20  # seconds, for a machine under load
# What a command does after a signal, which a load does not change: two seconds on all of the processor.
CPU_BOUND = 2 * os.cpu_count() * (10 if SANITIZED else 1)
STEPS = ["--steps", 1, "--batch", 128]

VALIDATED = {"steps": 2, "batch_size": 128, "learning_rate": 0.5, "validation_every": 1}


class System(Base):
    def setUp(self):
        self.work = self.folder / self.id().split(".")[-1]
        self.work.mkdir()
        self.features = ["--features", self.folder / "x.npy", "--labels", self.folder / "y.npy"]

    def start(self, *arguments, **more):
        process = subprocess.Popen([*map(str, arguments)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, **more)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def until(self, condition, process=None):
        end = time.monotonic() + 120
        while not condition():
            if process is not None and process.poll() is not None:
                self.fail(f"ended with {process.returncode}: {process.communicate()}")
            self.assertLess(time.monotonic(), end, "nothing happens")
            time.sleep(0.01)

    def handles(self, process, number):
        """Waits until the process is ready for the signal."""
        def ready():
            status = Path(f"/proc/{process.pid}/status").read_text()
            caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
            return int(caught.split()[1], 16) >> (number - 1) & 1
        self.until(ready, process)

    def ends(self, process, code=130):
        """Its stderr, once it has ended in time and so, after a signal that was sent just now."""
        def reaped():
            usage = resource.getrusage(resource.RUSAGE_CHILDREN)
            return usage.ru_utime + usage.ru_stime
        times = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        before = reaped() + sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
        _, errors = process.communicate(timeout=BOUND)
        self.assertEqual(process.returncode, code, errors)
        self.assertLess(reaped() - before, CPU_BOUND)
        return errors

    def encrypt(self, out, *more):
        return [OWNER, "encrypt", *self.features, "--keys", self.keys, "--out", out, INSECURE,
                *more]

    def finetune(self, out, *more):
        return [OWNER, "finetune", *self.features, "--out", out, "--parameters", PARAMETERS,
                *STEPS, INSECURE, *more]

    def validation_set(self):
        path = self.folder / "data-validation.enc"
        if not path.exists():
            self.good(*self.encrypt(self.folder / "data.enc", "--validation", self.folder / "xt.npy",
                                    "--validation-labels", self.folder / "yt.npy"))
        return path

    def waiting_server(self, *more):
        """A server's program that waits for the owner's answer to a round."""
        config = self.work / "validated.json"
        config.write_text(json.dumps(VALIDATED))
        return [SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                self.folder / "data.enc", "--validation", self.validation_set(), "--exchange",
                self.work / "exchange", "--out", self.work / "last.enc", "--config", config,
                INSECURE, *more]

    def waiting_owner(self, out, *more):
        """A validator that waits for a round."""
        config = self.work / "validated.json"
        config.write_text(json.dumps(VALIDATED))
        return [OWNER, "validate", "--keys", self.keys, "--data", self.validation_set(),
                "--exchange", self.work / "exchange", "--out", out, "--config", config, INSECURE,
                *more]

    def script(self, text):
        """A program that stands for the server's."""
        path = self.work / "server.sh"
        path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec {SERVER} --version\n{text}\n')
        path.chmod(0o755)
        return path

    def nothing_left(self, folder=None):
        for path in (folder or self.work).rglob(".*"):
            self.fail(f"left behind: {path}")


class Streams(System):
    @staticmethod
    def closing(*numbers):
        def close():
            for number in numbers:
                os.close(number)
        return close

    def test_closed_streams_are_taken(self):
        """No file of the programs gets the number of a standard stream."""
        for index, command in enumerate((self.waiting_owner(self.work / "best.enc"),
                                         self.waiting_server())):
            process = subprocess.Popen([*map(str, command)], preexec_fn=self.closing(0, 1, 2))
            self.addCleanup(lambda p=process: (p.kill(), p.wait()))
            self.until(lambda p=process: all(
                Path(f"/proc/{p.pid}/fd/{n}").is_symlink() for n in (0, 1, 2)), process)
            if index == 1:
                self.until((self.work / "exchange/round-0001.enc").exists, process)
            for n in (0, 1, 2):
                self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{n}"), "/dev/null")
            process.terminate()
            self.assertEqual(process.wait(BOUND), 130)

    def test_stderr_closed(self):
        out = self.work / "run"
        result = subprocess.run([*map(str, self.finetune(out))], stdout=subprocess.PIPE, text=True,
                                preexec_fn=self.closing(2))
        self.assertEqual(result.returncode, 0)
        json.loads((out / "report.json").read_text())
        for name in ("train.enc", "validation.enc", "model.enc", "keys/secret.key"):
            self.good(OWNER, "inspect", out / name)

    def test_a_report_that_cannot_be_printed(self):
        """is an error; what was to be written is there."""
        for index, how in enumerate(("closed", "full", "help")):
            out = self.work / f"{index}.enc"
            command = [OWNER, "--help"] if how == "help" else self.encrypt(out, "--quiet")
            with open("/dev/full", "w") as full:
                result = subprocess.run(
                    [*map(str, command)], stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                    stdout=None if how == "closed" else full,
                    preexec_fn=self.closing(1) if how == "closed" else None)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertEqual(result.stderr, "blindtuner: cannot write to standard output\n")
            if how != "help":
                self.good(OWNER, "inspect", out)

    def test_nobody_reads(self):
        """A pipe that nobody reads ends the program quietly; what it has written is whole."""
        out = self.work / "data.enc"
        process = self.start(*self.encrypt(out, "--quiet"))
        process.stdout.close()
        process.stdout = open(os.devnull)
        self.assertEqual(self.ends(process), "blindtuner: interrupted\n")
        self.good(OWNER, "inspect", out)


class Signals(System):
    def test_waiting(self):
        """Programs that wait for the other side; every signal."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            with self.subTest(signal=number):
                shutil.rmtree(self.work / "exchange", ignore_errors=True)
                for command in (self.waiting_server(), self.waiting_owner(self.work / "best.enc")):
                    process = self.start(*command)
                    if command[0] == SERVER:
                        self.until((self.work / "exchange/round-0001.enc").exists, process)
                        shutil.rmtree(self.work / "exchange")
                        (self.work / "exchange").mkdir()
                    else:
                        self.until((self.work / "exchange/.owner.lock").exists, process)
                    process.send_signal(number)
                    self.assertIn("interrupted", self.ends(process))
                self.assertFalse((self.work / "last.enc").exists())
                self.nothing_left()

    def test_nohup(self):
        process = self.start(*self.waiting_owner(self.work / "best.enc"), preexec_fn=lambda:
                             signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.handles(process, signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.terminate()
        self.ends(process)

    def test_computing(self):
        """In the middle of things that take long: one that asks often and one that cannot."""
        wide = self.work / "wide.npy"
        npy(wide, [[byte / 256 for byte in os.urandom(2000)] for _ in range(2100)])
        for name, command, moments in (
                # The eigenvectors of 2000 features are one call of a library, of seconds (of fewer
                # samples than features it would be the smaller problem of their products).
                ("whiten", [OWNER, "whiten", "--features", wide, "--out", self.work / "w.npz"],
                 (0, 1.0)),
                ("keygen", [OWNER, "keygen", "--out", self.work / "keys", "--classes", 10],
                 (0, 0.7))):
            for moment in moments:
                with self.subTest(command=name, moment=moment):
                    process = self.start(*command)
                    self.handles(process, signal.SIGTERM)
                    time.sleep(moment)
                    process.terminate()
                    self.assertIn("interrupted", self.ends(process))
                    self.nothing_left()
                    for path in self.work.rglob("*"):
                        self.assertTrue(path.is_dir() or path == wide, path)

    def test_every_command(self):
        """Wherever it strikes: 130 and nothing, or 0 and all of it."""
        folder = self.folder
        for name, command in (
                ("encrypt", self.encrypt(self.work / "out/data.enc")),
                ("keygen", [OWNER, "keygen", "--out", self.work / "out/keys", "--classes", CLASSES,
                            "--features", FEATURES, "--parameters", PARAMETERS, INSECURE]),
                ("train", [SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                           folder / "data.enc", "--out", self.work / "out/model.enc", "--config",
                           folder / "train.json", INSECURE]),
                ("whiten", [OWNER, "whiten", "--features", folder / "x.npy", "--out",
                            self.work / "out/w.npz"])):
            for moment in (0.0, 0.003, 0.01, 0.03, 0.1, 0.2):
                with self.subTest(command=name, moment=moment):
                    (self.work / "out").mkdir()
                    process = self.start(*command)
                    self.handles_or_ended(process)
                    time.sleep(moment)
                    process.terminate()
                    process.communicate(timeout=BOUND)
                    self.assertIn(process.returncode, (0, 130))
                    self.nothing_left()
                    for path in (self.work / "out").rglob("*"):
                        if path.suffix in (".enc", ".key", ".keys"):
                            self.good(OWNER, "inspect", path)
                    shutil.rmtree(self.work / "out")

    def handles_or_ended(self, process):
        def ready():
            if process.poll() is not None:
                return True
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                return True
            caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
            return int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1
        self.until(ready)

    def test_a_server_that_is_stopped(self):
        """finetune ends, and its server with it, whether that is stopped or listens to nothing."""
        for name, text in (("stopped", "kill -STOP $$"),
                           ("deaf", "trap '' TERM; while :; do sleep 1; done")):
            with self.subTest(server=name):
                started = self.work / f"{name}.pid"
                server = self.script(f"echo $$ > {started}.new; mv {started}.new {started}; {text}")
                process = self.start(*self.finetune(self.work / name, "--server", server))
                self.until(started.exists, process)
                child = int(started.read_text())
                if name == "stopped":
                    self.until(lambda: "State:\tT" in
                               Path(f"/proc/{child}/status").read_text(), process)
                process.terminate()
                self.ends(process)
                self.until(lambda: not Path(f"/proc/{child}").exists())
                self.assertFalse((self.work / name / ".run.lock").exists())


class Locks(System):
    def test_checkpoints_and_rounds(self):
        checkpoint = ["--checkpoint", self.work / "checkpoint"]
        first = self.start(*self.waiting_server(*checkpoint))
        self.until((self.work / "exchange/round-0001.enc").exists, first)
        elsewhere = [argument if argument != self.work / "exchange" else self.work / "other"
                     for argument in self.waiting_server(*checkpoint, "--resume")]
        self.refused(run(*elsewhere), "checkpoint", "'blindtuner-server train'",
                     f"process {first.pid}, since 2")
        first.kill()
        first.communicate()
        # What the killed one left hinders nobody.
        again = self.start(*self.waiting_server(*checkpoint, "--resume"))
        self.until(lambda: (self.work / "exchange/.server.lock").exists() and
                   str(again.pid) in (self.work / "exchange/.server.lock").read_text(), again)
        other = [argument if argument != self.work / "last.enc" else self.work / "other.enc"
                 for argument in self.waiting_server()]
        self.refused(run(*other), "exchange", "'blindtuner-server train'")
        # Nor is there another one with the same output.
        elsewhere = [argument if argument != self.work / "exchange" else self.work / "other"
                     for argument in self.waiting_server()]
        self.refused(run(*elsewhere), "'blindtuner-server train'", f"process {again.pid}")
        # The owner's program works there at the same time.
        owner = self.start(*self.waiting_owner(self.work / "best.enc"))
        self.until((self.work / "exchange/answer-0001.bit").exists, owner)

    def test_validators(self):
        first = self.start(*self.waiting_owner(self.work / "best.enc"))
        self.until((self.work / ".best.enc.lock").exists, first)
        self.refused(run(*self.waiting_owner(self.work / "other.enc")), "exchange",
                     "'blindtuner validate'", f"process {first.pid}")
        elsewhere = [argument if argument != self.work / "exchange" else self.work / "other"
                     for argument in self.waiting_owner(self.work / "best.enc")]
        self.refused(run(*elsewhere), "'blindtuner validate'")
        first.terminate()
        self.ends(first)
        self.nothing_left()

    def test_finetune(self):
        started = self.work / "started"
        server = self.script(f"touch {started}; exec sleep 600")
        first = self.start(*self.finetune(self.work / "run", "--server", server))
        self.until(started.exists, first)
        self.refused(run(*self.finetune(self.work / "run")), "run': is in use by",
                     "'blindtuner finetune'", f"process {first.pid}")
        first.terminate()
        self.ends(first)
        self.good(*self.finetune(self.work / "run"))
        self.nothing_left()


class Names(System):
    NAMES = (b"caf\xe9", b"bell\x07", b"line\nbreak", b"\xff\xfe", b"-dash", "käse".encode())

    def test_any_name(self):
        """From features to a report, whatever the files are called."""
        for index, name in enumerate(self.NAMES):
            with self.subTest(name=name):
                folder = os.fsencode(self.work) + b"/" + name
                os.mkdir(folder)
                shutil.copy(self.folder / "x.npy", folder + b"/x" + name + b".npy")
                out = folder + b"/out"
                result = subprocess.run(
                    [OWNER, b"finetune", b"--features", folder + b"/x" + name + b".npy",
                     b"--labels", os.fsencode(self.folder / "y.npy"), b"--out", out, b"--json",
                     b"--parameters", PARAMETERS.encode(), b"--steps", b"1", b"--batch", b"128",
                     INSECURE.encode()], capture_output=True)
                self.assertEqual(result.returncode, 0, result.stderr)
                json.loads(result.stdout)
                json.loads(Path(os.fsdecode(out + b"/report.json")).read_text())
                for file in (b"train.enc", b"model.enc", b"keys/secret.key"):
                    self.good(OWNER, "inspect", os.fsdecode(out + b"/" + file))

    def test_messages_are_one_line(self):
        result = subprocess.run([OWNER, b"inspect", b"no\nsuch\x1b[31m\xfffile"],
                                capture_output=True)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr.count(b"\n"), 1)
        self.assertIn(rb"no\x0asuch\x1b[31m\xfffile", result.stderr)

    def test_long_names(self):
        """As long as the file system allows; beyond, an error of the data."""
        self.good(*self.encrypt(self.work / ("n" * 255)))
        self.good(OWNER, "inspect", self.work / ("n" * 255))
        self.refused(run(*self.encrypt(self.work / ("n" * 256))), "too long")
        self.nothing_left()


class Outputs(System):
    def test_what_is_no_file_stays(self):
        (self.work / "folder").mkdir()
        os.mkfifo(self.work / "pipe")
        # /dev/null's twin: a program that fails this test as the superuser must not cost the machine
        # its own.
        device = self.work / "null"
        try:
            os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError:
            device = Path("/dev/null")
        (self.work / "link").symlink_to(device)
        (self.work / "stdout").symlink_to("/proc/self/fd/1")
        for name, word in ((device, "a device"), (self.work / "stdout", "a pipe"),
                           (self.work / "folder", "a folder"), (self.work / "pipe", "a pipe"),
                           (self.work / "link", "a device"), (str(self.work) + "/", "a folder"),
                           ("", "file name")):
            with self.subTest(name=str(name)):
                self.refused(run(*self.encrypt(name)), word)
        self.assertTrue(device.is_char_device())
        self.assertTrue((self.work / "pipe").is_fifo())
        self.assertTrue((self.work / "link").is_symlink())

    def test_a_folder_that_is_missing(self):
        """is told before anything is read, by every command that writes a file."""
        file = str(self.work / "missing" / "x.npz")
        for program, command, options in (
                (OWNER, "whiten", ("--features", "--out")),
                (OWNER, "encrypt", ("--features", "--keys", "--out", "--validation-out")),
                (OWNER, "extract", ("--model", "--images", "--out")),
                (OWNER, "decrypt", ("--model", "--keys", "--out")),
                (OWNER, "evaluate", ("--model", "--features", "--report")),
                (OWNER, "validate", ("--keys", "--data", "--exchange", "--out")),
                (SERVER, "train", ("--keys", "--data", "--out", "--report")),
                (SERVER, "predict", ("--keys", "--data", "--model", "--out"))):
            for output in {"--out", "--report", "--validation-out"} & set(options):
                with self.subTest(command=command, output=output):
                    arguments = [program, command, INSECURE]
                    for option in options:
                        arguments += [option, file if option == output else self.work / option[2:]]
                    if "--validation-out" in options:  # which is nothing without
                        arguments += ["--validation-fraction", 0.5]
                    self.refused(run(*arguments), f"cannot write '{file}'",
                                 f"'{self.work / 'missing'}': no such folder; make it first")
        self.assertEqual(list(self.work.iterdir()), [])

    def test_links_and_permissions(self):
        (self.work / "kept").mkdir()
        target = self.work / "kept/data.enc"
        target.write_text("old")
        target.chmod(0o600)
        (self.work / "link.enc").symlink_to("kept/data.enc")
        self.good(*self.encrypt(self.work / "link.enc"))
        self.assertTrue((self.work / "link.enc").is_symlink())
        self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o600)
        self.good(OWNER, "inspect", target)

    def test_an_output_that_is_an_input(self):
        """is named, and stays as it was."""
        self.features[1] = self.work / "x.npy"
        shutil.copy(self.folder / "x.npy", self.features[1])
        self.refused(run(*self.encrypt(self.features[1])), "is the file of --features")
        self.assertEqual(self.features[1].read_bytes(), (self.folder / "x.npy").read_bytes())

    def test_killed(self):
        """A kill leaves nothing but what was there; not even a secret key without a name."""
        for moment in (0.01, 0.05, 0.1, 0.3):
            process = self.start(OWNER, "keygen", "--out", self.work / "keys", "--classes", CLASSES,
                                 "--features", FEATURES, "--parameters", PARAMETERS, INSECURE,
                                 "--force")
            time.sleep(moment)
            process.kill()
            process.communicate()
            left = [path.name for path in self.work.rglob("*") if ".tmp" in path.name]
            # Between a link and its rename there is a name, for microseconds.
            self.assertLessEqual(len(left), 1, left)
        self.make_keys(self.work / "other")


class SystemLimits(System):
    """Refusals of the system are no faults of the program."""

    def commands(self, path):
        """Every file that a command takes, in turn called `path`."""
        f = self.folder
        owner = {
            "encrypt": {"--features": f / "x.npy", "--labels": f / "y.npy", "--keys": self.keys,
                        "--out": self.work / "o.enc"},
            "whiten": {"--features": f / "x.npy", "--out": self.work / "w.npz"},
            "keygen": {"--out": self.work / "k"},
            "decrypt": {"--model": f / "data.enc", "--keys": self.keys, "--out": self.work / "m.npz"},
            "validate": {"--keys": self.keys, "--data": f / "data.enc", "--exchange":
                         self.work / "e", "--out": self.work / "b.enc"},
            "extract": {"--model": f / "x.npy", "--images": f / "x.npy", "--out":
                        self.work / "f.npz"},
            "finetune": {"--features": f / "x.npy", "--labels": f / "y.npy", "--out":
                         self.work / "r", "--server": SERVER, "--config": f / "train.json"},
            "demo": {"--data": f, "--out": self.work / "d"},
            "plan": {"--config": f / "train.json"},
        }
        server = {
            "train": {"--keys": self.keys / "evaluation.keys", "--data": f / "data.enc", "--out":
                      self.work / "t.enc", "--config": f / "train.json", "--checkpoint":
                      self.work / "c", "--report": self.work / "r.json"},
            "predict": {"--keys": self.keys / "evaluation.keys", "--data": f / "data.enc",
                        "--model": f / "data.enc", "--out": self.work / "s.enc"},
        }
        for program, commands in ((OWNER, owner), (SERVER, server)):
            for command, options in commands.items():
                for option in options:
                    arguments = [program, command, INSECURE]
                    for name, value in options.items():
                        arguments += [name, path if name == option else value]
                    if command == "keygen":
                        arguments += ["--classes", 3, "--parameters", PARAMETERS]
                    if command in ("finetune", "demo"):
                        arguments += ["--parameters", PARAMETERS]
                    if command == "validate":
                        arguments += ["--timeout", 0]
                    if command == "plan":
                        arguments += ["--samples", 300, "--features", 8, "--classes", 3]
                    yield arguments
        for command in ("inspect",):
            for program in (OWNER, SERVER):
                yield [program, command, path]

    def never_internal(self, path, **more):
        codes = set()
        for arguments in self.commands(path):
            with self.subTest(arguments=[str(a) for a in arguments[1:]]):
                result = subprocess.run([*map(str, arguments)], capture_output=True, text=True,
                                        **more)
                self.assertIn(result.returncode, (1, 2), result.stderr)
                self.assertNotIn("internal", result.stderr)
                codes.add(result.returncode)
        self.assertIn(1, codes)

    def test_names_too_long(self):
        self.never_internal(self.work / ("n" * 300) / "x.npy")
        self.never_internal(self.work / ("n" * 300 + ".npz"))

    def test_loops(self):
        (self.work / "loop").symlink_to("loop")
        self.never_internal(self.work / "loop/x.npz")
        self.never_internal(self.work / "loop")

    def test_denied(self):
        def denied(user):
            closed = self.work / "closed"
            closed.mkdir()
            closed.chmod(0)
            self.never_internal(closed / "x.npz", **user)
        self.unprivileged(denied)

    def unprivileged(self, action):
        """Runs action(arguments of subprocess) as a user who may do all but with what is closed."""
        if os.geteuid() != 0:
            action({})
            return
        user = {"user": 54321, "group": 54321, "extra_groups": []}
        self.folder.chmod(0o755)
        for path in (self.keys, self.work, *self.keys.iterdir()):
            path.chmod(0o777)
        try:
            subprocess.run([OWNER, "--version"], stdout=subprocess.DEVNULL, check=True, **user)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("other users cannot run the programs from this folder")
        action(user)

    def test_threads(self):
        """With no thread beside its own a program works on one."""
        if SANITIZED:
            self.skipTest("sanitizers need a thread of their own")
        def one_thread():
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

        def encrypt(user):
            for threads in (0, 8):
                result = subprocess.run(
                    [*map(str, self.encrypt(self.work / f"{threads}.enc", "--threads", threads))],
                    capture_output=True, text=True, preexec_fn=one_thread, **user)
                self.assertEqual(result.returncode, 0, result.stderr)
        self.unprivileged(encrypt)

    def test_memory(self):
        """Too little of it is a refusal of the system too."""
        if SANITIZED:
            self.skipTest("sanitizers reserve terabytes of address space")
        codes = set()
        for megabytes in (60, 80, 100, 130, 160, 200, 300):
            def little():
                limit = megabytes << 20
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            result = subprocess.run([*map(str, self.encrypt(self.work / "o.enc"))],
                                    capture_output=True, text=True, preexec_fn=little)
            # Below what the libraries need, the loader refuses with 127.
            self.assertIn(result.returncode, (0, 1, 127), result.stderr)
            codes.add(result.returncode)
        self.assertIn(1, codes)


if __name__ == "__main__":
    main()
