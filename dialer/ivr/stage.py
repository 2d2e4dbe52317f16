"""Where a conversation stands: the script and its facts, the exchange under way, the notes.

Saying, asking, goodbye and hanging up; what to say when is decided above, in ``session``.
"""

from __future__ import annotations

from enum import StrEnum

from dialer.ivr.answers import classify as default_classify
from dialer.ivr.config import TurnSettings
from dialer.ivr.exchange import Asking, Exchange
from dialer.ivr.ladder import KEYS, Ladder
from dialer.ivr.moves import Action, HangUp, Play
from dialer.ivr.notes import Notes
from dialer.ivr.prompt import Facts, render
from dialer.ivr.script import Ending, Question, Script
from dialer.ivr.turn import Classify, Reply
from dialer.ivr.wishes import slower
from dialer.model import Disposition, QuestionKind, Say


class Step(StrEnum):
    """What the session waits for."""

    NEW = "new"
    QUESTION = "question"
    WHY = "why"
    """After a problem answer: why, or what exactly."""
    REFUSAL = "refusal"
    APPOINTMENT = "appointment"
    CALM = "calm"
    HOLD = "hold"
    TALK = "talk"
    FAREWELL = "farewell"
    OVER = "over"


class Stage:
    """What every part of a session shares."""

    def __init__(
        self,
        script: Script,
        form: str,
        facts: Facts,
        turn: TurnSettings | None = None,
        classify: Classify = default_classify,
    ) -> None:
        """Raises ValueError for a form that the script doesn't have."""
        self._script, self._facts, self._classify = script, facts, classify
        self._turn = turn or TurnSettings()
        self._questions = script.form(form, facts)
        self._notes = Notes(script, form)
        self._index = 0
        self._ladder = Ladder()
        self._ended: dict[str, Ending] = {}
        """How each question so far came out."""
        self._step = Step.NEW
        self._exchange: Exchange | None = None
        self._last_asking: Asking | None = None
        self._deadline: float | None = None
        self._zero = 0.0
        self._plays = 0
        self._slow = False
        self._keys_only = False
        self._agents = self._turn.agents_available

    @property
    def _question(self) -> Question:
        return self._questions[self._index]

    def _say(self, *templates: str) -> tuple[Say, ...]:
        company = self._script.company
        return tuple(say for text in templates for say in render(text, company, self._facts))

    def _play(self, say: tuple[Say, ...], question_id: str = "", *, loop: bool = False) -> list[Action]:
        self._plays += 1
        return [*self._hush(), Play(self._plays, say, question_id, loop, self._slow)]

    def _hush(self) -> list[Action]:
        """Leave the exchange under way."""
        actions = self._exchange.close() if self._exchange is not None else []
        self._exchange, self._deadline = None, None
        return actions

    def _open(self, asking: Asking, now: float, lead: tuple[Say, ...] = ()) -> list[Action]:
        actions = self._hush()
        self._plays += 1
        self._last_asking = asking
        offset = now - self._zero
        self._exchange = Exchange(
            asking, self._plays, self._turn, self._classify, now, offset, slow=self._slow
        )
        return actions + self._exchange.open(lead)

    def _ask(self, now: float, lead: tuple[Say, ...] = ()) -> list[Action]:
        """The question under way, on its rung, after ``lead``."""
        question, prompts = self._question, self._script.prompts
        again, keys = question.ask_again or question.ask, question.keys or ""
        if self._ladder.rung == KEYS:
            texts: tuple[str, ...] = (keys, prompts.keys_help)
        elif self._ladder.confirming:
            texts = (prompts.confirm, again)
        else:
            texts = (again if self._ladder.rung else question.ask,)
        if self._keys_only and self._ladder.rung < KEYS:
            texts = (*texts, keys)
        self._step = Step.QUESTION
        asking = Asking(
            question.id,
            question.kind,
            self._say(*texts),
            end_silence_s=question.end_silence_s or self._end_silence(question.kind),
            no_input_s=question.no_input_s or self._turn.no_input_s,
            barge_in=question.barge_in,
            speech=question.free or not self._keys_only,
            words=question.words,
            satisfaction=question.satisfaction,
        )
        return self._open(asking, now, lead)

    def _end_silence(self, kind: QuestionKind) -> float:
        turn = self._turn
        pauses = {QuestionKind.LEFT: turn.long_end_silence_s, QuestionKind.FREE: turn.free_end_silence_s}
        return pauses.get(kind, turn.end_silence_s)

    def _asking(
        self, name: str, kind: QuestionKind, say: tuple[Say, ...], phrases: tuple[str, ...] = ()
    ) -> Asking:
        """A turn that belongs to no question. Where people tell more they may cut it short."""
        turn, free = self._turn, kind is QuestionKind.FREE
        return Asking(
            name,
            kind,
            say,
            end_silence_s=turn.long_end_silence_s if phrases else self._end_silence(kind),
            no_input_s=turn.no_input_s,
            barge_in=free or bool(phrases),
            speech=free or not self._keys_only,
            phrases=phrases,
        )

    def _farewell(self, now: float, outcome: Disposition, reason: str, say: tuple[Say, ...]) -> list[Action]:
        """Goodbye; then the customer hangs up first (R65)."""
        self._notes.decide(outcome, reason)
        actions = self._play(say)
        self._step, self._deadline = Step.FAREWELL, now + self._turn.play_limit_s
        return actions

    def _exit(self, now: float, outcome: Disposition, reason: str, prompt: str) -> list[Action]:
        return self._farewell(now, outcome, reason, self._say(prompt))

    def _replay(self, reply: Reply, now: float) -> list[Action]:
        """The same prompt once more; slower from now on where that was the wish."""
        assert self._last_asking is not None
        lead: tuple[Say, ...] = ()
        if slower(reply.words) and not self._slow:
            self._slow = True
            lead = self._say(self._script.prompts.slower or "")
        return self._open(self._last_asking, now, lead)

    def _hang_up(self, reason: str) -> list[Action]:
        actions = self._hush()
        self._step = Step.OVER
        self._notes.hung_up_by = self._notes.hung_up_by or "dialer"
        return [*actions, HangUp(reason)]
