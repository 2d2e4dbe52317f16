"""Keeping our registrations alive (RFC 3261 10.2)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sipmessage import URI, Response

from dialer.errors import DigestError, SipParseError
from dialer.model import without_numbers
from dialer.sip.address import Addr, default_port, parse_address
from dialer.sip.calls import challenge_headers
from dialer.sip.core import Core
from dialer.sip.digest import Credentials, DigestClient
from dialer.sip.message import Essentials, clean, header_values, retry_after_s
from dialer.sip.signals import Registered, RegistrationFailed

_FIRST_RETRY_S = 5.0
_LONGEST_RETRY_S = 120.0
"""Doubled after each failure, up to this; a registrar may ask for more by Retry-After, up to an hour."""
_LONGEST_RETRY_AFTER_S = 3600.0
_SPREAD = 0.25
"""Up to this part of a pause is added by chance."""
_REFRESH_SHARE = 0.75
"""A registration is refreshed after this part of its life."""


@dataclass(frozen=True, slots=True)
class RegisterSpec:
    """``registrar``: Request-URI, ``aor``: the address of record, ``peer``: where REGISTER goes."""

    registrar: URI
    aor: URI
    peer: Addr
    credentials: Credentials
    expires_s: int
    others: tuple[Addr, ...] = ()
    """Further servers of ``peer``'s domain, for when it is silent or says 503 (RFC 3263 4.3)."""


@dataclass(slots=True)
class _Registration:
    number: int
    spec: RegisterSpec
    call_id: str
    tag: str
    digest: DigestClient
    expires_s: int
    seq: int = 0
    failures: int = 0
    moves: int = 0
    """Servers tried since the last success."""
    leaving: bool = False
    asking: bool = False
    """A REGISTER waits for its final response."""


@dataclass(frozen=True, slots=True)
class RegistrationTimer:
    registration: int


