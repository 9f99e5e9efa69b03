#!/usr/bin/env python3
"""A study of three owners and a server, each a process of its own, over one folder.

usage: study_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import hashlib
import json
import os
import random
import shutil
import stat
import subprocess
import tempfile
import zipfile
from pathlib import Path

from cli_base import INSECURE, OWNER, SERVER, Base, main, run

OWNERS = ("north", "south", "west")
SHAPE = ("--name", "Three sites", "--owners", ",".join(OWNERS), "--classes", "no, yes", "--columns", 5,
         "--column-names", "a, b,c ,d,e", "--parameters", "InsecureJoint4", "--whitening", "pooled")


def table(path, rows, seed, both=True, names="abcde"):
    """Two clouds in five columns of large numbers, or the first of them, and their class by its name."""
    generator = random.Random(seed)
    lines = [",".join([*names, "outcome"])]
    for i in range(rows):
        label = both and i % 3 == 0
        row = {name: f"{1000 * generator.gauss(1.5 * label * (1 if name < 'd' else -1), 1):.3f}" for name in "abcde"}
        lines.append(",".join(row[name] for name in names) + (",yes" if label else ",no"))
    path.write_text("\n".join(lines) + "\n")


def with_second_target(path):
    """Beside what was trained by, another answer to every row, by a more usual name."""
    first, *rows = path.read_text().splitlines()
    path.write_text("\n".join([first + ",label", *(row + (",no" if i % 2 else ",yes") for i, row in enumerate(rows))]) + "\n")


class Study(Base):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="blindtuner-app-"))
        cls.exchange = cls.folder / "exchange"
        (cls.folder / "train.json").write_text(json.dumps({"steps": 4, "batch_size": 64, "learning_rate": 2}))

    def study(self, owner, action, *more):
        place = () if action in ("run", "status", "open") else ("--exchange", self.exchange, "--owner", owner)
        return run(OWNER, "study", action, "--folder", self.folder / owner, *place, *more, INSECURE, "--json")

    def test_set_up(self):
        create = ("create", *SHAPE, "--config", self.folder / "train.json")
        self.refused(run(OWNER, "study", *create, "--folder", self.exchange / "north", "--exchange", self.exchange,
                         "--owner", "north", INSECURE), "is in the folder that all others see")
        self.refused(self.study("east", *create), "--owner 'east': is none of --owners; the owner who writes")
        self.assertEqual(self.study("north", *create).returncode, 0)
        self.assertEqual(stat.S_IMODE((self.folder / "north").stat().st_mode), 0o700)
        self.refused(self.study("east", "join"), "has no owner 'east'")
        self.assertFalse((self.folder / "east").exists())
        self.refused(run(OWNER, "study", "join", "--folder", self.folder / "south", "--exchange", self.folder / "no",
                         "--owner", "south", INSECURE), "there is no such folder")
        self.assertFalse((self.folder / "south").exists() or (self.folder / "no").exists())
        self.refused(self.study("north", *create, "--threshold", 2), "was written down otherwise before")
        self.refused(run(OWNER, "study", *create[:1], "--folder", self.folder / "one", "--exchange", self.folder / "one-x",
                         "--owner", "north", "--name", "One", "--owners", "north,south", "--classes", "x", "--columns", 2),
                     "two classes at least")
        # What would not be done, or be of no use to anybody.
        (self.folder / "every.json").write_text(json.dumps({"validation_every": 2}))
        one = ("--folder", self.folder / "one", "--exchange", self.folder / "one-x", "--owner", "north")
        self.refused(run(OWNER, "study", *create[:-1], self.folder / "every.json", *one, INSECURE),
                     "'study create --validate-every'")
        self.refused(run(OWNER, "study", "create", *one, "--name", "One", "--owners", "north,south", "--classes", "x,y",
                         "--columns", "2,3", "--labels", "north", "--recipient", "lab", "--whitening", "pooled"),
                     "the recipient 'lab' could not use the model")
        self.assertFalse((self.folder / "one").exists())
        self.assertEqual(json.loads(self.study("north", "status").stdout)["threshold"], 3)
        # Who it is and where the others are, damaged: as a power cut or an editor leaves it.
        place = self.folder / "north/study.json"
        good = place.read_text()
        for bad in ("\0" * len(good), good.replace("north", "N"), "{}"):
            place.write_text(bad)
            self.refused(self.study("north", "status"), "north/study.json", "set it aside, and 'study join' with this folder")
        place.unlink()
        self.assertEqual(self.study("north", "join").returncode, 0)
        self.assertEqual(place.read_text(), good)
        # Where fewer open, whoever takes part is told what that means.
        two = ("--folder", self.folder / "two", "--exchange", self.folder / "other", "--owner", "north", INSECURE)
        self.refused(run(OWNER, "study", *create, *two, "--threshold", 2, "--validate-every", 1), "'validation' takes all owners")
        self.refused(run(OWNER, "study", *create, *two, "--validate-every", 99), "with one round there is no model to choose from")
        alone = run(OWNER, "study", *create, *two, "--patience", 2)
        self.assertEqual((alone.returncode, "--patience requires --validate-every" in alone.stderr), (2, True))
        self.refused(run(OWNER, "study", "create", *SHAPE[:-1], "none", "--epsilon", 1, "--config", self.folder / "train.json",
                         *two), "of pooled whitening")
        self.assertFalse((self.folder / "two").exists())
        # A name need not be UTF-8.
        odd = self.folder / os.fsdecode(b"\xff")
        # Names of classes are as labels are read, composed.
        composed = [str(word).replace("yes", "e\u0301") for word in create]
        self.good(OWNER, "study", *composed, "--folder", self.folder / "odd", "--exchange", odd, "--owner", "north", INSECURE)
        self.assertIn("north", self.good(OWNER, "study", "status", "--folder", self.folder / "odd", INSECURE).stdout)
        self.assertIn("\u00e9", (odd / "draft").read_text(encoding="utf-8"))
        self.refused(run(OWNER, "study", *create, *two, "--threshold", 4), "'threshold' is 2 to as many as its owners")
        self.refused(run(OWNER, "study", *create, *two, "--recipient", "south"), "'recipient' has a name as owners have")
        said = run(OWNER, "study", *create, *two, "--threshold", 2, "--recipient", "lab", "--recipient-alone", "--encoder",
                   self.folder / "train.json").stderr
        for words in ("any 2 of the 3 owners open the model, and together with the server can read every owner's rows",
                      "the model is for 'lab' alone, and no owner opens it; it gets the pooled statistics as well",
                      "all take features of the encoder whose file has the SHA-256 " +
                      hashlib.sha256((self.folder / "train.json").read_bytes()).hexdigest()):
            self.assertIn("NOTE: " + words, said)
            self.assertIn(words, self.good(OWNER, "study", "status", "--folder", self.folder / "two", INSECURE).stdout)
        # What another study's folder keeps is no command's output.
        for kept in ("study.json", "identity", "said/join-north"):
            before = (self.folder / "north" / kept).read_bytes()
            self.refused(run(OWNER, "whiten", "--features", self.folder / "none.npy", "--out", self.folder / "north" / kept),
                         f"{kept}': holds a record of a study", "expected another name")
            self.assertEqual((self.folder / "north" / kept).read_bytes(), before)
        lab = ("--folder", self.folder / "lab")
        joined = json.loads(self.good(OWNER, "study", "join", *lab, "--exchange", self.folder / "other", "--owner", "lab",
                                      INSECURE, "--json").stdout)
        self.assertEqual((joined["recipient"], joined["readers"], joined["phase"]),
                         ("lab", "recipient", "agrees to the manifest"))
        for option, value in (("--features", self.folder / "no.csv"), ("--without", "west"), ("--hold", None)):
            given = run(OWNER, "study", "run", *lab, *filter(None, (option, value)), "--once", INSECURE)
            self.refused(given, f"{option}: 'lab' is the study's recipient, and that is for its owners")
        self.refused(run(OWNER, "study", "scores", *lab, "--features", self.folder / "no.csv", "--out", self.folder / "s.npz",
                         INSECURE), "'lab' is the study's recipient: owners of different columns score rows so")
        self.refused(run(OWNER, "study", "run", *lab, "--new-session", INSECURE), "the owners make the keys of a study")
        self.refused(run(OWNER, "study", "open", *lab, "--out", self.folder / "none.json", INSECURE),
                     "the model is not opened yet")
        passphrase = self.folder / "phrase"
        passphrase.write_text("of the south\n")
        self.assertEqual(self.study("south", "join", "--passphrase-file", passphrase).returncode, 0)
        wrong = self.folder / "wrong"
        wrong.write_text("of the north\n")
        self.refused(self.study("south", "run", "--once", "--passphrase-file", wrong), "identity': the passphrase is wrong")
        self.refused(self.study("north", "run", "--once", "--passphrase-file", wrong), "is under no passphrase, and one")
        self.refused(run(OWNER, "study", "join", "--folder", self.folder / "south2", "--exchange", self.exchange,
                         "--owner", "south", INSECURE), "somebody has joined as 'south' already")
        self.exchange.rename(self.folder / "away")
        self.refused(self.study("south", "run", "--once"), "there is no such folder")
        self.exchange.mkdir()
        self.refused(self.study("south", "run", "--once"), "the study that was joined is not there")
        # Nor are messages of one study sent into another's exchange.
        shutil.copy(odd / "draft", self.exchange)
        self.refused(self.study("south", "run", "--once"), "draft': another study is in this exchange than 'south' has joined")
        self.refused(self.study("south", "join"), "another study is in this exchange")
        self.assertEqual([path.name for path in self.exchange.glob("[!.]*")], ["draft"])
        shutil.rmtree(self.exchange)
        (self.folder / "away").rename(self.exchange)

        server = subprocess.Popen([SERVER, "study", "--folder", self.folder / "server", "--exchange", self.exchange,
                                   "--wait", "300", INSECURE, "--json", "--quiet"], stdout=subprocess.PIPE, text=True)
        waits = json.loads(self.study("north", "status").stdout)
        self.assertEqual(waits["state"], "waits")
        self.assertIn({"from": "west", "what": "join-west"}, waits["awaits"])
        self.assertRegex(waits["since"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        joined = json.loads(self.study("west", "join").stdout)
        self.assertEqual(joined["phase"], "agrees to the manifest")

        told = json.loads(self.study("west", "run", "--wait", 60).stdout)
        self.assertEqual(told["awaits"], [{"from": "west", "what": "fingerprint"}])
        fingerprint = told["fingerprint"]
        self.assertRegex(fingerprint, r"^([0-9a-f]{4} ){15}[0-9a-f]{4}$")
        self.refused(self.study("west", "run", "--fingerprint", fingerprint[:-1] + "x"),
                     "is not that of the study in this exchange")
        # What an earlier version shows: two studies whose first digits agree take the square root of as many tries.
        self.refused(self.study("west", "run", "--fingerprint", fingerprint[:39]), "has 32 of 64 digits, and all are compared")
        same = ("--features", self.folder / "test.csv", "--test", self.folder / "test.csv")
        table(self.folder / "test.csv", 200, 9)
        self.refused(self.study("west", "run", "--once", *same), "all rows of the test are among those for training")
        self.refused(self.study("west", "run", "--once", *same[:2], "--whitening", self.folder / "test.csv"),
                     "names no whitening map")
        # Not a part of them either, nor columns that the study does not have; of some rows it is told.
        lines = (self.folder / "test.csv").read_text().splitlines()
        some = self.folder / "some.csv"
        given = ("--features", self.folder / "test.csv", "--test", some)
        some.write_text("\n".join(lines[:51]) + "\n")
        self.refused(self.study("west", "run", "--once", *given), "some.csv': all rows of the test are among those")
        some.write_text("\n".join(line.partition(",")[2] for line in lines) + "\n")
        self.refused(self.study("west", "run", "--once", *given), "some.csv'")
        for seed, (owner, rows) in enumerate((("north", 100), ("south", 40), ("west", 75))):
            # The study has the columns' order, by their names.
            table(self.folder / f"{owner}.csv", rows, seed, owner != "west", "ebadc" if owner == "south" else "abcde")
        table(self.folder / "test.csv", 200, 9)
        with_second_target(self.folder / "test.csv")
        more = {"south": ("--passphrase-file", passphrase)}
        runs = {owner: subprocess.Popen([OWNER, "study", "run", "--folder", self.folder / owner, "--fingerprint",
                                         fingerprint.upper().replace(" ", "-"), "--wait", "300", INSECURE, "--json",
                                         "--features", self.folder / f"{owner}.csv", "--test", self.folder / "test.csv",
                                         "--quiet", *more.get(owner, ())], stdout=subprocess.PIPE, text=True)
                for owner in OWNERS}
        reports = {name: json.loads(process.communicate()[0])
                   for name, process in [*runs.items(), ("server", server)]}
        for name, report in reports.items():
            self.assertEqual((report["state"], report["fingerprint"], report["session"]), ("finished", fingerprint, 1),
                             name)
        # The model of all rows, at every owner.
        for owner in OWNERS:
            outcome = reports[owner]["outcome"]
            self.assertEqual((outcome["rows"], outcome["held_out"], outcome["judged_rows"]), (215, True, 200))
            self.assertGreater(outcome["accuracy"], 0.9, owner)
            self.assertLess(outcome["bits"], 1)
            self.assertEqual(outcome["accuracy"], reports["north"]["outcome"]["accuracy"])
        # What each gained: west knows one class alone.
        for owner in OWNERS:
            kept = json.loads((self.folder / owner / "report.json").read_text())
            self.assertEqual(kept, reports[owner]["outcome"])
            self.assertTrue(kept["trusted"])
            self.assertEqual(kept["together"]["accuracy"], kept["accuracy"])
            self.assertGreater(kept["alone"]["balanced_accuracy"], 0.49 if owner == "west" else 0.85)
            page = (self.folder / owner / "report.html").read_text()
            self.assertEqual(stat.S_IMODE((self.folder / owner / "report.html").stat().st_mode), 0o600)
            for text in (f"<h1>Three sites: {owner}</h1>", "What this owner gained", "215 rows of 3 owners"):
                self.assertIn(text, page)
        self.assertEqual(kept["missing_classes"], ["yes"])
        self.assertEqual(kept["alone"]["balanced_accuracy"], 0.5)
        self.assertIn("<td>yes</td><td><b>none</b></td>", page)
        self.assertNotIn("own_rows", page)  # figures, not what the file calls them
        self.assertEqual(reports["south"]["outcome"]["missing_classes"], [])
        model = self.folder / "model.json"
        opened = json.loads(self.study("west", "open", "--out", model).stdout)
        self.assertEqual(opened["outcome"], reports["west"]["outcome"])
        shown = self.good(OWNER, "study", "open", "--folder", self.folder / "west", "--out", model, INSECURE).stdout
        for line in ("215 rows of 3 owners, 75 of them this owner's", "its own rows alone, in the clear",
                     "this owner has no rows of 'yes': alone it cannot know them",
                     f"the model is written to '{model}', too"):
            self.assertIn(line, shown)
        # A result that cannot be trusted is told as such first.
        told = self.folder / "west" / "report.json"
        told.write_text(json.dumps(kept | {"trusted": False, "reasons": ["too large"], "advice": "Train again."}))
        shown = run(OWNER, "study", "status", "--folder", self.folder / "west", INSECURE)
        self.assertEqual(shown.returncode, 4)
        self.assertTrue(shown.stdout.startswith("DO NOT TRUST THIS RESULT:\n  too large.\n"), shown.stdout)
        # Nor is a file that is none, and the advice that is given then helps.
        for text in ("", "{}", "[]", json.dumps(kept | {"together": {}})):
            told.write_text(text)
            for action in (("status",), ("run", "--once"), ("open", "--out", self.folder / "none.json")):
                self.refused(self.study("west", *action), "west/report.json': ", "set it aside")
        told.unlink()
        for option in ("--test", "--labels", "--whitening", "--id-column"):
            self.assertEqual(self.study("west", "run", "--once", option, self.folder / "test.csv").returncode, 2, option)
        again = json.loads(self.study("west", "run", "--once", "--features", self.folder / "west.csv", "--test",
                                      self.folder / "test.csv").stdout)
        self.assertEqual(again["outcome"]["together"], kept["together"])
        # A fingerprint that is heard late is compared all the same.
        self.refused(self.study("west", "run", "--once", "--fingerprint", "0" * 32), "is not that of the study in this exchange")
        # Whoever is through needs no exchange, which may be another study's by now; a server's folder is one study's.
        other = ("--exchange", self.folder / "other")
        for action in (("status",), ("run", "--once"), ("open", "--out", model)):
            self.assertEqual(json.loads(self.study("west", *action, *other).stdout)["fingerprint"], fingerprint, action)
        self.refused(run(SERVER, "study", "--folder", self.folder / "server", *other, "--once", INSECURE),
                     "another study is in this exchange than 'server' has joined")
        self.assertFalse((self.folder / "other/join-server").exists())
        judged = json.loads(self.good(OWNER, "evaluate", "--model", model, "--features", self.folder / "test.csv",
                                      "--json").stdout)
        self.assertAlmostEqual(judged["accuracy"], reports["west"]["outcome"]["accuracy"])
        for record, kind in (("data-s1-west", "contribution"), ("stats-s1-north", "sums"),
                             ("share-s1-south", "sealed_share"), ("model-file-s1-server", "model")):
            shown = json.loads(run(OWNER, "inspect", self.exchange / record, INSECURE, "--json").stdout)
            self.assertEqual(shown["kind"], kind)
        keys = self.folder / "server/s1/evaluation.keys"
        shown = json.loads(run(SERVER, "inspect", keys, "--json").stdout)
        self.assertEqual((shown["kind"], shown["contents"]["features"], shown["contents"]["classes"]),
                         ("evaluation_keys", 5, 2))
        shown = json.loads(run(OWNER, "inspect", self.exchange / "relin2-s1-south", "--json").stdout)
        self.assertEqual((shown["kind"], shown["contents"]["owner"], shown["contents"]["owners"]),
                         ("key_shares", 2, 3))
        # What the server has computed is computed again from its folder and the exchange.
        place = ("--folder", self.folder / "server", "--exchange", self.exchange, INSECURE, "--quiet")
        audit = json.loads(run(SERVER, "study", "--audit", "2,4", *place, "--json").stdout)
        self.assertEqual((audit["same_steps"], audit["steps"], audit["model"]), ([2, 4], 4, True))
        self.assertFalse((self.folder / "server/.audit").exists())
        # The exchange is all that it takes, and of the folder nothing goes that is not its own.
        kept = self.folder / "auditor/audit/kept"
        kept.parent.mkdir(parents=True)
        kept.write_text("")
        audit = json.loads(run(SERVER, "study", "--audit", "all", "--folder", self.folder / "auditor", "--exchange",
                               self.exchange, INSECURE, "--quiet", "--json").stdout)
        self.assertEqual((audit["same_steps"], audit["model"], audit["keys"], audit["fingerprint"]),
                         ([1, 2, 3, 4], True, True, fingerprint))
        self.assertRegex(audit["training"], r"^([0-9a-f]{4} ){15}[0-9a-f]{4}$")
        self.assertTrue(kept.exists())
        self.assertEqual((self.exchange / "transcript-s1-server").read_text(),
                         (self.folder / "south/s1/transcript").read_text())
        model = json.loads(json.loads((self.exchange / "transcript-s1-server").read_text())["transcript"])["model"]
        self.refused(run(SERVER, "study", "--audit", "4", "--audited", model, *place), f"{model} was not audited")
        self.refused(run(SERVER, "study", "--audit", "4", "--audited", "ab", *place), "is not a digest of 64")
        self.refused(run(SERVER, "study", "--audit", "5", *place), "has the steps 1 to 4")
        self.refused(run(SERVER, "study", "--audit", "4-2", *place), "--audit: '4-2' is neither")
        self.refused(run(SERVER, "study", "--audit", "", *place), "--audit is empty")  # and not the study's server
        # Each owner's own key is one of ours, under its passphrase where it has one.
        for owner in OWNERS:
            self.assertEqual(self.good(OWNER, "ledger", "--keys", self.folder / owner / "s1", INSECURE,
                                       *more.get(owner, ())).returncode, 0)
        self.refused(self.study("west", "run", "--new-session"), "has the keys of session 1 already")
        self.refused(self.study("north", *create[:-2], "--labels", "north"), "'columns' has a number for each owner")

    def test_without(self):
        """An owner that has made keys with two others does not come back with its data."""
        folder = self.folder / "without"
        folder.mkdir()
        for seed, owner in enumerate(OWNERS):
            table(folder / f"{owner}.csv", 60, seed)
        (folder / "train.json").write_text(json.dumps({"steps": 2, "batch_size": 64, "learning_rate": 2}))
        place = ("--exchange", folder / "exchange", "--owner")

        def study(action, owner, *more):
            return run(OWNER, "study", action, "--folder", folder / owner, *more, INSECURE, "--json", "--quiet")

        def done(action, owner, *more):
            made = study(action, owner, *more)
            self.assertEqual(made.returncode, 0, made.stderr)
            return json.loads(made.stdout)

        done("create", "north", *place, "north", *SHAPE, "--config", folder / "train.json", "--threshold", 2)
        server = subprocess.Popen([SERVER, "study", "--folder", folder / "server", "--exchange", folder / "exchange",
                                   "--wait", "300", INSECURE, "--quiet"], stdout=subprocess.DEVNULL)
        for owner in OWNERS[1:]:
            done("join", owner, *place, owner)
        heard = ("--fingerprint", done("run", "west", "--wait", 60)["fingerprint"])
        self.refused(study("run", "north", *heard, "--without", "west"), "the keys are not there yet")
        keys = [subprocess.Popen([OWNER, "study", "run", "--folder", folder / owner, *heard, INSECURE, "--quiet"],
                                 stdout=subprocess.DEVNULL) for owner in OWNERS]
        self.assertEqual([process.wait() for process in keys], [0, 0, 0])
        given = {owner: ("--features", folder / f"{owner}.csv") for owner in OWNERS}
        for owner in OWNERS[:2]:
            self.assertEqual([a["from"] for a in done("run", owner, *given[owner], "--once")["awaits"]],
                             ["south", "west"] if owner == "north" else ["west"])
        shown = self.good(OWNER, "study", "status", "--folder", folder / "north", INSECURE).stdout
        self.assertIn("all others can go on without it: 'study run --without NAME'", shown)
        self.refused(study("run", "north", "--without", "west,south"), "takes 2 owners, and 1 would remain")
        self.refused(study("run", "north", "--without", "east"), "has no owner 'east'")
        alone = done("run", "north", *given["north"], "--once", "--without", "west")
        self.assertEqual(alone["awaits"], [{"from": "south", "what": "without-s1-south"}])
        self.assertNotIn("without", alone)
        # Who has not said it is told so, and not to wait for the one who has.
        shown = self.good(OWNER, "study", "status", "--folder", folder / "south", INSECURE).stdout
        self.assertIn("'north' goes on without 'west' once all others have said so: 'study run --without'", shown)
        self.assertNotIn("can go on without it", shown)
        done("run", "south", *given["south"], "--once", "--without", "west")
        runs = [subprocess.Popen([OWNER, "study", "run", "--folder", folder / owner, *given[owner], INSECURE, "--json",
                                  "--quiet", "--hold"], stdout=subprocess.PIPE, text=True) for owner in OWNERS[:2]]
        for owner, process in zip(OWNERS, runs):
            [held] = json.loads(process.communicate()[0])["awaits"]
            self.assertEqual((held["from"], held["what"]), (owner, "audit"))
            self.assertRegex(held["state"], r"^([0-9a-f]{4} ){15}[0-9a-f]{4}$")  # which training
        # An audit that cannot be done, or finds something, lets no share out.
        ways = folder / "exchange/ways-s1-south"
        ways.rename(folder / "ways")
        self.refused(study("run", "north", *given["north"], "--once", "--audit"), "no share is given")
        (folder / "ways").rename(ways)
        self.assertFalse((folder / "exchange/here-s1-north").exists() or (folder / "north/.audit").exists())
        self.assertEqual(study("run", "north", "--server", SERVER).returncode, 2)  # of no audit
        secrets = [folder / "north" / name for name in ("identity", "s1/secret.key")]
        for secret in secrets:
            secret.chmod(0o640)  # which others on the machine may read
        runs = [subprocess.Popen([OWNER, "study", "run", "--folder", folder / owner, *given[owner], INSECURE, "--json",
                                  "--quiet", "--audit"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for owner in OWNERS[:2]]
        for owner, process in zip(OWNERS, runs):
            shown, told = process.communicate()
            report = json.loads(shown)
            self.assertEqual([f"WARNING: '{secret}' is not for its owner alone" in told for secret in secrets],
                             [owner == "north"] * 2)
            self.assertRegex((folder / owner / "s1/audited").read_text(), "^[0-9a-f]{64}\n$")
            self.assertEqual((report["state"], report["without"]), ("finished", ["west"]))
            self.assertEqual((report["outcome"]["rows"], report["outcome"]["without"]), (120, ["west"]))
        server.wait()
        # Who opens it was settled.
        share = folder / "exchange/share-s1-south"
        share.rename(folder / "share")
        self.assertIn("nobody else can in the place of who is missing",
                      self.good(OWNER, "study", "run", "--folder", folder / "west", *given["west"], "--once", INSECURE).stdout)
        (folder / "share").rename(share)
        # Back again it is told, sends nothing, and has the model of the others' rows.
        back = done("run", "west", *given["west"])
        self.assertEqual((back["state"], back["without"], back["outcome"]["rows"]), ("finished", ["west"], 120))
        self.assertFalse((folder / "exchange/data-s1-west").exists())
        shown = self.good(OWNER, "study", "status", "--folder", folder / "west", INSECURE).stdout
        for line in ("goes on without 'west': all others have said so",
                     "120 rows of 2 owners (without 'west'), 0 of them this owner's", "on 60 rows of its own "):
            self.assertIn(line, shown)
        self.assertIn("owners (without west)", (folder / "west/report.html").read_text())

    def test_columns(self):
        """Two owners with different columns of patients that both know by a number, in different orders."""
        folder, generator = self.folder / "columns", random.Random(3)
        folder.mkdir()
        exchange = folder / "exchange"
        rows = {}  # by patient: class, columns
        for i in range(260):
            label = i % 3 == 0
            rows[f"P{i:04}"] = ("yes" if label else "no",
                                [f"{generator.gauss(0, 1) + (1.2 if label else -0.4):.4f}" for _ in range(5)])

        def write(name, owner, patients):
            lines = ["mrn,a,b" if owner == "lab" else "c,d,e,outcome,mrn"]
            for patient in patients:
                label, values = rows[patient]
                lines.append(",".join([patient, *values[:2]] if owner == "lab" else [*values[2:], label, f" {patient} "]))
            (folder / name).write_text("\n".join(lines) + "\n")
            return folder / name

        train, test = sorted(rows)[:160], sorted(rows)[160:]
        own = {}
        for owner, skipped in (("lab", 7), ("ward", 9)):
            patients = [p for i, p in enumerate(train) if i % skipped]
            generator.shuffle(patients)
            own[owner] = write(f"{owner}.csv", owner, patients)
        (folder / "train.json").write_text(json.dumps({"steps": 4, "batch_size": 64, "learning_rate": 2}))

        def study(action, owner, *more):
            return run(OWNER, "study", action, "--folder", folder / owner, *more, INSECURE, "--json")

        place = ("--exchange", exchange, "--owner")
        two = ("--name", "Two", "--owners", "lab,ward", "--classes", "no,yes", "--columns", "2,3", "--labels", "ward",
               "--parameters", "InsecureJoint4", "--whitening", "pooled", "--config", folder / "train.json", INSECURE)
        made = self.good(OWNER, "study", "create", "--folder", folder / "lab", *place, "lab", *two, "--identifiers")
        self.assertNotIn("by subtraction", made.stderr)  # nothing is pooled
        # Rows go by their places where nobody asked for identifiers.
        self.good(OWNER, "study", "create", "--folder", folder / "places", "--exchange", folder / "places-x", "--owner",
                  "ward", *two)
        self.refused(study("run", "places", "--once", "--features", own["ward"], "--id-column", "mrn"),
                     "--id-column: this study matches no rows")
        # So that none may be left out amid others, for nobody knows of the other owner's.
        first, second, *rest = [line.rsplit(",", 1)[0] for line in own["ward"].read_text().splitlines()]
        for name, lines, more in (("hole.csv", [first, second, "," * first.count(","), *rest], ()),
                                  ("skipped.csv", [first, second, "," + rest[0].split(",", 1)[1], *rest[1:]],
                                   ("--skip-missing",))):
            (folder / name).write_text("\n".join(lines) + "\n")
            self.refused(study("run", "places", "--once", "--features", folder / name, *more),
                         f"{name}', line 3: no sample", "another owner's file may have one", "'--identifiers'")
        server = subprocess.Popen([SERVER, "study", "--folder", folder / "server", "--exchange", exchange, "--wait", "300",
                                   INSECURE, "--quiet"], stdout=subprocess.DEVNULL)
        joined = study("join", "ward", *place, "ward")
        self.assertEqual(joined.returncode, 0, joined.stderr)
        fingerprint = json.loads(study("run", "ward", "--wait", 60).stdout)["fingerprint"]
        # What is amiss with rows is told before keys are made, and said again to whoever asks.
        twice = folder / "twice.csv"
        twice.write_text(own["ward"].read_text() + own["ward"].read_text().splitlines()[3] + "\n")
        given = len(own["ward"].read_text().splitlines())
        self.refused(study("run", "ward", "--once", "--features", twice, "--id-column", "mrn"),
                     f"1 rows have an identifier that an earlier row has, the first of them row {given}")
        self.assertIn("an earlier row has", json.loads(study("status", "ward").stdout)["refused"])
        self.refused(study("open", "ward", "--out", folder / "model.npz"), "was refused: 1 rows have an identifier")
        # Where why it ended cannot be kept, it is told all the same.
        (folder / "ward" / "refused.txt").unlink()
        (folder / "ward" / "refused.txt").mkdir()
        self.refused(study("run", "ward", "--once", "--features", own["lab"], "--id-column", "mrn"), "lab.csv")
        (folder / "ward" / "refused.txt").rmdir()
        self.refused(study("run", "ward", "--once", "--features", own["ward"]), "name it with --id-column")
        runs = {owner: subprocess.Popen([OWNER, "study", "run", "--folder", folder / owner, "--fingerprint", fingerprint,
                                         "--wait", "300", "--features", own[owner], "--id-column", "mrn", INSECURE,
                                         "--json", "--quiet"], stdout=subprocess.PIPE, text=True)
                for owner in own}
        reports = {owner: json.loads(process.communicate()[0]) for owner, process in runs.items()}
        server.wait()
        exchange.rename(folder / "away")  # whoever has the model needs it no more
        common = sum(1 for i in range(160) if i % 7 and i % 9)
        for owner, skipped in (("lab", 7), ("ward", 9)):
            given = sum(1 for i in range(160) if i % skipped)
            self.assertEqual(reports[owner]["state"], "finished")
            self.assertNotIn("refused", reports[owner])
            self.assertEqual(reports[owner]["matching"], {"given": given, "used": common, "without_identifier": 0,
                                                          "not_at_all_owners": given - common})
            self.assertEqual(reports[owner]["outcome"]["rows"], common)

        # The model is on columns that no file has; the owners use it together.
        self.good(OWNER, "study", "open", "--folder", folder / "lab", "--out", folder / "model.npz", INSECURE)
        wide = folder / "wide.csv"
        wide.write_text("a,b,c,d,e,outcome\n" + "".join(",".join([*rows[p][1], rows[p][0]]) + "\n" for p in test))
        self.refused(run(OWNER, "evaluate", "--model", folder / "model.npz", "--features", wide),
                     "columns of several owners of a study", "'study combine'")
        part, of_lab = folder / "lab.npz", write("lab-test.csv", "lab", test[::-1])
        of_ward = write("ward-test.csv", "ward", test[:80])
        with_second_target(of_ward)
        scored = study("scores", "lab", "--features", of_lab, "--id-column", "mrn", "--out", part)
        self.assertEqual(json.loads(scored.stdout)["rows"], 100)
        self.refused(study("scores", "lab", "--features", of_ward, "--id-column", "mrn", "--out", part),
                     "no column 'a'")
        # Columns go by their names, not by their places.
        turned = folder / "turned.csv"
        turned.write_text("\n".join(",".join((line.split(",") + line.split(",")[1:2])[i] for i in (2, 0, 1))
                                    for line in of_lab.read_text().splitlines()) + "\n")
        again = folder / "lab-again.npz"
        self.assertEqual(study("scores", "lab", "--features", turned, "--id-column", "mrn", "--out", again).returncode, 0)
        with zipfile.ZipFile(part) as one, zipfile.ZipFile(again) as other:
            self.assertEqual(one.read("partial_scores.npy"), other.read("partial_scores.npy"))
        ward = ("ward", "--features", of_ward, "--id-column", "mrn", "--parts")
        # Rows that were trained on judge nothing.
        self.assertEqual(study("scores", "lab", "--features", own["lab"], "--id-column", "mrn", "--out", part).returncode, 0)
        known = json.loads(study("combine", "ward", "--features", own["ward"], "--id-column", "mrn", "--parts", part).stdout)
        self.assertEqual((known["rows"], known["trained_on"]), (common, common))
        shown = self.good(OWNER, "study", "combine", "--folder", folder / "ward", "--features", own["ward"], "--id-column",
                          "mrn", "--parts", part, INSECURE).stdout
        self.assertIn(f"the study was trained on {common} of these {common} rows", shown)
        self.assertEqual(study("scores", "lab", "--features", of_lab, "--id-column", "mrn", "--out", part).returncode, 0)
        self.assertEqual(study("combine", *ward, part, "--out", folder / "all.npy").returncode, 0)
        judged = json.loads(study("combine", *ward, part, "--out", folder / "all.npz").stdout)
        for mine in ("model.npz", part, "all.npz", "all.npy"):
            self.assertEqual(stat.S_IMODE((folder / mine).stat().st_mode), 0o600, mine)
        self.assertEqual(judged["trained_on"], 0)
        self.assertEqual((judged["rows"], judged["samples"]), (80, 80))
        self.assertGreater(judged["accuracy"], 0.85)
        # Whose rows they are goes with the scores, so that whoever has the answers judges them later.
        (folder / "answers.csv").write_text("id,outcome\n" + "".join(f"{p},{rows[p][0]}\n" for p in sorted(test[:80], key=hash)))
        again = json.loads(self.good(OWNER, "evaluate", "--scores", folder / "all.npz", "--labels", folder / "answers.csv",
                                     "--json").stdout)
        self.assertEqual(again["accuracy"], judged["accuracy"])
        # A part is its owner's: none that somebody has altered on its way, or that is signed by nobody.
        with zipfile.ZipFile(part) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}

        def other(change):
            changed = dict(members)
            change(changed)
            with zipfile.ZipFile(folder / "other.npz", "w") as archive:
                for name, data in changed.items():
                    archive.writestr(name, data)
            return study("combine", *ward, folder / "other.npz")

        self.assertEqual(other(lambda m: None).returncode, 0)
        turned, renamed = bytearray(members["partial_scores.npy"]), bytearray(members["rows.npy"])
        turned[-1] ^= 0x80  # the sign of the last number
        renamed[-4] = ord("0" if renamed[-4] != ord("0") else "1")  # the last digit of the last hash
        # When it was made is said, and signed: an earlier part of the same rows is told from this one by people alone.
        when = judged["parts"]["lab"]
        self.assertRegex(when, r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIn(f"the part of 'lab' was made {when}\n", self.good(
            OWNER, "study", "combine", "--folder", folder / "ward", *ward[1:], part, INSECURE).stdout)
        later = bytearray(members["made.npy"])
        later[-20] = ord("0") if later[-20] != ord("0") else ord("1")  # of the minutes' last digit
        for name, data in (("partial_scores.npy", turned), ("rows.npy", renamed), ("made.npy", later)):
            self.refused(other(lambda m: m.update({name: bytes(data)})), "'lab' has not signed this")
        self.refused(other(lambda m: m.pop("made.npy")), "'lab' has not signed this")
        self.refused(other(lambda m: m.update({"made.npy": bytes(later[:-4]) + b"z\0\0\0"})), "expected a time as")
        self.refused(other(lambda m: m.pop("signature.npy")), "is not signed by its owner")
        self.refused(study("combine", *ward, f"{part},{part}"), "has another part here")
        self.refused(study("combine", "lab", "--features", of_lab, "--id-column", "mrn", "--parts", part),
                     "'lab' is none of the study's owners, or has another part here")
        self.refused(run(SERVER, "study", "--folder", folder / "server", "--exchange", exchange, "--once", INSECURE),
                     "or is it not mounted?")
        self.assertFalse(exchange.exists())


if __name__ == "__main__":
    main()
