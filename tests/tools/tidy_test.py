#!/usr/bin/env python3
"""tools/tidy.py finds a fault in whichever file of a unit it is, and takes files apart that do not go together."""
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import tidy  # noqa: E402

GOOD = "namespace {\nint helper(int x) { return x + 1; }\n}  // namespace\nint good(int x) { return helper(x); }\n"
MOVED = """#include <string>
#include <utility>
namespace {
std::string kept;
}  // namespace
bool bad(std::string text) {
  kept = std::move(text);
  return text.empty();
}
"""


class Tidy(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, **texts):
        out = []
        for name, text in texts.items():
            out.append(self.folder / f"{name}.cpp")
            out[-1].write_text(text)
        return out

    def test_names_that_clash_go_apart(self):
        files = self.write(a=GOOD, b=MOVED, c=GOOD.replace("good", "other"))
        self.assertEqual([[path.stem for path in unit] for unit in tidy.units(files)], [["a", "b"], ["c"]])

    def test_a_fault_is_found_in_any_file_of_a_unit(self):
        for files in (self.write(a=GOOD, b=MOVED), self.write(a=MOVED, b=GOOD), self.write(a=MOVED)):
            found = tidy.findings(files, ("-std=c++20",))
            self.assertIn("bugprone-use-after-move", found)
        self.assertEqual(tidy.findings(self.write(a=GOOD), ("-std=c++20",)), "")

    def test_files_that_do_not_compile_together_are_seen_one_by_one(self):
        clash = "static int helper(int x) { return x; }\nint clash(int x) { return helper(x); }\n"
        found = tidy.findings(self.write(a=clash, b=clash.replace("clash", "again"), c=MOVED), ("-std=c++20",))
        self.assertIn("bugprone-use-after-move", found)
        self.assertNotIn("clang-diagnostic-error", found)

    def test_what_is_no_program_is_said(self):
        self.assertIn("error", tidy.findings(self.write(a="int x = ;\n"), ("-std=c++20",)))


if __name__ == "__main__":
    if not shutil.which("clang-tidy"):
        print("skipped: there is no clang-tidy", file=sys.stderr)
        sys.exit(77)
    unittest.main()
