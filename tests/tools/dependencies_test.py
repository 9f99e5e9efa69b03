#!/usr/bin/env python3
"""install_dependencies.sh where lists of packages cannot be fetched: those that are there are tried, and it says so. Who is not
root builds the programs without what is for the tests alone."""
import os
import subprocess
import tempfile
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "install_dependencies.sh"


def install(lacking, user, *arguments):
    """On a machine that lacks a package, by this user, who has no sudo."""
    programs = {
        "dpkg-query": f"[ \"$4\" = {lacking} ] || printf installed",
        "id": f"echo {user}",
        "apt-get": "echo \"apt-get $*\"; [ \"$1\" != update ]",
    }
    with tempfile.TemporaryDirectory(prefix="blindtuner-dependencies-") as folder:
        for name, text in programs.items():
            program = Path(folder) / name
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        return subprocess.run(["/bin/sh", SCRIPT, *arguments], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PATH": folder})


def main():
    result = install("make", 0)
    assert result.returncode == 0, result
    assert result.stdout.splitlines()[-1] == "apt-get install -q -y --no-install-recommends make", result
    assert "could not update its lists; trying with those that are here" in result.stderr, result
    for arguments, lacking, words, code in (((), "valgrind", "only root can install them:\n  apt-get", 1),
                                            (("programs",), "libtbb-dev", "apt-get install --no-install-recommends libtbb-dev", 1),
                                            (("programs",), "valgrind", "going on without", 0)):
        result = install(lacking, 1000, *arguments)
        assert result.returncode == code and words in result.stderr and not result.stdout, (arguments, lacking, result)


if __name__ == "__main__":
    main()
