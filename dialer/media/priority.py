"""What the media process asks of the kernel, so that no other program's work is heard.

Its disk threads are real-time, too, one step below the clock: they share the interpreter's lock with it, and
one that held it while an ordinary program had its core would hold up the clock.
"""

from __future__ import annotations

import logging
import os
import resource
from pathlib import Path

log = logging.getLogger("dialer.media")


def ask_for_files() -> None:
    """A call takes three: RTP, RTCP and the recording. The usual soft limit of 1024 would end at 340."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def ask_for_priority(niceness: int) -> None:
    """For this process, and for its session where the kernel shares CPU time by session (autogroup)."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
        Path("/proc/self/autogroup").write_text(str(niceness))
    except OSError as error:
        log.info("no higher priority", extra={"reason": error.strerror})


def ask_for_real_time(priority: int) -> None:
    """For the calling thread; 0: nothing. Threads that it starts are ordinary until they ask, too.

    The kernel's guard against real-time programs that run away stays on; control's watchdog is ours.
    """
    if priority == 0:
        return
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except OSError as error:
        log.info("no real-time priority", extra={"reason": error.strerror})
