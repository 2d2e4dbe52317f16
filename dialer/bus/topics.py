"""What goes to which topic: events once, and what stands until it changes as retained messages.

``huifang/event/call-ended``        each event, as JSON with its id; one that comes twice has the same id
``huifang/root/2026-11-10``         retained: a day's signed root, as it lies in ``recordings/roots/``
``huifang/trunk/NODE/NAME``         retained: whether that trunk is up
``huifang/node/NODE``               retained: online, offline

No message carries a telephone number, a name or spoken words: events have none (``dialer.events``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import msgspec

from dialer.events import ArchiveRootSigned, Event, TrunkDown, TrunkUp
from dialer.model import without_numbers

ONLINE, OFFLINE = b"online", b"offline"
_RESERVED = re.compile(r"[%+#/\x00-\x20\x7f]")
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    retain: bool = False


def told(prefix: str, node: str, event_id: int, event: Event) -> list[Message]:
    """What the broker is told of one event."""
    if isinstance(event, TrunkDown):  # its words come from a carrier
        event = replace(event, why=without_numbers(event.why))
    fields = msgspec.to_builtins(event)
    name = type(event).__name__
    body = msgspec.json.encode({"id": event_id or None, "event": name, "node": node, **fields})
    found = [Message(f"{prefix}/event/{_WORD.sub('-', name).lower()}", body)]
    if isinstance(event, ArchiveRootSigned) and event.statement:
        found.append(root(prefix, event.day.isoformat(), event.statement, event.signature, event.public_key))
    if isinstance(event, TrunkDown | TrunkUp):
        found.append(Message(f"{prefix}/trunk/{level(node)}/{level(event.trunk)}", body, retain=True))
    return found


def root(prefix: str, day: str, text: str, signature: str, public_key: str) -> Message:
    """A signed day, retained: whoever subscribes later gets it, too."""
    body = {"text": text, "signature": signature, "public_key": public_key}
    return Message(f"{prefix}/root/{day}", msgspec.json.encode(body), retain=True)


def presence(prefix: str, node: str, state: bytes) -> Message:
    return Message(f"{prefix}/node/{level(node)}", state, retain=True)


def level(name: str) -> str:
    """A name as one level of a topic: what MQTT reserves is written as in addresses (%2F)."""
    return _RESERVED.sub(lambda found: f"%{ord(found[0]):02X}", name)
