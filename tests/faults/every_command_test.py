#!/usr/bin/env python3
"""No command is forgotten: every one that --help names, those in groups too, has a case, every case is a test; and
no option: each is in a case of its command, or here it is said why not.

usage: every_command_test.py BLINDTUNER BLINDTUNER-SERVER WORLDS CASE...
"""
import re
import subprocess
import sys
from pathlib import Path

from commands import CASES, OWNER, SERVER

COMMON = {"--help", "--version", "--json", "--quiet", "--threads", "--allow-insecure-parameters"}
# Options that need no case, in whatever command: with them the same files are written by the same calls.
NO_OTHER_FILES = {
    "what is read, and which of it": {
        "--features-member", "--labels-member", "--images-member", "--test-images-member", "--validation-features-member",
        "--validation-labels-member", "--test-features-member", "--test-labels-member", "--label-column",
        "--text-column", "--path-column", "--group-column", "--feature-columns", "--drop-columns", "--skip-missing",
        "--decimal", "--class-numbers", "--split", "--test-split", "--on-error", "--picture-bits", "--image-size",
        "--pooling", "--test", "--test-labels", "--test-features", "--test-images", "--test-texts", "--test-pairs",
        "--validation-features", "--unlabelled", "--samples", "--seed", "--test-fraction", "--encoder",
        "--column-names", "--images-root"},
    "what is computed": {
        "--batch", "--steps", "--epochs", "--learning-rate", "--head", "--softmax", "--range", "--preset", "--balanced",
        "--components", "--epsilon", "--owners", "--patience", "--max-logit", "--validation-every", "--classes",
        "--config", "--parameters", "--whiten", "--no-whiten"},
    "when it ends, or is refused": {
        "--wait", "--timeout", "--answer-timeout", "--budget", "--unrecorded-data", "--unchecked", "--hold",
        "--fingerprint", "--trained-on", "--audited"},
    "which program, or key, somebody else has": {"--server"},
}
# And of these commands: others have the same code in a case.
AS_ELSEWHERE = {
    "blindtuner encrypt": {"--validation", "--validation-labels", "--validation-out",  # as its fraction
                           "--passphrase-file"},
    "blindtuner validate": {"--passphrase-file"},
    "blindtuner decrypt": {"--passphrase-file", "--data", "--features", "--transcript"},
    "blindtuner ledger": {"--passphrase-file"},
    "blindtuner finetune": {"--texts", "--pairs", "--text-model", "--no-cache",  # as extract
                            "--validation-labels", "--passphrase-file"},
    "blindtuner demo": {"--model", "--keys", "--new-keys", "--passphrase-file"},  # as finetune
    "blindtuner extract": {"--labels", "--no-cache"},
    "blindtuner study create": {"--labels", "--identifiers", "--whitening", "--threshold", "--recipient",
                                "--recipient-alone", "--validate-every",  # words of its draft
                                "--passphrase", "--passphrase-file"},     # as keygen
    "blindtuner study join": {"--passphrase", "--passphrase-file"},
    "blindtuner study run": {"--audit", "--whitening", "--passphrase-file"},  # as the server's --audit
    "blindtuner study scores": {"--labels", "--passphrase-file"},
    "blindtuner study combine": {"--labels", "--passphrase-file"},
    "blindtuner-server audit": {"--checkpoint"},
}


def helped(program, *command):
    return subprocess.run([program, *command, "--help"], capture_output=True, text=True, check=True).stdout


def commands(program, *group):
    """Those of a program, and of its groups, as "study join"."""
    shown = helped(program, *group)
    if "Subcommands:" not in shown:
        return [" ".join(group)]
    return [command for name in re.findall(r"^  ([a-z]+) ", shown.split("Subcommands:")[1], re.M)
            for command in commands(program, *group, name)]


def main():
    tested = sys.argv[4:]
    names = [case.name for case in CASES]
    assert sorted(tested) == sorted(names), set(tested) ^ set(names)
    for program in (OWNER, SERVER):
        there = {f"{Path(program).name} {command}" for command in commands(program)}
        assert len(there) >= 5, there
        cases = {case.command for case in CASES if case.program == program}
        assert there == cases, there ^ cases
        for command in sorted(there):
            shown = helped(program, *command.split()[1:])
            options = set(re.findall(r"^ +(?:-[a-z],)?(--[a-z-]+)", shown, re.M)) - COMMON
            tried = {word for case in CASES if case.command == command
                     for word in " ".join([case.arguments, case.again, case.over or ""]).split()}
            left = options - tried - set().union(*NO_OTHER_FILES.values()) - AS_ELSEWHERE.get(command, set())
            assert not left, f"{command}: options that no case has (commands.py): {sorted(left)}"
            gone = AS_ELSEWHERE.get(command, set()) - (options - tried)
            assert not gone, f"{command}: options that are none, or have a case: {sorted(gone)}"


if __name__ == "__main__":
    main()
