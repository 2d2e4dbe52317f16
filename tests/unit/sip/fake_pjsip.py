"""Speaks the PJSIP process's protocol without PJSIP: ``fake_pjsip.py LOG MODE -m dialer.sip.pjsua FD``.

What it does with a call is in the last digit of the number; every command goes to LOG as one JSON line.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

import msgspec

from dialer.sip.pjsua import protocol as p

_HEAD = (
    "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKa\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\n"
    "Call-ID: c\r\nCSeq: 1 INVITE\r\n"
)
_SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"


def _message(first: str, headers: str = "", body: str = "") -> bytes:
    return f"{first}\r\n{_HEAD}{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def _place(command: p.Place) -> list[p.Event]:
    call, what = command.call, command.target.partition("@")[0][-1]
    placed: list[p.Event] = [p.Placed(call)]
    rings = p.Provisional(call, 180, _message("SIP/2.0 180 Ringing"))
    answers = p.Answered(call, _message("SIP/2.0 200 OK", body=_SDP))
    match what:
        case "1":
            return [*placed, p.Provisional(call, 100, b""), rings, answers]
        case "2":
            return [*placed, rings]
        case "3":
            reason = 'Reason: Q.850;cause=17;text="User busy"\r\nRetry-After: 7\r\n'
            return [*placed, p.Over(call, 486, "Busy", _message("SIP/2.0 486 Busy Here", reason))]
        case "4":
            return [p.NotPlaced(call, "PJSIP: no place")]
        case "6":
            return [*placed, p.Over(call, 408, "Timeout of 138 1234 5678", b"")]
        case "7":
            bye = _message("BYE sip:a@x SIP/2.0", "Reason: Q.850;cause=16\r\n")
            held = _SDP + "a=sendonly\r\n"
            return [*placed, answers, p.Offered(call, held), p.Key(call, "5"), p.Over(call, 200, "OK", bye)]
        case "8":
            os._exit(3)
        case "9":
            return [*placed, p.Answered(call, _message("SIP/2.0 200 OK"))]
    return placed


def main() -> None:
    log, mode, control = sys.argv[1], sys.argv[2], socket.socket(fileno=int(sys.argv[-1]))
    splitter = p.Splitter()
    control.settimeout(0.5)
    while True:
        try:
            data = control.recv(65536)
        except TimeoutError:
            control.sendall(p.encode(p.Pulse()))
            continue
        if not data:
            return
        for body in splitter.feed(data):
            command = p.decode_command(body)
            with open(log, "a") as file:
                kind = type(command).__name__
                fields = msgspec.structs.asdict(command)
                file.write(json.dumps({"kind": kind, "pid": os.getpid(), **fields}) + "\n")
            events: list[p.Event] = []
            match command:
                case p.Configure():
                    if mode == "unable":
                        events = [p.Unable("PJSIP's Python bindings (pjsua2) can't be loaded: none")]
                    elif mode == "garbage":
                        control.sendall(b"\x00\x00\x00\x01\xc1")
                    else:
                        events = [p.Ready("0", "127.0.0.1", 5099)]
                case p.Place():
                    events = _place(command)
                case p.HangUp():
                    events = [p.Over(command.call, 487, "Request Terminated", b"")]
                case p.Register() if mode == "barred":
                    events = [p.RegisterResult(command.registration, 403, "No 138-1234-5678", 0)]
                case p.Register():
                    events = [p.RegisterResult(command.registration, 200, "OK", command.expires_s)]
                case p.Unregister():
                    events = [p.RegisterResult(command.registration, 200, "OK", 0)]
                case p.Ask() if mode == "hang":
                    time.sleep(30)
                case p.Ask():
                    events = [p.AskResult(command.request, 405)]
            for event in events:
                control.sendall(p.encode(event))


main()
