"""A classifier in scikit-learn's manners, trained on ciphertexts."""
import copy
import json
import warnings
from collections.abc import Mapping
from numbers import Real

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.extmath import softmax
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError("EncryptedClassifier needs scikit-learn: pip install 'blindtuner[sklearn]'") from error

from . import _core, interchange
from .progress import bars
from .samples import numbers, require_unmasked
from .scratch import scratch

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # before scikit-learn 1.6
    def validate_data(estimator, *data, **options):
        return estimator._validate_data(*data, **options)


_WHOLE = ("_weights", "_bias")  # a row a class, of two classes, too
_PRECISIONS = [np.float64, np.float32]  # what single precision does not hold of the former is refused


def _places(labels, classes, none):
    """Of each label the place of its class. none : what is said of one that has none."""
    places = {c: place for place, c in enumerate(classes.tolist())}
    labels = labels.tolist() if isinstance(labels, np.ndarray) else labels
    for label in labels:
        if label not in places:
            raise ValueError(none.format(label))
    return np.array([places[label] for label in labels])


class RangeWarning(UserWarning):
    """The model is not trusted: scores were larger than its circuit stands, or it is not what the same training in the
    clear gives. It may have learnt anything."""


def serve(task, context, progress=None):
    """The server's part of a run (`ServerTask`), in this process."""
    training = _core.Server.load(task.evaluation_keys, context).train(
        task.data, task.options, validation=task.validation, exchange=task.exchange)
    done = 1.0 / training.steps

    def told(step, fraction):
        if progress:
            progress("training on ciphertexts", min((step + fraction) * done, 0.999))

    training.run(told, waiting=lambda round_, fraction: task.answer())
    training.save_model(task.model)


