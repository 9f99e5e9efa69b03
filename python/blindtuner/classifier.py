"""A classifier in scikit-learn's manners, trained on ciphertexts."""
import json
import tempfile
import warnings
from pathlib import Path

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.extmath import softmax
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError("EncryptedClassifier needs scikit-learn: pip install 'blindtuner[sklearn]'") from error

from . import _core

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # before scikit-learn 1.6
    def validate_data(estimator, *data, **options):
        return estimator._validate_data(*data, **options)


class RangeWarning(UserWarning):
    """Scores are larger than the circuit that trained the model stands, so it may have learnt anything."""


class EncryptedClassifier(ClassifierMixin, BaseEstimator):
    """Softmax regression, trained on encrypted samples.

    `fit` makes keys in a private temporary folder, whitens and encrypts the samples, has the server's library
    train on the ciphertexts, opens the model and removes the folder. Both parties are in this process: it shows
    what comes out of encrypted training, at the price it has. Where the server is somebody else, the same steps are
    `Owner`'s and `Server`'s.

    What `blindtuner finetune` does besides is left out: it tries settings in the clear first, rehearses the very steps
    for scores beyond the circuit's range, and stops early by a validation set. Here, the model's scores on its training set
    are held against that range (`RangeWarning`), and scikit-learn's searches find settings.

    Parameters
    ----------
    max_iter : steps of training, all of which are done.
    learning_rate, batch_size, l2 : of a step; None: the library's own (docs/TRAINING.md).
    configuration : dict of any other fields of a training's configuration.
    whitening : eps of the whitening, relative to the mean eigenvalue; None: features are encrypted as they are, and
        are to be of mean 0 and variance 1 or so.
    softmax : family of circuits: "default", "guaranteed" or "wide" (larger scores, more time).
    parameters : name of a parameter set, or a ParameterSet. Sets below 128 bits, whose names contain "Insecure", are taken:
        no ciphertext leaves the process.
    folder : where the temporary folder is made, which takes gigabytes; None: the system's place.
    threads : 0: all.
    random_state : of the samples' order, which is otherwise drawn anew. Encryption is never repeated, so that
        results differ in their last digits.

    Attributes
    ----------
    classes_, coef_, intercept_, n_iter_, n_features_in_ : as scikit-learn's linear classifiers have them.
    max_score_, score_range_ : largest magnitude of the model's scores on the training set, and what its circuit stands.
    """

    def __init__(self, max_iter=20, *, learning_rate=None, batch_size=None, l2=None, configuration=None,
                 whitening=0.01, softmax="default", parameters="Standard", folder=None, threads=0,
                 random_state=None):
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.l2 = l2
        self.configuration = configuration
        self.whitening = whitening
        self.softmax = softmax
        self.parameters = parameters
        self.folder = folder
        self.threads = threads
        self.random_state = random_state

    def _options(self):
        configuration = json.loads(_core.default_configuration(self.max_iter))
        for name in ("learning_rate", "batch_size", "l2"):
            if getattr(self, name) is not None:
                configuration[name] = getattr(self, name)
        configuration.update(self.configuration or {})
        return _core.TrainingOptions(configuration, self.softmax), configuration["batch_size"]

    def fit(self, X, y):
        X, y = validate_data(self, X, y, dtype=np.float32, order="C")
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("training needs samples of two classes at least, and all are of one class: "
                             f"{self.classes_[0]!r}")
        options, batch = self._options()
        self.score_range_ = options.score_range(len(self.classes_))
        context = _core.Context(threads=self.threads, allow_insecure=True)
        whitening = None if self.whitening is None else _core.Whitening.fit(X, self.whitening, context)
        samples = X if whitening is None else whitening.apply(X)
        order = np.arange(len(X))
        if self.random_state is not None:
            check_random_state(self.random_state).shuffle(order)
        with tempfile.TemporaryDirectory(prefix="blindtuner-", dir=self.folder) as name:
            folder = Path(name)
            data, trained = folder / "data.enc", folder / "model.enc"
            owner = _core.Owner.make_keys(
                folder / "keys", samples.shape[1], len(self.classes_), batch=min(batch, len(X)),
                parameters=self.parameters, context=context)
            owner.encrypt(samples[order], labels[order], data, mixed=self.random_state is None)
            training = _core.Server.load(owner.evaluation_keys, context).train(data, options)
            training.run()
            training.save_model(trained)
            model = owner.open_model(trained, options, data)
        self.max_score_ = float(np.abs(model.scores(samples)).max())
        if self.max_score_ > self.score_range_:
            warnings.warn(
                f"scores of {self.max_score_:.3g}, and the circuit stands {self.score_range_:.3g}: the model may "
                "have learnt anything; fewer steps, a lower learning rate or softmax='wide' keep it there",
                RangeWarning, stacklevel=2)
        if whitening is not None:
            model = whitening.unfold(model)
        self.coef_, self.intercept_ = model.weights, model.bias
        if len(self.classes_) == 2:  # one row, as scikit-learn's classifiers have
            self.coef_, self.intercept_ = np.diff(self.coef_, axis=0), np.diff(self.intercept_)
        self.n_iter_ = model.steps
        return self

    def decision_function(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        scores = X @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X):
        scores = self.decision_function(X)
        if scores.ndim == 1:
            scores = np.stack([np.zeros_like(scores), scores], axis=1)
        return softmax(scores)

    def predict(self, X):
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]
