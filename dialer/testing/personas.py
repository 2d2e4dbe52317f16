"""The demonstration's customers: what each of them does when the phone rings, call by call.

A talking customer waits for the end of each prompt, then makes the next turn of the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dialer.model import Disposition, TaskState

Voice = str
"""Key of a shipped utterance, e.g. ``shi-wo``."""


@dataclass(frozen=True, slots=True)
class Speak:
    voice: Voice


@dataclass(frozen=True, slots=True)
class Press:
    digits: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Hang up instead of answering."""


@dataclass(frozen=True, slots=True)
class Hear:
    """Let this prompt pass in silence."""


Turn = Speak | Press | Leave | Hear


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the INVITE with this status."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ring:
    """Ring until the caller gives up."""


@dataclass(frozen=True, slots=True)
class Talk:
    """Pick up and make one turn after each prompt; after the last turn, hang up after the next prompt."""

    turns: tuple[Turn, ...]
    voice: str = ""
    """Suffix of the shipped voice that speaks: empty, ``-b`` or ``-c``."""


Behaviour = Refuse | Ring | Talk


@dataclass(frozen=True, slots=True)
class Persona:
    """One customer. ``calls``: what happens at the first, second, ... call; the last one repeats."""

    key: str
    number: str
    name: str
    gender: Literal["男", "女"]
    product: str
    premium: int
    story: str
    """In Chinese, for the closing table."""
    calls: tuple[Behaviour, ...]
    expected: tuple[Disposition, ...]
    state: TaskState
    tickets: tuple[str, ...] = ()
    """Expected ticket categories."""
    seller: str = "销售甲"
