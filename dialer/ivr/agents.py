"""Handing the call to a person: on request, after a complaint, or where nothing clear was said."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from dialer.ivr.moves import Action, StopPlay, Transfer
from dialer.ivr.stage import Stage, Step
from dialer.ivr.turn import Reply
from dialer.ivr.wishes import asks_for_machine
from dialer.model import Disposition

Reason = Literal["human", "complaint", "unclear"]


@dataclass(frozen=True, slots=True)
class _Seeking:
    """Why an agent is sought, and on what reply."""

    reason: Reason
    question: str
    reply: Reply


class WithAgents(Stage, ABC):
    """Adds the search for an agent and what follows when there is none."""

    _seeking: _Seeking | None = None

    @abstractmethod
    def _hung_up(self, by: str) -> None:
        """The line is gone."""

    @abstractmethod
    def _after_unclear(self, reply: Reply, now: float, lead: str) -> list[Action]:
        """Nobody could clear up an unclear answer."""

    def _complain(self, reply: Reply, now: float) -> list[Action]:
        """Calm first, then a person."""
        self._notes.complained(self._question.id, reply)
        prompts = self._script.prompts
        if not self._agents:
            say = self._say(prompts.complaint, prompts.transfer_failed)
            return self._farewell(now, Disposition.ANSWERED_INCOMPLETE, "complaint, no agent free", say)
        actions = self._play(self._say(prompts.complaint), self._question.id)
        self._seeking = _Seeking("complaint", self._question.id, reply)
        self._step, self._deadline = Step.CALM, now + self._turn.play_limit_s
        self._notes.reason = "complaint"
        return actions

    def _seek_agent(self, reason: Reason, reply: Reply, now: float) -> list[Action]:
        self._seeking = _Seeking(reason, self._question.id, reply)
        if not self._agents:
            return self._no_agent(now)
        texts = (*self._disclosure(), self._script.prompts.transfer_hold)
        actions = self._play(self._say(*texts), self._question.id, loop=True)
        self._step, self._deadline = Step.HOLD, now + self._turn.hold_limit_s
        self._notes.reason = "left while an agent was sought"
        return [*actions, Transfer(reason)]

    def _transfer_ended(self, result: str, now: float) -> list[Action]:
        if self._step not in (Step.HOLD, Step.TALK):
            return []
        if result == "customer_left":
            self._hung_up("customer")
            return []
        if self._step is Step.TALK:
            return [] if result == "accepted" else self._hang_up("the agent hung up")
        if result != "accepted":
            return self._no_agent(now)
        self._notes.transferred = True
        wish = ", wished to speak dialect (R46)" if self._notes.dialect else ""
        self._notes.decide(Disposition.TRANSFERRED, f"transferred to an agent{wish}")
        self._step, self._deadline = Step.TALK, None
        return [StopPlay()]

    def _no_agent(self, now: float) -> list[Action]:
        """After an unclear answer the questions go on; else an apology, and somebody will call."""
        assert self._seeking is not None
        prompts, seeking = self._script.prompts, self._seeking
        self._agents = False
        if seeking.reason == "unclear":
            return self._after_unclear(seeking.reply, now, prompts.transfer_go_on)
        say = self._say(*self._disclosure(), prompts.transfer_failed)
        self._note_unmet()
        asked = "asked to speak dialect (R46)" if self._notes.dialect else "asked for a person"
        asked = "complaint" if seeking.reason == "complaint" else asked
        return self._farewell(now, Disposition.ANSWERED_INCOMPLETE, f"{asked}, no agent free", say)

    def _disclosure(self) -> tuple[str, ...]:
        """Who asks whether a machine is speaking gets a true answer."""
        prompt = self._script.prompts.machine
        asked = self._seeking is not None and asks_for_machine(self._seeking.reply.words)
        return (prompt,) if prompt and asked else ()

    def _note_unmet(self) -> None:
        """Who asked for a person and got none is owed a call; a complaint has its ticket already."""
        seeking, self._seeking = self._seeking, None
        if seeking is not None and seeking.reason == "human":
            self._notes.no_agent(seeking.question, seeking.reply)
        elif seeking is not None and seeking.reason == "unclear" and self._question.ticket is not None:
            self._notes.unclear(self._question, seeking.reply)