class EncryptedClassifier(ClassifierMixin, BaseEstimator):
    """A linear classifier, trained on encrypted samples.

    `fit` is the command `blindtuner finetune`: it tries settings in the clear, makes keys in a private temporary folder,
    whitens and encrypts the samples, has the server's library train on the ciphertexts, with rounds of validation,
    decrypts the model, holds it against the same training in the clear, and removes the folder, which of a process that
    was killed the next `fit` removes. Both parties are in
    this process: it shows what comes out of encrypted training, at the price it has. Where the server is somebody
    else, `server` is a function that has it do its part, or the steps are taken one by one by `Owner` and `Server`.

    Settings that are None are the preset's. The same settings and seed give what the command gives, up to the errors
    of encryption.

    Parameters
    ----------
    max_iter : steps of training at most.
    preset : "auto", chosen by training in the clear on parts of the samples; "fast", "thorough", "paper"
        (docs/TRAINING.md).
    learning_rate, batch_size, l2 : of a step.
    configuration : dict of all of a training's settings, in the place of the preset's, as --config.
    whitening : whether features are whitened, or the eps of it.
    head : what is trained for: "softmax", "sigmoid" (every class against all others), "squared" (least squares).
    softmax : family of circuits: "default", "guaranteed" or "wide" (larger scores, more time).
    score_range : magnitude of scores that the circuit is to stand, 1 to 10^4.
    validation_fraction : share of every class that is held out for early stopping; 0: none, all steps are done.
        None: a tenth, 3000 samples at most, or 0 where no class has so many.
    patience : rounds of validation without a smaller loss before training stops.
    validation_every : steps between them; 0: a pass over the data.
    class_weight : as --balanced, after training: "balanced" makes classes of different sizes count alike, a number from
        0 to 1 does so in part, "auto" finds it on held-out parts; a dict gives each class's weight.
    unchecked : train though the same steps in the clear leave the circuit's range, which is an error otherwise.
    parameters : name of a parameter set, or a ParameterSet. Sets below 128 bits, whose names contain "Insecure", are taken:
        no ciphertext leaves the process.
    server : function of a ServerTask; None: this process does the server's part.
    folder : where the temporary folder is made, which takes gigabytes; None: the system's place.
    threads : 0: all.
    progress : function of a task and how much of it is done; True, False: bars by tqdm or none; None: bars on a
        terminal and in a notebook, where tqdm is installed.
    random_state : a number: the command's --seed, of the samples' order and of what is held out; 0 keeps their order.
        None: fresh and secret. Encryption is never repeated, so that results differ in their last digits.

    Attributes
    ----------
    classes_, coef_, intercept_, n_features_in_ : as scikit-learn's linear classifiers have them.
    n_iter_ : steps that made the model.
    rounds_ : of validation, one dict each: steps, loss, accuracy, max_logit.
    report_ : what the command's report says of the run: settings, the choice of them, seconds, judgement.
    """

    def __init__(self, max_iter=None, *, preset="auto", learning_rate=None, batch_size=None, l2=None,
                 configuration=None, whitening=None, head=None, softmax=None, score_range=None,
                 validation_fraction=None, patience=3, validation_every=None, class_weight=None, unchecked=False,
                 parameters="Standard", server=None, folder=None, threads=0, progress=None, random_state=None):
        self.max_iter = max_iter
        self.preset = preset
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.l2 = l2
        self.configuration = configuration
        self.whitening = whitening
        self.head = head
        self.softmax = softmax
        self.score_range = score_range
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.validation_every = validation_every
        self.class_weight = class_weight
        self.unchecked = unchecked
        self.parameters = parameters
        self.server = server
        self.folder = folder
        self.threads = threads
        self.progress = progress
        self.random_state = random_state

    def _options(self):
        """All but what depends on the classes."""
        options = _core.FinetuningOptions()
        options.preset = self.preset
        options.configuration = self.configuration
        for name, value, least in (("max_iter", self.max_iter, 1), ("batch_size", self.batch_size, 1), ("score_range", self.score_range, 1),
                                   ("validation_every", self.validation_every, 0),
                                   ("validation_fraction", self.validation_fraction, 0)):
            if value is not None and not value >= least:
                raise ValueError(f"{name}: {value}, expected a number from {least}")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise ValueError(f"learning_rate: {self.learning_rate}, expected a number above 0")
        for field, value in (("steps", self.max_iter), ("learning_rate", self.learning_rate), ("batch", self.batch_size),
                             ("head", self.head), ("softmax", self.softmax), ("range", self.score_range),
                             ("validation_fraction", self.validation_fraction),
                             ("validation_every", self.validation_every)):
            setattr(options, field, value)
        options.l2, options.patience, options.unchecked = self.l2, self.patience, self.unchecked
        if self.whitening is None or isinstance(self.whitening, (bool, np.bool_)):
            options.whitened = None if self.whitening is None else bool(self.whitening)
        else:
            options.epsilon = self.whitening
        options.parameters = self.parameters
        if self.random_state is None:
            options.seed = ""
        elif isinstance(self.random_state, np.random.RandomState):
            options.seed = str(check_random_state(self.random_state).randint(2**31))
        else:
            options.seed = str(self.random_state)
        return options

    def _weigh(self, options, classes):
        weight = self.class_weight
        if weight is None:
            options.balance = 0.0
        elif isinstance(weight, str):
            if weight not in ("balanced", "auto"):
                raise ValueError(f"class_weight: {weight!r}, expected 'balanced', 'auto', a number or a dict")
            options.balance = 1.0 if weight == "balanced" else None
        elif isinstance(weight, Real):
            options.balance = float(weight)
        elif isinstance(weight, Mapping):
            _places(list(weight), classes, "class_weight: {!r} is no class of the training set's")
            options.class_weights = [float(weight.get(c, 1.0)) for c in classes.tolist()]
        else:
            raise ValueError(f"class_weight: {weight!r}, expected 'balanced', 'auto', a number or a dict")

    def fit(self, X, y, *, validation=None):
        """Trains on ciphertexts. What ends it by an exception leaves the classifier as it was.

        validation : samples and labels for early stopping, (X, y), in the place of a part of the training set."""
        trained = copy.copy(self)
        trained._train(X, y, validation)
        vars(self).pop("feature_names_in_", None)  # which the new samples may not have
        vars(self).update({name: value for name, value in vars(trained).items() if name.endswith("_") or name in _WHOLE})
        return self

    def _train(self, X, y, validation):
        require_unmasked(y, "labels", "one a sample")
        X, y = validate_data(self, numbers(X), y, dtype=_PRECISIONS, order="C")
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("training needs samples of two classes at least, and all are of one class: "
                             f"{self.classes_[0]!r}")
        options = self._options()
        self._weigh(options, self.classes_)
        held = {}
        if validation is not None:
            require_unmasked(validation[1], "validation: labels", "one a sample")
            held_x, held_y = validate_data(self, numbers(validation[0]), validation[1], dtype=_PRECISIONS, order="C", reset=False)
            places = _places(held_y, self.classes_, "validation: the label {!r} is none of the training set's")
            held = {"validation_x": held_x, "validation_y": places}
        context = _core.Context(threads=self.threads, allow_insecure=True)
        with scratch(self.folder) as folder, bars(self.progress) as told:
            outcome = _core.finetune(
                X, labels, folder / "run", self.server or (lambda task: serve(task, context, told)), options=options,
                context=context, progress=told, warning=lambda text: warnings.warn(text, stacklevel=4), **held)
        self.report_ = json.loads(outcome.report)
        self.rounds_ = self.report_["rounds"]
        if not outcome.trusted:
            warnings.warn("; ".join(outcome.problems) + ": the model may have learnt anything; fewer steps, a lower "
                          "learning rate or softmax='wide' keep scores in range", RangeWarning, stacklevel=3)
        model = outcome.model
        self.coef_, self.intercept_ = self._weights, self._bias = model.weights, model.bias
        if len(self.classes_) == 2:  # one row, as scikit-learn's classifiers have
            self.coef_, self.intercept_ = np.diff(self.coef_, axis=0), np.diff(self.intercept_)
        self.n_iter_ = model.steps

    def decision_function(self, X):
        """Scores of every class, a row a sample; of two classes how much larger the second's is."""
        check_is_fitted(self)
        X = validate_data(self, numbers(X), dtype=_PRECISIONS, reset=False)
        scores = X @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X):
        """Of softmax, what was trained for. Of the other heads, whose predictions are each class's for itself: their
        shares of the sum, after least squares cut to 0 to 1. Models that `from_sklearn` takes have none where
        scikit-learn's have none."""
        check_is_fitted(self)
        interchange.require_probabilities(self)
        X = validate_data(self, numbers(X), dtype=_PRECISIONS, reset=False)
        scores = X @ self._weights.T + self._bias
        head = self.report_["config"].get("head", "softmax")
        if head == "softmax":
            return softmax(scores)
        if head == "sigmoid":
            shares = 1 / (1 + np.exp(-scores))
        else:
            shares = np.clip(scores, 0, 1)
            none = shares.sum(axis=1) == 0
            shares[none, scores[none].argmax(axis=1)] = 1
        return shares / shares.sum(axis=1, keepdims=True)

    def predict(self, X):
        """The class with the largest score."""
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]

    def to_sklearn(self):
        """A model of scikit-learn's with the same scores: LogisticRegression, OneVsRestClassifier of it where the head is
        sigmoid (of two classes with half the score, which has the same probabilities), RidgeClassifier where it is squared."""
        check_is_fitted(self)
        return interchange.to_sklearn(self)

    @classmethod
    def from_sklearn(cls, model, **settings):
        """What `fit` would leave, of a linear classifier of scikit-learn's that was fitted in the clear, with the same columns and
        scores (twice those of a OneVsRestClassifier of two classes, and twice those of two classes by a LogisticRegression that is
        "multinomial", of every class within a OneVsRestClassifier). Probabilities it has of LogisticRegression,
        OneVsRestClassifier of that and SGDClassifier's log_loss, the same ones.

        ValueError: the model is no such classifier, as SVC of three classes, one row for every pair, or one of several labels a
        sample."""
        return interchange.from_sklearn(cls(**settings), model)

    @classmethod
    def load(cls, path, **settings):
        """What `fit` would leave, of a model.npz of the command line."""
        return interchange.load(cls(**settings), path)

    def to_onnx(self, path=None, *, encoder=None, layer=None):
        check_is_fitted(self)
        return interchange.to_onnx(self, path, encoder=encoder, layer=layer)

    def to_safetensors(self, path, *, encoder=None, layer=None):
        check_is_fitted(self)
        interchange.to_safetensors(self, path, encoder=encoder, layer=layer)

    to_onnx.__doc__ = interchange.to_onnx.__doc__
    to_safetensors.__doc__ = interchange.to_safetensors.__doc__
