"""Open players. Each is one play in the archive's log, whatever number of ranges a browser fetches for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.access.requests import Use
from dialer.model import CallId

_LIFE = timedelta(minutes=60)
_MOST = 10_000


@dataclass(slots=True)
class Play:
    """One opened player of one person. ``logged``: the archive's log has it."""

    account: str
    call_id: CallId
    use: Use
    ends: datetime
    logged: bool = False


class Plays:
    """By their token; forgotten at the end of the process: then a page is opened anew."""

    def __init__(self) -> None:
        self._plays: dict[str, Play] = {}

    def open(self, token: str, account: str, call_id: CallId, now: datetime) -> Play:
        if len(self._plays) >= _MOST:
            self._plays = {key: one for key, one in self._plays.items() if now < one.ends}
            while len(self._plays) >= _MOST:
                del self._plays[next(iter(self._plays))]
        play = Play(account, call_id, Use.LISTEN, now + _LIFE)
        self._plays[token] = play
        return play

    def find(self, token: str, account: str, call_id: CallId, now: datetime) -> Play | None:
        """None: unknown, somebody else's, another call's, or over."""
        play = self._plays.get(token)
        if play is None or play.account != account or play.call_id != call_id or now >= play.ends:
            return None
        return play
