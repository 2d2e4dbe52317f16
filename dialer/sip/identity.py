"""How a trunk's call shows itself: From, identity and privacy headers (RFC 3261, 3323, 3325)."""

from __future__ import annotations

from dataclasses import dataclass

from sipmessage import URI

from dialer.sip.message import clean
from dialer.sip.trunkconfig import Identity, TrunkConfig, proxy_uri

_HEADERS = {Identity.ASSERTED: "P-Asserted-Identity", Identity.PREFERRED: "P-Preferred-Identity"}
_ANONYMOUS = URI(scheme="sip", user="anonymous", host="anonymous.invalid")
"""RFC 3323 4.1.1.3."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What an INVITE says of who calls."""

    from_uri: URI
    display_name: str
    headers: tuple[tuple[str, str], ...]


def caller_of(config: TrunkConfig, domain: str, caller_id: str, display_name: str) -> Caller:
    """The caller's identity on this trunk."""
    uri = URI(scheme="sip", user=caller_id, host=domain)
    headers: list[tuple[str, str]] = []
    if name := _HEADERS.get(config.identity):
        headers.append((name, _quoted(display_name, uri)))
    if config.hide_caller_id:
        headers.append(("Privacy", "id"))
        return Caller(_ANONYMOUS, "Anonymous", tuple(headers))
    return Caller(uri, display_name, tuple(headers))


def _quoted(display_name: str, uri: URI) -> str:
    name = clean(display_name).replace("\\", "").replace('"', "")
    return f'"{name}" <{uri}>' if name else f"<{uri}>"


def route_of(config: TrunkConfig) -> tuple[tuple[str, str], ...]:
    """The Route of the outbound proxy (RFC 3261 8.1.2); empty without one."""
    if not config.outbound_proxy:
        return ()
    uri = proxy_uri(config.outbound_proxy)
    return (("Route", f"<{uri}>" if ";lr" in uri.lower() else f"<{uri};lr>"),)
