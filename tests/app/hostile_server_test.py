#!/usr/bin/env python3
"""`finetune` with a server's program that deviates.

usage: hostile_server_test.py BLINDTUNER BLINDTUNER-SERVER [unittest arguments]
"""
import json
import os
import subprocess
import sys
from pathlib import Path

from cli_base import INSECURE, LOG_RING, OWNER, PARAMETERS, SERVER, SMALL_RING, Base, blobs, main, npy, run

sys.path.append(str(Path(__file__).resolve().parent.parent / "golden"))
import reference  # noqa: E402

PRIMES = reference.chain_primes(LOG_RING, (50, 49))  # of models
UNTRUSTED = 4

SERVER_SCRIPT = """#!{python}
import json, os, shutil, subprocess, sys, time
from pathlib import Path
REAL, TOLD = {server!r}, sys.argv[1:]
if TOLD == ["--version"]:
    os.execv(REAL, [REAL, "--version"])
sys.path.insert(0, {tests!r})
sys.dont_write_bytecode = True
from containers import add_to_first, forge, forge_training, training, training_section
def told(name):
    return TOLD[TOLD.index(name) + 1]
def train(*drop, out=None, **changes):
    config = Path(told("--out") + ".cfg")
    config.write_text(json.dumps({{**json.loads(Path(told("--config")).read_text()), **changes}}))
    line = [REAL, *TOLD]
    line[line.index("--config") + 1] = str(config)
    for name in drop:
        del line[line.index(name):line.index(name) + 2]
    if subprocess.call(line):
        sys.exit(1)
    config.unlink()
ASKED = json.loads(Path(told("--config")).read_text())
{body}
"""


