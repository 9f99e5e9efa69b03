#!/usr/bin/env python3
"""The server's program holds no code for secrets, and none for data in the clear: none of its symbols is of
their namespaces, and what was linked into it is of the libraries that are named here.

Besides, read off the headers: every type elsewhere whose name says that it holds a secret, and the samplers
of secrets.

usage: symbols_test.py BLINDTUNER BLINDTUNER-SERVER SOURCES
Beside the programs lie the linker's maps of them.
"""
import re
import subprocess
import sys
from pathlib import Path

# Named so, and hold none.
PUBLIC_TYPES = {"SecretHardness"}  # a dimension and a weight
# Both programs sign what they say: that key opens nothing. Its bytes are wiped as the owner's are.
SIGNS = re.compile(r"blindtuner::SigningKey::\w+\(")
TYPE = re.compile(r"^(?:class|struct) (\w+)\b[^;]*$", re.MULTILINE)
FUNCTION = re.compile(r"^(?!using|return|class|struct|inline constexpr)\w[\w:<>,&* ]*?\b(\w+)\(",
                      re.MULTILINE)


# What is the owner's alone.
NAMESPACES = ("secret", "features", "reference")
# What is not: a library that is not here is none of the server's.
LIBRARIES = {"base", "math", "kernels", "device", "ring", "rlwe", "linalg", "ckks", "io", "transport", "records", "learn", "plan",
             "party_study", "party_server", "party_server_study", "app_common", "app_server"}


def secret_names(sources):
    types, functions = set(), set()
    for header in sources.rglob("*.h"):
        types |= {t for t in TYPE.findall(header.read_text()) if t.startswith("Secret")}
    # Samplers of secrets lie where rings do.
    functions |= set(FUNCTION.findall((sources / "ring" / "secret_sampling.h").read_text()))
    types -= PUBLIC_TYPES
    for name in ("SecretKey", "SecretCoefficients", "SecretBytes"):
        assert name in types, (name, types)
    assert "sample_ternary" in functions, functions
    for name in NAMESPACES:
        assert any(f"namespace blindtuner::{name} {{" in header.read_text() for header in sources.rglob("*.h")), name
    return re.compile(rf"blindtuner::(?:(?:{'|'.join(NAMESPACES)})::"
                      rf"|(?:\w+::)*(?:{'|'.join(sorted(types))})\b"
                      rf"|ring::(?:{'|'.join(sorted(functions))})\()")


def secret_symbols(program, names):
    listing = subprocess.run(["nm", "-C", program], check=True, capture_output=True, text=True)
    lines = listing.stdout.splitlines()
    if len(lines) < 1000:
        sys.exit(f"{program}: only {len(lines)} symbols; was it stripped?")
    return [line for line in lines if names.search(line) and not SIGNS.search(line)]


def owners_libraries(program):
    """Those that the linker took something of, as its map lists them, and the samplers of secrets, which lie where rings do."""
    text = Path(program + ".map").read_text()
    taken = set(re.findall(r"^src/\S*?lib(\w+)\.a\(", text, re.MULTILINE))
    if not {"base", "app_common"} <= taken or "Linker script and memory map" not in text:
        sys.exit(f"{program}.map: not a map of this program")
    return taken - LIBRARIES | set(re.findall(r"secret_sampling(?=\.cpp\.o)", text))


def main():
    owner, server, sources = sys.argv[1:4]
    names = secret_names(Path(sources))
    # The same search must find what it looks for where it is.
    there = "\n".join(secret_symbols(owner, names))
    missing = [name for name in (*(f"blindtuner::{n}::" for n in NAMESPACES), "ring::sample_ternary(") if name not in there]
    missing += {"secret", "party_owner", "app_owner", "transformer", "secret_sampling"} - owners_libraries(owner)
    if missing:
        sys.exit(f"{owner}: nothing of {missing}; this test looks for the wrong names")
    found = secret_symbols(server, names) + sorted(owners_libraries(server))
    if found:
        sys.exit(f"{server} holds code for what is the owner's alone:\n" + "\n".join(found[:20]))
    print("nothing of the owner's in the server's program")


if __name__ == "__main__":
    main()
