"""A small registrar for agents' phones (RFC 3261 10.3): digest, bindings with expiry, look-up."""

from __future__ import annotations

from dataclasses import dataclass

from sipmessage import Request, Response

from dialer.errors import SipParseError
from dialer.sip.address import Addr, is_numeric, parse_address, parse_uri, uri_destination
from dialer.sip.config import RegistrarConfig
from dialer.sip.core import Core
from dialer.sip.digest import Check, DigestServer
from dialer.sip.message import header_values

_MAX_CONTACTS_IN_REQUEST = 10


@dataclass(frozen=True, slots=True)
class Binding:
    contact: str
    """The phone's URI, as it wrote it."""
    expires_at: float
    call_id: str
    seq: int
    source: Addr
    """Where the REGISTER came from."""


class Registrar:
    """Bindings by user name. ``users`` never grows, so neither do the bindings."""

    def __init__(self, core: Core, config: RegistrarConfig) -> None:
        self._core = core
        self._config = config
        self._digest = DigestServer(config.realm, core.randomness, algorithms=config.algorithms)
        self._bindings: dict[str, list[Binding]] = {}

    def lookup(self, aor: str, now: float) -> str | None:
        """The newest contact URI of a user: ``1001`` or ``sip:1001@REALM``; None where none is live."""
        found = self._find(aor, now)
        return None if found is None else found.contact

    def flow(self, aor: str, now: float) -> Addr | None:
        """Where the newest contact is reached, if not at its URI: on the connection that it registered
        over (RFC 5626), or behind a NAT, at the address that its REGISTER came from (RFC 3581)."""
        found = self._find(aor, now)
        if found is None:
            return None
        host = uri_destination(parse_uri(found.contact)).host
        behind = is_numeric(host) and host != found.source.host
        return found.source if found.source.reliable or behind else None

    def _find(self, aor: str, now: float) -> Binding | None:
        user = aor
        if ":" in aor:
            try:
                uri = parse_uri(aor)
            except SipParseError:
                return None
            ours = (self._config.realm, self._core.config.host)
            if uri.scheme != "sip" or uri.host not in ours:
                return None
            if uri.host != self._config.realm and (uri.port or 5060) != self._core.config.port:
                return None
            user = uri.user or ""
        live = self._live(user, now)
        return live[-1] if live else None

    def handle(self, request: Request, source: Addr, now: float) -> Response:
        """The response to a REGISTER."""
        try:
            aor = parse_address(request.headers["To"]).uri
            user = aor.user or ""
            contacts = [parse_address(value) for value in header_values(request, "Contact") if value != "*"]
        except SipParseError as error:
            return self._refuse(request, 400, source, str(error))
        if aor.scheme not in ("sip", "sips"):
            return self._refuse(request, 400, source, "To must be a sip URI")
        authorization = request.headers.get("Authorization")
        if authorization is None:
            return self._challenge(request, source, now)
        check, name = self._digest.check(authorization, "REGISTER", self._config.users, now)
        if check is not Check.OK:
            return self._challenge(request, source, now, stale=check is Check.STALE)
        if name != user:
            return self._refuse(request, 403, source, "That isn't your address of record")
        star = "*" in header_values(request, "Contact")
        if len(contacts) > _MAX_CONTACTS_IN_REQUEST or (star and (contacts or self._expires(request) != 0)):
            return self._refuse(request, 400, source, "Contact: * stands alone, with Expires: 0")
        if star:
            self._bindings.pop(user, None)
            return self._listing(request, source, user, now)
        wanted: list[tuple[str, int]] = []
        for contact in contacts:
            seconds = self._granted(contact.parameters.get("expires"), request)
            if 0 < seconds < self._config.min_expires_s:
                response = self._refuse(request, 423, source)
                response.headers.set("Min-Expires", str(self._config.min_expires_s))
                return response
            if contact.uri.scheme not in ("sip", "sips"):
                return self._refuse(request, 400, source, "Contact must be a sip or sips URI")
            wanted.append((str(contact.uri), min(seconds, self._config.max_expires_s)))
        return self._store(request, source, user, wanted, now)

    def _store(
        self, request: Request, source: Addr, user: str, wanted: list[tuple[str, int]], now: float
    ) -> Response:
        live = self._live(user, now)
        call_id, seq = request.headers["Call-ID"], int(request.headers["CSeq"].split()[0])
        for uri, seconds in wanted:
            known = next((binding for binding in live if binding.contact == uri), None)
            if known is not None and known.call_id == call_id and seq <= known.seq:
                return self._refuse(request, 500, source, "CSeq out of order")
            live = [binding for binding in live if binding.contact != uri]
            if seconds:
                live.append(Binding(uri, now + seconds, call_id, seq, source))
        self._bindings[user] = live[-self._config.max_contacts :]
        return self._listing(request, source, user, now)

    def _live(self, user: str, now: float) -> list[Binding]:
        return [binding for binding in self._bindings.get(user, []) if binding.expires_at > now]

    def _listing(self, request: Request, source: Addr, user: str, now: float) -> Response:
        response = self._core.response(request, 200, source, self._core.token())
        for binding in self._live(user, now):
            left = max(1, round(binding.expires_at - now))
            response.headers.add("Contact", f"<{binding.contact}>;expires={left}")
        return response

    def _challenge(self, request: Request, source: Addr, now: float, *, stale: bool = False) -> Response:
        response = self._refuse(request, 401, source)
        response.headers.setlist("WWW-Authenticate", self._digest.challenges(now, stale=stale))
        return response

    def _refuse(self, request: Request, code: int, source: Addr, phrase: str = "") -> Response:
        return self._core.response(request, code, source, self._core.token(), phrase)

    def _expires(self, request: Request) -> int:
        return self._granted(None, request)

    def _granted(self, parameter: str | None, request: Request) -> int:
        """Seconds asked for; the largest permitted where nothing or nonsense is said."""
        text = (parameter if parameter is not None else request.headers.get("Expires") or "").strip()
        valid = text.isascii() and text.isdigit() and len(text) < 10
        return int(text) if valid else self._config.max_expires_s
