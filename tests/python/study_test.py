"""A study of several owners from Python: beside the command line, in one event loop, and what it refuses."""
import asyncio
import copy
import json
import pickle
import subprocess
import tempfile
import unittest
from pathlib import Path

from python_base import OWNER, main, need

need("sklearn")
import numpy as np

import blindtuner as bt

CONTEXT = bt.Context(threads=2, allow_insecure=True)
SHAPE = {"name": "Two sites", "owners": ["north", "south"], "classes": ["no", "yes"], "columns": 3,
         "parameters": "InsecureJoint4", "context": CONTEXT,
         "configuration": {"steps": 2, "batch_size": 64, "learning_rate": 1}}
INSECURE = "--allow-insecure-parameters"


def samples(count, seed):
    """Two clouds, told apart by the first of three columns."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    return rng.normal(size=(count, 3)) * 0.4 + np.stack([2 * labels - 1, 0 * labels, 0 * labels], axis=1), labels


NAMES = np.array(["no", "yes"])


class Frame:
    """What a data frame shows of itself."""

    def __init__(self, columns, values):
        self.columns, self.values = columns, np.asarray(values)

    def __getitem__(self, names):
        return Frame(names, self.values[:, [self.columns.index(name) for name in names]])

    def __array__(self, dtype=None, copy=None):
        return self.values.astype(dtype or float)


class Studies(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="blindtuner-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.exchange = self.folder / "exchange"

    def create(self, **other):
        with self.assertWarnsRegex(UserWarning, "trained on as they are"):
            return bt.Study.create(self.folder / "north", self.exchange, "north", **{**SHAPE, **other})

    def command(self, owner, action, *more):
        return [OWNER, "study", action, "--folder", str(self.folder / owner), *map(str, more), INSECURE, "--json"]

    def test_one_owner_is_a_command_line(self):
        north = self.create()
        subprocess.run(self.command("south", "join", "--exchange", self.exchange, "--owner", "south"), check=True,
                       capture_output=True)
        server = bt.StudyServer(self.folder / "server", self.exchange, context=CONTEXT)
        server.run(wait=0)
        self.assertEqual([(a["from"], a["what"]) for a in north.run(wait=60).awaits], [("north", "fingerprint")])
        x, y = samples(90, 1)
        test_x, test_y = samples(60, 2)
        table = self.folder / "south.csv"
        own_x, own_y = samples(80, 3)
        table.write_text("a,b,c,outcome\n" + "".join(f"{a},{b},{c},{NAMES[k]}\n" for (a, b, c), k in zip(own_x, own_y)))
        heard = north.fingerprint
        with subprocess.Popen(self.command("south", "run", "--fingerprint", heard, "--features", table, "--wait", 300,
                                           "--quiet"), stdout=subprocess.PIPE, text=True) as south:
            north.agree(heard)
            north.contribute(Frame(list("abc"), x), NAMES[y], test=(Frame(list("cab"), test_x[:, [2, 0, 1]]), NAMES[test_y]))
            phases = []

            async def both():
                return await asyncio.gather(
                    north.run_async(wait=300, progress=lambda task, fraction: phases.append(task)),
                    server.run_async(wait=300, progress=lambda task, fraction: phases.append(task)))

            ends = asyncio.run(both())
            report = json.loads(south.communicate()[0])
        self.assertEqual([end.state for end in ends], ["finished", "finished"])
        self.assertEqual((report["state"], report["fingerprint"]), ("finished", heard))
        self.assertLessEqual({"making shares", "encrypting", "training, step 1"}, set(phases))
        # One model at both, of the kind that fit makes.
        model = north.open()
        self.assertIsInstance(model, bt.EncryptedClassifier)
        self.assertEqual((model.classes_.tolist(), model.n_iter_), (["no", "yes"], 2))
        self.assertEqual(model.score(test_x, NAMES[test_y]), north.report_["accuracy"])
        self.assertEqual(model.feature_names_in_.tolist(), list("abc"))
        self.assertEqual((north.report_["judged_rows"], north.report_["rows"]), (60, 170))
        self.assertGreater(north.report_["accuracy"], 0.9)
        out = self.folder / "model.npz"
        subprocess.run(self.command("south", "open", "--out", out), check=True, capture_output=True)
        loaded = bt.EncryptedClassifier.load(out)
        np.testing.assert_array_equal(loaded.coef_, model.coef_)
        self.assertEqual(loaded.feature_names_in_.tolist(), list("abc"))
        self.assertIn("shared", {entry["kind"] for entry in north.ledger().entries})
        # Either kind goes on where the other has been.
        north.close()
        with self.assertRaisesRegex(bt.ContractError, "closed"):
            north.status()
        shown = json.loads(subprocess.run(self.command("north", "status"), check=True, capture_output=True).stdout)
        self.assertEqual((shown["state"], shown["outcome"]["accuracy"]), ("finished", model.report_["accuracy"]))
        with bt.Study.resume(self.folder / "south", context=CONTEXT) as south:
            self.assertEqual((south.status().state, south.plan["coordinator"]), ("finished", "north"))
            np.testing.assert_array_equal(south.open().coef_, model.coef_)

    def test_a_run_that_is_cancelled_ends_and_can_go_on(self):
        north = self.create(owners=["north", "south"])
        south = bt.Study.join(self.folder / "south", self.exchange, "south", context=CONTEXT)
        server = bt.StudyServer(self.folder / "server", self.exchange, context=CONTEXT)
        server.run(wait=0)
        for owner in (north, south):
            owner.agree(server.fingerprint)
        begun = []

        async def cancelled():
            other = asyncio.ensure_future(south.run_async(wait=60))
            run = asyncio.ensure_future(north.run_async(progress=lambda task, fraction: begun.append(run.cancel())))
            with self.assertRaises(asyncio.CancelledError):
                await run
            other.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await other

        asyncio.run(cancelled())
        self.assertTrue(begun)
        self.assertEqual(north.status().phase, "makes its shares")
        self.assertEqual((north.status().state, north.step().phase), ("due", "makes its shares"))
        # A record that was cut short on the way.
        for owner in (south, north, south, north):
            owner.run(wait=0)
        record = next(self.exchange.rglob("*shares-s1-north*"))
        with record.open("r+b") as file:
            file.truncate(record.stat().st_size // 2)
        self.assertRegex({awaited["what"]: awaited["state"] for awaited in server.status().awaits}["shares-s1-north"],
                         "there, but not whole")

    def test_what_is_refused(self):
        for change, line in (({"classes": ["no"]}, "class"), ({"columns": [1, 2]}, "columns"),
                             ({"owner": "west"}, "coordinator"), ({"whitening": "none.npz"}, "none.npz")):
            with self.assertRaisesRegex(bt.DataError, line):
                what = {**SHAPE, "owner": "north", **change}
                bt.Study.create(self.folder / "north", self.exchange, what.pop("owner"), **what)
        self.assertFalse((self.folder / "north").exists())
        for change, line in (({"owners": "ab"}, "a list of names"), ({"classes": "ab"}, "a list of names"),
                             ({"columns": 3.7}, "integer"), ({"patience": 2}, "rounds of validation")):
            with self.assertRaisesRegex((TypeError, ValueError), line):
                self.create(**change)
        self.assertFalse((self.folder / "north").exists())
        with self.assertRaises(bt.SecurityError):
            bt.Study.create(self.folder / "north", self.exchange, "north", **{**SHAPE, "context": None})
        north = self.create(column_names=["a", "b", "c"])
        with self.assertRaisesRegex(bt.DataError, "the keys are not there yet"):
            north.go_on_without("south")
        with self.assertRaisesRegex(bt.DataError, "not all have joined"):
            north.agree("1234")
        x, y = samples(10, 1)
        for arguments, line in (((x[:, :2], NAMES[y]), "2 columns, the study says 3"), ((x, y), "label '0'|'no'"),
                                ((x,), "without labels"), ((np.where(x > 0, np.nan, x), NAMES[y]), "rows"),
                                ((Frame(["a", "b", "d"], x), NAMES[y]), r"missing \['c'\], not of it \['d'\]")):
            with self.assertRaisesRegex(bt.DataError, line):
                north.contribute(*arguments)
        north.contribute(Frame(["c", "b", "a"], x[:, ::-1]), y, class_numbers=True)
        many, of = samples(60, 2)
        with self.assertWarnsRegex(UserWarning, "'b' alone gives the label in 100 % of 60 rows") as warned:
            north.contribute(Frame(["a", "b", "c"], np.stack([many[:, 1], 2 * of - 1, many[:, 2]], axis=1)), NAMES[of])
        self.assertEqual(warned.filename, __file__)
        # Nor are texts, things, and what a mask hides.
        for values in (np.array([["1"] * 3], object), np.array([[{}] * 3], object)):
            with self.assertRaisesRegex(bt.DataError, "features: some are .*: expected a number each"):
                north.contribute(values, NAMES[:1])
        with self.assertRaisesRegex(bt.DataError, "features: some are masked"):
            north.contribute([np.ma.array(row, mask=row > 0) for row in x], NAMES[y])
        with self.assertRaisesRegex(bt.DataError, "labels: some are masked"):
            north.contribute(x, np.ma.array(NAMES[y], mask=y))
        with self.assertRaisesRegex(bt.DataError, "the study matches no rows by them"):
            north.contribute(x, NAMES[y], identifiers=["a"])
        with self.assertRaisesRegex(bt.DataError, "not opened yet"):
            north.open()
        with self.assertRaisesRegex(TypeError, "create, join or resume"):
            bt.Study(None)

    def finish(self, parties, fingerprint):
        """All of them in one event loop, to the end."""
        async def run():
            return await asyncio.gather(*(party.run_async(wait=300) for party in parties))

        for party in parties[1:]:
            party.agree(fingerprint)
        self.assertEqual([end.state for end in asyncio.run(run())], ["finished"] * len(parties))

    def test_a_recipient_alone_gets_the_model(self):
        with self.assertWarnsRegex(UserWarning, "'lab' alone, and no owner opens it"):
            north = bt.Study.create(self.folder / "north", self.exchange, "north",
                                    **{**SHAPE, "recipient": "lab", "recipient_alone": True})
        self.assertEqual((north.plan["recipient"], north.plan["readers"]), ("lab", "recipient"))
        south = bt.Study.join(self.folder / "south", self.exchange, "south", context=CONTEXT)
        lab = bt.Study.join(self.folder / "lab", self.exchange, "lab", context=CONTEXT)
        server = bt.StudyServer(self.folder / "server", self.exchange, context=CONTEXT)
        server.run(wait=0)
        for seed, owner in enumerate((north, south)):
            x, y = samples(80, seed)
            owner.contribute(x, NAMES[y])
        with self.assertRaisesRegex(bt.DataError, "the recipient of a study has no data"):
            lab.contribute(x, NAMES[y])
        self.finish([server, north, south, lab], server.fingerprint)
        for owner in (north, south):
            with self.assertRaisesRegex(bt.DataError, "the model is for 'lab' alone"):
                owner.open()
        x, y = samples(60, 9)
        model = lab.open()
        self.assertGreater(model.score(x, NAMES[y]), 0.9)
        self.assertEqual((lab.report_["recipient"], lab.report_["rows"]), ("lab", 160))
        # The command opens the same.
        lab.close()
        out = self.folder / "model.npz"
        subprocess.run(self.command("lab", "open", "--out", out), check=True, capture_output=True)
        np.testing.assert_array_equal(bt.EncryptedClassifier.load(out).coef_, model.coef_)

    def test_owners_of_different_columns_score_together(self):
        with self.assertWarns(UserWarning):
            north = bt.Study.create(self.folder / "north", self.exchange, "north",
                                    **{**SHAPE, "columns": [1, 2], "labels": "north", "identifiers": True})
        south = bt.Study.join(self.folder / "south", self.exchange, "south", context=CONTEXT)
        server = bt.StudyServer(self.folder / "server", self.exchange, context=CONTEXT)
        server.run(wait=0)
        x, y = samples(90, 1)
        ids = [f"p{i}" for i in range(90)]
        # Two rows that nobody knows are not the same one.
        north.contribute(np.append(x[:80, :1], [[0]], axis=0), NAMES[np.append(y[:80], 0)], identifiers=[*ids[:80], None])
        south.contribute(Frame(["b", "c"], np.append(x[:, 1:], [[0, 0]], axis=0)), identifiers=[*ids, float("nan")])
        for owner in (north, south):
            with self.assertRaisesRegex(bt.DataError, "not opened yet|not all"):
                owner.save_partial_scores(self.folder / "none.npz", x[:, :1], identifiers=ids)
        self.finish([server, north, south], server.fingerprint)
        self.assertEqual(north.report_["matching"],
                         {"given": 81, "used": 80, "without_identifier": 1, "not_at_all_owners": 0})
        # New rows, of which each has some that the other has not, in orders of their own.
        x, y = samples(50, 2)
        mine, theirs = np.arange(40), np.arange(49, 9, -1)
        part = self.folder / "south.npz"
        south.save_partial_scores(part, Frame(["c", "b"], x[theirs, :0:-1]), identifiers=theirs)
        # Nor in the place of what the study or its keys have.
        for kept in sorted(path for path in (self.folder / "south").rglob("*") if path.is_file()):
            before = kept.read_bytes()
            with self.subTest(kept=kept), self.assertRaisesRegex(bt.DataError, "expected another name"):
                south.save_partial_scores(kept, x[theirs, :0:-1], identifiers=theirs)
            self.assertEqual(kept.read_bytes(), before)
        scores, rows = north.combine_scores(x[mine, :1], [part], identifiers=mine)
        self.assertEqual((sorted(rows.tolist()), scores.problems), (list(range(10, 40)), []))
        self.assertEqual(list(north.made_), ["south"])
        self.assertRegex(north.made_["south"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        with np.load(north._core.model_file()) as model:  # `open` is for models that one owner can use
            np.testing.assert_allclose(scores.values, x[rows] @ model["weights"].T + model["bias"].ravel(), atol=1e-5)
        with self.assertRaisesRegex(bt.DataError, "has another part here"):
            north.combine_scores(x[mine, :1], [part, part], identifiers=mine)
        # The command's are the same numbers.
        north.close()
        table = self.folder / "north.csv"
        table.write_text("id,a\n" + "".join(f"{i},{float(np.float32(x[i, 0]))!r}\n" for i in mine))
        subprocess.run([*self.command("north", "combine", "--features", table, "--id-column", "id", "--unlabelled", "--parts",
                                      part, "--out", self.folder / "scores.npz")], check=True, capture_output=True)
        with np.load(self.folder / "scores.npz") as file:
            self.assertEqual(file["identifiers"].tolist(), [str(mine[row]) for row in rows])
            np.testing.assert_array_equal(file["scores"], scores.values)

    def test_the_status_says_what_was_refused(self):
        north = self.create()
        south = bt.Study.join(self.folder / "south", self.exchange, "south", context=CONTEXT)
        self.assertEqual(north.status().refused, "")
        bt.StudyServer(self.folder / "server", self.exchange, context=CONTEXT).run(wait=0)
        join = next(self.exchange.rglob("*join-south*"))
        kept = join.read_bytes()
        join.write_bytes(kept.replace(b"south", b"sooth"))
        with self.assertRaises(bt.DataError) as refusal:
            north.step()
        join.write_bytes(kept)
        self.assertEqual(north.status().refused, str(refusal.exception))
        north.close()
        shown = json.loads(subprocess.run(self.command("north", "status"), check=True, capture_output=True).stdout)
        self.assertEqual(shown["refused"], str(refusal.exception))
        with bt.Study.resume(self.folder / "north", context=CONTEXT) as north:
            north.step()
            self.assertEqual(north.status().refused, "")
        south.close()

    def test_rows_are_matched_by_identifiers(self):
        with self.assertWarns(UserWarning):
            north = bt.Study.create(self.folder / "north", self.exchange, "north",
                                    **{**SHAPE, "columns": [2, 3], "labels": "south", "identifiers": True})
        self.assertIs(north.plan["identifiers"], True)
        x, _ = samples(3, 1)
        for identifiers, line in (((), "these have none"), (["a", "b", " a"], "row 3"), (["", "", ""], "no row has")):
            with self.assertRaisesRegex(bt.DataError, line):
                north.contribute(x[:, :2], identifiers=identifiers)
        with self.assertRaisesRegex(bt.ContractError, "as many identifiers as rows"):
            north.contribute(x[:, :2], identifiers=[7, 8])
        north.contribute(x[:, :2], identifiers=[7, 8, np.ma.masked])

    def test_nobody_prints_or_pickles_what_it_holds(self):
        north = self.create(passphrase="of the north")
        server = bt.StudyServer(self.folder / "server", self.exchange)
        for party, text in ((north, "<blindtuner.Study>"), (server, "<blindtuner.StudyServer>")):
            self.assertEqual((repr(party), str(party)), (text, text))
            for call in (pickle.dumps, copy.copy, copy.deepcopy):
                with self.assertRaisesRegex(TypeError, "not pickled or copied"):
                    call(party)
        self.assertIn("it waits for join-south join-server", repr(north.status()))


if __name__ == "__main__":
    main()
