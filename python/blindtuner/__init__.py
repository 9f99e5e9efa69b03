"""Classifiers trained on encrypted data, by a server that cannot read it.

`EncryptedClassifier` is the short way, in scikit-learn's manners, and `FeatureExtractor` makes features of pictures and
texts for it. `Owner` and `Server` are the two parties, each of
whom has a machine of its own in real use; they exchange files.
A study of several owners who train together has `Study` and `StudyServer`.
"""
from . import _core
from ._core import (
    Context,
    ContractError,
    DataError,
    FinetuningOptions,
    FinetuningOutcome,
    KeysInfo,
    Ledger,
    LinearModel,
    Owner,
    ParameterSet,
    PictureEncoder,
    PublishedModel,
    PublishedScores,
    Scores,
    SecurityError,
    Server,
    ServerTask,
    StudyPlan,
    StudyStatus,
    TextEncoder,
    Training,
    TrainingOptions,
    UntrustedResult,
    ValidationResult,
    Whitening,
    __version__ as __version__,
    default_configuration,
    finetune,
)

# What needs numpy or scikit-learn, and where it is: that takes seconds to import, and owners and servers do without it.
_LATER = {"EncryptedClassifier": "classifier", "RangeWarning": "classifier", "FeatureExtractor": "extractor",
          "EncodedSet": "extractor", "Study": "study", "StudyServer": "study"}
# Written out, for type checkers read it and nothing else.
__all__ = [
    "EncryptedClassifier", "RangeWarning", "FeatureExtractor", "EncodedSet", "Study", "StudyServer",
    "Context", "ContractError", "DataError", "FinetuningOptions", "FinetuningOutcome", "KeysInfo", "Ledger",
    "LinearModel", "Owner", "ParameterSet", "PictureEncoder", "PublishedModel", "PublishedScores", "Scores",
    "SecurityError", "Server", "ServerTask", "StudyPlan", "StudyStatus", "TextEncoder", "Training", "TrainingOptions",
    "UntrustedResult", "ValidationResult", "Whitening", "default_configuration", "finetune",
]

TYPE_CHECKING = False  # which type checkers take for true
if TYPE_CHECKING:
    from .classifier import EncryptedClassifier, RangeWarning
    from .extractor import EncodedSet, FeatureExtractor
    from .study import Study, StudyServer

# What messages and help show is what is imported.
for _name in __all__[len(_LATER):]:
    getattr(_core, _name).__module__ = __name__


def __getattr__(name):
    if name in _LATER:
        from importlib import import_module
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
