"""Classifiers trained on encrypted data, by a server that cannot read it.

`EncryptedClassifier` is the short way, in scikit-learn's manners. `Owner` and `Server` are the two parties, each of
whom has a machine of its own in real use; they exchange files.
"""
from . import _core
from ._core import (
    Context,
    ContractError,
    DataError,
    KeysInfo,
    Ledger,
    LinearModel,
    Owner,
    ParameterSet,
    PublishedModel,
    PublishedScores,
    Scores,
    SecurityError,
    Server,
    Training,
    TrainingOptions,
    UntrustedResult,
    Whitening,
    __version__,
    default_configuration,
)

__all__ = ["EncryptedClassifier", "RangeWarning"] + [
    name for name in dir(_core) if not name.startswith("_")]

# What messages and help show is what is imported.
for _name in __all__[2:]:
    getattr(_core, _name).__module__ = __name__


def __getattr__(name):
    # scikit-learn takes seconds to import, and owners and servers do without it.
    if name in ("EncryptedClassifier", "RangeWarning"):
        from . import classifier
        return getattr(classifier, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
