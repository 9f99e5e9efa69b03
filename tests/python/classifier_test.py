"""EncryptedClassifier: scikit-learn's own checks of an estimator, and what comes out of it.

usage: classifier_test.py BUILT [unittest arguments]; exits with 77 where the package was not built or scikit-learn is
not there. Test parameters throughout, of a second a fit.
"""
import os
import pickle
import sys
import tempfile
import unittest
import warnings

if sys.argv[1] != "1":
    print("skipped: the Python package was not built (pybind11-dev, python3-dev, python3-numpy)")
    sys.exit(77)
import numpy as np

try:
    import sklearn.utils.estimator_checks as checks
except ImportError:
    print("skipped: scikit-learn is not there (python3-sklearn)")
    sys.exit(77)
from sklearn.datasets import load_iris, make_blobs
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import blindtuner
from blindtuner import EncryptedClassifier, RangeWarning

# Not one of them is left out without its reason.
NOISE = "no two encryptions are the same, so that results of two fits differ in their last digits"
SKIPPED = {
    "check_fit_idempotent": NOISE,
}


def small(**settings):
    return EncryptedClassifier(**{"max_iter": 3, "parameters": "InsecureTest10", "random_state": 0, **settings})


def every_check(estimator):
    if hasattr(checks, "estimator_checks_generator"):  # since scikit-learn 1.6
        return checks.estimator_checks_generator(estimator)
    return checks.check_estimator(estimator, generate_only=True)


class Estimator(unittest.TestCase):
    def test_passes_scikit_learns_checks(self):
        done = []
        for estimator, check in every_check(small(max_iter=1)):
            name = getattr(check, "func", check).__name__
            if name in SKIPPED:
                continue
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
        classifier = small(whitening=None).fit(x, y)
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
        pipeline = make_pipeline(StandardScaler(), small(whitening=None))
        search = GridSearchCV(pipeline, {"encryptedclassifier__max_iter": [1, 2]}, cv=2, error_score="raise").fit(x, y)
        self.assertGreater(search.best_score_, 0.7)
        again = pickle.loads(pickle.dumps(search.best_estimator_))
        self.assertTrue((again.predict(x) == search.predict(x)).all())

    def test_keys_and_data_go_with_the_call(self):
        x, y = load_iris(return_X_y=True)
        with tempfile.TemporaryDirectory() as folder:
            classifier = small(max_iter=1, folder=folder).fit(x, y)
            self.assertEqual(os.listdir(folder), [])
            self.assertNotIn(b"keys", pickle.dumps(vars(classifier)))
            with self.assertRaises(blindtuner.DataError):
                small(folder=folder, configuration={"batch_size": -1}).fit(x, y)
            with self.assertRaises(blindtuner.DataError):
                small(folder=folder, whitening=None).fit(x * 10000, y)
            self.assertEqual(os.listdir(folder), [])

    def test_settings_reach_the_training(self):
        x, y = load_iris(return_X_y=True)
        options, batch = small(learning_rate=0.5, batch_size=32, l2=0.1, configuration={"momentum": 0.2})._options()
        for field in ('"learning_rate": 0.5', '"batch_size": 32', '"l2": 0.1', '"momentum": 0.2', '"steps": 3'):
            self.assertIn(field, options.configuration)
        self.assertEqual(batch, 32)
        slow, fast = (small(max_iter=1, learning_rate=rate).fit(x, y) for rate in (0.5, 1))
        np.testing.assert_allclose(fast.coef_, 2 * slow.coef_, rtol=1e-2, atol=1e-2)

    def test_random_state_gives_the_order_of_samples(self):
        x, y = load_iris(return_X_y=True)
        one, again, other = (small(batch_size=32, random_state=state).fit(x, y).coef_ for state in (0, 0, 1))
        np.testing.assert_allclose(again, one, rtol=1e-2, atol=1e-2)
        self.assertGreater(np.abs(other - one).max(), 0.1)

    def test_scores_beyond_the_circuits_range_are_warned_of(self):
        x, y = load_iris(return_X_y=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error", RangeWarning)
            small(max_iter=1).fit(x, y)
            with self.assertRaisesRegex(RangeWarning, "the circuit stands 16"):
                small(max_iter=1, learning_rate=40).fit(x, y)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
