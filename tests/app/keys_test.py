#!/usr/bin/env python3
"""The folder of keys: pairs that are replaced as one, keys that are never lost, passphrases.

usage: keys_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import hashlib
import json
import os
import pty
import shutil
import stat
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cli_base import FEATURES, INSECURE, OWNER, SERVER, Base, main, npy, run

PARAMETERS, CLASSES = "InsecureTest10", 3
HEADER = 192


def key_id(path):
    return path.read_bytes()[80:96].hex()


def without_layout(path, out):
    """The secret key as version 0.1 wrote it: without the sections LAYT and LEDG."""
    data = path.read_bytes()
    digest, at, result, number = data[160:HEADER], HEADER, data[:HEADER], 0
    while at < len(data):
        length, tag = struct.unpack_from("<I4s", data, at)
        frame = data[at:at + 8 + length]
        if tag not in (b"LAYT", b"LEDG"):
            result += frame
            result += hashlib.sha256(digest + struct.pack("<Q", number) + frame).digest()
            number += 1
        at += 8 + length + 32
    assert len(result) < len(data)
    out.write_bytes(result)


class Folder(unittest.TestCase):
    good = classmethod(Base.good.__func__)
    refused = Base.refused

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="blindtuner-keys-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.keys = self.folder / "keys"
        npy(self.folder / "x.npy", [[0.1 * j for j in range(FEATURES)]] * 30)
        npy(self.folder / "y.npy", [i % CLASSES for i in range(30)], "<i4")
        (self.folder / "train.json").write_text('{"steps": 1, "batch_size": 16}')

    def keygen(self, *arguments, out=None, features=FEATURES):
        return [OWNER, "keygen", "--out", out or self.keys, "--classes", CLASSES, "--features",
                   features, "--batch", 16, "--parameters", PARAMETERS, INSECURE, *arguments]

    def made(self, *arguments, out=None):
        self.good(*self.keygen(*arguments, out=out))
        return key_id((out or self.keys) / "secret.key")

    def encrypt(self, keys=None, *arguments):
        return [OWNER, "encrypt", "--features", self.folder / "x.npy", "--labels",
                   self.folder / "y.npy", "--keys", keys or self.keys, "--out",
                   self.folder / "data.enc", INSECURE, *arguments]

    def model(self):
        """An encrypted model under self.keys."""
        self.good(*self.encrypt())
        self.good(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                  self.folder / "data.enc", "--config", self.folder / "train.json", "--out",
                  self.folder / "model.enc", INSECURE)

    def decrypt(self, keys, *arguments):
        return [OWNER, "decrypt", "--model", self.folder / "model.enc", "--keys", keys, "--out",
                   self.folder / "model.npz", INSECURE, *arguments]

    def pair(self, keys=None):
        """The identity of a pair; its halves must agree, and nothing is left beside them."""
        keys = keys or self.keys
        self.assertEqual(key_id(keys / "secret.key"), key_id(keys / "evaluation.keys"))
        self.assertEqual([p.name for p in keys.iterdir()
                          if p.is_file() and p.name not in ("secret.key", "evaluation.keys")
                          and not p.name.startswith(("ledger-", "data-sets-"))], [])
        return key_id(keys / "secret.key")


class Keys(Folder):
    def test_opening_needs_the_secret_key_alone(self):
        self.made()
        self.model()
        other = self.folder / "other"
        self.made(out=other)
        (self.keys / "evaluation.keys").unlink()
        self.good(*self.decrypt(self.keys))
        self.good(*self.encrypt())
        # Evaluation keys of another set: decryption does not care, encryption does.
        shutil.copy(other / "evaluation.keys", self.keys)
        self.good(*self.decrypt(self.keys))
        self.refused(run(*self.encrypt()), "evaluation.keys", "belongs to the keys")

    def test_secret_keys_of_version_0_1(self):
        self.made()
        self.model()
        old = self.folder / "old"
        old.mkdir()
        without_layout(self.keys / "secret.key", old / "secret.key")
        self.good(*self.decrypt(old))
        self.refused(run(*self.encrypt(old)), "version 0.1", "evaluation.keys")
        shutil.copy(self.keys / "evaluation.keys", old)
        self.good(*self.encrypt(old))

    def test_keys_are_not_replaced_unasked_and_not_lost_when_asked(self):
        first = self.made()
        self.model()
        self.refused(run(*self.keygen()), "exists", "--force")
        self.assertEqual(self.pair(), first)
        self.assertEqual(run(*self.keygen("--force", features=0)).returncode, 2)
        self.assertEqual(self.pair(), first)
        second = self.made("--force")
        self.assertNotEqual(first, second)
        self.assertEqual(self.pair(), second)
        kept = self.keys / f"old-{first[:16]}"
        self.assertEqual(self.pair(kept), first)
        self.good(*self.decrypt(kept))
        self.refused(run(*self.decrypt(self.keys)), "belongs to the keys")
        # A link to a key elsewhere: the key there stays.
        elsewhere = self.folder / "elsewhere.key"
        (self.keys / "secret.key").rename(elsewhere)
        (self.keys / "secret.key").symlink_to(elsewhere)
        third = json.loads(self.good(*self.keygen("--force", "--json")).stdout)
        self.assertEqual(key_id(elsewhere), second)
        self.assertEqual(self.pair(Path(third["old_pair"])), second)
        self.assertNotEqual(self.pair(), second)

    def test_records_go_aside_with_their_pair(self):
        first = self.made()
        self.model()
        self.good(*self.decrypt(self.keys))
        records = {f"ledger-{first[:16]}.jsonl", f"data-sets-{first[:16]}.json"}

        def found(folder):
            return {path.name for path in folder.iterdir()
                    if path.name.startswith(("ledger-", "data-sets-"))}
        self.assertEqual(found(self.keys), records)
        before = {name: (self.keys / name).read_bytes() for name in records}
        second = self.made("--force")
        kept = self.keys / f"old-{first[:16]}"
        self.assertEqual(found(self.keys), {f"ledger-{second[:16]}.jsonl"})
        self.assertEqual({name: (kept / name).read_bytes() for name in found(kept)}, before)
        # There the old pair is what it was: it knows its data set, and what it has opened.
        self.good(*self.decrypt(kept))
        ledger = json.loads(self.good(OWNER, "ledger", "--keys", kept, "--json", INSECURE).stdout)
        self.assertEqual((ledger["encrypted"], ledger["opened"]), (1, 2))
        self.good(*self.encrypt())
        self.assertTrue(found(self.keys))
        self.assertTrue(all(second[:16] in name for name in found(self.keys)))

    def test_keys_at_work_stay_where_they_are(self):
        first = self.made()
        self.good(*self.encrypt(None, "--validation-fraction", 0.2, "--validation-out", self.folder / "held.enc"))
        (self.folder / "rounds").mkdir()
        with subprocess.Popen(list(map(str, [OWNER, "validate", "--keys", self.keys, "--data", self.folder / "held.enc",
                                             "--exchange", self.folder / "rounds", "--out", self.folder / "best.enc",
                                             "--timeout", 60, INSECURE])), stderr=subprocess.PIPE) as waiting:
            lock, patience = self.keys / ".keys-in-use.lock", time.monotonic() + 60
            while not lock.exists() and time.monotonic() < patience:
                time.sleep(0.01)
            self.refused(run(*self.keygen("--force")), "is in use by 'blindtuner validate'")
            self.assertIsNone(waiting.poll())
            self.good(*self.encrypt())  # others work beside it
            waiting.terminate()
            waiting.communicate()
        self.assertEqual(self.pair(), first)
        self.made("--force")
        self.assertTrue((self.keys / f"old-{first[:16]}").is_dir())

    def test_half_a_pair_is_not_replaced_unasked(self):
        first = self.made()
        (self.keys / "secret.key").unlink()
        self.refused(run(*self.keygen()), "secret.key' is not there, though", "evaluation.keys' of the same keys exists", "put it "
                     "back from a copy", "--force")
        self.made("--force")
        self.pair()
        self.assertEqual(key_id(self.keys / f"old-{first[:16]}" / "evaluation.keys"), first)

    def test_what_a_kill_leaves(self):
        a, b = self.folder / "a", self.folder / "b"
        old, new = self.made(out=a), self.made(out=b)
        following = self.keys / "evaluation.keys.next"

        def start(secret, evaluation):
            shutil.rmtree(self.keys, ignore_errors=True)
            self.keys.mkdir(0o700)
            if secret:
                for path in (secret / "secret.key", *secret.glob("ledger-*")):
                    shutil.copy(path, self.keys)
            if evaluation:
                shutil.copy(evaluation / "evaluation.keys", self.keys)
            shutil.copy(b / "evaluation.keys", following)

        # Before secret.key had its name, of a first pair and of another.
        start(None, None)
        self.assertNotIn(self.made(), (old, new))
        self.pair()
        start(a, a)
        self.good(*self.encrypt())
        self.refused(run(*self.keygen()), "exists")
        self.assertEqual(self.pair(), old)
        # What somebody else put there: of an identity that begins as ours does, or as a ledger's that knows
        # something.
        start(a, a)
        self.good(*self.encrypt())
        ledgers = {path.name: path.read_bytes() for path in self.keys.glob("ledger-*")}
        header = bytearray(following.read_bytes()[:160])
        at = header.find(bytes.fromhex(new))
        for identity in (old[:16] + "ee" * 8, old):
            header[at:at + 16] = bytes.fromhex(identity)
            following.write_bytes(bytes(header) + hashlib.sha256(header).digest())
            secret = self.keys / "secret.key"
            if identity == old:  # for a moment another key
                mine = secret.read_bytes()
                shutil.copy(b / "secret.key", secret)
            self.refused(run(*self.keygen()), "exists")
            if identity == old:
                secret.write_bytes(mine)
            self.assertEqual({path.name: path.read_bytes()
                              for path in self.keys.glob("ledger-*")}, ledgers)
        # A whole pair in the place of ours: the records beside it are ours still.
        start(a, a)
        self.good(*self.encrypt())
        for path in (b / "secret.key", *b.glob("ledger-*")):
            shutil.copy(path, self.keys)
        self.assertIn("is of other keys", self.good(OWNER, "ledger", "--keys", self.keys, INSECURE).stderr)
        shutil.copy(b / "evaluation.keys", following)
        self.assertIn("is of other keys", self.good(OWNER, "ledger", "--keys", self.keys, INSECURE).stderr)
        self.assertIn("is of other keys", self.good(*self.encrypt()).stderr)
        # After it.
        for evaluation in (None, a):
            for command in (self.encrypt, self.keygen):
                with self.subTest(evaluation=evaluation, command=command.__name__):
                    start(b, evaluation)
                    result = run(*command())
                    if command == self.encrypt:
                        self.assertEqual(result.returncode, 0, result.stderr)
                    else:
                        self.refused(result, "exists")
                    self.assertEqual(self.pair(), new)
                    if evaluation:
                        self.assertIn("set aside", result.stderr)
                        self.assertEqual(
                            key_id(self.keys / f"old-{old[:16]}" / "evaluation.keys"), old)

    def test_two_at_once(self):
        for force in ([], ["--force"]):
            for _ in range(3):
                both = [subprocess.Popen([*map(str, self.keygen(*force))], text=True,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                        for _ in range(2)]
                results = [(p.communicate()[1], p.returncode) for p in both]
                codes = sorted(code for _, code in results)
                self.assertEqual(codes[0], 0, results)
                self.assertIn(codes[1], (0, 1) if force else (1,), results)
                self.pair()
                if not force:
                    shutil.rmtree(self.keys)
            self.made(*force)

    def test_the_folder_is_its_owners(self):
        self.made(out=self.folder / "new" / "keys")
        self.assertEqual(stat.S_IMODE(os.stat(self.folder / "new" / "keys").st_mode), 0o700)
        self.keys.mkdir()
        self.keys.chmod(0o755)
        result = self.good(*self.keygen())
        self.assertIn("other users", result.stderr)
        self.assertEqual(stat.S_IMODE(os.stat(self.keys).st_mode), 0o755)
        # A copy comes as its program makes it.
        said = "secret.key' is not for its owner alone"
        for mode, warned in ((0o600, False), (0o400, False), (0o640, True), (0o604, True)):
            (self.keys / "secret.key").chmod(mode)
            result = self.good(OWNER, "ledger", "--keys", self.keys, INSECURE)
            self.assertEqual(said in result.stderr, warned, (oct(mode), result.stderr))


class Passphrases(Folder):
    def phrase(self, text, name="phrase"):
        path = self.folder / name
        path.write_bytes(text)
        return path

    def plain(self):
        """Whether the coefficients are there in the clear: a file of ternary numbers, 2 bits each,
        deflates; a sealed one does not hold the section."""
        return b"SKEY" in (self.keys / "secret.key").read_bytes()

    def test_every_command_opens_it(self):
        right, wrong = self.phrase(b"correct horse\n"), self.phrase(b"correct hors\n", "wrong")
        self.made("--passphrase-file", right)
        self.assertFalse(self.plain())
        given = ["--passphrase-file", right]
        self.refused(run(*self.encrypt(self.keys)), "secret.key", "takes a passphrase",
                     "--passphrase-file")
        self.refused(run(*self.encrypt(self.keys, "--passphrase-file", wrong)), "passphrase is wrong")
        self.good(*self.encrypt(self.keys, *given))
        self.good(SERVER, "train", "--keys", self.keys / "evaluation.keys", "--data",
                  self.folder / "data.enc", "--config", self.folder / "train.json", "--out",
                  self.folder / "model.enc", INSECURE)
        self.refused(run(*self.decrypt(self.keys, "--passphrase-file", wrong)), "passphrase is wrong")
        self.good(*self.decrypt(self.keys, *given))
        # By the environment, and through a pipe.
        os.environ["BLINDTUNER_PASSPHRASE_FILE"] = str(right)
        self.addCleanup(os.environ.pop, "BLINDTUNER_PASSPHRASE_FILE", None)
        self.good(*self.decrypt(self.keys))
        del os.environ["BLINDTUNER_PASSPHRASE_FILE"]
        piped = subprocess.run([*map(str, self.decrypt(self.keys)), "--passphrase-file",
                                "/dev/stdin"], input="correct horse\n", capture_output=True,
                               text=True)
        self.assertEqual(piped.returncode, 0, piped.stderr)
        for phrase, said in ((b"", "is empty"), (b"\n", "is empty"),
                             # As long as may be: wrong, and no more.
                             (b"x" * 1024, "passphrase is wrong"),
                             (b"x" * 1024 + b"\r\n", "passphrase is wrong"),
                             (b"x" * 1025, "at most 1024 bytes"),
                             (b"x" * 1025 + b"\r\n", "at most 1024 bytes")):
            self.refused(run(*self.decrypt(self.keys, "--passphrase-file", self.phrase(phrase, "n"))),
                         said)
        self.refused(run(*self.decrypt(self.keys, "--passphrase-file", self.folder / "gone")), "gone")

    def test_a_passphrase_that_is_given_protects(self):
        self.made()
        phrase = self.phrase(b"one")
        said = ["is not protected by a passphrase", str(phrase), "'blindtuner passphrase' protects"]
        self.refused(run(*self.encrypt(self.keys, "--passphrase-file", phrase)), *said)
        self.good(*self.encrypt(self.keys))
        # Somebody puts keys of his own in their place: what is beside them is not theirs.
        theirs = self.folder / "theirs"
        self.good(OWNER, "keygen", "--out", theirs, "--classes", 3, "--features", 8, "--batch", 64,
                  "--parameters", "InsecureTest10", INSECURE)
        kept = {name: (self.keys / name).read_bytes() for name in ("secret.key", "evaluation.keys")}
        for name in kept:
            shutil.copy(theirs / name, self.keys / name)
        warned = run(*self.encrypt(self.keys)).stderr
        self.assertIn("is of other keys than the secret.key beside it", warned)
        for name, content in kept.items():
            (self.keys / name).write_bytes(content)
        self.assertNotIn("other keys", self.good(*self.encrypt(self.keys)).stderr)
        os.environ["BLINDTUNER_PASSPHRASE_FILE"] = str(phrase)
        self.addCleanup(os.environ.pop, "BLINDTUNER_PASSPHRASE_FILE", None)
        self.refused(run(*self.encrypt(self.keys)), *said)
        # Keys that are made while it is given have it.
        self.good(OWNER, "keygen", "--out", self.folder / "sealed", "--classes", 3, "--features", 8,
                  "--batch", 64, "--parameters", "InsecureTest10", INSECURE)
        self.assertIn(b"SEAL", (self.folder / "sealed" / "secret.key").read_bytes())
        self.good(OWNER, "passphrase", "--keys", self.keys, "--new-passphrase-file", phrase, INSECURE)
        self.assertNotIn("protected", self.good(*self.encrypt(self.keys)).stderr)

    def test_add_change_remove(self):
        first, second = self.phrase(b"one"), self.phrase(b"two", "second")
        identity = self.made()
        self.model()
        self.assertTrue(self.plain())
        change = [OWNER, "passphrase", "--keys", self.keys, INSECURE]
        self.refused(run(*change, "--remove"), "no passphrase")
        # An interrupted `keygen --force` leaves a second name of the key, and a ledger that knows nothing.
        second_name = self.keys / f"old-{key_id(self.keys / 'secret.key')[:16]}" / "secret.key"
        second_name.parent.mkdir(0o700)
        os.link(self.keys / "secret.key", second_name)
        other = self.made(out=self.folder / "other")
        shutil.copy(self.folder / "other" / "evaluation.keys", self.keys / "evaluation.keys.next")
        begun = self.keys / f"ledger-{other[:16]}.jsonl"
        shutil.copy(self.folder / "other" / begun.name, begun)
        self.assertEqual(self.good(OWNER, "ledger", "--keys", self.keys, INSECURE).stderr, "")
        data_sets = self.keys / f"data-sets-{other[:16]}.json"
        data_sets.write_text("{}")
        self.assertIn("is of other keys",
                      self.good(OWNER, "ledger", "--keys", self.keys, INSECURE).stderr)
        for path in (data_sets, begun, self.keys / "evaluation.keys.next"):
            path.unlink()
        before = (self.keys / "secret.key").read_bytes()
        self.assertIn("added", self.good(*change, "--new-passphrase-file", first).stdout)
        self.assertFalse(second_name.parent.exists())
        self.assertFalse(self.plain())
        self.refused(run(*change, "--new-passphrase-file", second, "--passphrase-file", second),
                     "passphrase is wrong")
        # A copy that is not under it: whose it is nobody knows.
        second_name.parent.mkdir(0o700)
        second_name.write_bytes(before)
        said = self.good(*change, "--new-passphrase-file", second, "--passphrase-file", first).stderr
        self.assertIn("another copy of the secret key", said)
        self.assertEqual(second_name.read_bytes(), before)
        shutil.rmtree(second_name.parent)
        self.refused(run(*self.decrypt(self.keys, "--passphrase-file", first)), "passphrase is wrong")
        windows = self.folder / "windows"
        windows.write_bytes(second.read_bytes().split(b"\n")[0] + b"\r\n")
        self.good(*self.decrypt(self.keys, "--passphrase-file", windows))
        windows.write_bytes(b"\xef\xbb\xbf" + windows.read_bytes())
        marked = run(*self.decrypt(self.keys, "--passphrase-file", windows))
        self.refused(marked, "passphrase is wrong")
        self.assertIn("warning: '" + str(windows) + "': begins with a byte order mark", marked.stderr)
        self.good(*self.decrypt(self.keys, "--passphrase-file", second))
        self.assertIn("removed",
                      self.good(*change, "--remove", "--passphrase-file", second).stdout)
        self.assertTrue(self.plain())
        self.assertEqual(self.pair(), identity)
        self.assertEqual(stat.S_IMODE(os.stat(self.keys / "secret.key").st_mode), 0o600)
        self.good(*self.decrypt(self.keys))

    def test_at_a_terminal_without_echo(self):
        def typed(*lines, arguments):
            """The exit code, and what the terminal showed."""
            child, terminal = pty.fork()
            if child == 0:
                os.execv(OWNER, [OWNER, *map(str, arguments)])
            shown, left = b"", list(lines)
            try:
                while chunk := os.read(terminal, 4096):
                    shown += chunk
                    if shown.rstrip(b" ").endswith(b":") and left:
                        os.write(terminal, left.pop(0) + b"\n")
            except OSError:
                pass  # the other side is closed
            os.close(terminal)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown

        change = ["passphrase", "--keys", self.keys, INSECURE]
        self.made()
        self.model()
        code, shown = typed(b"secret one", b"secret one", arguments=change)
        self.assertEqual(code, 0, shown)
        self.assertNotIn(b"secret one", shown)
        self.assertFalse(self.plain())
        code, shown = typed(b"secret one", b"secret two", b"secret 2", arguments=change)
        self.assertEqual(code, 1, shown)
        self.assertIn(b"differ", shown)
        code, shown = typed(b"secret one", arguments=self.decrypt(self.keys)[1:])
        self.assertEqual(code, 0, shown)


if __name__ == "__main__":
    main()
