"""What is taken for features and labels, here and in the compiled part: numpy makes numbers of texts and times, and takes what a
mask hides."""
import datetime
import re
from numbers import Number

import numpy as np

from . import _core

_NO_NUMBERS = (str, bytes, datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64, np.flexible)
# Of types that numpy does not know. What is missing is refused later.
_POLARS_NUMBERS = re.compile("U?Int[0-9]+|Float[0-9]+|Boolean|Decimal|Null")


def _is_masked(values):
    if isinstance(values, (list, tuple)):
        return any(map(_is_masked, values))
    return isinstance(values, np.ma.MaskedArray) and bool(np.ma.is_masked(values))


def require_unmasked(values, what, expected):
    """DataError where a mask hides some, of an array or of those in a list."""
    if _is_masked(values):
        raise _core.DataError(f"{what}: some are masked, expected {expected}")


def _is_number(kind):
    """Of a type of numpy's, pandas' or polars'; None: that depends on the values."""
    if type(kind).__module__.startswith("polars"):
        return None if str(kind) == "Object" else bool(_POLARS_NUMBERS.match(str(kind)))
    of_numpy = getattr(kind, "kind", "O")
    return None if of_numpy == "O" else of_numpy in "fiubc"


def _require_told_apart(values, column):
    """DataError where whole numbers of a column differ and are one in double precision, as in a table."""
    values = np.asarray(values)
    if values.dtype.kind == "O":
        values = [value for value in values.flat if isinstance(value, Number) and value == value]
    elif values.dtype.kind not in "iu":
        return
    if len(values) == 0:
        return
    try:
        least, most = (min(values), max(values)) if isinstance(values, list) else (values.min(), values.max())
        one = least != most and float(least) == float(most)
    except (TypeError, OverflowError):
        return  # Are refused later.
    if one:
        raise _core.DataError(f"features: column {column}: double precision makes its whole numbers beyond 2^53 one: "
                              "subtract an offset first, such as the smallest value, from all sets alike, or leave the "
                              "column out")


def numbers(X):
    """X, a frame, or what an array can be made of, if it has numbers alone; what is missing passes."""
    require_unmasked(X, "features", "a number each")
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        kinds = list(X.dtypes)
    else:
        try:
            array = np.asarray(X)
        except (TypeError, ValueError) as error:
            raise _core.DataError("features: no array of numbers can be made of them") from error
        kinds = [array.dtype]
        if isinstance(X, (list, tuple)):
            # Of whole numbers beside others the array has doubles.
            exact = np.asarray(X, object) if array.dtype.kind == "f" else array
            X = array
        else:
            exact = array
    wrong = [kind for kind in kinds if _is_number(kind) is False]
    if not wrong and None in map(_is_number, kinds):
        wrong = [type(value).__name__ for value in np.asarray(X, object).flat if isinstance(value, _NO_NUMBERS)]
    if wrong:
        raise _core.DataError(f"features: some are of {wrong[0]}, which is no number: expected a number each")
    named = hasattr(X, "columns") and hasattr(X, "dtypes")
    for column, values in ((name, X[name]) for name in X.columns) if named else enumerate(np.atleast_2d(exact).T):
        _require_told_apart(values, column)
    return X
