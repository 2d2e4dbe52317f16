"""What a campaign file says (回访计划): the five elements of R48 and what they narrow."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from dialer.model import Segment
from dialer.policy.settings import Window

COOLING_OFF = "cooling_off"
"""The deadline that is each customer's own: the end of the cooling-off period (犹豫期)."""


def _window(value: object) -> object:
    return Window.parse(value) if isinstance(value, str) else value


def _word(value: object) -> object:
    """YAML makes numbers of what is meant as a name: version: 1."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Span = Annotated[Window, BeforeValidator(_window), PlainSerializer(str)]
Word = Annotated[str, BeforeValidator(_word)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, strict=False)


class Filing(_Part):
    """报备 of the script with the regulator (R9)."""

    number: Word = ""
    filed_on: date | None = None
    not_required: str = ""
    """Why this call-back needs no filing."""


class Content(_Part):
    """内容: the questionnaire."""

    script: str
    """``new-policy`` or, for a form of it, ``new-policy/short``."""
    version: Word
    """Of the script: another wording is another version (R9, R21)."""
    filing: Filing = Filing()


class Channel(StrEnum):
    PHONE = "phone"
    """R8: the telephone first."""


class Method(_Part):
    """方式."""

    channel: Channel = Channel.PHONE
    caller_id: Word = ""
    """Number that customers see (R36); empty: the trunk's."""
    display_name: str = ""
    passes: int | None = Field(default=None, ge=1, le=9)
    """Passes by telephone before a visit (R24, R25); none: the installation's."""
    attempts_per_pass: int | None = Field(default=None, ge=1, le=20)
    """R43; none: the installation's."""
    verification: str = "visit-verification"
    """Campaign whose calls verify visits (R76)."""


class Appointments(_Part):
    """R79: calls at the time that a customer asked for."""

    outside_windows: bool = False
    """Whether such a time may lie outside the windows."""
    hours: Span | None = None
    """Where it may, the hours of the day; none: the installation's."""


class NoticeChannel(StrEnum):
    SMS = "sms"
    EMAIL = "email"


class PreNotice(_Part):
    """R80: customers are told before the call-back."""

    days: int = Field(default=7, ge=1, le=7)
    """How long before the start at the earliest."""
    channel: NoticeChannel = NoticeChannel.SMS
    text: str


class Timing(_Part):
    """时间."""

    starts: date | None = None
    ends: date | None = None
    """First and last day of calling; none: as long as the campaign runs."""
    deadlines: tuple[Word, ...] = ()
    """``cooling_off`` and names of deadline types (R30, R31, R83-R87): the earliest counts."""
    windows: tuple[Span, ...] | None = None
    """Narrower windows (R44); none: the installation's."""
    government_windows: tuple[Span, ...] | None = None
    """R45."""
    appointments: Appointments | None = None
    """None: as the installation has it."""
    pre_notice: PreNotice | None = None


class Subjects(_Part):
    """对象. An empty list means all."""

    description: str
    segments: tuple[Segment, ...] = ()
    branches: tuple[Word, ...] = ()
    channels: tuple[Word, ...] = ()
    products: tuple[Word, ...] = ()


class People(_Part):
    """执行人员."""

    responsible: str
    department: str
    """Never a sales department (R4, R6)."""
    agents: tuple[Word, ...] = ()


class Plan(_Part):
    """One campaign."""

    id: Word = Field(pattern=r"^\w[\w.\-]{0,63}$")
    title: str
    author: str
    content: Content
    method: Method = Method()
    time: Timing = Timing()
    subjects: Subjects
    people: People

    @property
    def has_cooling_off(self) -> bool:
        return COOLING_OFF in self.time.deadlines

    @property
    def deadline_types(self) -> tuple[str, ...]:
        return tuple(name for name in self.time.deadlines if name != COOLING_OFF)

    def lies_ahead(self, day: date) -> bool:
        return self.time.starts is not None and day < self.time.starts

    def lies_behind(self, day: date) -> bool:
        return self.time.ends is not None and day > self.time.ends


__all__ = [
    "COOLING_OFF", "Appointments", "Channel", "Content", "Filing", "Method", "NoticeChannel", "People",
    "Plan", "PreNotice", "Subjects", "Timing",
]  # fmt: skip
