"""The parties of a study of several owners (docs/STUDY.md), in a notebook's manners."""
import asyncio
import contextlib
import json
import operator
import threading
import time
import warnings

import numpy as np

from . import _core
from .progress import bars
from .samples import numbers, require_unmasked

_PAUSE = 0.1  # seconds between looks at the exchange


class _CalledOff(BaseException):
    """Ends a phase, in the thread that computes it, whose awaiting was cancelled."""


class _Party:
    """What owners and the server have in common: steps, and waiting for the others."""

    def __init__(self, core):
        self._held = core

    @property
    def _core(self):
        if self._held is None:
            raise _core.ContractError("was closed")
        return self._held

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __reduce_ex__(self, protocol):
        raise TypeError(f"a {type(self).__name__} is not pickled or copied: it is made anew from its folder")

    def close(self):
        """Lets others, as the command line, work on the folder. What was done stays."""
        self._held = None

    def status(self):
        """What `step` would do, or for whom it waits, and since when: a `StudyStatus`. Changes nothing."""
        return self._core.status()

    @property
    def fingerprint(self):
        """What owners read to each other over the telephone, 64 digits in groups of 4; None before all have joined."""
        return self.status().fingerprint or None

    def _ended(self, status, deadline):
        own = [awaited["from"] == status.party for awaited in status.awaits]
        return status.state == "finished" or (status.state == "waits" and (
            (own and all(own)) or (deadline is not None and time.monotonic() >= deadline)))

    def run(self, wait=None, *, progress=None):
        """Does whatever is due, and waits for the others, until nothing is left to do or it waits for its own operator alone.

        wait : seconds after which it no longer waits for others; 0: it does what is due; None: for ever.
        progress : as `EncryptedClassifier` has it."""
        deadline = None if wait is None else time.monotonic() + wait
        with bars(progress) as told:
            while True:
                status = self.step(progress=told)
                if self._ended(status, deadline):
                    return status
                if status.state == "waits":
                    time.sleep(_PAUSE)

    async def run_async(self, wait=None, *, progress=None):
        """`run` for `await`: the event loop goes on meanwhile, and several parties may run in it at once. Cancelled, it ends
        within the phase that it is in, which the next run does again."""
        deadline = None if wait is None else time.monotonic() + wait
        with bars(progress) as told:
            while True:
                status = await self._step_async(told)
                if self._ended(status, deadline):
                    return status
                if status.state == "waits":
                    await asyncio.sleep(_PAUSE)

    async def _step_async(self, told):
        loop, called_off = asyncio.get_running_loop(), threading.Event()

        def tell(task, fraction):
            if called_off.is_set():
                raise _CalledOff
            if told:
                loop.call_soon_threadsafe(told, task, fraction)

        step = loop.run_in_executor(None, lambda: self.step(progress=tell))
        try:
            return await asyncio.shield(step)
        except asyncio.CancelledError:
            called_off.set()
            with contextlib.suppress(BaseException):
                await step
            raise


class StudyServer(_Party):
    """The server of a study: it adds up the owners' keys and trains, and can read nothing of theirs.

    folder : its own.
    exchange : the folder that owners and server reach.
    context : a `Context`; None: one of its own.
    """

    def __init__(self, folder, exchange, *, context=None):
        super().__init__(_core.StudyServer.serve(folder, exchange, context=context))

    def __repr__(self):
        return "<blindtuner.StudyServer>"

    def step(self, *, progress=None):
        """Does the next phase, if it waits for nothing. progress : function of a task and how much of it is done."""
        return self._core.step(progress=progress)


