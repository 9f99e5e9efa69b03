#!/usr/bin/env python3
"""The server's program holds no code for secret keys: none of its symbols names any.

usage: symbols_test.py BLINDTUNER BLINDTUNER-SERVER
"""
import re
import subprocess
import sys

SECRET = re.compile(
    r"blindtuner::(SecretKeys?|OwnerKeys)\b"
    r"|blindtuner::(decrypt\w*|encrypt|encrypt_dataset|(read|write)_secret_key"
    r"|make_\w*keys?)\(")


def secret_symbols(program):
    listing = subprocess.run(["nm", "-C", program], check=True, capture_output=True, text=True)
    lines = listing.stdout.splitlines()
    if len(lines) < 1000:
        sys.exit(f"{program}: only {len(lines)} symbols; was it stripped?")
    return [line for line in lines if SECRET.search(line)]


def main():
    owner, server = sys.argv[1:3]
    # The same search must find what it looks for where it is.
    if not secret_symbols(owner):
        sys.exit(f"{owner}: no symbol for secret keys; this test looks for the wrong names")
    found = secret_symbols(server)
    if found:
        sys.exit(f"{server} holds code for secret keys:\n" + "\n".join(found[:20]))
    print("no symbol for secret keys in the server's program")


if __name__ == "__main__":
    main()
