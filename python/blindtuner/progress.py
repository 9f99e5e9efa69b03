"""How far a long call is, as tqdm draws it, where tqdm is installed and somebody looks."""
import contextlib
import sys
import warnings


class _Stream:
    """Another stream, but that what cannot be written, as on a full disk, is left out: it is no reason to end what is told of, and
    out of an error tqdm does not give back its lock, for which its own thread waits when the process ends."""

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self):
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class _Bars:
    """A function of a task and how much of it is done: a bar for each task."""

    def __init__(self, tqdm):
        self._tqdm, self._bar, self._stream = tqdm, None, _Stream(sys.stderr)

    def __call__(self, task, fraction):
        if self._bar is None or self._bar.desc != task:
            self.close()
            self._bar = self._tqdm(total=1.0, desc=task, leave=False, file=self._stream,
                                   bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed}<{remaining}")
            self._bar.desc = task  # without the colon that it adds
        self._bar.update(max(0.0, fraction - self._bar.n))

    def close(self):
        if self._bar is not None:
            bar, self._bar = self._bar, None
            bar.close()


def _tqdm():
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a notebook has no widgets
            from tqdm.auto import tqdm
        return tqdm
    except ImportError:
        return None


@contextlib.contextmanager
def bars(wanted):
    """What to tell of tasks. wanted: a function of a task and a fraction; True or False; None: on a terminal and in a
    notebook."""
    if callable(wanted):
        yield wanted
        return
    if wanted is None:
        wanted = sys.stderr is not None and not sys.stderr.closed and (sys.stderr.isatty() or "ipykernel" in sys.modules)
    drawn = _Bars(_tqdm()) if wanted and sys.stderr is not None and _tqdm() else None
    try:
        yield drawn
    finally:
        if drawn:
            drawn.close()
