#!/usr/bin/env python3
"""The server's program holds no code for secrets: none of its symbols names any, and no object of
libsecret was linked into it.

What to look for is read off the headers: every type and function of src/secret, and every type
elsewhere whose name says that it holds a secret.

usage: symbols_test.py BLINDTUNER BLINDTUNER-SERVER SOURCES
Beside the programs lie the linker's maps of them.
"""
import re
import subprocess
import sys
from pathlib import Path

# Named so, and hold none.
PUBLIC_TYPES = {"SecretHardness"}  # a dimension and a weight
TYPE = re.compile(r"^(?:class|struct) (\w+)\b[^;]*$", re.MULTILINE)
FUNCTION = re.compile(r"^(?!using|return|class|struct|inline constexpr)\w[\w:<>,&* ]*?\b(\w+)\(",
                      re.MULTILINE)


def secret_names(sources):
    """Types and functions, by what the headers declare."""
    types, functions = set(), set()
    for header in (sources / "secret").glob("*.h"):
        text = header.read_text()
        types |= set(TYPE.findall(text))
        functions |= set(FUNCTION.findall(text))
    for header in sources.rglob("*.h"):
        types |= {t for t in TYPE.findall(header.read_text()) if t.startswith("Secret")}
    # Samplers of secrets lie where rings do.
    functions |= set(FUNCTION.findall((sources / "ring" / "secret_sampling.h").read_text()))
    types -= PUBLIC_TYPES
    for name in ("SecretKey", "OwnerKeys", "SecretCoefficients", "SecretBytes"):
        assert name in types, (name, types)
    for name in ("decrypt", "encrypt", "read_secret_key", "make_galois_key", "sample_ternary"):
        assert name in functions, (name, functions)
    return re.compile(rf"blindtuner::(?:(?:{'|'.join(sorted(types))})\b"
                      rf"|(?:{'|'.join(sorted(functions))})\()")


def secret_symbols(program, names):
    listing = subprocess.run(["nm", "-C", program], check=True, capture_output=True, text=True)
    lines = listing.stdout.splitlines()
    if len(lines) < 1000:
        sys.exit(f"{program}: only {len(lines)} symbols; was it stripped?")
    return [line for line in lines if names.search(line)]


def secret_objects(program):
    """Those that the linker took, as its map lists them."""
    text = Path(program + ".map").read_text()
    # The server's own code must be there, or this is no map of it.
    if "libbase.a(" not in text or "Linker script and memory map" not in text:
        sys.exit(f"{program}.map: not a map of this program")
    return sorted(set(re.findall(r"libsecret\.a\(\S+\)|secret_sampling\.cpp\.o", text)))


def main():
    owner, server, sources = sys.argv[1:4]
    names = secret_names(Path(sources))
    # The same search must find what it looks for where it is.
    if not secret_symbols(owner, names) or len(secret_objects(owner)) < 5:
        sys.exit(f"{owner}: no symbol for secret keys; this test looks for the wrong names")
    found = secret_symbols(server, names) + secret_objects(server)
    if found:
        sys.exit(f"{server} holds code for secret keys:\n" + "\n".join(found[:20]))
    print("nothing of libsecret in the server's program")


if __name__ == "__main__":
    main()
