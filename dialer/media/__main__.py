"""The media process: ``python -m dialer.media FD``, FD being the control socket. Started by ``plane``."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import time

from dialer.media import protocol as p
from dialer.media.priority import ask_for_files, ask_for_priority, ask_for_real_time
from dialer.media.worker import Worker


def main(argv: list[str]) -> int:
    """Serve until control closes its end. Exit code 0 then, 2 where not started by ``plane``."""
    # Control ends calls before it ends us, by EOF: Ctrl-C and a service manager's SIGTERM go to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if len(argv) != 2 or not argv[1].isdecimal():
        print("dialer.media is started by the dialer itself, not by hand", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    control = socket.socket(fileno=int(argv[1]))
    try:
        command = _first_command(control)
    except (p.ProtocolError, OSError) as error:
        print(f"dialer.media: no configuration from control: {error}", file=sys.stderr)
        return 2
    ask_for_files()
    ask_for_priority(command.config.niceness)
    ask_for_real_time(command.config.realtime_priority)
    control.setblocking(False)
    clock, sleep = time.monotonic, time.sleep  # noqa: TID251 - the one place that hands them in
    worker = Worker(control, command.config, clock, sleep, os.urandom, os.getppid)
    # The disk threads must not keep the clock from the interpreter for the default 5 ms.
    sys.setswitchinterval(0.001)
    control.sendall(p.encode(p.Done(command.id)))
    # A full collection takes tens of ms, longer than a frame. What is loaded by now lives for ever, and the
    # loop's own garbage has no cycles: freeze the first, leave the rest to reference counts and idle times.
    gc.collect()
    gc.freeze()
    gc.disable()
    worker.run()
    return 0


def _first_command(control: socket.socket) -> p.Configure:
    splitter = p.Splitter()
    while True:
        data = control.recv(65536)
        if not data:
            raise p.ProtocolError("control closed at once")
        for body in splitter.feed(data):
            command = p.decode_command(body)
            if not isinstance(command, p.Configure):
                raise p.ProtocolError("the first command must be Configure")
            return command


if __name__ == "__main__":
    sys.exit(main(sys.argv))
