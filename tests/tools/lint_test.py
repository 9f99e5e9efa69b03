#!/usr/bin/env python3
"""Every rule of tools/lint.py refuses what it is for and lets its right form pass."""
import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import check_layers  # noqa: E402
import lint  # noqa: E402

# rule: (file, texts to be refused, texts to pass)
CASES = {
    "exists": ("src/features/data/x.cpp", [
        "if (fs::exists(path)) return;",
        "if (std::filesystem::exists(path, error)) return;",
        "while (!std::filesystem::exists(\n    answer)) wait();",
    ], [
        "if (path_exists(path)) return;",
        "// std::filesystem::exists(path) throws",
        'throw DataError("fs::exists(path)");',
    ]),
    "fs-throws": ("src/app/owner/x.cpp", [
        "fs::remove(path);",
        "const bool folder = fs::is_directory(options.model);",
        "fs::rename(candidate, std::string(target, 3));",
        "for (const auto& entry : fs::directory_iterator(folder)) use(entry);",
        "fs::directory_iterator at(folder);",
        "std::filesystem::create_directories(path / name(3, error));",
    ], [
        "fs::remove(path, ignored);",
        "fs::rename(f(a, b), target, error);",
        "for (fs::directory_iterator at(folder, error), end; at != end; at.increment(error)) use(*at);",
        "fs::path remove(const fs::path& path);",
    ]),
    "dump": ("src/app/common/x.cpp", [
        "out.text(json.dump());",
        "write(report.dump(2) + name);",
        "text = json->dump(2, ' ', false, json::error_handler_t::strict);",
    ], [
        "write(report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));",
        "// report.dump(2)",
        "core.dumped(3);",
    ]),
    "parse": ("src/app/common/x.cpp", [
        "json record = json::parse(bytes.begin(), bytes.end(), nullptr, false);",
        "nlohmann::json::sax_parse(bytes, &handler);",
    ], [
        "json record = parse_json(bytes, where);",
        "catch (const nlohmann::json::parse_error& error) {}",
    ]),
    "members": ("src/app/common/x.cpp", [
        'const json record = read_json(path);\nuse(record["name"]);',
        'const json all = parse_json(text, name);\nif (all["a"] == 3) return all["b"][0];',
        'const json record = read_sealed(path, keys, kPurpose);\nuse(record.value("name", ""));',
        'const auto json = read_settings(path);\nfor (const auto& part : json.at("parts")) use(part);',
    ], [
        'const json record = read_json(path);\nuse(JsonIn(record, path).at("name"));',
        'json all = parse_json(text, name);\nall["classes"] = classes;\nall["list"].push_back(3);',
        'use(report["name"]);  // of our own, where nothing is parsed',
    ]),
    "random": ("src/learn/x.cpp", [
        "std::mt19937_64 generator(seed);",
        "std::random_device device;",
        "const int x = std::rand();",
        "int x = rand() % 6;",
    ], [
        "Prng prng = Prng::for_secrets();",
        "const auto operand(x);",
        "// std::mt19937 generator(1);",
    ]),
    "merge": ("src/features/CMakeLists.txt", [
        "<<<<<<< HEAD\nset(layers a)\n",
        "set(layers a)\n>>>>>>> 1234abc (what it was)\n",
    ], [
        "Title\n=======\n",
        "out <<<<<<< x;\n",
    ]),
    "links": ("docs/X.md", [
        "See [there](NOWHERE.md).",
        "See [there](SECURITY.md#no-such-title).",
        "`src/ring/nothing.cpp` does it.",
    ], [
        "See [there](SECURITY.md) and [a title](SECURITY.md#threat-model), or [this](https://example.com/x).",
        "`src/ring/poly.h`, `ring/poly.h`, `tests/kernels/` and `src/ring/*.cpp` do it.",
    ]),
    "citations": ("docs/X.md", [
        "As in [XYZ99].",
        "As in [BTH22, XYZ99].",
        "The source is @[Nobody, Alg. 1].",
    ], [
        "As in [BTH22] and [BCC24, Table 5.2]; `[Key]` is a placeholder; [a link](SECURITY.md).",
        "The source is @[BTH22, Alg. 1], @[Key, place] in general.",
    ]),
}


class Rules(unittest.TestCase):
    def test_every_rule_has_cases(self):
        listed = [line.split()[0] for line in lint.__doc__.splitlines()
                  if line.startswith("  ") and not line.startswith("   ")]
        self.assertEqual(set(listed), set(CASES) | {"format", "layers"})

    def test_texts(self):
        for rule, (name, refused, passed) in CASES.items():
            for text in refused:
                with self.subTest(rule=rule, refused=text):
                    self.assertIn(rule, [found for _, found, _ in lint.check_text(name, text)])
            for text in passed:
                with self.subTest(rule=rule, passed=text):
                    self.assertEqual([], lint.check_text(name, text))

    def test_comments_of_sources_are_read_too(self):
        for comment in ("// docs/NOTHING.md says more", "// @[XYZ99, Alg. 1]", "// see ring/nothing.h"):
            self.assertEqual(len(lint.check_text("src/ring/x.h", comment)), 1, comment)
        self.assertEqual([], lint.check_text("src/ring/x.h", 'open("docs/NOTHING.md");'))

    def test_problems_have_the_line_that_they_are_in(self):
        text = "int a;\n/* two\n lines */\nfs::remove(path);\n"
        self.assertEqual([4], [line for line, _, _ in lint.check_text("src/io/x.cpp", text)])

    def test_the_one_parser_may_parse(self):
        text = "return json::parse(text);"
        self.assertEqual(1, len(lint.check_text("src/features/data/other.cpp", text)))
        for name in lint.MAY_PARSE:
            self.assertEqual([], lint.check_text(name, text))

    def test_layers(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "ring").mkdir()
            (Path(folder) / "ring" / "x.cpp").write_text('#include "secret/secret_key.h"\n')
            self.assertEqual(1, len(check_layers.check(Path(folder))))

    @unittest.skipIf(lint.formatter() is None, "clang-format is not installed")
    def test_format(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(lint, "ROOT", Path(folder)):
            shutil.copy(ROOT / ".clang-format", folder)
            (Path(folder) / "src").mkdir()
            # A table in a comment wider than a line stays as it is.
            table = "// a   b" + 60 * " " + "c" + 60 * " " + "d\n//   1   2\n"
            (Path(folder) / "src" / "bad.cpp").write_text("int  x ;\n")
            (Path(folder) / "src" / "good.cpp").write_text(table + "int x;\n")
            found = lint.check_format(["src/bad.cpp", "src/good.cpp"], lint.formatter())
            self.assertEqual({"src/bad.cpp:1"}, {place for place, _, _ in found})
            lint.check_format(["src/bad.cpp", "src/good.cpp"], lint.formatter(), fix=True)
            self.assertEqual(table + "int x;\n", (Path(folder) / "src" / "good.cpp").read_text())
            self.assertEqual("int x;\n", (Path(folder) / "src" / "bad.cpp").read_text())

    def test_the_command_reports_and_fails(self):
        problem = [(1, "dump", "what")]
        with mock.patch.object(lint, "check_text", return_value=problem), \
                mock.patch.object(sys, "argv", ["lint.py"]), \
                mock.patch("builtins.print"):
            self.assertEqual(1, lint.main())


if __name__ == "__main__":
    unittest.main(verbosity=2)