class Registrations:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._active: dict[int, _Registration] = {}

    def register(self, spec: RegisterSpec, now: float) -> int:
        """Register, and stay registered until ``unregister``; the registration's number."""
        core = self._core
        registration = _Registration(
            core.number(), spec, f"{core.token()}@{core.config.host}", core.token(),
            core.digest(spec.credentials, spec.peer), spec.expires_s,
        )  # fmt: skip
        self._active[registration.number] = registration
        self._send(registration, now)
        return registration.number

    def unregister(self, number: int, now: float) -> None:
        """Take it back; Registered with ``expires_s`` 0, or RegistrationFailed, says how that went."""
        registration = self._active.pop(number, None)
        self._core.timers.set(RegistrationTimer(number), None)
        if registration is not None:
            registration.leaving = True
            registration.expires_s = 0
            self._send(registration, now)

    def on_timer(self, number: int, now: float) -> None:
        if (registration := self._active.get(number)) is not None:
            self._send(registration, now)

    def refresh(self, number: int, now: float) -> None:
        """Register again now: the carrier is back, or it has forgotten us."""
        registration = self._active.get(number)
        if registration is not None and not registration.asking:
            self._send(registration, now)

    def relocate(self, number: int, servers: Sequence[Addr], now: float) -> None:
        """DNS was asked again, for a registration that fails: a server that is new is asked at once."""
        registration = self._active.get(number)
        if registration is None or not servers:
            return
        spec = registration.spec
        news = set(servers) - {spec.peer, *spec.others}
        registration.spec = replace(spec, peer=servers[0], others=tuple(servers[1:]))
        registration.moves = 0
        if news and not registration.asking:
            self._send(registration, now)

    def _send(self, registration: _Registration, now: float) -> None:
        core, spec = self._core, registration.spec
        registration.seq += 1
        registration.asking = True
        core.timers.set(RegistrationTimer(registration.number), None)
        branch = core.new_branch()
        request = core.request(
            "REGISTER", spec.registrar, branch=branch, peer=spec.peer,
            from_=f"<{spec.aor}>;tag={registration.tag}", to=f"<{spec.aor}>",
            call_id=registration.call_id, seq=registration.seq,
        )  # fmt: skip
        request.headers.set("Contact", core.contact(spec.peer, spec.registrar, spec.aor.user or ""))
        request.headers.set("Expires", str(registration.expires_s))
        if registration.digest.ready:
            name, value = registration.digest.authorise("REGISTER", str(request.uri))
            request.headers.set(name, value)
        core.send_request(
            request, branch, spec.peer, now,
            lambda response, _found, at: self._on_response(registration, response, _found, at),
            lambda reason, at: self._failed(registration, 0, reason, 0.0, at),
        )  # fmt: skip

    def _on_response(
        self, registration: _Registration, response: Response, _found: Essentials, now: float
    ) -> None:
        if response.code < 200:
            return
        registration.asking = False
        if response.code in (401, 407):
            try:
                registration.digest.accept(response.code, challenge_headers(response), "REGISTER")
            except DigestError as error:
                registration.digest.settled()
                self._failed(registration, response.code, str(error), 0.0, now)
            else:
                self._send(registration, now)
        elif response.code < 300:
            self._registered(registration, response, now)
        elif response.code == 423 and (minimum := _seconds(response.headers.get("Min-Expires"))):
            if minimum <= registration.expires_s:
                self._failed(registration, 423, "the registrar refuses every expiry", 0.0, now)
            else:
                registration.expires_s = minimum
                self._send(registration, now)
        else:
            reason = without_numbers(clean(response.phrase))[:200]
            self._failed(registration, response.code, reason, retry_after_s(response), now)

    def _registered(self, registration: _Registration, response: Response, now: float) -> None:
        registration.digest.settled()
        registration.failures = registration.moves = 0
        if registration.leaving:
            self._core.emit(Registered(registration.number, 0.0))
            return
        life = self._granted(registration, response)
        wait = max(1.0, life * _REFRESH_SHARE)
        self._core.timers.set(RegistrationTimer(registration.number), now + wait)
        self._core.emit(Registered(registration.number, float(life)))

    def _next_server(self, registration: _Registration, now: float) -> bool:
        """Ask the next server at once; False where all have been asked."""
        spec = registration.spec
        if registration.moves >= len(spec.others):
            registration.moves = 0
            return False
        registration.moves += 1
        registration.spec = replace(spec, peer=spec.others[0], others=(*spec.others[1:], spec.peer))
        self._send(registration, now)
        return True

    def _granted(self, registration: _Registration, response: Response) -> int:
        """Our Contact's expires, else the Expires header, else what was asked for. A Contact that stands
        alone is ours, also where the registrar wrote the address that it sees."""
        peer, contacts = registration.spec.peer, []
        for value in header_values(response, "Contact"):
            with suppress(SipParseError):
                contacts.append(parse_address(value))
        for contact in contacts:
            place = contact.uri.host.strip("[]"), contact.uri.port or default_port(peer.transport)
            if len(contacts) > 1 and place != self._core.local(peer):
                continue
            if granted := _seconds(contact.parameters.get("expires")):
                return granted
        return _seconds(response.headers.get("Expires")) or registration.expires_s

    def _failed(
        self, registration: _Registration, code: int, reason: str, retry_after: float, now: float
    ) -> None:
        registration.asking = False
        if registration.leaving:
            self._core.emit(RegistrationFailed(registration.number, code, reason, 0.0))
            return
        if code in (0, 503) and self._next_server(registration, now):
            return
        wait = min(retry_after, _LONGEST_RETRY_AFTER_S)
        if not wait:
            wait = min(_FIRST_RETRY_S * 2**registration.failures, _LONGEST_RETRY_S)
        # Spread: after an outage not every client of the registrar should come at the same moment.
        wait *= 1 + self._core.randomness.getrandbits(10) / 1024 * _SPREAD
        registration.failures = min(registration.failures + 1, 10)
        self._core.timers.set(RegistrationTimer(registration.number), now + wait)
        self._core.emit(RegistrationFailed(registration.number, code, reason, wait))


def _seconds(text: str | None) -> int:
    """A delta-seconds value, 0 where it isn't one."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
