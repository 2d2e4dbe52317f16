"""One process at a time: a lock on a file, which ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from dialer.errors import ConfigError, DialerError


@contextmanager
def only_one(file: Path, taken: Callable[[str], DialerError], *, remove: bool = False) -> Iterator[None]:
    """Holds ``file``, whose folder is there; ``remove``: no file is left.

    Raises what ``taken`` makes of the holder's process number ("?" where it isn't known), ConfigError where
    the file can't be opened or locked.
    """
    with _opened(file) as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise taken(held.read().strip() or "?") from None
        except OSError as error:
            raise _unusable(file, error) from error
        if not _named(file, held):  # its holder removed it since: whoever comes now holds another
            raise taken("?")
        _tell(held, str(os.getpid()))
        try:
            yield
        finally:
            with suppress(OSError):  # its disk may be gone: the lock ends all the same
                if remove:
                    file.unlink()
                _tell(held, "")


def _opened(file: Path) -> IO[str]:
    """For reading only where another user's process made it, as a rule root's: local disks lock that, too."""
    try:
        return open(file, "a+", encoding="ascii", opener=_readable)
    except OSError as error:
        if isinstance(error, PermissionError):
            with suppress(OSError):
                return open(file, encoding="ascii")
        raise _unusable(file, error) from error


def _named(file: Path, held: IO[str]) -> bool:
    try:
        return os.path.samestat(os.stat(file), os.fstat(held.fileno()))
    except FileNotFoundError:
        return False


def _readable(file: str, flags: int) -> int:
    """Also by the others who may enter its folder, whatever the umask."""
    number = os.open(file, flags, 0o644)
    with suppress(OSError):  # another's, or on a disk that knows no modes
        os.fchmod(number, 0o644)
    return number


def _tell(held: IO[str], process: str) -> None:
    if held.writable():
        held.truncate(0)
        held.write(process)
        held.flush()


def _unusable(file: Path, error: OSError) -> ConfigError:
    return ConfigError(f"can't be locked: {error.strerror}: is it, or its folder, another user's?", str(file))
