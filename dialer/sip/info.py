"""DTMF keys in SIP INFO (RFC 6086 legacy usage): application/dtmf-relay and application/dtmf.

Neither body has a standard. dtmf-relay is two lines, ``Signal=5`` and ``Duration=160`` (milliseconds);
application/dtmf is the key alone, and some write a Signal line into it too.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from sipmessage import Request, Response

from dialer.errors import SipParseError
from dialer.sip.calls import Call, Calls, Inside, Phase
from dialer.sip.indialog import DialogClient
from dialer.sip.signals import KeySignalled, KeysSent

RELAY = "application/dtmf-relay"
PLAIN = "application/dtmf"
TYPES = (RELAY, PLAIN)
KEYS = "0123456789*#"
MAX_KEYS = 64
"""Keys that wait for one call; more are refused."""
_SIGNAL = re.compile(r"\s*signal\s*=\s*(\S+)\s*$", re.IGNORECASE | re.MULTILINE)
_NUMBERED = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D", "16": "!"}
"""Event codes of RFC 4733 3.2, which some write instead of the key's sign."""
_OTHERS = {**{letter: letter for letter in "ABCD"}, "!": "!", "HF": "!", "FLASH": "!"}


def read_key(body: bytes) -> str:
    """The key of an INFO body: one of 0-9 * # A-D, or ``!`` for a hook flash. Raises SipParseError."""
    text = body[:200].decode("ascii", "replace")
    match = _SIGNAL.search(text)
    said = (match[1] if match else text).strip().upper()
    said = _NUMBERED.get(said, said)
    if len(said) == 1 and said in KEYS:
        return said
    if said in _OTHERS:
        return _OTHERS[said]
    raise SipParseError("a DTMF body is Signal=KEY, with one of 0-9 * # A-D")


def write_key(content_type: str, key: str, duration_ms: int) -> bytes:
    """The body that sends ``key``."""
    return f"Signal={key}\r\nDuration={duration_ms}\r\n".encode() if content_type == RELAY else key.encode()


class KeyGuard:
    """One report for a key that the far end sends twice, by RFC 4733 and by INFO.

    Each INFO key is matched with at most one key of RTP with the same digit, before or after it,
    within ``window_s``; so a digit that is really pressed twice is reported twice, however the far
    end sends them, unless both ways disagree by more than the window.
    """

    def __init__(self, window_s: float = 1.0) -> None:
        self._window = window_s
        self._heard: list[tuple[str, float]] = []
        """Reported, of RTP so far as is known, and not matched yet."""
        self._told: list[tuple[str, float, bool]] = []
        """Keys of INFO that the media plane was told of, and whether it has reported them."""

    def signalled(self, digit: str, now: float) -> bool:
        """An INFO key came: whether the media plane must be told (it then reports it as heard)."""
        self._forget(now)
        for index, (known, _) in enumerate(self._heard):
            if known == digit:
                del self._heard[index]
                return False
        self._told.append((digit, now, False))
        return True

    def heard(self, digit: str, now: float) -> bool:
        """The media plane reports a key: whether it is news."""
        self._forget(now)
        for index, (known, at, reported) in enumerate(self._told):
            if known == digit and not reported:
                self._told[index] = (known, at, True)
                return True
        for index, (known, _, reported) in enumerate(self._told):
            if known == digit and reported:
                del self._told[index]
                return False
        self._heard.append((digit, now))
        return True

    def _forget(self, now: float) -> None:
        self._heard = [entry for entry in self._heard if now - entry[1] <= self._window]
        self._told = [entry for entry in self._told if now - entry[1] <= self._window]


@dataclass(slots=True)
class _Sending:
    content_type: str = RELAY
    waiting: deque[str] = field(default_factory=deque)
    busy: bool = False
    sent: int = 0


class InfoKeys:
    """Keys by INFO in both directions, over all calls."""

    def __init__(self, calls: Calls, client: DialogClient, duration_ms: int = 160) -> None:
        self._calls, self._client, self._duration_ms = calls, client, duration_ms
        self._sending: dict[int, _Sending] = {}
        calls.on_method("INFO", self._receive)
        calls.on_over(self._over)

    # --- in

    def _receive(self, inside: Inside) -> None:
        """415 for what isn't a key; a flash and A-D are taken and mean nothing here."""
        request = inside.request
        if request.headers.get("Info-Package"):
            # RFC 6086 5.2.2: we have announced none in Recv-Info.
            self._calls.reply(inside, 469, phrase="Bad Info Package", headers={"Recv-Info": ""})
            return
        if not request.body:
            self._calls.reply(inside, 200)
            return
        if _content_type(request) not in TYPES:
            self._calls.reply(inside, 415, headers={"Accept": ", ".join(TYPES)})
            return
        try:
            key = read_key(request.body)
        except SipParseError as error:
            self._calls.reply(inside, 400, phrase=str(error))
            return
        self._calls.reply(inside, 200)
        if key in KEYS and inside.call.phase is Phase.TALKING:
            self._calls.core.emit(KeySignalled(inside.call.number, key))

    # --- out

    def send(self, call: Call, keys: str, now: float) -> None:
        """One INFO after the other, each once the last is answered; KeysSent follows."""
        sending = self._sending.setdefault(call.number, _Sending())
        if call.phase is not Phase.TALKING or len(sending.waiting) + len(keys) > MAX_KEYS:
            problem = "no call" if call.phase is not Phase.TALKING else "too many keys wait"
            if not sending.busy:
                del self._sending[call.number]
            self._calls.core.emit(KeysSent(call.number, 0, problem))
            return
        sending.waiting.extend(keys)
        if not sending.busy:
            self._next(call, sending, now)

    def _next(self, call: Call, sending: _Sending, now: float) -> None:
        if not sending.waiting:
            self._done(call, sending, "")
            return
        sending.busy = True
        key = sending.waiting[0]
        self._client.send(
            call, "INFO", now,
            lambda response, at: self._answered(call, sending, response, at),
            headers={"Content-Type": sending.content_type},
            body=write_key(sending.content_type, key, self._duration_ms),
        )  # fmt: skip

    def _answered(self, call: Call, sending: _Sending, response: Response | None, now: float) -> None:
        if self._sending.get(call.number) is not sending:
            return
        if response is not None and 200 <= response.code < 300:
            sending.waiting.popleft()
            sending.sent += 1
            self._next(call, sending, now)
        elif response is not None and response.code == 415 and sending.content_type == RELAY:
            sending.content_type = PLAIN
            self._next(call, sending, now)
        else:
            self._done(call, sending, "no response" if response is None else f"{response.code}")

    def _done(self, call: Call, sending: _Sending, problem: str) -> None:
        self._sending.pop(call.number, None)
        self._calls.core.emit(KeysSent(call.number, sending.sent, problem))

    def _over(self, call: Call) -> None:
        if (sending := self._sending.get(call.number)) is not None:
            self._done(call, sending, "the call is over")


def _content_type(request: Request) -> str:
    return (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