class HostileServer(Base):
    """`finetune` with a server's program that does not do what it is told."""

    def setUp(self):
        self.work = self.folder / self.id().split(".")[-1]
        self.work.mkdir()
        self.out = self.work / "out"

    def finetune(self, body, *more, features=None):
        script = self.work / "server"
        script.write_text(SERVER_SCRIPT.format(python=sys.executable, server=str(SERVER), body=body,
                                               tests=str(Path(__file__).resolve().parent)))
        script.chmod(0o755)
        return run(OWNER, "finetune", "--features", features or self.folder / "x.npy", "--labels",
                   self.folder / "y.npy", "--out", self.out, "--keys", self.keys, "--parameters",
                   PARAMETERS, "--preset", "fast", "--server", script, "--publish", "--quiet",
                   INSECURE, *more)

    def untrusted(self, result, *words):
        self.assertEqual(result.returncode, UNTRUSTED, result.stderr + result.stdout)
        self.assertTrue(result.stdout.startswith("DO NOT TRUST THIS RESULT"), result.stdout)
        for word in words:
            self.assertIn(word, result.stdout)
        self.assertFalse((self.out / "published.npz").exists())
        self.assertFalse(json.loads((self.out / "report.json").read_text())["trusted"])
        # That nothing is published tells something: it is on the record.
        last = self.ledger()["entries"][-1]
        self.assertEqual((last["kind"], last["what"], last["bits"]), ("refused", "model", 1))

    def ledger(self):
        return json.loads(self.good(OWNER, "ledger", "--keys", self.keys, "--json", INSECURE).stdout)

    def test_is_not_told_where_the_passphrase_is(self):
        phrase, self.keys = self.work / "phrase", self.work / "keys"
        phrase.write_text("correct horse\n")
        self.good(OWNER, "keygen", "--out", self.keys, "--parameters", PARAMETERS, "--classes", 3, "--features", 8,
                  "--passphrase-file", phrase, INSECURE)
        os.environ["BLINDTUNER_PASSPHRASE_FILE"] = str(phrase)
        self.addCleanup(os.environ.pop, "BLINDTUNER_PASSPHRASE_FILE")
        result = self.finetune("assert 'BLINDTUNER_PASSPHRASE_FILE' not in os.environ\ntrain()", "--steps", 1,
                               "--validation-fraction", 0)
        self.assertEqual(result.returncode, 0, result.stderr + result.stdout)

    def test_honest(self):
        result = self.finetune("train()", "--steps", 3, "--validation-fraction", 0)
        self.assertEqual(result.returncode, 0, result.stderr + result.stdout)
        report = json.loads((self.out / "report.json").read_text())
        entry = [e for e in self.ledger()["entries"] if e["kind"] == "published"][-1]
        self.assertGreaterEqual(entry["error"], report["rms_weight_difference"])
        self.assertGreaterEqual(entry["error"], 2 * report["predicted_weight_noise"])
        self.assertGreaterEqual(entry["noise"], 256 * entry["error"])

    def test_another_computation(self):
        # A rate that is off by a thousandth moves weights by hundreds of deviations of their noise,
        # and by less than what was once allowed.
        result = self.finetune("""
train(learning_rate=ASKED["learning_rate"] * 1.001)
forge_training(Path(told("--out")), Path(told("--out")), learning_rate=ASKED["learning_rate"])
# Nobody has published anything, and it is no result.
Path(told("--out")).with_name("published.npz").write_bytes(b"mine")
Path(told("--out")).with_name("mine").mkdir()
""", "--steps", 3, "--validation-fraction", 0)
        self.assertIn("the results are in place", result.stderr)
        self.untrusted(result, "from the same training in the clear")
        report = json.loads((self.out / "report.json").read_text())
        self.assertLess(report["largest_weight_difference"], 2 ** -6)

    def test_fewer_steps(self):
        result = self.finetune("""
train(steps=1, averaging_start=-1)
forge_training(Path(told("--out")), Path(told("--out")), done=1, **ASKED)
""", "--steps", 20, "--validation-fraction", 0)
        self.untrusted(result, "the model is after 1 steps, the run's is after 20")

    def test_a_run_that_nobody_ended(self):
        # One round of validation, answered with "go on"; then the server says that it is done.
        result = self.finetune("""
import tempfile
with tempfile.TemporaryDirectory() as elsewhere:
    asked, TOLD[TOLD.index("--exchange") + 1] = told("--exchange"), elsewhere
    train(steps=1, averaging_start=-1, validation_every=1)
    def change(sections):
        _, _, circuit = training(sections["TRAI"])
        sections["TRAI"] = training_section(1, ASKED, circuit)
        sections["RUN."] = sections["RUN."][:20] + bytes([0])
    forge(Path(elsewhere) / "round-0001.enc", Path(told("--out") + ".round"), change)
os.rename(told("--out") + ".round", asked + "/round-0001.enc")
while not os.path.exists(asked + "/answer-0001.bit"):
    time.sleep(0.02)
Path(told("--out")).write_bytes(os.urandom(13000))
""", "--steps", 5)
        self.untrusted(result, "the server ended the run after 1 rounds of validation")
        # What it says is the last step's model is none.
        self.assertIn("the model of the last step is not kept", result.stderr)
        self.assertFalse((self.out / "last.enc").exists())

    def test_links_in_the_place_of_results(self):
        link = 'Path(told("--out")).unlink(missing_ok=True); os.symlink("model.enc", told("--out"))'
        self.refused(self.finetune(link, "--steps", 1, "--validation-fraction", 0),
                     "model.enc': the server's program left no file there")
        # The next run is as any.
        result = self.finetune("train()\n" + link, "--steps", 1)
        self.assertEqual(result.returncode, 0, result.stderr + result.stdout)
        self.assertIn("last.enc': the server's program left no file there", result.stderr)
        self.assertFalse((self.out / "last.enc").is_symlink())
        self.assertTrue((self.out / "model.npz").exists())
        self.assertFalse((self.out / "run.finished").exists())

    def test_scores_that_are_not_the_models(self):
        # An honest training, whose rounds after the first repeat its scores: their model seems the best,
        # and the run stops when the server likes.
        result = self.finetune("""
import tempfile
with tempfile.TemporaryDirectory() as elsewhere:
    asked, TOLD[TOLD.index("--exchange") + 1] = Path(told("--exchange")), elsewhere
    training_process = subprocess.Popen([REAL, *TOLD])
    first = []
    for i in range(1, 20):
        name, answer = f"round-{i:04d}.enc", f"answer-{i:04d}.bit"
        while not os.path.exists(elsewhere + "/" + name) and training_process.poll() is None:
            time.sleep(0.02)
        if training_process.poll() is not None:
            break
        def change(sections):
            first.append(sections["SCOR"])
            sections["SCOR"] = first[0]
        forge(Path(elsewhere, name), Path(elsewhere, "forged"), change)
        os.rename(elsewhere + "/forged", asked / name)
        while not (asked / answer).exists() and training_process.poll() is None:
            time.sleep(0.02)
        shutil.copy(asked / answer, elsewhere + "/tmp")
        os.rename(elsewhere + "/tmp", elsewhere + "/" + answer)
    training_process.wait()
""", "--steps", 6, "--patience", 2)
        self.untrusted(result, "round 2", "the same training in the clear")
        self.assertEqual(json.loads((self.out / "report.json").read_text())["steps"], 1)

    def test_a_run_without_a_round(self):
        result = self.finetune("""
train("--validation", "--exchange", steps=2, averaging_start=-1)
shutil.move(told("--out"), told("--out").replace("last.enc", "model.enc"))
""", "--steps", 5)
        self.refused(result, "without a round of validation")
        self.assertFalse((self.out / "report.json").exists())

    def test_reports_that_are_none(self):
        reports = ["{}", "[]", "null", "3", '"text"', '{"steps": []}', '{"steps": 3}',
                   '{"steps": 1e999}', "[" * 100000, '{"steps": -1}',
                   '{"steps": 3, "seconds": "<script>", "seconds_per_step": [], '
                   '"peak_memory_bytes": 1}',
                   '{"steps": 3, "seconds": {"total": "a"}, "seconds_per_step": [], '
                   '"peak_memory_bytes": 1}',
                   '{"steps": 3, "seconds": {}, "seconds_per_step": [{"step": "<b>"}], '
                   '"peak_memory_bytes": 1}',
                   '{"steps": 3, "seconds": {}, "seconds_per_step": [], "peak_memory_bytes": {}}']
        for text in reports:
            said = self.work / "said.json"
            said.write_text(text)
            result = self.finetune(f"Path(told('--report')).write_bytes(Path({str(said)!r}).read_bytes())",
                                   "--steps", 1, "--validation-fraction", 0)
            self.refused(result, "server.json")
            self.assertFalse((self.out / "report.html").exists())

    def test_the_noise_does_not_tell_what_it_covers(self):
        # Weights that need noise beyond the least, and something in one of them. It may be a multiple
        # of whatever is encrypted; its size is not to be read off what is published.
        npy(self.work / "small.npy", [[0.04 * x for x in row] for row in blobs(300, 1)[0]])

        def publish(deviations):
            result = self.finetune(f"""
train()
def change(sections):
    add_to_first(sections, "WGHT", {deviations * publish.noise!r}, {SMALL_RING},
                 {PRIMES!r})
forge(Path(told("--out")), Path(told("--out")), change)
""", "--steps", 1, "--learning-rate", 400, "--no-whiten", "--validation-fraction", 0, "--seed", 7,
                                   features=self.work / "small.npy")
            report = json.loads((self.out / "report.json").read_text())
            publish.noise = report["predicted_weight_noise"]
            self.assertAlmostEqual(report["largest_weight_difference"] / publish.noise, deviations,
                                   delta=4)
            return result, report
        publish.noise = 0
        sizes = {publish(deviations)[1]["published"]["noise"] for deviations in (0, 3, 7)}
        self.assertEqual(len(sizes), 1)
        self.assertGreater(sizes.pop(), 2 ** -8)
        # More than that noise covers is not published, although encryption might explain it.
        result, report = publish(20)
        self.untrusted(result, "larger than a publication's noise is made for")
        self.assertEqual(len(report["reasons"]), 1)

    def test_what_the_server_says_does_not_steer_the_terminal(self):
        result = self.finetune("""
sys.stderr.buffer.write(b"\\x1b[2J\\x1b]0;x\\x07\\r[owner] all is well \\xc2\\x9b31m\\xff\\n" + b"a" * 10**6)
sys.stderr.flush()
train()
""", "--steps", 1, "--validation-fraction", 0)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stderr.replace("\n", "").isprintable(), result.stderr[:300])
        self.assertIn("[server] \\x1b[2J", result.stderr)
        self.assertTrue(all(line.startswith("[server] ") for line in result.stderr.splitlines()))


    def test_the_servers_names_do_not_enter_the_report(self):
        for change in ('r["seconds"]["\\x9b2J\\u202e<script>"] = 1',
                       'r["seconds_per_step"][0]["\\x9d0;x\\x9c"] = 2'):
            result = self.finetune(f"""
train()
path = Path(told("--report"))
r = json.loads(path.read_text())
{change}
path.write_text(json.dumps(r, ensure_ascii=False))
""", "--steps", 1, "--validation-fraction", 0)
            # Whatever comes after a training says where that is.
            self.refused(result, "server.json", "by these names", "what the server has trained is in")
            self.assertTrue((self.out / "run.unfinished" / "model.enc").exists())

    def test_a_burst_of_lines(self):
        # Taken up one after the other, they would take hours.
        script = self.work / "server"
        script.write_text(f"""#!{sys.executable}
import os, sys
if sys.argv[1:] != ["--version"]:
    left = b"\\n" * (8 << 20)
    while left:
        left = left[os.write(2, left):]
os.execv({str(SERVER)!r}, [{str(SERVER)!r}, *sys.argv[1:]])
""")
        script.chmod(0o755)
        done = subprocess.run(list(map(str, [
            OWNER, "finetune", "--features", self.folder / "x.npy", "--labels", self.folder / "y.npy",
            "--out", self.out, "--keys", self.keys, "--parameters", PARAMETERS, "--preset", "fast",
            "--server", script, "--steps", 1, "--validation-fraction", 0, "--quiet", INSECURE])),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    main()
