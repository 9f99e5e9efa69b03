#!/usr/bin/env python3
"""The installed libraries as somebody else uses them, archives and shared ones, with this build's compiler and with
clang++: found by find_package and by pkg-config, the server's in a training under keys of the installed program,
which opens the model, and both in one under keys of the owner's, which opens it; in a module of another program's; each
component by itself; and what is in them and what they show.

The shared ones are made of the objects of the same build (BLINDTUNER_LAYERS_FROM), so that nothing is compiled twice.

usage: consumer_test.py BUILD COMPILER [unittest arguments]
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD, COMPILER = Path(sys.argv[1]), sys.argv[2]


def call(*command, **environment):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          env={**os.environ, **environment})
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def public_names():
    """Classes, structures, enumerations and functions of the headers."""
    names = set()
    for header in (ROOT / "include/blindtuner").glob("*.h"):
        text = header.read_text()
        names |= set(re.findall(r"^(?:class|struct|enum class) (\w+)", text, re.M))
        names |= set(re.findall(r"^[\w:<>]+ (\w+)\([^;]*\);", text, re.M))
    return names


class Installed:
    """What is tested of either kind."""
    shared = None
    build = BUILD

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="blindtuner-consumer-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.prefix = cls.folder / "all"
        call("cmake", "--install", BUILD, "--prefix", cls.folder / "program", "--component", "owner")
        cls.make()
        call("cmake", "--install", cls.build, "--prefix", cls.prefix)

    @classmethod
    def make(cls):
        pass

    def owner(self, command, *arguments):
        return call(self.folder / "program/bin/blindtuner", command, *arguments, "--allow-insecure-parameters", "--quiet")

    def train_with_libraries(self, folder, name):
        work = self.folder / name
        work.mkdir()
        for program, *arguments in (("consumer_owner", work, "make"), ("consumer_server", work),
                                    ("consumer_owner", work, "open")):
            said = call(folder / program, *arguments, **self.environment())
        self.assertRegex(said, r"^version \d+\.\d+\.\d+, 2 steps\n$")

    def train(self, name, *program):
        work = self.folder / name
        work.mkdir()
        # Two classes, told apart by the first of three features.
        rows = [((2 * (i % 2) - 1) * (1 + 0.1 * (i % 7)), 0.25 * (i % 5) - 0.5, 0.1 * (i % 3), i % 2)
                for i in range(128)]
        (work / "data.csv").write_text(
            "a,b,c,label\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
        (work / "config.json").write_text('{"steps": 2, "batch_size": 128, "learning_rate": 1}')
        self.owner("keygen", "--out", work / "keys", "--classes", "2", "--features", "3", "--parameters",
                   "InsecureTest10")
        self.owner("encrypt", "--features", work / "data.csv", "--keys", work / "keys", "--out",
                   work / "data.enc", "--config", work / "config.json")
        said = call(*program, work, **self.environment())
        self.assertRegex(said, r"^version \d+\.\d+\.\d+, 2 steps\n$")
        self.owner("decrypt", "--model", work / "model.enc", "--keys", work / "keys", "--out",
                   work / "model.json", "--config", work / "config.json")
        self.owner("decrypt", "--scores", work / "scores.enc", "--keys", work / "keys", "--out",
                   work / "scores.npz")
        weights = json.loads((work / "model.json").read_text())["weights"]
        self.assertGreater(weights[1][0], weights[0][0] + 0.1)

    def library(self, prefix=None):
        return str(next((prefix or self.prefix).glob("lib/**/pkgconfig")).parent)

    def environment(self):
        # Archives need no path at run time.
        return {"LD_LIBRARY_PATH": self.library()} if self.shared else {}

    def find_package(self, compiler):
        build = self.folder / f"cmake-{Path(compiler).name}"
        call("cmake", "-S", HERE, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}",
             f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_BUILD_TYPE=Debug")
        call("cmake", "--build", build)
        flags = (build / "build.ninja").read_text()
        self.assertNotRegex(flags, r"-Wshadow|-ffp-contract|-D_FORTIFY|BLINDTUNER_")
        self.train(f"by-cmake-{build.name}", build / "consumer_server")
        self.train_with_libraries(build, f"both-by-{build.name}")
        load = "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).consumer_train(sys.argv[2].encode()))"
        self.train(f"module-{build.name}", sys.executable, "-c", load, build / "libconsumer_module.so")

    def test_find_package(self):
        self.find_package(COMPILER)

    @unittest.skipIf(not shutil.which("clang++") or "clang" in Path(COMPILER).name, "no clang++ beside this compiler")
    def test_find_package_with_clang(self):
        self.find_package("clang++")

    def test_pkg_config(self):
        build = self.folder / "plain"
        build.mkdir()
        for party, files in (("owner", ["owner.cpp"]), ("server", ["server.cpp", "training.cpp"])):
            flags = call("pkg-config", "--cflags", "--libs", f"blindtuner-{party}",
                         PKG_CONFIG_PATH=self.library() + "/pkgconfig").split()
            call(COMPILER, "-std=c++20", *(HERE / file for file in files), "-o", build / f"consumer_{party}", *flags)
        self.train("by-pkg-config", build / "consumer_server")
        self.train_with_libraries(build, "both-by-pkg-config")

    def test_is_of_its_kind_alone(self):
        names = {path.name for path in Path(self.library()).glob("libblindtuner-*")}
        version = re.search(r"VERSION ([0-9.]+) LANGUAGES", (ROOT / "CMakeLists.txt").read_text()).group(1)
        short = ".".join(version.split(".")[:2])
        for party in ("owner", "server"):
            stem = f"libblindtuner-{party}"
            expected = {f"{stem}.so", f"{stem}.so.{short}", f"{stem}.so.{version}"} if self.shared else {f"{stem}.a"}
            self.assertEqual({name for name in names if name.startswith(stem)}, expected)
            if self.shared:
                said = call("readelf", "-d", Path(self.library()) / f"{stem}.so")
                self.assertIn(f"soname: [{stem}.so.{short}]", said)
                self.assertNotIn("TEXTREL", said)
                self.assertNotRegex(said, r"R(UN)?PATH")

    def test_headers_name_the_standard_library_alone(self):
        headers = sorted((self.prefix / "include").rglob("*.h"))
        self.assertEqual({path.parent.name for path in headers}, {"blindtuner"})
        for path in headers:
            for name in re.findall(r'#\s*include\s*["<]([^">]+)', path.read_text()):
                self.assertRegex(name, r"^(blindtuner/\w+\.h|[a-z_]+)$", path.name)
            alone = self.folder / "alone.cpp"
            alone.write_text(f"#include <blindtuner/{path.name}>\n")
            call(COMPILER, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I",
                 self.prefix / "include", alone)

    def test_what_headers_cite_is_there(self):
        documents = next((self.prefix / "share" / "doc").iterdir())
        self.assertTrue((documents / "LICENSE").is_file())
        cited = {name for path in (self.prefix / "include").rglob("*.h")
                 for name in re.findall(r"docs/[\w/]+\.md", path.read_text())}
        self.assertLessEqual({"docs/TRAINING.md", "docs/STUDY.md"}, cited)
        for name in cited:
            self.assertTrue((documents / name).is_file(), name)

    def test_errors_are_those_that_are_thrown(self):
        def classes(*paths):
            return {found for path in paths
                    for found in re.findall(r"class (\w+) : public ([\w:]+)", (ROOT / path).read_text())}
        thrown = classes("include/blindtuner/errors.h")
        self.assertEqual({name for name, _ in thrown}, {"DataError", "SecurityError", "UntrustedResult", "ContractError"})
        # There are no others of these names: a catch would not see them.
        for path in (ROOT / "src").rglob("*.h"):
            self.assertFalse({name for name, _ in thrown} & {name for name, _ in classes(path)}, path)

    def test_a_component_is_whole_and_no_more(self):
        programs = not self.shared  # the shared build has none, see make()
        for component, has, has_not in (
                ("server", {"libblindtuner-server", "blindtuner-server.pc", "errors.h", "BlindTunerConfig.cmake"},
                 {"blindtuner", "libblindtuner-owner"}),
                ("owner", {"libblindtuner-owner", "blindtuner-owner.pc", "errors.h", "BlindTunerConfig.cmake"},
                 {"blindtuner-server", "blindtuner-server.pc", "libblindtuner-server"})):
            if programs:
                has = has | {"blindtuner" if component == "owner" else "blindtuner-server"}
            prefix = self.folder / component
            call("cmake", "--install", self.build, "--prefix", prefix, "--component", component)
            names = {path.name for path in prefix.rglob("*") if path.is_file()}
            stems = names | {path.split(".")[0] for path in names if path.startswith("lib")}
            self.assertLessEqual(has, stems)
            self.assertFalse(has_not & stems)
            # It is found by itself, without being asked for, and the other is missed.
            other = {"owner": "server", "server": "owner"}[component]
            project = self.folder / f"project-{component}"
            project.mkdir()
            (project / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.25)\nproject(Alone LANGUAGES CXX)\nfind_package(BlindTuner REQUIRED)\n"
                f"if(NOT TARGET BlindTuner::{component} OR TARGET BlindTuner::{other})\n"
                '  message(FATAL_ERROR "of the wrong party")\nendif()\n'
                f"find_package(BlindTuner QUIET COMPONENTS {other})\n"
                'if(BlindTuner_FOUND)\n  message(FATAL_ERROR "found what is not there")\nendif()\n')
            call("cmake", "-S", project, "-B", project / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
                 f"-DCMAKE_CXX_COMPILER={COMPILER}")

    def test_the_server_s_library_holds_nothing_of_secrets(self):
        library = next(Path(self.library()).glob("libblindtuner-server.[as]*"))
        for listing in ([], ["-D"])[:1 + self.shared]:
            symbols = call("nm", "-C", *listing, library)
            self.assertIn("blindtuner::Server::load", symbols)
            for space in ("secret", "features", "reference"):
                self.assertNotIn(f"blindtuner::{space}::", symbols)


class Archives(Installed, unittest.TestCase):
    shared = False


class Shared(Installed, unittest.TestCase):
    shared = True

    @classmethod
    def make(cls):
        cls.build = cls.folder / "build"
        call("cmake", "-S", ROOT, "-B", cls.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=ON",
             "-DBLINDTUNER_PROGRAMS=OFF", f"-DBLINDTUNER_LAYERS_FROM={BUILD}", f"-DCMAKE_CXX_COMPILER={COMPILER}")
        call("cmake", "--build", cls.build)

    def test_shows_the_headers_names_alone(self):
        names = public_names()
        self.assertLessEqual({"Owner", "Server", "Context", "DataError", "version"}, names)
        for party, others in (("owner", "Server"), ("server", "Owner")):
            listing = call("nm", "-D", "-C", "--defined-only", Path(self.library()) / f"libblindtuner-{party}.so")
            shown = {line.split(maxsplit=2)[2] for line in listing.splitlines()}
            self.assertIn("blindtuner::version[abi:cxx11]()", shown)
            for name in shown:
                match = re.match(r"(?:(?:typeinfo|typeinfo name|vtable) for )?blindtuner::(\w+)", name)
                self.assertTrue(match and match.group(1) in names, name)
                self.assertNotEqual(match.group(1), others)
                self.assertNotIn("::State::", name)
            # All of it: what links against archives links against these.
            self.assertLessEqual({f"blindtuner::{name}" for name in ("DataError", "ContractError")},
                                 {name.removeprefix("typeinfo for ") for name in shown})


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
