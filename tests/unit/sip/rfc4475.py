"""The messages of RFC 4475, from tests/data/rfc4475/messages.toml, as they are on the wire."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parents[2] / "data" / "rfc4475" / "messages.toml"
_MARK = re.compile(
    rb"<hex>([0-9A-Fa-f\s]*)</hex>|<repeat count=([0-9]+)>(.*?)</repeat>"
    rb"|<allOneLine>\r\n(.*?)\r\n</allOneLine>",
    re.DOTALL,
)


@dataclass(frozen=True)
class TortureMessage:
    section: str
    name: str
    data: bytes
    expect: int | str
    choice: str = ""


def _expand(text: bytes) -> bytes:
    def replaced(match: re.Match[bytes]) -> bytes:
        if match[1] is not None:
            return bytes.fromhex(match[1].decode())
        if match[2] is not None:
            return match[3] * int(match[2])
        # Lines are joined outside of <hex> only: bytes written in it may be line ends themselves.
        parts = re.split(rb"(<hex>.*?</hex>)", match[4], flags=re.DOTALL)
        return b"".join(
            _expand(part) if part.startswith(b"<hex>") else _expand(part.replace(b"\r\n", b""))
            for part in parts
        )

    return _MARK.sub(replaced, text)


def load() -> list[TortureMessage]:
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))["message"]
    return [
        TortureMessage(
            section=entry["section"],
            name=entry["name"],
            data=_expand(entry["text"].replace("\n", "\r\n").encode()),
            expect=entry["expect"],
            choice=entry.get("choice", ""),
        )
        for entry in found
    ]
