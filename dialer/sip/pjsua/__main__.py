"""The PJSIP process: ``python -m dialer.sip.pjsua FD``, FD being the control socket. Started by ``process``.

It may run in another interpreter than the daemon's: one that has PJSIP's bindings and msgspec.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

from dialer.sip.pjsua import protocol as p

_FIRST_WORD_S = 10.0


def main(argv: list[str]) -> int:
    """Serve until control closes its end. Exit code 2 where not started by the daemon."""
    # Control ends calls before it ends us, by EOF: Ctrl-C and a service manager's SIGTERM go to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if len(argv) != 2 or not argv[1].isdecimal():
        print("dialer.sip.pjsua is started by the dialer itself, not by hand", file=sys.stderr)
        return 2
    control = socket.socket(fileno=int(argv[1]))
    try:
        configure = _first_command(control)
    except (p.ProtocolError, OSError) as error:
        print(f"dialer.sip.pjsua: no configuration from control: {error}", file=sys.stderr)
        return 2
    # PJSIP writes SIP messages with telephone numbers to standard output before its log level is set.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        from dialer.sip.pjsua import engine
    except ImportError as error:
        return _unable(control, f"PJSIP's Python bindings (pjsua2) can't be loaded: {error}")
    clock = time.monotonic  # noqa: TID251 - the one place that hands it in
    try:
        ua = engine.Engine(control, configure, clock)
    except engine.StartError as error:
        return _unable(control, str(error))
    ua.run()
    # PJSIP's own end takes a second, and Python's destructors run after it: nothing is left to save.
    os._exit(0)


def _unable(control: socket.socket, reason: str) -> int:
    control.sendall(p.encode(p.Unable(reason)))
    return 1


def _first_command(control: socket.socket) -> p.Configure:
    splitter = p.Splitter()
    control.settimeout(_FIRST_WORD_S)
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
