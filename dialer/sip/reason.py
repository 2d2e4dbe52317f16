"""Reason headers (RFC 3326): why a call ended, in words of SIP and of the telephone network (ITU-T Q.850).

What was read is reported in one compact form, ``PROTOCOL CAUSE TEXT`` for each value, joined by ``; ``:
``Q.850 20 Subscriber absent; SIP 480``. A text that the header lacks is the standard's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dialer.errors import SipParseError
from dialer.model import without_numbers
from dialer.sip.address import parse_parameters
from dialer.sip.message import Message, clean, header_values

Q850 = {
    1: "Unallocated number", 2: "No route to network", 3: "No route to destination",
    16: "Normal call clearing", 17: "User busy", 18: "No user responding", 19: "No answer from the user",
    20: "Subscriber absent", 21: "Call rejected", 22: "Number changed", 26: "Non-selected user clearing",
    27: "Destination out of order", 28: "Invalid number format", 29: "Facility rejected",
    31: "Normal, unspecified", 34: "No circuit available", 38: "Network out of order",
    41: "Temporary failure", 42: "Switching equipment congestion", 44: "Requested circuit not available",
    47: "Resource unavailable", 50: "Requested facility not subscribed", 55: "Incoming calls barred",
    57: "Bearer capability not authorized", 58: "Bearer capability not available",
    65: "Bearer capability not implemented", 79: "Service not implemented",
    88: "Incompatible destination", 102: "Recovery on timer expiry", 111: "Protocol error",
    127: "Interworking, unspecified",
}  # fmt: skip
"""Names of causes (ITU-T Q.850 table 1), as far as calls see them."""
OF_CALLEE = frozenset({1, 17, 18, 19, 20, 21, 22, 26, 27, 28})
"""Causes that speak of the callee."""
PASSED_ON = OF_CALLEE | {16, 31}
"""The network dealt with the call in its ordinary way: a telephone may have rung, whatever the SIP code."""
ELSEWHERE = "call completed elsewhere"
_MAX_VALUES = 4
_MAX_TEXT = 80


@dataclass(frozen=True, slots=True)
class Reason:
    protocol: str
    """``SIP`` or ``Q.850``; others as they were written."""
    cause: int | None = None
    text: str = ""

    @classmethod
    def parse(cls, value: str) -> Reason:
        """One value, e.g. ``Q.850;cause=16;text="Terminated"``. Raises SipParseError."""
        protocol, _, rest = value.partition(";")
        parameters = parse_parameters(rest)
        protocol, cause = clean(protocol).strip(), (parameters.get("cause") or "").strip()
        if not protocol:
            raise SipParseError("a Reason needs a protocol: SIP or Q.850")
        known = protocol.upper() if protocol.upper() in ("SIP", "Q.850") else protocol[:20].strip()
        valid = cause.isascii() and cause.isdigit() and len(cause) < 5
        text = clean(parameters.get("text") or "")[:_MAX_TEXT]
        return cls(known, int(cause) if valid else None, text)

    def __str__(self) -> str:
        """As a header has it."""
        parts = [self.protocol]
        parts += [] if self.cause is None else [f"cause={self.cause}"]
        parts += [f'text="{self.text}"'] if self.text else []
        return ";".join(parts)

    @property
    def compact(self) -> str:
        text = self.text or (Q850.get(self.cause or 0, "") if self.protocol == "Q.850" else "")
        return " ".join(str(part) for part in (self.protocol, self.cause, text) if part not in (None, ""))

    @property
    def elsewhere(self) -> bool:
        """Another phone of the callee took the call (RFC 3326 3.1, Q.850 26)."""
        answered = self.protocol == "SIP" and self.cause == 200
        return answered or (self.protocol == "Q.850" and self.cause == 26)


def q850(cause: int) -> Reason:
    return Reason("Q.850", cause, Q850.get(cause, ""))


def read_reasons(message: Message) -> list[Reason]:
    """What a BYE, CANCEL or final response says; what is malformed is left out."""
    found: list[Reason] = []
    for value in header_values(message, "Reason")[:_MAX_VALUES]:
        try:
            found.append(Reason.parse(value))
        except SipParseError:
            continue
    return found


def network_cause(message: Message) -> int:
    """The first Q.850 cause of a response (RFC 6432); 0 for none."""
    causes = (reason.cause for reason in read_reasons(message) if reason.protocol == "Q.850")
    return next((cause for cause in causes if cause), 0)


def described(said: str, message: Message) -> str:
    """``said`` (a phrase, or nothing) with the message's reasons in compact form behind it, masked."""
    reasons = read_reasons(message)
    parts = [said] if said else []
    if any(reason.elsewhere for reason in reasons):
        parts.append(ELSEWHERE)
    parts += [reason.compact for reason in reasons]
    return without_numbers("; ".join(parts))[:200]


def header(reasons: Iterable[Reason]) -> str:
    return ", ".join(str(reason) for reason in reasons)


def why_cancelled(reason: str) -> str:
    """The Reason of our CANCEL. ``reason`` is ours alone: only the standards' words leave."""
    cause = 19 if "ring" in reason or "rang" in reason else 31
    return header([Reason("SIP", 487, "Request Terminated"), q850(cause)])


def why_ended(reason: str) -> str:
    """The Reason of our BYE."""
    if any(word in reason for word in ("failed", "error", "can't be used", "no usable answer")):
        return header([q850(41)])
    if any(word in reason for word in ("no ACK", "refresh", "expired", "no response")):
        return header([q850(102)])
    return header([q850(16)])
