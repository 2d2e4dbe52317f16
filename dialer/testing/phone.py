"""The shipped test phones: customers who follow a script of their own, and an agent.

Both are real SIP phones with a real media plane; only the persons behind them are invented.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from dialer.errors import DialerError
from dialer.ports import Ended, Failed, Leg, ListenSpec, Played, SpeechEnded
from dialer.sip.leg import IncomingLeg
from dialer.testing.personas import Hear, Leave, Persona, Press, Refuse, Ring, Speak, Talk, Turn

log = logging.getLogger("dialer.testing")

VOICES = Path(__file__).parent / "voices"

_CUSTOMER_EARS = ListenSpec(end_silence_s=0.6, min_speech_s=0.3, max_speech_s=60.0)
"""A prompt is over after this much silence."""


def voice_file(key: str) -> Path:
    """A shipped utterance. Raises KeyError."""
    file = VOICES / f"{key}.wav"
    if not file.is_file():
        raise KeyError(f"no shipped utterance {key!r}")
    return file


class CustomerPhone:
    """Answers every INVITE as the persona whose number was called."""

    def __init__(self, personas: Mapping[str, Persona]) -> None:
        """``personas``: by the number as dialled."""
        self._personas = personas
        self.calls: Counter[str] = Counter()
        """INVITEs by persona key."""

    async def take(self, leg: IncomingLeg) -> None:
        """Live through one call."""
        persona = self._personas.get(leg.called)
        if persona is None:
            await leg.reject(404, "Not Found")
            return
        index = min(self.calls[persona.key], len(persona.calls) - 1)
        self.calls[persona.key] += 1
        behaviour = persona.calls[index]
        try:
            match behaviour:
                case Refuse():
                    await leg.reject(behaviour.code, behaviour.reason)
                case Ring():
                    await leg.ring()
                    await until_over(leg)
                case Talk():
                    await leg.ring()
                    await leg.answer()
                    await _talk(leg, behaviour)
        except DialerError as error:
            log.warning("test call broke off", extra={"persona": persona.key, "why": str(error)})
        finally:
            await leg.close()


async def _talk(leg: Leg, talk: Talk) -> None:
    await leg.media.listen(_CUSTOMER_EARS)
    turns: Iterator[Turn] = iter(talk.turns)
    plays = 0
    while not isinstance(event := await leg.next_event(), Ended | Failed):
        if not isinstance(event, SpeechEnded):
            continue
        match next(turns, None):
            case Speak(voice=key):
                plays += 1
                await leg.media.play([voice_file(_in_voice(key, talk.voice))], plays)
            case Press(digits=digits):
                await leg.media.send_keys(digits)
            case Hear():
                pass
            case Leave() | None:
                await leg.hang_up("customer hangs up")


def _in_voice(key: str, voice: str) -> str:
    """A mumble is nobody's voice."""
    return key if key == "mumble" else key + voice


async def until_over(leg: Leg) -> None:
    while not isinstance(await leg.next_event(), Ended | Failed):
        pass


class AgentPhone:
    """An agent who accepts with the key, says a sentence, listens to one reply and hangs up."""

    def __init__(self, key: str = "1", sentence: str = "agent", patience_s: float = 6.0) -> None:
        self._breath_s = 0.6
        self._key, self._sentence, self._patience_s = key, sentence, patience_s
        self.accepted = 0

    async def take(self, leg: IncomingLeg) -> None:
        try:
            await leg.ring()
            await leg.answer()
            await leg.media.listen(ListenSpec(end_silence_s=0.5, min_speech_s=0.3, max_speech_s=30.0))
            if not await self._heard(leg):
                return
            await leg.media.send_keys(self._key)
            self.accepted += 1
            await asyncio.sleep(self._breath_s)
            await leg.media.play([voice_file(self._sentence)], 1)
            while not isinstance(event := await leg.next_event(), Played | Ended | Failed):
                pass
            if not isinstance(event, Played):
                return
            try:
                async with asyncio.timeout(self._patience_s):
                    if not await self._heard(leg):
                        return
            except TimeoutError:
                log.info("the customer said nothing to the agent")
            await leg.hang_up("agent hangs up")
            await until_over(leg)
        except DialerError as error:
            log.warning("agent call broke off", extra={"why": str(error)})
        finally:
            await leg.close()

    @staticmethod
    async def _heard(leg: Leg) -> bool:
        """Whether somebody finished speaking before the call was over."""
        while not isinstance(event := await leg.next_event(), SpeechEnded):
            if isinstance(event, Ended | Failed):
                return False
        return True