class Study(_Party):
    """One owner's part in a study of several, who train one classifier together and show their rows to nobody: as the
    command `blindtuner study` does it, on the same folders and records, so that some owners may take the one and some the
    other, or one after the other. `create`, `join` and `resume` give one.

    While it is being run it works on its folder alone; `close` (or `with`) lets others.

    What leaves this machine leaves by `step` and `run`, into the exchange: names, public keys, the settings and the number of
    rows in the clear, and where whitening is pooled the largest power of two in each column; features, labels and
    statistics encrypted; shares, by which all owners together open the statistics' sum and the model. What was decrypted leaves
    the folder by `open` and `report_`. docs/STUDY.md lists all of it.
    """

    def __init__(self, core):
        if not isinstance(core, _core.Study):
            raise TypeError("a Study is made by create, join or resume")
        super().__init__(core)

    def __repr__(self):
        return "<blindtuner.Study>"

    @classmethod
    def create(cls, folder, exchange, owner, *, name, owners, classes, columns, column_names=(), labels="",
               identifiers=False, threshold=0, recipient=None, recipient_alone=False, configuration=None, softmax="default",
               score_range=0.0, whitening=None, epsilon=0.01, encoder=None,
               parameters="", validate_every=0, patience=3, passphrase=None, context=None):
        """Writes down what the study is, as its coordinator, and joins it. All of it is seen by all, and by whoever reaches the
        exchange.

        folder : of this owner alone.
        exchange : folder that all owners and the server reach.
        owner : this owner's name, one of `owners`.
        name : what the study is called.
        owners : names of all, 2 to 16.
        classes : their names.
        columns : how many every owner has; with `labels` a list of one for each owner.
        column_names : of all owners' tables, in order; or none.
        labels : where owners have different columns of the same rows, the owner who has the labels.
        identifiers : with `labels`, rows are matched by identifiers; else they are the same ones in one order.
        threshold : how many owners open the model; 0: all. Any so many of them and the server together can then read
            everything.
        recipient : name of somebody who is no owner and gets the model: joins, agrees and opens as owners do, and contributes
            nothing. Owners seal their shares for it; where whitening is pooled it learns the pooled means and covariances, too.
        recipient_alone : the model is for the recipient, and owners do not open it.
        configuration, softmax, score_range : of the training, as `TrainingOptions` has them.
        whitening : "none", "pooled" by the statistics of all rows, or a file with a map that all owners have. By default
            "pooled" for three owners or more; two would each know the other's statistics, and have none.
        epsilon : of "pooled".
        encoder : file of the encoder that all use.
        parameters : name of a parameter set; by the number of owners.
        validate_every : every so many steps each owner says, by its scores of a tenth of its rows, about 100 at most, whether the
            model is better than the one kept so far: a bit, which all see. 0: never.
        patience : rounds that most do not find better, after which the training stops.
        passphrase : of this owner's secrets.
        context : a `Context`; None: one of its own."""
        plan = _core.StudyPlan()
        for names in (owners, classes, column_names):
            if isinstance(names, str):  # whose letters would be names
                raise TypeError(f"expected a list of names, not {names!r}")
        if patience != 3 and not validate_every:
            raise ValueError("patience counts rounds of validation, of which there are none without validate_every")
        plan.name, plan.owners, plan.classes = name, list(owners), [str(c) for c in classes]
        plan.columns = [operator.index(c) for c in ([columns] if np.ndim(columns) == 0 else columns)]
        plan.column_names, plan.labels = list(column_names), labels
        plan.identifiers, plan.threshold = identifiers, threshold
        plan.recipient, plan.recipient_alone = recipient or "", recipient_alone
        plan.options = _core.TrainingOptions(configuration, softmax, score_range)
        plan.whitening, plan.epsilon, plan.parameters = "" if whitening is None else str(whitening), epsilon, parameters
        plan.validate_every, plan.patience = validate_every, patience
        if encoder is not None:
            plan.encoder = encoder
        return cls(_core.Study.create(folder, exchange, owner, plan, passphrase=passphrase, context=context,
                                      warning=_warn, note=_warn))

    @classmethod
    def join(cls, folder, exchange, owner, *, passphrase=None, context=None):
        """Joins the study that is, or will be, in the exchange."""
        return cls(_core.Study.join(folder, exchange, owner, passphrase=passphrase, context=context, warning=_warn,
                                    note=_warn))

    @classmethod
    def resume(cls, folder, *, exchange=None, passphrase=None, context=None):
        """One that was created or joined before, here or by the command line. exchange : where it is now, if it has
        moved."""
        return cls(_core.Study.resume(folder, exchange=exchange, passphrase=passphrase, context=context))

    @property
    def owner(self):
        """This owner's name."""
        return self._core.owner

    @property
    def plan(self):
        """What was agreed on, as a dict; None before it is there."""
        return json.loads(self._core.agreed() or "null")

    def agree(self, fingerprint):
        """Tells what the other owners have read out as their `fingerprint`, once: all digits, with or without blanks
        between. Do not pass this one's own: that somebody stands between them shows here and nowhere else."""
        self._core.agree(fingerprint)

    def contribute(self, X, y=None, *, test=None, identifiers=(), whitening=None, class_numbers=False):
        """This owner's rows and their classes. They stay in memory until it is time to encrypt them, and are needed again by
        a study that is resumed. Unless whitening is pooled they are trained on in the clear first, as `blindtuner study run` does
        before there are keys: DataError where that leaves the range of the circuit. Columns that give the label away, and what else
        may be amiss with rows to train on, are warned of as there. Rows have no groups here; what a command has held
        out by groups (`validate_every`) stays held out.

        X : rows x columns; of a data frame those that the study names, in its order. Where it names none, this frame's names
            are its columns': the test's and later frames are put in their order, and owners of others are told.
        y : the classes' names, or None for an owner of columns without labels.
        test : (X, y) that nobody trains on, by which the model is judged.
        identifiers : of rows, where the study matches them: of a row without one the empty one, None or NaN.
        whitening : file of the map, where the study names one.
        class_numbers : labels are places among the study's classes, from 0."""
        names = (self.plan or {}).get("column_names", [])
        own = [] if names else _names_of(X)
        names = names or own

        def labels_of(y):
            if y is None:
                return None
            require_unmasked(y, "labels", "one a row")
            y = np.asarray(y)
            if class_numbers or y.ndim != 1:
                return y  # which the library refuses where they are none
            return self._core.class_numbers([str(word) for word in y.tolist()])

        X, y = _rows_of(X, names), labels_of(y)
        test_x, test_y = (None, None) if test is None else (_rows_of(test[0], names), labels_of(test[1]))
        self._core.contribute(X, y, test_x=test_x, test_y=test_y, whitening=whitening,
                              identifiers=_words(identifiers), column_names=own,
                              warning=lambda text: warnings.warn(text, stacklevel=3))

    def step(self, *, progress=None):
        """Does the next phase, if it waits for nothing. progress : function of a task and how much of it is done."""
        return self._core.step(progress=progress, warning=_warn, note=_warn)

    def go_on_without(self, *owners):
        """Once the keys are there: goes on without these `owners`, who are away for good, as soon as all others have said the
        same (a study with a threshold, of rows)."""
        self._core.go_on_without(list(owners))

    def begin_session(self):
        """Gives up the keys that are being made, for an owner that has vanished, and makes others."""
        self._core.begin_session()

    def open(self):
        """The model of all rows, once it is there: an `EncryptedClassifier` that was fitted. That of owners with different
        columns is for none of them alone: ValueError; `save_partial_scores` and `combine_scores` use it."""
        from .classifier import EncryptedClassifier
        report = self.report_
        model = EncryptedClassifier.load(self._core.model_file())
        model.report_ = {**report, **model.report_}
        model.n_iter_ = report["steps"]
        return model

    @property
    def report_(self):
        """What the model is like on this owner's test rows, or its own, and what it gets from its own alone: the command's
        report.json. There once the model is."""
        return json.loads(self._core.open_report())

    def save_partial_scores(self, file, X, *, identifiers=()):
        """Writes this owner's part of the scores of new rows, where owners have different columns: all parts together are their
        scores. Whoever has it learns as many linear functions of each row's columns as there are classes.

        file : .npz, for the owner who adds up.
        X, identifiers : as `contribute` has them."""
        self._core.save_partial_scores(file, _rows_of(X, self._core.column_names()), identifiers=_words(identifiers))

    def combine_scores(self, X, parts, *, identifiers=()):
        """Scores of this owner's new rows by all owners' columns: `scores, rows`. `scores.values` is rows x classes; `rows` says which
        of X they are of, those that all owners have. Classes are `np.array(plan["classes"])[scores.values.argmax(axis=1)]`.

        parts : files that the other owners have made with `save_partial_scores`. `made_` says when, a signed time by owner
            ("": an earlier version's part does not say): whoever carries a part can put an earlier one in its place."""
        scores, rows, self.made_ = self._core.combine_scores(_rows_of(X, self._core.column_names()), list(parts),
                                                             identifiers=_words(identifiers))
        return scores, rows

    def ledger(self):
        """What left under this owner's secret, and what it can have told: a `Ledger`."""
        return self._core.ledger()


def _words(identifiers):
    return ["" if _is_missing(word) else str(word).strip() for word in identifiers]


def _is_missing(word):
    """As data frames and masked arrays have it: None, NaN, NaT, NA, masked."""
    if word is None or word is np.ma.masked:
        return True
    try:
        return bool(word != word)
    except TypeError:  # pandas' NA is neither
        return True


def _names_of(X):
    """Of a data frame whose columns have some; those that are counted have none."""
    names = list(getattr(X, "columns", []))
    return names if all(isinstance(name, str) for name in names) else []


def _warn(text):
    warnings.warn(text, stacklevel=4)


def _rows_of(X, names):
    """Columns by name, as the command puts a table's in order."""
    X = numbers(X)
    if names and hasattr(X, "columns"):
        there = [str(column) for column in X.columns]
        if sorted(there) != sorted(names):
            missing, other = sorted(set(names) - set(there)), sorted(set(there) - set(names))
            raise _core.DataError(f"columns {there[:20]} are not those that the study has: missing {missing[:20]}, not of it {other[:20]}")
        X = X[[X.columns[there.index(name)] for name in names]]
    return X if isinstance(X, np.ndarray) else np.asarray(X)
