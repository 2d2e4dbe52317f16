"""``dialer script rehearse``: a script is gone through before it is approved (R50), typed.

The session gets what somebody writes as if it had been said. By telephone: ``dialer.housecall``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dialer.forms import written
from dialer.ivr.config import TurnSettings
from dialer.ivr.moves import (
    Action,
    HangUp,
    HeardWords,
    HungUp,
    Key,
    Play,
    PlayedOut,
    SessionEvent,
    SessionResult,
    SpeechStarted,
    Timeout,
    Transfer,
    TransferEnded,
)
from dialer.ivr.prompt import Facts
from dialer.ivr.script import Script
from dialer.ivr.session import Session
from dialer.model import Heard

Ask = Callable[[], str | None]
"""What the rehearser says: words, a key, nothing (silence), or None: hangs up."""
Tell = Callable[[str], None]
HANG_UP = ("挂机", "挂断", "hang up")
_KEYS = frozenset("0123456789*#")
_SAID_S = 1.0
_LEVEL_DBOV = -20.0


class Rehearsal:
    """One call, typed. Time is counted, not waited for."""

    def __init__(self, script: Script, form: str, facts: Facts, turn: TurnSettings) -> None:
        """Raises ValueError for a form that the script doesn't have."""
        self._session = Session(script, form, facts, turn)
        self._now = 0.0
        self._shown = 0

    def run(self, ask: Ask, tell: Tell, agent: Callable[[], bool]) -> SessionResult:
        """To the end. ``agent``: whether the agent who is sought takes the call."""
        actions = self._session.start(self._now)
        while not self._session.over:
            actions = self._turn(actions, ask, tell, agent)
        return self._session.result

    def _turn(self, actions: list[Action], ask: Ask, tell: Tell, agent: Callable[[], bool]) -> list[Action]:
        play = next((one for one in reversed(actions) if isinstance(one, Play)), None)
        if play is not None:
            tell("".join(map(written, play.say)))
        if any(isinstance(one, Transfer) for one in actions):
            taken = agent()
            following = self._feed(TransferEnded("accepted" if taken else "no_agent"))
            return self._feed(TransferEnded("agent_hung_up")) if taken else following
        if any(isinstance(one, HangUp) for one in actions):
            return []
        after = [] if play is None else self._feed(PlayedOut(play.play_id), 2.0)
        if any(isinstance(one, Play | Transfer | HangUp) for one in after):
            return after
        said = ask()
        following = list(self._heard(said))
        self._explain(tell)
        return following

    def _heard(self, said: str | None) -> Iterator[Action]:
        if said is None or said in HANG_UP:
            yield from self._feed(HungUp())
        elif not said:
            self._now = max(self._now, self._session.deadline() or self._now)
            yield from self._feed(Timeout(), 0.0)
        elif said in _KEYS:
            yield from self._feed(Key(said, self._now + _SAID_S), _SAID_S)
        else:
            start = self._now + _SAID_S
            yield from self._feed(SpeechStarted(start), _SAID_S)
            heard = Heard(said, 1.0, 0.0, _SAID_S, _LEVEL_DBOV)
            yield from self._feed(HeardWords(heard, start, start + _SAID_S), _SAID_S)

    def _feed(self, event: SessionEvent, later: float = _SAID_S) -> list[Action]:
        self._now += later
        return self._session.feed(event, self._now)

    def _explain(self, tell: Tell) -> None:
        """What was made of the reply."""
        answers = self._session.result.answers
        for answer in answers[self._shown :]:
            why = f" ({answer.decided_by})" if answer.decided_by else ""
            tell(f"    [{answer.question}: {answer.answer_class.value}{why}]")
        self._shown = len(answers)
