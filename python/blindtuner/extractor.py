"""Features of pictures and texts, in scikit-learn's manners."""
import contextlib
import os
import warnings
import weakref
from collections import namedtuple
from pathlib import Path

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
except ImportError as error:
    raise ImportError("FeatureExtractor needs scikit-learn: pip install 'blindtuner[sklearn]'") from error

from . import _core

EncodedSet = namedtuple("EncodedSet", ["X", "y", "names", "classes"])
EncodedSet.__doc__ = """Features of a set that lies in files.

X : features, a row a sample.
y : labels by name; None where there are none.
names : of the samples: paths, lines of a table.
classes : names of classes, in order; None without labels.
"""

_PART = 512  # pictures: whole batches of the library's 64

# Encoders that somebody uses: copies of an extractor, as a search makes many, share theirs.
_loaded: "weakref.WeakValueDictionary" = weakref.WeakValueDictionary()


def _files_of(model):
    """What tells the model's files, weights and settings, from those that are put in their place: they lie beside the name that
    was given, or beside the file that it leads to."""
    model = os.fspath(model)
    led_to = os.path.realpath(model)
    found = []

    def add(path):
        with contextlib.suppress(OSError):  # which loading says better
            s = os.stat(path)
            found.append((path, s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns))

    add(led_to)
    for place in {led_to} if os.path.isdir(led_to) else {os.path.realpath(os.path.dirname(model)), os.path.dirname(led_to)}:
        for folder, inner, names in os.walk(place, followlinks=True):
            if folder != place or "modules.json" not in names:  # a sentence encoder's modules are one below
                inner.clear()
            for name in names:
                if name.endswith((".safetensors", ".json", ".txt")):
                    add(os.path.join(folder, name))
    return tuple(sorted(set(found)))


def _is_path(x):
    return isinstance(x, (str, os.PathLike))


