"""Every error that this package raises on purpose.

::

    DialerError
    ├── ConfigError            a file that a person wrote: says file, line, what to write instead
    │   ├── ScriptError        an IVR script
    │   ├── CampaignError      a campaign file
    │   └── CalendarError      a year without official data, a broken calendar file
    ├── ImportFileError        an import that can't be read at all (encoding, columns)
    ├── MissingModel           a model's or a voice's directory is absent or broken
    ├── MissingPrompt          a clip that the script needs isn't there
    ├── IllegalTransition      an event that a table of states doesn't allow; nothing changed
    ├── SipError
    │   ├── SipParseError      the peer's message is malformed
    │   ├── SdpError           no common codec, or a body that isn't SDP
    │   └── DigestError        a challenge that can't be answered
    ├── TrunkError             no call can be placed now: not registered, no line, no port, no route
    ├── MediaError             the media plane can't do it, or is gone
    ├── RecogniserError        the worker died or missed its deadline
    ├── StoreError             the database is lost, locked or refuses
    │   └── Fenced             this claim is no longer ours
    ├── ArchiveError           the recording can't be written, sealed or found
    ├── BackupError            a backup can't be made, or isn't whole
    ├── BusError               an event can't be published now: it comes again
    ├── AccessRefused          no right, no grant, or not any more
    └── NodeRunning            a second daemon on the same home
"""

from __future__ import annotations


class DialerError(Exception):
    """Root of the tree."""


class ConfigError(DialerError):
    """A file that a person wrote is wrong. ``str()`` reads ``file:line: message``."""

    def __init__(self, message: str, file: str = "", line: int = 0) -> None:
        self.message, self.file, self.line = message, file, line
        place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(place + message)


class ScriptError(ConfigError):
    """An IVR script is wrong."""


class CampaignError(ConfigError):
    """A campaign file is wrong."""


class CalendarError(ConfigError):
    """No official calendar for that year, or a broken calendar file."""


class ImportFileError(DialerError):
    """The whole import is unreadable."""


class MissingModel(DialerError):
    """A recogniser's model or a synthesiser's voice is absent or broken."""


class MissingPrompt(DialerError):
    """A clip that the script needs isn't there."""


class IllegalTransition(DialerError):
    """The table doesn't allow this event in this state."""


class SipError(DialerError):
    """Signalling."""


class SipParseError(SipError):
    """The peer's message is malformed."""


class SdpError(SipError):
    """No common codec, or a body that isn't SDP."""


class DigestError(SipError):
    """A challenge that can't be answered."""


class TrunkError(DialerError):
    """No call can be placed now."""


class MediaError(DialerError):
    """The media plane can't do it, or is gone."""


class RecogniserError(DialerError):
    """The recogniser worker died or missed its deadline."""


class StoreError(DialerError):
    """The database is lost, locked or refuses."""


class Fenced(StoreError):
    """This claim is no longer ours."""


class ArchiveError(DialerError):
    """The recording can't be written, sealed or found."""


class BackupError(DialerError):
    """The backup can't be made, or isn't whole."""


class BusError(DialerError):
    """An event can't be published now: it comes again."""


class AccessRefused(DialerError):
    """This person may not do that, or not any more. ``str()`` tells the person why."""


class NodeRunning(DialerError):
    """A second daemon, or a second ``dialer web``, on the same home."""


UNFORESEEN = (
    ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError,
    ValueError, DialerError,
)  # fmt: skip
"""What a fault of the program, or of a row, can raise: it ends one piece of work, and the next goes on."""
