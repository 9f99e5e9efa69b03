#!/usr/bin/env python3
"""Rules that no compiler checks, over the sources and the documents.

  exists      std::filesystem::exists and its overloads throw what is no DataError, or hide what went wrong:
              path_exists (base/path.h) is used
  fs-throws   every other std::filesystem function is called with an error code
  dump        JSON is written with a handler for text that is not UTF-8: dump() throws on it otherwise
  parse       JSON from outside is parsed in one place, which bounds its depth and size
  members     a file that parses JSON reads members by JsonIn (base/json.h): nlohmann's ["name"] aborts where a
              constant object has none of that name, at() and value() throw what is no DataError
  random      randomness comes from base/random.h: no std::rand, no generator of <random>
  links       relative links and paths in documents and comments lead somewhere
  citations   every [Key] and @[Key, place] is in BIBLIOGRAPHY.md
  merge       no file, whatever its kind, has the marks of a merge that was not finished
  layers      tools/check_layers.py
  format      clang-format (Debian 12's: other versions format otherwise) leaves src, tests, bench,
              examples and python as they are; a run of its own, skipped with exit code 77 where there is no such tool

Usage: tools/lint.py                    exits with 1 and a line for each problem; all rules but the format
       tools/lint.py --format | --fix-format
tests/tools/lint_test.py shows every rule a text that it must refuse.
"""
import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

import check_layers

ROOT = Path(__file__).resolve().parent.parent
SOURCE_FOLDERS = ("src", "tests", "bench", "examples", "python")
# The one function that parses, and what the program itself wrote at build time.
MAY_PARSE = {"src/base/json.cpp"}
# Files that parse, and in them what reads a member; an assignment and what is put behind one write it.
PARSES = re.compile(r"\b(?:parse_json|read_json|read_json_object|read_sealed|read_settings)\s*\(")
READS_MEMBER = re.compile(r"\w\s*\[\"[^\"\n]*\"\](?!\s*(?:=[^=]|\.(?:push|emplace)_back\b))|\.value\(\"|"
                          r"\bjson\w*\.at\(\"")
SHOWS_BAD_TEXTS = {"tools/lint.py", "tests/tools/lint_test.py"}
READ_AS_TEXTS = (".h", ".cpp", ".md", ".py", ".sh")
FORMATTER_VERSION = 14
MAY_ASK_EXISTS = {"src/base/path.cpp"}

FILESYSTEM_THROWS = (
    "absolute canonical weakly_canonical relative proximate copy copy_file copy_symlink "
    "create_directory create_directories create_hard_link create_symlink create_directory_symlink "
    "current_path directory_iterator recursive_directory_iterator equivalent file_size "
    "hard_link_count is_block_file is_character_file is_directory is_empty is_fifo is_other "
    "is_regular_file is_socket is_symlink last_write_time permissions read_symlink remove "
    "remove_all rename resize_file space status symlink_status temp_directory_path").split()
FILESYSTEM_CALL = re.compile(r"\b(?:std::filesystem|fs)::(\w+)\s*(?:\w+\s*)?\(")
ERROR_ARGUMENT = re.compile(r"^\s*\w*(?:error|ignored|status|code|ec)\w*\s*$")
RANDOM = re.compile(r"\b(?:mt19937(?:_64)?|minstd_rand0?|random_device|default_random_engine)\b|"
                    r"(?<![\w.>])(?:std::)?(?:srand|rand|drand48|random)\s*\(")


