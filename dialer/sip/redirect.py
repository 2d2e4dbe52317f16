"""Redirections of an INVITE (RFC 3261 8.1.3.4): refused, or followed within the carrier's own hosts.

A redirection decides whom we call and who gets our caller id, so nothing but the hosts of the trunk
is ever followed: a call to a customer must not be sent elsewhere by whoever can answer an INVITE.
"""

from __future__ import annotations

from collections.abc import Collection

from sipmessage import URI, Response

from dialer.errors import SipParseError
from dialer.model import without_numbers
from dialer.sip.address import Addr, is_numeric, parse_address
from dialer.sip.message import clean, header_values

MAX_REDIRECTS = 5
_MAX_CONTACTS = 10


def next_target(response: Response, hosts: Collection[str], tried: Collection[str]) -> URI | None:
    """The best Contact of a 3xx on one of ``hosts`` that wasn't tried; None where there is none."""
    found: list[tuple[float, URI]] = []
    for value in header_values(response, "Contact")[:_MAX_CONTACTS]:
        try:
            contact = parse_address(value)
        except SipParseError:
            continue
        uri = contact.uri
        if uri.scheme in ("sip", "sips") and uri.host in hosts and str(uri) not in tried:
            found.append((_quality(contact.parameters.get("q")), uri))
    # Equal ones in the order they are named in.
    return max(found, key=lambda pair: pair[0])[1] if found else None


def destination(uri: URI, peer: Addr) -> Addr:
    """Where the redirected INVITE goes: the carrier's server, on the port that the Contact names."""
    if not is_numeric(uri.host.strip("[]")) and not uri.port:
        return peer
    host = uri.host.strip("[]") if is_numeric(uri.host.strip("[]")) else peer.host
    return peer._replace(host=host, port=uri.port or peer.port)


def refusal(response: Response) -> str:
    """What a redirection that isn't followed is reported as."""
    said = without_numbers(clean(response.phrase))[:100]
    return (
        f"{said}: the call was redirected, which isn't followed" if said else "a redirection isn't followed"
    )


def _quality(text: str | None) -> float:
    """The q parameter; 1 where there is none, 0 where it is nonsense (RFC 3261 20.10)."""
    if text is None:
        return 1.0
    digits = text.strip().replace(".", "", 1)
    value = float(text) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0.0
    return value if value <= 1.0 else 0.0
