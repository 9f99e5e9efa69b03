"""A private folder for the length of a call."""
import contextlib
import fcntl
import os
import platform
import shutil
import tempfile
from pathlib import Path

_PREFIX, _LOCK = "blindtuner-", ".at-work.lock"


def _machine():
    """Where a folder is shared, another machine's locks may not be seen from here."""
    identity = Path("/etc/machine-id")
    return f"{platform.node()} {identity.read_text().strip() if os.access(identity, os.R_OK) else ''}\n"


def _lock(folder):
    """Says in `folder`, as long as the descriptor that comes back is open, that somebody is at work; whoever sees the lock sees it
    held. None where there are no locks: such a folder is nobody else's to remove."""
    file = os.path.join(folder, _LOCK)
    try:
        lock = os.open(file + ".new", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        os.write(lock, _machine().encode())
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.rename(file + ".new", file)
        return lock
    except OSError:
        os.close(lock)
        return None


def _remove_left(place):
    """Removes what processes of this user and machine that were killed have left."""
    for folder in Path(place).glob(_PREFIX + "*"):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if os.read(lock, 1000) == _machine().encode():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


@contextlib.contextmanager
def scratch(place=None):
    """A folder that is removed at the end, or where the process is killed by the next call in that place. place : where it is
    made; None: the system's."""
    place = Path(tempfile.gettempdir() if place is None else place).absolute()  # wherever the process goes meanwhile
    _remove_left(place)
    lock = None
    try:
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place) as folder:
            lock = _lock(folder)
            yield Path(folder)
    finally:
        if lock is not None:
            os.close(lock)