def without_comments(text):
    """The same text, comments and string contents blanked, lines kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group()) if match.group()[0] == "/" else (
            match.group()[0] + re.sub(r"[^\n]", " ", match.group()[1:-1]) + match.group()[-1])
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<!\d)\'(?:\\.|[^\'\\\n])\'', blank, text,
                  flags=re.S)


def arguments(text, opening):
    """What is between the parenthesis at `opening` and its partner, split at the top's commas."""
    depth, parts, begin = 0, [], opening + 1
    for i in range(opening, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if depth == 0:
                parts.append(text[begin:i])
                return parts
        elif text[i] == "," and depth == 1:
            parts.append(text[begin:i])
            begin = i + 1
    return parts


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_filesystem(name, text):
    code = without_comments(text)
    for match in FILESYSTEM_CALL.finditer(code):
        function = match.group(1)
        if function == "exists":
            if name not in MAY_ASK_EXISTS:
                yield line_of(code, match.start()), "exists", "path_exists of base/path.h is meant"
        elif function in FILESYSTEM_THROWS:
            given = arguments(code, match.end() - 1)
            if not given or not ERROR_ARGUMENT.match(given[-1]):
                yield (line_of(code, match.start()), "fs-throws",
                       f"{function} without an error code throws what is no DataError")


def check_json(name, text):
    code = without_comments(text)
    for match in re.finditer(r"[.>]dump\s*\(", code):
        given = arguments(code, match.end() - 1)
        if not any("error_handler_t::" in argument and "strict" not in argument for argument in given):
            yield line_of(code, match.start()), "dump", "dump() throws on text that is not UTF-8"
    if name not in MAY_PARSE:
        for match in re.finditer(r"\bjson::(?:parse|sax_parse|accept)\s*\(", code):
            yield (line_of(code, match.start()), "parse",
                   "JSON is parsed by parse_json of base/json.h alone")


def check_members(name, text):
    code = without_comments(text)
    if name in MAY_PARSE or not PARSES.search(code):
        return
    for match in READS_MEMBER.finditer(code):
        yield (line_of(code, match.start()), "members",
               "what another may have written is read by JsonIn of base/json.h")


def check_random(name, text):
    code = without_comments(text)
    for match in RANDOM.finditer(code):
        yield line_of(code, match.start()), "random", "randomness comes from base/random.h"


LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
PATH = re.compile(r"(?<![\w./-])((?:src|docs|tests|tools|bench|examples|models)/[\w./*-]*\w)")
# Below src/, as includes write it: "ring/poly.h".
INSIDE = re.compile(r"(?<![\w./-])((?:base|math|kernels|device|ring|rlwe|ckks|linalg|io|secret|data|image|text|"
                    r"transformer|train|app)/[\w/-]+\.(?:h|cpp))\b")


def anchors(text):
    found = set()
    for title in re.findall(r"^#+\s+(.*)$", text, re.M):
        title = re.sub(r"[^\w\- ]", "", title.strip().lower())
        found.add(title.replace(" ", "-"))
    return found


def leads_somewhere(path, root):
    if "*" in path:
        return any(root.glob(path))
    return (root / path).exists() or any((root / (path + suffix)).exists() for suffix in (".h", ".cpp"))


def check_links(name, text, root=ROOT):
    if name.endswith(".md"):
        for match in LINK.finditer(text):
            target = match.group(1)
            if re.match(r"\w+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (root / name).parent / path if path else root / name
            if not file.exists():
                yield line_of(text, match.start()), "links", f"'{target}' leads nowhere"
            elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
                yield line_of(text, match.start()), "links", f"'{target}': no such section"
    comments = text if name.endswith((".md", ".py", ".sh")) else "\n".join(
        line.partition("//")[2] for line in text.splitlines())
    for pattern, base in ((PATH, root), (INSIDE, root / "src")):
        for match in pattern.finditer(comments):
            if not leads_somewhere(match.group(1), base) and not leads_somewhere(match.group(1), root):
                yield line_of(comments, match.start()), "links", f"no '{match.group(1)}' is there"


def bibliography(root=ROOT):
    return set(re.findall(r"^- \*\*([^*]+)\*\*", (root / "BIBLIOGRAPHY.md").read_text(), re.M))


def check_citations(name, text, keys=None):
    keys = bibliography() if keys is None else keys
    cited = [(m.start(), m.group(1)) for m in re.finditer(r"@\[([^\]]+)\]", text)]
    if name.endswith(".md") and name != "BIBLIOGRAPHY.md":
        cited += [(m.start(), m.group(1))
                  for m in re.finditer(r"(?<![`@\w!])\[([A-Z][^\]`]*\d\d[^\]`]*)\](?![(\[:])", text)]
    for position, group in cited:
        # "Key, Alg. 1", "Key1, Key2", "Key, Sec. 3": the first word of each part that looks like a key.
        parts = [part.strip() for part in group.replace(";", ",").split(",")]
        for index, part in enumerate(parts):
            looks_like_key = re.fullmatch(r"[A-Z][\w-]*", part) is not None
            cited_as_key = index == 0 or (looks_like_key and re.search(r"\d\d$", part))
            if cited_as_key and part not in keys | {"Key"}:
                yield line_of(text, position), "citations", f"'{part}' is not in BIBLIOGRAPHY.md"


def check_merge(name, text):
    for match in re.finditer(r"^(?:<{7}|>{7})(?: |$)", text, re.M):
        yield line_of(text, match.start()), "merge", "what a merge left to be decided"


def checks_for(name):
    """The rules for a file, by its path."""
    if not name.endswith(READ_AS_TEXTS):
        return [check_merge]
    found = [check_merge, check_links, check_citations]
    if name.startswith("src/") and name.endswith((".h", ".cpp")):
        found += [check_filesystem, check_json, check_members, check_random]
    return found


def check_text(name, text):
    """Problems of one file: (line, rule, what)."""
    return [problem for check in checks_for(name) for problem in check(name, text)]


def tracked(root=ROOT):
    names = []
    if shutil.which("git"):
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others",
                                 "--exclude-standard"], capture_output=True, check=False)
        names = [name for name in listed.stdout.decode().split("\0") if name]
    if not names:  # a source tree without its repository
        names = [p.relative_to(root).as_posix() for p in root.rglob("*")
                 if p.is_file() and not p.relative_to(root).parts[0].startswith(("build", "."))]
    return sorted(name for name in names if (root / name).is_file())


