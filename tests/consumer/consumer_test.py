#!/usr/bin/env python3
"""The installed libraries as somebody else uses them: found by find_package and by pkg-config, the server's in a training
under keys of the installed program, which opens the model, and both in one under keys of the owner's, which opens it;
each component by itself; and what is in the server's.

usage: consumer_test.py BUILD COMPILER [unittest arguments]
"""
import json
import os
import re
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


class Consumer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="blindtuner-consumer-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.prefix = cls.folder / "all"
        call("cmake", "--install", BUILD, "--prefix", cls.prefix)

    def owner(self, command, *arguments):
        return call(self.prefix / "bin/blindtuner", command, *arguments, "--allow-insecure-parameters", "--quiet")

    def train_with_libraries(self, folder, name):
        work = self.folder / name
        work.mkdir()
        for program, *arguments in (("consumer_owner", work, "make"), ("consumer_server", work),
                                    ("consumer_owner", work, "open")):
            said = call(folder / program, *arguments, LD_LIBRARY_PATH=self.library())
        self.assertRegex(said, r"^version \d+\.\d+\.\d+, 2 steps\n$")

    def train(self, program, name):
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
        said = call(program, work, LD_LIBRARY_PATH=self.library())
        self.assertRegex(said, r"^version \d+\.\d+\.\d+, 2 steps\n$")
        self.owner("decrypt", "--model", work / "model.enc", "--keys", work / "keys", "--out",
                   work / "model.json", "--config", work / "config.json")
        self.owner("decrypt", "--scores", work / "scores.enc", "--keys", work / "keys", "--out",
                   work / "scores.npz")
        weights = json.loads((work / "model.json").read_text())["weights"]
        self.assertGreater(weights[1][0], weights[0][0] + 0.1)

    def library(self, prefix=None):
        return str(next((prefix or self.prefix).glob("lib/**/pkgconfig")).parent)

    def test_find_package(self):
        build = self.folder / "cmake"
        call("cmake", "-S", HERE, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}",
             f"-DCMAKE_CXX_COMPILER={COMPILER}", "-DCMAKE_BUILD_TYPE=Debug")
        call("cmake", "--build", build)
        flags = (build / "build.ninja").read_text()
        self.assertNotRegex(flags, r"-Wshadow|-ffp-contract|-D_FORTIFY|BLINDTUNER_")
        self.train(build / "consumer_server", "by-cmake")
        self.train_with_libraries(build, "both-by-cmake")

    def test_pkg_config(self):
        build = self.folder / "plain"
        build.mkdir()
        for party in ("owner", "server"):
            flags = call("pkg-config", "--cflags", "--libs", f"blindtuner-{party}",
                         PKG_CONFIG_PATH=self.library() + "/pkgconfig").split()
            call(COMPILER, "-std=c++20", HERE / f"{party}.cpp", "-o", build / f"consumer_{party}", *flags)
        self.train(build / "consumer_server", "by-pkg-config")
        self.train_with_libraries(build, "both-by-pkg-config")

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
        for component, has, has_not in (("server", {"libblindtuner-server", "blindtuner-server.pc", "errors.h",
                                                    "BlindTunerConfig.cmake"}, {"blindtuner"}),
                                        ("owner", {"blindtuner", "libblindtuner-owner", "blindtuner-owner.pc", "errors.h",
                                                   "BlindTunerConfig.cmake"},
                                         {"blindtuner-server", "blindtuner-server.pc"})):
            prefix = self.folder / component
            call("cmake", "--install", BUILD, "--prefix", prefix, "--component", component)
            names = {path.name for path in prefix.rglob("*") if path.is_file()}
            stems = names | {path.split(".")[0] for path in names if path.startswith("lib")}
            self.assertLessEqual(has, stems)
            self.assertFalse(has_not & names)
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
        symbols = call("nm", "-C", next(Path(self.library()).glob("libblindtuner-server.*")))
        self.assertIn("blindtuner::Server::load", symbols)
        for space in ("secret", "features", "reference"):
            self.assertNotIn(f"blindtuner::{space}::", symbols)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
