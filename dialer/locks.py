"""One process at a time: a lock on a file, which ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dialer.errors import DialerError


@contextmanager
def only_one(file: Path, taken: Callable[[str], DialerError]) -> Iterator[None]:
    """Holds ``file``, whose folder is there. Raises what ``taken`` makes of the holder's process number."""
    with open(file, "a+", encoding="ascii") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise taken(held.read().strip() or "?") from None
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield
