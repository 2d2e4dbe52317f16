"""``python -m dialer.archive``: the worker process; the daemon starts it."""

from __future__ import annotations

import contextlib
import gc
import os
import signal

from dialer.archive.worker import serve


def main() -> None:
    # A terminal's Ctrl-C is the daemon's: it still has calls to seal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    with contextlib.suppress(EOFError, BrokenPipeError):
        serve(0, os.dup(1))


if __name__ == "__main__":
    main()
