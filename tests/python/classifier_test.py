"""EncryptedClassifier: scikit-learn's own checks of an estimator, and what comes out of it."""
import contextlib
import datetime
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import warnings
from pathlib import Path

from python_base import OWNER, SERVER, main, need

need("sklearn")
import numpy as np
import sklearn.utils.estimator_checks as checks
from sklearn.base import clone
from sklearn.datasets import load_iris, make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import blindtuner
from blindtuner import EncryptedClassifier, RangeWarning
from blindtuner.progress import bars
from blindtuner.scratch import scratch

# Not one of them is left out without its reason.
NOISE = "no two encryptions are the same, so that results of two fits differ in their last digits"
SKIPPED = {
    "check_fit_idempotent": NOISE,
}


def small(**settings):
    """All steps of the fast preset, on samples in their order."""
    return EncryptedClassifier(**{"max_iter": 3, "preset": "fast", "validation_fraction": 0, "random_state": 0,
                                  "parameters": "InsecureTest10", "progress": False, **settings})


def every_check(estimator):
    if hasattr(checks, "estimator_checks_generator"):  # since scikit-learn 1.6
        return checks.estimator_checks_generator(estimator)
    return checks.check_estimator(estimator, generate_only=True)


class Estimator(unittest.TestCase):
    def test_passes_scikit_learns_checks(self):
        done = []
        for estimator, check in every_check(small(max_iter=1, unchecked=True)):
            name = getattr(check, "func", check).__name__
            if name in SKIPPED:
                continue
            if name == "check_class_weight_classifiers":  # asks for 1000 steps
                estimator.set_params(validation_fraction=0.2, patience=1)
            with self.subTest(check=name), warnings.catch_warnings():
                # Some sets of theirs are made to diverge, and some checks look for warnings.
                warnings.simplefilter("ignore", RangeWarning)
                try:
                    check(estimator)
                except unittest.SkipTest as reason:
                    print(f"{name} was skipped by scikit-learn: {reason}")
            done.append(name)
        self.assertGreater(len(done), 35)

    def test_of_words_and_more_than_two_classes(self):
        x, y = load_iris(return_X_y=True)
        names = np.array(["setosa", "versicolor", "virginica"])
        classifier = small().fit(x, names[y])
        self.assertEqual(classifier.classes_.tolist(), names.tolist())
        self.assertEqual((classifier.coef_.shape, classifier.intercept_.shape), ((3, 4), (3,)))
        self.assertEqual((classifier.n_iter_, classifier.n_features_in_), (3, 4))
        self.assertGreater(classifier.score(x, names[y]), 0.85)
        probabilities = classifier.predict_proba(x)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        self.assertTrue((names[probabilities.argmax(axis=1)] == classifier.predict(x)).all())
        # The whitening is in the coefficients: they are of features as they came.
        np.testing.assert_allclose(classifier.decision_function(x), x @ classifier.coef_.T + classifier.intercept_,
                                   atol=1e-4)

    def test_is_the_models_training_of_the_library(self):
        x, y = make_blobs(100, 4, centers=2, random_state=1)
        x = StandardScaler().fit_transform(x)
        classifier = small(whitening=False, unchecked=True).fit(x, y)
        self.assertEqual((classifier.coef_.shape, classifier.intercept_.shape), ((1, 4), (1,)))
        # Gradients in the clear, by the library's own defaults (docs/TRAINING.md): V looks ahead by 0.4, and the model is
        # the mean of the iterates after averaging_start = 12 * 3 / 20.
        z, one_hot = np.c_[x, np.ones(100)], np.eye(2)[y]
        w = past = np.zeros((2, 5))
        iterates = []
        for step in range(3):
            v = w + 0.4 * (w - past)
            p = np.exp(z @ v.T)
            p /= p.sum(axis=1, keepdims=True)
            past, w = w, v - 4 / (1 + 0.05 * step) * (p - one_hot).T @ z / 100
            iterates.append(w)
        expected = np.mean(iterates[1:], axis=0)
        np.testing.assert_allclose(classifier.coef_[0], expected[1, :4] - expected[0, :4], atol=2e-2)
        np.testing.assert_allclose(classifier.intercept_[0], expected[1, 4] - expected[0, 4], atol=2e-2)

    def test_in_pipelines_searches_and_copies(self):
        x, y = load_iris(return_X_y=True)
        pipeline = make_pipeline(StandardScaler(), small(whitening=False))
        search = GridSearchCV(pipeline, {"encryptedclassifier__max_iter": [1, 2]}, cv=2, error_score="raise").fit(x, y)
        self.assertGreater(search.best_score_, 0.7)
        again = pickle.loads(pickle.dumps(search.best_estimator_))
        # A set of parameters in the place of its name goes along.
        by_set = clone(small(parameters=blindtuner.ParameterSet.named("InsecureTest10")))
        for other in (by_set, pickle.loads(pickle.dumps(by_set))):
            self.assertEqual(other.parameters.digest, blindtuner.ParameterSet.named("InsecureTest10").digest)
        GridSearchCV(by_set, {"max_iter": [1]}, cv=2, error_score="raise").fit(x, y)
        self.assertTrue((again.predict(x) == search.predict(x)).all())

    def test_keys_and_data_go_with_the_call(self):
        x, y = load_iris(return_X_y=True)
        with tempfile.TemporaryDirectory() as folder:
            classifier = small(max_iter=1, folder=folder).fit(x, y)
            self.assertEqual(os.listdir(folder), [])
            self.assertNotIn(b"keys", pickle.dumps({k: v for k, v in vars(classifier).items() if k != "report_"}))
            for wrong in ({"configuration": {"batch_size": -1}}, {"head": "none"}, {"whitening": -1.0},
                          {"class_weight": "even"}, {"class_weight": {"0": 100}}, {"class_weight": {7: 2}},
                          {"class_weight": [1, 1, 1]}, {"score_range": np.nan}, {"score_range": 0}, {"batch_size": 0}, {"max_iter": 0},
                          {"learning_rate": 0}, {"learning_rate": -1}, {"learning_rate": np.nan}, {"validation_fraction": -1}, {"validation_every": -1},
                          {"head": ""}, {"softmax": ""}, {"preset": "none"}, {"random_state": -1},
                          {"server": lambda task: 1 / 0}):
                with self.subTest(wrong), self.assertRaises((ValueError, RuntimeError, ZeroDivisionError)):
                    small(folder=folder, **wrong).fit(x, y)
            with self.assertRaises(blindtuner.DataError):
                small(folder=folder, whitening=False, unchecked=True).fit(x * 10000, y)
            # Times, of which single precision keeps steps of 128 seconds.
            with self.assertRaisesRegex(blindtuner.DataError, "column 1: values near 1.7e\\+09 that vary by .* single precision keeps steps of 128"):
                small(folder=folder).fit(x + [0, 1.7e9, 0, 0], y)
            # Numbers that are one in double precision, and may be what tells the classes apart.
            large = np.column_stack([y, 2**60 + y])
            mixed = [[half, whole] for half, whole in zip((y + 0.5).tolist(), large[:, 1].tolist())]
            for values in (large, large.tolist(), large.astype(np.uint64), large.astype(object), mixed,
                           np.array(mixed, object)):
                with self.assertRaisesRegex(blindtuner.DataError, "column 1: double precision makes its whole numbers beyond 2\\^53 one"):
                    small(folder=folder).fit(values, y)
            # Texts, dates, and what a mask hides, of all of which numpy makes numbers.
            hidden = np.arange(len(x)) == 3
            for values in (x.astype(str), x.astype(str).astype(object), x.astype("S").astype(object), x.astype("M8[s]"),
                           x.astype("M8[s]").astype(object), np.ma.array(x, mask=np.broadcast_to(hidden[:, None], x.shape)),
                           [np.ma.array(row, mask=np.full(4, hide)) for row, hide in zip(x, hidden)]):
                with self.assertRaisesRegex(ValueError, "features: some are .*: expected a number each|features: some are masked"):
                    small(folder=folder).fit(values, y)
            for labels, validation in ((np.ma.array(y, mask=hidden), None), (y, (x, np.ma.array(y, mask=hidden)))):
                with self.assertRaisesRegex(ValueError, "labels: some are masked"):
                    small(folder=folder).fit(x, labels, validation=validation)
            with self.assertRaisesRegex(ValueError, "validation: the label 'x' is none of"):
                small(folder=folder).fit(x, y, validation=(x[:3], ["x", "y", "x"]))
            self.assertEqual(os.listdir(folder), [])

    def test_what_a_killed_process_left_goes_with_the_next_call(self):
        with tempfile.TemporaryDirectory() as folder, scratch(folder) as others:
            subprocess.run([sys.executable, "-c", f"""
import os, sys
sys.path[:] = {sys.path!r}
import numpy as np
from blindtuner import EncryptedClassifier
EncryptedClassifier(1, preset="fast", parameters="InsecureTest10", batch_size=16, validation_fraction=0, folder={folder!r},
                    server=lambda task: os._exit(9)).fit(np.eye(16, 4), np.arange(16) % 2)"""], timeout=300)
            left = set(os.listdir(folder)) - {others.name}
            self.assertEqual(len(left), 1)
            self.assertTrue((Path(folder) / left.pop() / "run" / "keys" / "secret.key").exists())
            (Path(folder) / "blindtuner-mine").mkdir()
            with scratch(folder) as own:
                self.assertEqual(set(os.listdir(folder)), {others.name, own.name, "blindtuner-mine"})

    def test_a_relative_folder_is_where_it_was_when_the_call_began(self):
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        x, y = load_iris(return_X_y=True)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("keys", "elsewhere"):
                os.mkdir(os.path.join(folder, name))
            os.chdir(folder)
            moved = small(max_iter=1, folder="keys", progress=lambda task, done: os.chdir(os.path.join(folder, "elsewhere"))).fit(x, y)
            self.assertEqual(moved.n_iter_, 1)
            self.assertEqual(sorted(os.listdir(folder)), ["elsewhere", "keys"])
            for name in ("keys", "elsewhere"):
                self.assertEqual(os.listdir(os.path.join(folder, name)), [])
            os.chdir(here)

    def test_bars_that_cannot_be_drawn_end_nothing(self):
        from tqdm.auto import tqdm
        full = io.TextIOWrapper(open("/dev/full", "wb", 0), write_through=True)
        with full, contextlib.redirect_stderr(full), bars(True) as told:
            for fraction in (0, 0.5, 1):
                told("training", fraction)
            # Nor does its thread wait for a lock that nobody gives back, and the process for that thread.
            free = []

            def ask():
                for lock in tqdm.get_lock().locks:
                    free.append(lock.acquire(False))
                    if free[-1]:
                        lock.release()
            other = threading.Thread(target=ask)
            other.start()
            other.join()
            self.assertEqual(free, [True, True])
        closed = io.StringIO()
        closed.close()
        with contextlib.redirect_stderr(closed), bars(None) as told:
            self.assertIsNone(told)

    def test_random_state_gives_the_order_of_samples(self):
        x, y = load_iris(return_X_y=True)
        one, again, other = (small(configuration={"batch_size": 32, "steps": 2, "learning_rate": 1},
                                   max_iter=None, random_state=state).fit(x, y).coef_ for state in (0, 0, 1))
        np.testing.assert_allclose(again, one, rtol=1e-2, atol=1e-2)
        self.assertGreater(np.abs(other - one).max(), 0.1)

    def test_scores_beyond_the_circuits_range(self):
        x, y = load_iris(return_X_y=True)
        diverging = {"max_iter": 1, "learning_rate": 40}
        with self.assertRaisesRegex(blindtuner.DataError, "beyond the 24 that the circuit .* stands"):
            small(**diverging).fit(x, y)
        with self.assertWarnsRegex(RangeWarning, "the model may have learnt anything") as warned:
            small(unchecked=True, **diverging).fit(x, y)
        self.assertEqual(warned.filename, __file__)

    def test_ctrl_c_ends_it_in_the_clear_and_on_ciphertexts(self):
        x, y = load_iris(return_X_y=True)
        for at in ("trying settings in the clear", "training in the clear", "training on ciphertexts"):
            def told(task, fraction):
                if task == at:
                    signal.raise_signal(signal.SIGINT)
            with self.subTest(at), tempfile.TemporaryDirectory() as folder:
                with self.assertRaises(KeyboardInterrupt):
                    small(preset="auto", folder=folder, progress=told).fit(x, y)
                self.assertEqual(os.listdir(folder), [])

    def test_a_fit_that_does_not_end_leaves_the_classifier_as_it_was(self):
        x, y = load_iris(return_X_y=True)
        old, new = np.array(["cat", "dog", "fox"])[y], np.array(["red", "green", "blue"])[y]

        def interrupted(task):
            raise KeyboardInterrupt

        classifier = small(max_iter=1).fit(x, old)
        state, predicted = pickle.dumps(classifier), classifier.predict(x)
        for settings, error in (({"server": interrupted}, KeyboardInterrupt), ({"learning_rate": 40}, blindtuner.DataError),
                                ({"batch_size": 0}, ValueError)):
            for labels in (new, new == "red"):
                with self.subTest(settings, labels=set(labels)), self.assertRaises(error):
                    classifier.set_params(**settings).fit(x[:, :3], labels)
                self.assertEqual(classifier.predict(x).tolist(), predicted.tolist())
                with self.assertRaises(error):
                    fresh = clone(classifier)
                    fresh.fit(x, labels)
                with self.assertRaises(NotFittedError):
                    fresh.predict(x)
            classifier = pickle.loads(state)
        with warnings.catch_warnings(), self.assertRaises(RangeWarning):
            warnings.simplefilter("error", RangeWarning)
            classifier.set_params(unchecked=True, learning_rate=40).fit(x, new)
        self.assertEqual(classifier.predict(x).tolist(), predicted.tolist())

    def test_tells_how_far_it_is(self):
        tasks = {}
        x, y = load_iris(return_X_y=True)
        small(max_iter=2, progress=lambda task, fraction: tasks.setdefault(task, []).append(fraction)).fit(x, y)
        self.assertLessEqual({"training in the clear", "making keys", "encrypting", "training on ciphertexts"}, set(tasks))
        for task, told in tasks.items():
            self.assertEqual(told, sorted(told), task)

    def test_frames_of_pandas_and_polars(self):
        x, y = load_iris(return_X_y=True)
        names = np.array(["setosa", "versicolor", "virginica"])[y]
        columns = {f"petal {i}": x[:, i] for i in range(4)}
        expected = small().fit(x, names)
        for module in ("pandas", "polars"):
            with self.subTest(module):
                try:
                    frames = __import__(module)
                except ImportError:
                    self.skipTest(f"{module} is not there")
                classifier = small().fit(frames.DataFrame(columns), frames.Series(names))
                self.assertEqual(classifier.classes_.tolist(), expected.classes_.tolist())
                np.testing.assert_allclose(classifier.coef_, expected.coef_, rtol=1e-2, atol=1e-2)
                self.assertGreater(classifier.score(frames.DataFrame(columns), frames.Series(names)), 0.85)


    def test_what_is_no_number_in_frames_of_pandas_and_polars(self):
        when, days = [datetime.datetime(2020, 1, 1 + i % 9) for i in range(20)], [datetime.date(2020, 1, 1 + i % 9) for i in range(20)]
        texts, y = [str(i) for i in range(20)], np.arange(20) % 2
        for module in ("pandas", "polars"):
            with self.subTest(module):
                try:
                    frames = __import__(module)
                except ImportError:
                    self.skipTest(f"{module} is not there")
                columns = {"moments": when, "days": days, "spans": [at - when[0] for at in when], "texts": texts}
                if module == "pandas":
                    columns["categories"] = frames.Categorical(texts)
                else:
                    columns["categories"] = frames.Series(texts, dtype=frames.Categorical)
                    columns["hours"] = [at.time() for at in when]
                for name, column in columns.items():
                    frame = frames.DataFrame({"x": np.arange(20.0), name: column})
                    for call in (small().fit, lambda x, y: blindtuner.Whitening.fit(x)):
                        with self.subTest(module, column=name), self.assertRaisesRegex(blindtuner.DataError, "is no number"):
                            call(frame, y)
                frame = frames.DataFrame({"x": np.arange(20.0), "whole": np.arange(20) % 7, "true": np.arange(20) % 3 == 1})
                whitening = blindtuner.Whitening.fit(frame)
                self.assertEqual(whitening.features, 3)
                self.assertEqual(whitening.apply(frame).shape, (20, 3))
                with self.assertRaisesRegex(blindtuner.DataError, "expected those of the whitening, in its order: .'x', 'whole', 'true'"):
                    whitening.apply(frame[["whole", "x", "true"]])
                if module == "pandas":  # which takes numbers and tuples for names, too
                    for names in ([0, 1, 2], [2001, 2002, 2003], [("a", "x"), ("a", "y"), ("b", "x")]):
                        called = frame.set_axis(names, axis=1)
                        fitted = blindtuner.Whitening.fit(called)
                        np.testing.assert_array_equal(fitted.apply(called), whitening.apply(frame))
                        np.testing.assert_array_equal(fitted.apply(frame), whitening.apply(frame))
                        with self.assertRaisesRegex(blindtuner.DataError, "expected those of the whitening, in its order"):
                            fitted.apply(called[names[::-1]])


def clouds(samples, seed):
    """Four that overlap, the second rare."""
    random = np.random.default_rng(seed)
    y = random.choice(4, samples, p=[0.4, 0.06, 0.3, 0.24])
    return (random.normal(size=(samples, 6)) + 1.5 * np.eye(4, 6)[y]).astype(np.float32), y


class AsTheCommand(unittest.TestCase):
    """The same settings and seed: the same order and hold-out, the same training in the clear bit for bit, and the same
    model up to the errors of encryption."""

    def finetune(self, folder, x, y, *arguments):
        np.savez(folder / "train.npz", features=x, labels=y)
        np.savez(folder / "test.npz", features=x[:40], labels=y[:40])
        done = subprocess.run(
            [OWNER, "finetune", "--features", folder / "train.npz", "--test-features", folder / "test.npz", "--out",
             folder / "out", "--server", SERVER, "--parameters", "InsecureTest10", "--allow-insecure-parameters", "--quiet",
             *arguments], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        with np.load(folder / "out" / "model.npz") as model:
            return json.loads((folder / "out" / "report.json").read_text()), model["weights"], model["bias"].ravel()

    def check(self, arguments, tolerance=1e-4, **settings):
        x, y = clouds(400, 1)
        with tempfile.TemporaryDirectory() as folder:
            report, weights, bias = self.finetune(Path(folder), x, y, "--seed", "5", *arguments)
        classifier = EncryptedClassifier(random_state=5, parameters="InsecureTest10", progress=False, **settings).fit(x, y)
        own = classifier.report_
        for field in ("config", "softmax", "way", "epsilon", "balance", "seed", "steps", "samples", "batch"):
            self.assertEqual(own[field], report[field], field)
        self.assertEqual([r["plain"] for r in classifier.rounds_], [r["plain"] for r in report["rounds"]])
        self.assertEqual([r["steps"] for r in classifier.rounds_], [r["steps"] for r in report["rounds"]])
        self.assertEqual(own.get("choice", {}).get("way"), report.get("choice", {}).get("way"))
        self.assertEqual(classifier.n_iter_, report["steps"])
        np.testing.assert_allclose(classifier.coef_, weights, atol=tolerance)
        np.testing.assert_allclose(classifier.intercept_, bias, atol=tolerance)
        return classifier

    def test_by_default(self):
        classifier = self.check(["--steps", "4"], max_iter=4)
        self.assertGreater(len(classifier.rounds_), 1)
        self.assertEqual(len(classifier.report_["choice"]["trials"]), 7)

    def test_with_balance_and_settings(self):
        even = self.check(["--preset", "fast", "--steps", "3", "--balanced", "1", "--validation-fraction", "0.2",
                           "--learning-rate", "1.5", "--batch", "64", "--patience", "1", "--no-whiten"],
                          preset="fast", max_iter=3, class_weight="balanced", validation_fraction=0.2, learning_rate=1.5,
                          batch_size=64, patience=1, whitening=False)
        # The same by a dictionary, which says it in numbers.
        x, y = clouds(400, 1)
        settings = even.get_params()
        kept = 400 - even.report_["validation"]["samples"]
        self.assertEqual(even.report_["samples"], kept)
        settings["class_weight"] = dict(enumerate(1 / np.bincount(y)))
        by_numbers = EncryptedClassifier(**settings).fit(x, y)
        np.testing.assert_allclose(by_numbers.intercept_, even.intercept_, atol=5e-2)

    def test_of_every_head(self):
        x, y = clouds(400, 1)
        for head in ("sigmoid", "squared"):
            with self.subTest(head):
                classifier = self.check(["--preset", "fast", "--steps", "2", "--head", head], preset="fast", max_iter=2,
                                        head=head)
                shares = classifier.predict_proba(x)
                np.testing.assert_allclose(shares.sum(axis=1), 1)
                self.assertGreaterEqual(shares.min(), 0)
                self.assertGreater(np.mean(classifier.classes_[shares.argmax(axis=1)] == classifier.predict(x)), 0.99)
        for weight in ("balanced", {0: 2.0}):
            with self.assertRaisesRegex(blindtuner.DataError, "logarithms of odds"):
                classifier.set_params(class_weight=weight).fit(x, y)

    def test_a_validation_set_of_its_own_stops_it(self):
        x, y = clouds(300, 2)
        other = clouds(100, 3)
        classifier = small(max_iter=6, patience=1, learning_rate=12, unchecked=True, validation_fraction=None).fit(
            x, y, validation=other)
        self.assertEqual(classifier.report_["validation"]["samples"], 100)
        self.assertEqual(classifier.report_["samples"], 300)
        losses = [r["loss"] for r in classifier.rounds_]
        best = int(np.argmin(losses))
        self.assertEqual(classifier.n_iter_, classifier.rounds_[best]["steps"])
        with self.assertRaisesRegex(ValueError, "the label 9 is none of the training set.s"):
            small().fit(x, y, validation=(other[0], other[1] + 9))

    def test_somebody_elses_server(self):
        x, y = load_iris(return_X_y=True)
        seen = []

        def server(task):
            context = blindtuner.Context(allow_insecure=True)
            training = blindtuner.Server.load(task.evaluation_keys, context).train(
                task.data, task.options, validation=task.validation, exchange=task.exchange)
            training.run(waiting=lambda round_, fraction: task.answer())
            training.save_model(task.model)
            seen.append((task, sorted(p.name for p in Path(task.data).parent.iterdir())))

        classifier = small(server=server, validation_fraction=0.2).fit(x, y)
        (task, files), = seen
        self.assertGreater(classifier.score(x, y), 0.85)
        self.assertIn("keys", files)
        with self.assertRaisesRegex(RuntimeError, "is over"):
            task.answer()


if __name__ == "__main__":
    main()
