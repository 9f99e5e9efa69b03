#!/usr/bin/env python3
"""A study of three owners and a server, each a process of its own, over one folder.

usage: study_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json
import random
import stat
import subprocess
import tempfile
from pathlib import Path

from cli_base import INSECURE, OWNER, SERVER, Base, main, run

OWNERS = ("north", "south", "west")
SHAPE = ("--name", "Three sites", "--owners", ",".join(OWNERS), "--classes", "no,yes", "--columns", 5,
         "--column-names", "a,b,c,d,e", "--parameters", "InsecureJoint4", "--whitening", "pooled")


def table(path, rows, seed, both=True, names="abcde"):
    """Two clouds in five columns of large numbers, or the first of them, and their class by its name."""
    generator = random.Random(seed)
    lines = [",".join([*names, "outcome"])]
    for i in range(rows):
        label = both and i % 3 == 0
        row = {name: f"{1000 * generator.gauss(1.5 * label * (1 if name < 'd' else -1), 1):.3f}" for name in "abcde"}
        lines.append(",".join(row[name] for name in names) + (",yes" if label else ",no"))
    path.write_text("\n".join(lines) + "\n")


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
        self.refused(self.study("east", *create), "'coordinator' is none of its owners")
        self.assertEqual(self.study("north", *create).returncode, 0)
        self.assertEqual(stat.S_IMODE((self.folder / "north").stat().st_mode), 0o700)
        self.refused(self.study("east", "join"), "has no owner 'east'")
        self.assertEqual(json.loads(self.study("north", "status").stdout)["threshold"], 3)
        # Where fewer open, whoever takes part is told what that means.
        two = ("--folder", self.folder / "two", "--exchange", self.folder / "other", "--owner", "north", INSECURE)
        self.refused(run(OWNER, "study", *create, *two, "--threshold", 4), "'threshold' is 2 to as many as its owners")
        self.assertIn("NOTE: any 2 of the 3 owners open the model, and together with the server can read every owner's "
                      "rows", run(OWNER, "study", *create, *two, "--threshold", 2).stderr)
        shown = self.good(OWNER, "study", "status", "--folder", self.folder / "two", INSECURE).stdout
        self.assertIn("any 2 of the 3 owners open the model, and together with the server", shown)
        passphrase = self.folder / "phrase"
        passphrase.write_text("of the south\n")
        self.assertEqual(self.study("south", "join", "--passphrase-file", passphrase).returncode, 0)

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
        self.assertRegex(fingerprint, r"^([0-9a-f]{4} ){7}[0-9a-f]{4}$")
        self.refused(self.study("west", "run", "--fingerprint", fingerprint[:-1] + "x"),
                     "is not that of the study in this exchange")
        for seed, (owner, rows) in enumerate((("north", 100), ("south", 40), ("west", 75))):
            # The study has the columns' order, by their names.
            table(self.folder / f"{owner}.csv", rows, seed, owner != "west", "ebadc" if owner == "south" else "abcde")
        table(self.folder / "test.csv", 200, 9)
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
                     "this owner has no rows of 'yes': alone it cannot know them"):
            self.assertIn(line, shown)
        # A result that cannot be trusted is told as such first.
        told = self.folder / "west" / "report.json"
        told.write_text(json.dumps(kept | {"trusted": False, "reasons": ["too large"], "advice": "Train again."}))
        shown = run(OWNER, "study", "status", "--folder", self.folder / "west", INSECURE)
        self.assertEqual(shown.returncode, 4)
        self.assertTrue(shown.stdout.startswith("DO NOT TRUST THIS RESULT:\n  too large.\n"), shown.stdout)
        told.write_text(json.dumps(kept))
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
        self.assertEqual((self.exchange / "transcript-s1-server").read_text(),
                         (self.folder / "south/s1/transcript").read_text())
        self.refused(run(SERVER, "study", "--audit", "5", *place), "has the steps 1 to 4")
        self.refused(run(SERVER, "study", "--audit", "4-2", *place), "--audit: '4-2' is neither")
        # Each owner's own key is one of ours, under its passphrase where it has one.
        for owner in OWNERS:
            self.assertEqual(self.good(OWNER, "ledger", "--keys", self.folder / owner / "s1", INSECURE,
                                       *more.get(owner, ())).returncode, 0)
        self.refused(self.study("west", "run", "--new-session"), "has the keys of session 1 already")
        self.refused(self.study("north", *create[:-2], "--labels", "north"), "'columns' has a number for each owner")


if __name__ == "__main__":
    main()