class FeatureExtractor(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What a pretrained transformer makes of pictures or texts: the features of the command `extract`, bit for bit.

    Nothing is learnt from samples, so `transform` does without `fit`. The model's files are read by `fit`, or else by the first
    call that needs them, and are not looked at again until the next `fit`. Samples are

    - a set that lies in files: one path, of a folder with a folder for every class, of a table of paths or texts, of an
      .npz archive or IDX (docs/DATA.md). `load` gives its labels as well;
    - pictures: arrays of bytes (height x width x 3, or height x width), all in one array or a sequence of them; PIL's
      pictures; paths of files (pathlib's), files' bytes;
    - texts: a sequence of strings, a series, or a frame of one column.

    Iterators, of which nothing is left once they were looked at, are refused.

    Parameters
    ----------
    model : a pretrained encoder: .safetensors, the index of a sharded one, or a folder (docs/ENCODERS.md).
    kind : "pictures" or "texts"; None: as the samples are, where strings are texts.
    pooling : which tokens become features: "model", "class", "mean", "last4", several joined by "+".
    image_size : pixels a side that the model reads; None: as its settings say.
    cache : folder of features that were computed before; None: none are kept.
    on_error : "fail" or "skip": what files of a set are that cannot be read. `transform` keeps every sample.
    threads : 0: all.
    """

    def __init__(self, model, *, kind=None, pooling="model", image_size=None, cache=None, on_error="fail", threads=0):
        self.model = model
        self.kind = kind
        self.pooling = pooling
        self.image_size = image_size
        self.cache = cache
        self.on_error = on_error
        self.threads = threads

    def fit(self, X=None, y=None):
        """Loads the model, as its files are now."""
        kind = self._kind(X)
        encoder = self._encoder(kind, anew=True)
        self.kind_, self._n_features_out = kind, encoder.width
        return self

    def transform(self, X):
        """Features of samples, a row each."""
        kind = self._kind(X)
        encoder = self._encoder(kind)
        if _is_path(X):
            if self.on_error != "fail":
                raise ValueError("transform() has a row for every sample; load() can leave some out (on_error)")
            return self._read(encoder, kind, X)[0]
        if kind == "texts":
            return encoder.encode(_texts(X), warning=_warn)
        parts = [encoder.encode(part, warning=_warn) for part in _pictures(X)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def load(self, files, *, classes=None, labels=None, root=None, split="", text_column="", label_column=""):
        """Features and labels of a set that lies in files, as an EncodedSet.

        classes : names of classes in order, as another set has them.
        labels, root, split : of pictures: a file of labels beside IDX or .npz; the folder of a table's paths; NAME in
            NAME_images of an .npz.
        text_column, label_column : of a table of texts: names, or numbers from 1.
        """
        if self.on_error not in ("fail", "skip"):
            raise ValueError(f"on_error: {self.on_error!r}, expected 'fail' or 'skip'")
        kind = self._kind(files)
        settings = {"labels": labels, "root": root, "split": split} if kind == "pictures" else {
            "text_column": text_column, "label_column": label_column}
        X, names, numbers, known = self._read(self._encoder(kind), kind, files, classes=list(classes or []), **settings)
        y = None if numbers is None else np.array(known)[numbers]
        return EncodedSet(X, y, names, known)

    def _read(self, encoder, kind, files, **settings):
        if kind == "pictures":
            settings["skip_unreadable"] = self.on_error == "skip"
        return encoder.encode_files(Path(files), warning=_warn, **settings)

    def _kind(self, X):
        if self.kind not in (None, "pictures", "texts"):
            raise ValueError(f"kind: {self.kind!r}, expected 'pictures', 'texts' or None")
        if self.kind is not None:
            return self.kind
        if X is None:
            raise ValueError("no samples that say what they are: give kind='pictures' or 'texts'")
        if _is_path(X):
            if Path(X).is_dir() or Path(X).name.endswith((".npz", ".idx", ".idx.gz", "-ubyte", "-ubyte.gz")):
                return "pictures"
            raise ValueError(f"{os.fspath(X)!r}: a table may be of either: give kind='pictures' or 'texts'; texts "
                             "themselves come in a list")
        if isinstance(X, np.ndarray) and X.dtype.kind not in "OU":
            return "pictures"
        return "texts" if all(isinstance(x, str) for x in _column(X)) else "pictures"

    def _encoder(self, kind, anew=False):
        settings = {"pooling": self.pooling, "cache": self.cache and Path(self.cache)}
        if kind == "pictures":
            settings["image_size"] = self.image_size or 0
        # The process: a fork can do nothing with the encoders of the one that it came from.
        asked = (os.getpid(), kind, os.fspath(self.model), self.threads, *sorted(settings.items()))
        kept, encoder = getattr(self, "_kept", (None, None))
        if anew or kept != asked:
            key = (*asked, _files_of(self.model))
            encoder = _loaded.get(key)
            if encoder is None:
                load = (_core.PictureEncoder if kind == "pictures" else _core.TextEncoder).load
                encoder = _loaded[key] = load(Path(self.model), context=_core.Context(threads=self.threads), warning=_warn,
                                              **settings)
            self._kept = asked, encoder
        return encoder

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_kept", None)  # read anew from the model's files
        return state

    def __sklearn_is_fitted__(self):
        return True

    def _more_tags(self):
        return {"stateless": True, "requires_fit": False, "X_types": ["string", "3darray"]}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = tags.input_tags.three_d_array = True
        return tags


def _warn(text):
    warnings.warn(text, stacklevel=4)


def _column(X):
    """The samples of a list, a series, an array of objects, or a frame of one column."""
    if hasattr(X, "__next__"):
        raise ValueError(f"samples in a {type(X).__name__}, of which nothing is left once they were looked at: give a list of them")
    columns = getattr(X, "columns", None)
    if columns is not None:
        if len(columns) != 1:
            raise ValueError(f"a frame of {len(columns)} columns, expected one of samples")
        X = X[columns[0]]
    if isinstance(X, np.ndarray):
        if X.size != len(np.atleast_1d(X)):
            raise ValueError(f"an array of {' x '.join(map(str, X.shape))} objects, expected one column of samples")
        X = X.ravel()
    return X


def _texts(X):
    texts = list(_column(X))
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"text {i}: a {type(text).__name__}, expected a string")
    return texts


def _pictures(X):
    """In parts: not all files of a long list are in memory at once."""
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OU":
        if X.ndim not in (3, 4):
            raise ValueError(f"an array of {X.ndim} dimensions, expected pictures x height x width (x 3)")
        return [X]
    X = list(_column(X))
    return ([_picture(x, i) for i, x in enumerate(X[begin:begin + _PART], begin)]
            for begin in range(0, max(1, len(X)), _PART))


def _picture(x, place):
    if _is_path(x):
        return Path(x).read_bytes()
    if hasattr(x, "getexif") and hasattr(x, "convert"):  # PIL's
        from PIL import ImageOps
        if x.mode.startswith(("I", "F")):
            raise ValueError(f"picture {place}: of mode {x.mode}; give the file, of which it is known how bright it is")
        return np.asarray(ImageOps.exif_transpose(x).convert("RGB"))
    return x
