"""The Replaces header (RFC 3891): an INVITE takes the place of a dialog that stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from dialer.errors import SipParseError
from dialer.sip.address import parse_parameters
from dialer.sip.dialog import Dialog

_MARK = re.compile(r"[!-~]+", re.ASCII)
"""What a Call-ID or tag is made of: nothing that could end a header."""


@dataclass(frozen=True, slots=True)
class Replaces:
    """A dialog as its replaced side knows it: ``to_tag`` is that side's own tag."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Replaces:
        """``CALL-ID;to-tag=...;from-tag=...``. Raises SipParseError."""
        call_id, _, rest = text.partition(";")
        parameters = parse_parameters(rest)
        to_tag, from_tag = parameters.get("to-tag") or "", parameters.get("from-tag") or ""
        call_id = call_id.strip(" \t")
        if not all(_MARK.fullmatch(mark) for mark in (call_id, to_tag, from_tag)):
            raise SipParseError("Replaces needs a Call-ID, to-tag and from-tag")
        return cls(call_id, to_tag, from_tag, "early-only" in parameters)

    @classmethod
    def of(cls, dialog: Dialog) -> Replaces:
        """``dialog`` as its far end knows it."""
        return cls(dialog.call_id, dialog.remote_tag, dialog.local_tag)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"

    @property
    def in_uri(self) -> str:
        """As a header of a URI (RFC 3261 19.1.1)."""
        # Whatever octets a far end's Call-ID and tag are made of: they go back as they came.
        return f"Replaces={quote(str(self), safe='', errors='surrogateescape')}"


def cut_replaces(uri: str) -> tuple[str, Replaces | None]:
    """A URI without its headers, and its Replaces. Others are left out: they could forge anything."""
    plain, _, headers = uri.partition("?")
    if "@" in headers and not headers.startswith("Replaces="):
        # A question mark in the user part isn't the start of headers.
        user, at, host = uri.rpartition("@")
        plain, _, headers = host.partition("?")
        plain = user + at + plain
    for part in headers.split("&"):
        name, _, value = part.partition("=")
        if unquote(name).strip().lower() == "replaces":
            return plain, Replaces.parse(unquote(value))
    return plain, None
