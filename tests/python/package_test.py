"""The package blindtuner: both parties' calls, what leaves and what does not, errors, Ctrl-C, and what it says of
itself."""
import ast
import copy
import os
import pickle
import re
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from python_base import OWNER, main

import numpy as np

import blindtuner as bt

ROOT = Path(__file__).resolve().parents[2]
WIDTH, CLASSES, SAMPLES = 3, 2, 128
CONTEXT = bt.Context(threads=2, allow_insecure=True)
OPTIONS = bt.TrainingOptions({"batch_size": SAMPLES, "learning_rate": 1, "steps": 2})


def samples(count=SAMPLES):
    """Two classes, told apart by the first of three features."""
    i = np.arange(count)
    return np.stack([2.0 * (i % 2) - 1, 0.25 * (i % 5) - 0.5, 0.1 + 0 * i], axis=1), i % 2


def keys(folder, **more):
    return bt.Owner.make_keys(folder, WIDTH, CLASSES, batch=SAMPLES, parameters="InsecureTest10", context=CONTEXT,
                              **more)


class Folders(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="blindtuner-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class BothParties(Folders):
    def setUp(self):
        super().setUp()
        self.owner = keys(self.folder / "keys")
        self.x, self.y = samples()
        self.data, self.model = self.folder / "data.enc", self.folder / "model.enc"
        self.owner.encrypt(self.x, self.y, self.data)

    def test_early_stopping_between_both(self):
        held, exchange, best = self.folder / "held.enc", self.folder / "rounds", self.folder / "best.enc"
        self.owner.encrypt(self.x, self.y, held, use="validation")
        options = bt.TrainingOptions({"batch_size": SAMPLES, "learning_rate": 1, "steps": 2, "validation_every": 1})
        training = bt.Server.load(self.owner.evaluation_keys, CONTEXT).train(
            self.data, options, validation=held, exchange=exchange, timeout=60)
        ends, lines = [], []
        server = threading.Thread(target=lambda: ends.append(training.run(waiting=lambda round_, fraction: None)))
        server.start()
        result = self.owner.open_rounds(held, exchange, best, options, self.data, timeout=60, round=lines.append)
        server.join()
        self.assertEqual((ends, result.rounds, result.finished, result.problems), (["all steps"], 2, True, []))
        self.assertEqual((len(lines), result.accuracy), (2, 1.0))
        self.assertEqual(self.owner.open_model(best, options, self.data).steps, result.best_steps)
        with self.assertRaisesRegex(bt.ContractError, "data and an exchange"):
            bt.Server.load(self.owner.evaluation_keys, CONTEXT).train(self.data, options, validation=held)

    def train(self, **more):
        self.server = bt.Server.load(self.owner.evaluation_keys, CONTEXT)
        training = self.server.train(self.data, OPTIONS)
        self.assertEqual((training.steps, training.done), (2, 0))
        self.assertEqual(training.step(), "steps are left")
        self.assertEqual(training.run(**more), "all steps")
        self.assertEqual(training.done, 2)
        training.save_model(self.model)

    def test_train_open_and_publish(self):
        told = []
        self.train(progress=lambda step, fraction: told.append((step, fraction)))
        self.assertTrue(told and all(step == 1 and 0 <= fraction <= 1 for step, fraction in told), told)
        model = self.owner.open_model(self.model, OPTIONS, self.data)
        self.assertEqual((model.weights.shape, model.bias.shape), ((CLASSES, WIDTH), (CLASSES,)))
        self.assertEqual((model.steps, model.complete), (2, True))
        self.assertTrue((model.classify(self.x) == self.y).all())
        np.testing.assert_allclose(model.scores(self.x), self.x @ model.weights.T + model.bias, atol=1e-5)
        published = self.owner.publish_model(self.model, OPTIONS, self.data)
        self.assertGreater(published.noise, 0)
        np.testing.assert_allclose(published.model.weights, model.weights, atol=10 * published.noise)

        fresh, scores = self.folder / "fresh.enc", self.folder / "scores.enc"
        self.owner.encrypt(self.x[:10], None, fresh, use="prediction")
        self.server.score(fresh, self.model, scores)
        opened = self.owner.open_scores(scores, OPTIONS, self.data, fresh)
        self.assertEqual(opened.problems, [])
        np.testing.assert_allclose(opened.values, model.scores(self.x[:10]), atol=1e-2)
        shared = self.owner.publish_scores(scores, self.model, OPTIONS, self.data, fresh)
        self.assertEqual(shared.scores.values.shape, (10, CLASSES))
        kinds = [entry["kind"] for entry in self.owner.ledger().entries]
        self.assertEqual(kinds, ["encrypted", "opened", "published", "encrypted", "opened", "opened", "published"])

    def test_labels_keep_their_order_where_they_are_told_to(self):
        uneven = np.repeat([0, 1], SAMPLES // 2)
        self.owner.encrypt(self.x, uneven, self.data, mixed=False)
        self.assertEqual(self.owner.open_labels(self.data).tolist(), uneven.tolist())
        self.owner.encrypt(self.x, uneven, self.data)  # 128 draws in one order of (128 choose 64)
        self.assertNotEqual(self.owner.open_labels(self.data).tolist(), uneven.tolist())

    def test_what_a_function_of_progress_raises_ends_the_call(self):
        class Enough(Exception):
            pass

        def progress(*_):
            raise Enough

        training = bt.Server.load(self.owner.evaluation_keys, CONTEXT).train(self.data, OPTIONS)
        with self.assertRaises(Enough):
            training.run(progress)
        self.assertEqual(training.run(), "all steps")  # it goes on from there
        other = self.folder / "other"
        with self.assertRaises(Enough):
            keys(other, progress=progress)
        self.assertFalse((other / "secret.key").exists())

    def test_a_handle_does_one_call_at_a_time(self):
        training = bt.Server.load(self.owner.evaluation_keys, CONTEXT).train(self.data, OPTIONS)
        errors = []

        def progress(*_):
            try:
                training.save_model(self.model)
            except bt.ContractError as error:
                errors.append(str(error))

        self.assertEqual(training.run(progress), "all steps")
        self.assertIn("one call at a time", errors[0])

    def test_the_interpreter_goes_on_meanwhile(self):
        training = bt.Server.load(self.owner.evaluation_keys, CONTEXT).train(self.data, OPTIONS)
        training.run()
        go, gone = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: go.wait() and gone.set())
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(go.set)
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        # From here on the other thread has the interpreter only while this one computes, in one of many short calls.
        sys.setswitchinterval(1000)
        go.set()
        for _ in range(1000):
            training.save_model(self.model)
            if gone.is_set():
                break
        self.assertTrue(gone.is_set())

    def test_an_owner_does_not_print_pickle_or_compare_by_content(self):
        self.assertEqual(repr(self.owner), "<blindtuner.Owner>")
        self.assertEqual(str(self.owner), "<blindtuner.Owner>")
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with self.assertRaisesRegex(TypeError, "not pickled"):
                pickle.dumps(self.owner, protocol)
        for copied in (copy.copy, copy.deepcopy):
            with self.assertRaisesRegex(TypeError, "not pickled or copied"):
                copied(self.owner)
        self.assertNotEqual(self.owner, bt.Owner.open(self.folder / "keys", context=CONTEXT))

    def test_what_gives_decrypted_numbers_says_open_or_publish(self):
        calls = {name for name in dir(self.owner) if not name.startswith("_")}
        inside = {"make_keys", "keys", "evaluation_keys", "encrypt", "ledger"}
        self.assertEqual({name for name in calls if not re.match("open|publish", name)}, inside)


class Whitened(Folders):
    def test_scores_are_the_same_of_the_unfolded_model(self):
        rng = np.random.default_rng(1)
        x = (rng.normal(size=(SAMPLES, WIDTH)) @ rng.normal(size=(WIDTH, WIDTH))) * [1, 100, 0.01] + [5, 0, 1]
        whitening = bt.Whitening.fit(x, 1e-6, CONTEXT)
        self.assertEqual((whitening.features, whitening.width), (WIDTH, WIDTH))
        z = whitening.apply(x)
        np.testing.assert_allclose(np.cov(z.T, bias=True), np.eye(WIDTH), atol=1e-3)
        owner = keys(self.folder / "keys")
        data, model = self.folder / "data.enc", self.folder / "model.enc"
        owner.encrypt(z, samples()[1], data)
        training = bt.Server.load(owner.evaluation_keys, CONTEXT).train(data, OPTIONS)
        training.run()
        training.save_model(model)
        opened = owner.open_model(model, OPTIONS, data)
        unfolded = whitening.unfold(opened)
        np.testing.assert_allclose(unfolded.scores(x), opened.scores(z), atol=1e-3)
        # What features went through before they came here is not recorded: the command takes its owner's word.
        np.save(self.folder / "x.npy", x.astype(np.float32))
        for line in (["whiten", "--features", "x.npy", "--epsilon", "1e-6", "--out", "map.npz"],
                     ["decrypt", "--model", model, "--whitening", "map.npz", "--keys", "keys", "--out", "opened.npz"]):
            subprocess.run([OWNER, *line, "--quiet", "--allow-insecure-parameters"], cwd=self.folder, check=True,
                           capture_output=True)
        with np.load(self.folder / "opened.npz") as by_command:
            np.testing.assert_allclose(by_command["weights"], unfolded.weights, rtol=1e-2)


class Errors(Folders):
    def refused(self, kind, line, call, *arguments, **more):
        with self.assertRaisesRegex(kind, line) as caught:
            call(*arguments, **more)
        self.assertNotIn("\n", str(caught.exception))
        return caught.exception

    def test_are_of_the_librarys_kinds(self):
        self.assertTrue(issubclass(bt.DataError, ValueError))
        self.assertTrue(issubclass(bt.SecurityError, bt.DataError))
        self.assertTrue(issubclass(bt.UntrustedResult, bt.DataError))
        self.assertTrue(issubclass(bt.ContractError, RuntimeError))
        self.refused(bt.DataError, "^no parameter set 'None'", bt.ParameterSet.named, "None")
        error = self.refused(bt.SecurityError, "InsecureTest10", bt.Owner.make_keys, self.folder / "keys", 3, 2,
                             parameters="InsecureTest10")
        self.assertIs(type(error), bt.SecurityError)
        self.refused(bt.ContractError, "threads", bt.Context, threads=-1)

    def test_of_arrays(self):
        owner, file = keys(self.folder / "keys"), self.folder / "data.enc"
        x, y = samples()
        self.refused(bt.DataError, r"\(3,\), expected samples x features", owner.encrypt, x[0], y, file)
        self.refused(bt.DataError, "4 features|width|3", owner.encrypt, np.ones((SAMPLES, 4)), y, file)
        self.refused(bt.DataError, "whole number", owner.encrypt, x, y + 0.5, file)
        self.refused(bt.DataError, "no class 4294967296", owner.encrypt, x, y + 2**32, file)
        self.refused(bt.DataError, "", owner.encrypt, np.where(x > 0, np.nan, x), y, file)
        self.refused(bt.ContractError, "labels", owner.encrypt, x, y[1:], file)
        self.refused(bt.DataError, "no use 'tests'", owner.encrypt, x, y, file, use="tests")
        for dtype, strange in (("<U", x.astype(str)), ("complex", x + 1j), ("datetime", x.astype("datetime64[s]"))):
            self.refused(bt.DataError, dtype + ".*number", owner.encrypt, strange, y, file)
        self.refused(bt.DataError, "features: some are masked", owner.encrypt, np.ma.masked_array(x, mask=x > 0), y, file)
        masked = [np.ma.masked_array(row, mask=row > 0) for row in x]
        self.refused(bt.DataError, "features: some are masked", owner.encrypt, masked, y, file)
        self.refused(bt.DataError, "labels: some are masked", owner.encrypt, x, np.ma.masked_array(y, mask=y == 1), file)
        self.refused(bt.DataError, "labels: some are masked", bt.finetune, x, np.ma.masked_array(y, mask=y == 1), file, print)
        for strange in ([[b"1"] * WIDTH] * SAMPLES, np.full(x.shape, b"1", object), np.full(x.shape, "1", object)):
            self.refused(bt.DataError, "is no number", owner.encrypt, strange, y, file)
            self.refused(bt.DataError, "is no number", bt.Whitening.fit, strange, 0.1, CONTEXT)
        self.refused(bt.DataError, r"\(128, 0\)", owner.encrypt, x[:, :0], y, file)
        self.assertFalse(file.exists())
        owner.encrypt(x.tolist(), y.tolist(), file, mixed=False)
        self.assertEqual(owner.open_labels(file).tolist(), y.tolist())

    def test_of_what_is_no_passphrase_or_parameter_set(self):
        folder = self.folder / "keys"
        self.refused(bt.DataError, "passphrase is empty", keys, folder, passphrase="")
        self.refused(TypeError, "ParameterSet", bt.Owner.make_keys, folder, 3, 2, parameters=3)
        self.assertFalse(folder.exists())
        keys(folder, passphrase="sesame")
        for wrong, line in (("", "is empty"), (None, "passphrase"), ("sesam", "passphrase")):
            self.refused(bt.DataError, line, bt.Owner.open, folder, passphrase=wrong, context=CONTEXT)
        bt.Owner.open(folder, passphrase="sesame", context=CONTEXT)

    def test_nothing_is_made_empty(self):
        values = {name for name in dir(bt._core) if isinstance(getattr(bt._core, name), type)}
        errors = {name for name in values if issubclass(getattr(bt._core, name), Exception)}
        for name in values - errors - {"Context", "FinetuningOptions", "StudyPlan", "TrainingOptions"}:  # which have calls of their own
            kind = getattr(bt._core, name)
            self.refused(TypeError, name, kind.__new__, kind)
            self.refused(TypeError, name, kind)

    def test_a_forked_process_has_none_of_an_owners_secrets(self):
        owner, file = keys(self.folder / "keys"), self.folder / "data.enc"
        child = os.fork()
        if child == 0:
            code = 1
            try:
                owner.encrypt(*samples(), file)
            except bt.ContractError as error:
                code = 0 if "forked" in str(error) else 2
            finally:
                os._exit(code)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertFalse(file.exists())

    def test_a_model_of_another_training_is_not_opened(self):
        owner = keys(self.folder / "keys")
        data, model = self.folder / "data.enc", self.folder / "model.enc"
        owner.encrypt(*samples(), data)
        training = bt.Server.load(owner.evaluation_keys, CONTEXT).train(data, OPTIONS)
        training.run()
        training.save_model(model)
        told = bt.TrainingOptions({"batch_size": SAMPLES, "learning_rate": 2, "steps": 2})
        self.refused(bt.DataError, "", owner.open_model, model, told, data)


class Package(unittest.TestCase):
    def test_ctrl_c_ends_a_call_and_leaves_no_file(self):
        with tempfile.TemporaryDirectory(prefix="blindtuner-test-") as folder:
            # Keys for real use take many seconds. Their folder is there when they are at work, and nothing of Python's runs
            # in that thread then.
            program = """if True:
                import os, signal, sys, threading, time, blindtuner
                def interrupt():
                    while not os.listdir(sys.argv[1]):
                        time.sleep(0.01)
                    os.kill(os.getpid(), signal.SIGINT)
                threading.Thread(target=interrupt, daemon=True).start()
                try:
                    blindtuner.Owner.make_keys(sys.argv[1] + "/keys", 100, 10)
                except KeyboardInterrupt:
                    print("ended")"""
            child = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True)
            self.assertEqual((child.stdout, child.returncode), ("ended\n", 0), child.stderr)
            self.assertEqual([path.name for path in Path(folder).rglob("*.key*")], [])

    def test_a_thread_that_is_at_work_does_not_keep_the_interpreter_from_ending(self):
        with tempfile.TemporaryDirectory(prefix="blindtuner-test-") as folder:
            # It comes back for the interpreter's lock many times while the interpreter ends.
            program = """if True:
                import sys, threading, time, blindtuner as bt
                class Last:
                    def __del__(self, sleep=time.sleep):
                        sleep(0.5)
                sys.last = Last()
                context, folder = bt.Context(threads=1, allow_insecure=True), sys.argv[1]
                owner = bt.Owner.make_keys(folder + "/keys", 2, 2, batch=2, parameters="InsecureTest10", context=context)
                owner.encrypt([[1, 0], [0, 1]], [0, 1], folder + "/data.enc")
                training = bt.Server.load(owner.evaluation_keys, context).train(
                    folder + "/data.enc", bt.TrainingOptions({"batch_size": 2, "steps": 2000}))
                begun = threading.Event()
                threading.Thread(target=training.run, args=(lambda *_: begun.set(),), daemon=True).start()
                begun.wait()"""
            child = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True)
            self.assertEqual((child.returncode, child.stderr), (0, ""))

    def test_import_takes_nothing_along(self):
        done = subprocess.run([sys.executable, "-c", "import sys, blindtuner; print(*sys.modules)"],
                              capture_output=True, text=True, check=True)
        # What takes long to import is imported by whoever needs it.
        self.assertFalse({"numpy", "sklearn", "scipy"} & set(done.stdout.split()))

    def test_the_classifier_alone_asks_for_scikit_learn(self):
        done = subprocess.run([sys.executable, "-c", "import sys; sys.modules['sklearn'] = None; import blindtuner\n"
                               "try: blindtuner.EncryptedClassifier\nexcept ImportError as error: print(error)"],
                              capture_output=True, text=True)
        self.assertRegex(done.stdout, "^EncryptedClassifier needs scikit-learn: pip install")

    def test_stubs_have_what_there_is(self):
        stub = ast.parse((ROOT / "python/blindtuner/_core.pyi").read_text())

        def names(body):
            out = set()
            for node in body:
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    out.add(node.name)
                elif isinstance(node, ast.AnnAssign):
                    out.add(node.target.id)
            return {name for name in out if not name.startswith("_")}

        def shown(thing):
            return {name for name in vars(thing) if not name.startswith("_")}

        self.assertEqual(names(stub.body), shown(bt._core))
        for node in stub.body:
            if isinstance(node, ast.ClassDef) and not issubclass(getattr(bt._core, node.name), Exception):
                self.assertEqual(names(node.body), shown(getattr(bt._core, node.name)), node.name)
        self.assertEqual(set(bt.__all__) - set(bt._LATER), shown(bt._core) - set(bt._LATER))
        for name in bt.__all__[len(bt._LATER):]:
            self.assertTrue(hasattr(bt, name), name)
        self.assertLessEqual(set(bt.__all__), set(dir(bt)))

    def test_type_checkers_see_what_there_is(self):
        """They run nothing: names are written out, and what is imported later is imported where they look."""
        body = ast.parse((ROOT / "python/blindtuner/__init__.py").read_text()).body
        written, = (node.value for node in body if isinstance(node, ast.Assign) and node.targets[0].id == "__all__")
        self.assertEqual(ast.literal_eval(written), bt.__all__)
        looked, = (node.body for node in body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        self.assertEqual({name.name: node.module for node in looked for name in node.names}, bt._LATER)

    def test_stub_has_the_modules_arguments(self):
        stub = ast.parse((ROOT / "python/blindtuner/_core.pyi").read_text())

        def arguments(node):
            a = node.args
            names = [x.arg for x in a.args if x.arg != "self"]
            return names, [x.arg for x in a.kwonlyargs], len(a.defaults) + sum(d is not None for d in a.kw_defaults)

        def of_module(thing):
            # pybind11 writes the signature on the first line, defaults as they print.
            line = re.sub(r"<[^<>]*>", "...", thing.__doc__.splitlines()[0])
            return arguments(ast.parse(f"def {line}: ...").body[0])

        compared = 0
        for node in stub.body:
            inner = node.body if isinstance(node, ast.ClassDef) else [node]
            of = getattr(bt._core, node.name) if isinstance(node, ast.ClassDef) else bt._core
            for function in inner:
                if isinstance(function, ast.FunctionDef) and not any(
                        ast.unparse(d).endswith(("property", "setter")) for d in function.decorator_list):
                    with self.subTest(getattr(node, "name", ""), function=function.name):
                        self.assertEqual(arguments(function), of_module(getattr(of, function.name)))
                        compared += 1
        self.assertGreater(compared, 30)

    def test_version_is_the_librarys(self):
        text = (ROOT / "CMakeLists.txt").read_text()
        self.assertEqual(bt.__version__, re.search(r"VERSION (\d+\.\d+\.\d+)", text)[1])

    def test_default_configuration(self):
        import json
        default, fewer = json.loads(bt.default_configuration()), json.loads(bt.default_configuration(10))
        self.assertNotIn("classes", default)
        self.assertEqual(default["steps"], 20)
        self.assertEqual(fewer["averaging_start"] * 20, default["averaging_start"] * 10)
        self.assertEqual(bt.TrainingOptions().score_range(10), 16)
        self.assertGreater(bt.TrainingOptions(softmax="wide").score_range(10), 16)
        with self.assertRaises(bt.DataError):
            bt.default_configuration(-1)


if __name__ == "__main__":
    main()
