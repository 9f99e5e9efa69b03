#!/usr/bin/env python3
"""Both programs answer signals before their main() begins: what comes then ends them as it does later. A machine that has
no memory for their command lines, no stack or no cryptography is no fault of theirs. Folders that they make are flushed.

What comes sooner, while the system loads the program, ends it by the signal itself: nothing of ours has run.

usage: start_test.py BLINDTUNER BLINDTUNER-SERVER FAULT_INJECTOR
"""
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAMS, INJECTOR = sys.argv[1:3], sys.argv[3]
SANITIZED = any(name in Path(PROGRAMS[0]).read_bytes() for name in (b"__asan_init", b"__tsan_init"))
MEMORY = range(40 << 20, 76 << 20, 1 << 19)  # from what the loader cannot do with to what is enough
NO_ALGORITHMS = """openssl_conf = all
[all]
providers = those
[those]
null = that
[that]
activate = 1
"""


def little_memory(program):
    """Before main() has a command line, too, there is one line that says so: the program's, or that of a library that
    ends it while it is loaded."""
    codes = set()
    for size in () if SANITIZED else MEMORY:
        result = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60,
                                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)))
        codes.add(result.returncode)
        if result.returncode == 1:
            assert re.fullmatch(rf"{Path(program).name}: not enough memory|libgomp: Out of memory allocating \d+ bytes",
                                result.stderr.strip()), result
    assert codes <= {0, 1, 127}, f"{program}: {codes}"


def little_stack(program):
    """It is said before it is not enough."""
    least = 64 << 10
    for words in () if SANITIZED else (["plan", "--features", "4", "--classes", "2", "--samples", "60"], ["inspect", program]):
        if "server" in program and words[0] == "plan":
            continue
        result = subprocess.run([program, *words], capture_output=True, text=True, timeout=60,
                                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (least, least)))
        assert (result.returncode, result.stderr) == (
            1, f"{Path(program).name}: the stack may be 64 kB (ulimit -s), expected 512 or more\n"), result


def new_folders(program):
    """Each is flushed in the one around it: what is written in it is there after a power cut."""
    with tempfile.TemporaryDirectory(prefix="blindtuner-start-") as folder:
        log = Path(folder) / "log"
        subprocess.run([program, "keygen", "--out", "new/keys", "--classes", "2", "--features", "4", "--batch", "16",
                        "--parameters", "InsecureTest10", "--allow-insecure-parameters", "--quiet"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL, timeout=120, env={**os.environ, "LD_PRELOAD": INJECTOR, "FAULT_PROGRAM": Path(program).name,
                                         "FAULT_LOG": str(log), "ASAN_OPTIONS": "verify_asan_link_order=0"})
        calls = [line.split(" ", 1)[1] for line in log.read_text().splitlines()]
        for made, around in (("new", folder), ("new/keys", f"{folder}/new")):
            assert f"fsync {around}" in calls[calls.index(f"mkdir {made}"):], (made, calls)


def system_without_algorithms(program):
    """As where OpenSSL's configuration refuses them."""
    with tempfile.TemporaryDirectory(prefix="blindtuner-start-") as folder:
        (Path(folder) / "openssl.cnf").write_text(NO_ALGORITHMS)
        result = subprocess.run(
            [program, "keygen", "--out", "keys", "--classes", "2", "--features", "4"], capture_output=True,
            text=True, timeout=60, cwd=folder, env={**os.environ, "OPENSSL_CONF": f"{folder}/openssl.cnf"})
        assert result.returncode == 1 and "the system refuses: " in result.stderr, result


def main():
    system_without_algorithms(PROGRAMS[0])
    new_folders(PROGRAMS[0])
    for program in PROGRAMS:
        little_memory(program)
        little_stack(program)
        name = Path(program).name
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            result = subprocess.run(
                [program, "--version"], capture_output=True, text=True, timeout=60,
                env={**os.environ, "LD_PRELOAD": INJECTOR, "FAULT_PROGRAM": name,
                     "FAULT_MAIN": str(int(number)), "ASAN_OPTIONS": "verify_asan_link_order=0"})
            assert (result.returncode, result.stderr) == (130, f"{name}: interrupted\n"), result


if __name__ == "__main__":
    main()