def formatter():
    """The command, or None where it is missing or of another version."""
    tool = shutil.which("clang-format")
    if tool is None:
        return None
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout
    return tool if f"version {FORMATTER_VERSION}." in version else None


def check_format(names, tool, fix=False):
    sources = [name for name in names
               if name.startswith(SOURCE_FOLDERS) and name.endswith((".h", ".cpp"))]
    if fix:
        subprocess.run([tool, "-i", *sources], cwd=ROOT, check=True)
        return []
    done = subprocess.run([tool, "--dry-run", *sources], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    places = re.findall(r"^(\S+?):(\d+):\d+: warning:", done.stderr, re.M)
    return [(f"{name}:{line}", "format", "tools/lint.py --fix-format") for name, line in places]


def check_rules(names):
    problems = []
    for name in names:
        if name not in SHOWS_BAD_TEXTS:
            problems += [(f"{name}:{line}", rule, what)
                         for line, rule, what in check_text(name, (ROOT / name).read_text(errors="replace"))]
    return problems + [(problem, "layers", "") for problem in check_layers.check(ROOT / "src")]


def main():
    parser = argparse.ArgumentParser(description="rules that no compiler checks")
    parser.add_argument("--format", action="store_true", help="the format only")
    parser.add_argument("--fix-format", action="store_true", help="format the sources")
    options = parser.parse_args()
    names = tracked()
    if options.format or options.fix_format:
        tool = formatter()
        if tool is None:
            print(f"skipped: clang-format {FORMATTER_VERSION} is not installed")
            return 77
        problems = check_format(names, tool, options.fix_format)
    else:
        problems = check_rules(names)
    for place, rule, what in problems:
        print(f"{place}: {rule}: {what}")
    print(f"lint: {len(names)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
