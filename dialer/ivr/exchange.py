"""One prompt and the reply to it: barge-in, silence, keys, late words. Sans I/O.

Speech and keys that belong to the time before the prompt are dropped by their offsets. Where a prompt
must be heard to its end, keys pressed meanwhile wait for it and listening starts after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.ivr.config import TurnSettings
from dialer.ivr.moves import (
    Action,
    HeardWords,
    Key,
    Listen,
    Play,
    PlayedOut,
    SessionEvent,
    SpeechStarted,
    StopListen,
    StopPlay,
    Timeout,
)
from dialer.ivr.script import OwnWords
from dialer.ivr.turn import Classify, Reply, contented, in_own_words, key_class, weigh
from dialer.model import AnswerClass, AnswerSource, QuestionKind, Say

_MAX_NOISES = 3
"""Clicks and coughs passed over in one turn; the next one counts as an unclear reply."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked, and how the reply is listened for."""

    question_id: str
    kind: QuestionKind
    say: tuple[Say, ...]
    end_silence_s: float
    """Pause that ends the reply."""
    no_input_s: float
    """Silence that counts as no reply."""
    barge_in: bool = False
    speech: bool = True
    """False: keys only."""
    phrases: tuple[str, ...] = ()
    words: OwnWords = field(default_factory=OwnWords)
    satisfaction: bool = False
    """一般 is no yes."""

    @property
    def free(self) -> bool:
        return self.kind is QuestionKind.FREE


class Exchange:
    """Opened with the prompt's ``Play``; ``feed`` gives the reply once, then the exchange is over."""

    def __init__(
        self,
        asking: Asking,
        play_id: int,
        turn: TurnSettings,
        classify: Classify,
        now: float,
        offset_s: float,
        *,
        slow: bool = False,
    ) -> None:
        self.asking, self.asked_offset_s = asking, offset_s
        classify = in_own_words(classify, asking.words)
        self._classify = contented(classify) if asking.satisfaction else classify
        self._turn, self._play_id, self._slow = turn, play_id, slow
        self._playing, self._listening, self._speaking, self._cut = True, False, False, False
        self._held: Key | None = None
        self._noises = 0
        self._spoke_at = offset_s
        self.deadline = now + turn.play_limit_s

    def open(self, lead: tuple[Say, ...] = ()) -> list[Action]:
        """``lead``: said before the prompt, this time only."""
        say = lead + self.asking.say
        actions: list[Action] = [Play(self._play_id, say, self.asking.question_id, slow=self._slow)]
        if self.asking.barge_in:
            actions += self._listen()
        return actions

    def close(self) -> list[Action]:
        """Stop listening, where it does; the next prompt replaces this one by itself."""
        was, self._listening = self._listening, False
        return [StopListen()] if was else []

    def feed(self, event: SessionEvent, now: float, offset_s: float) -> tuple[list[Action], Reply | None]:
        """``offset_s``: of ``now`` in the recording."""
        match event:
            case PlayedOut(play_id) if play_id == self._play_id and self._playing:
                return self._played_out(now)
            case SpeechStarted(start) if self._listening and not self._too_early(start):
                return self._speech_started(now, start), None
            case HeardWords() if self._listening and not self._too_early(event.start_offset_s):
                return self._heard(event, now)
            case Key() if not self._too_early(event.offset_s):
                return [], self._key(event)
            case Timeout() if self._playing:
                return self._played_out(now)
            case Timeout():
                why = "the recogniser gave no words" if self._speaking else "silence"
                return [], self.wordless(why, offset_s)
        return [], None

    def wordless(self, why: str, offset_s: float) -> Reply:
        """Silence, or speech whose words are lost. To an open question it was said all the same."""
        said = self.asking.free and self._speaking
        start = self._spoke_at if said else offset_s
        source = AnswerSource.ASR if said else AnswerSource.NONE
        answer = AnswerClass.SAID if said else AnswerClass.UNCLEAR
        return Reply(answer, "", 0.0, source, start, offset_s, why)

    def _too_early(self, offset_s: float) -> bool:
        return offset_s < self.asked_offset_s + self._turn.barge_guard_s

    def _listen(self) -> list[Action]:
        if not self.asking.speech:
            return []
        self._listening = True
        asking = self.asking
        longest = self._turn.free_speech_s if asking.free else None
        phrases = (*asking.phrases, *asking.words.yes, *asking.words.no)
        return [Listen(asking.question_id, asking.kind, asking.end_silence_s, phrases, longest)]

    def _played_out(self, now: float) -> tuple[list[Action], Reply | None]:
        self._playing = False
        if self._held is not None:
            return [], self._key_reply(self._held)
        self.deadline = now + self.asking.no_input_s
        return ([] if self._listening else self._listen()), None

    def _speech_started(self, now: float, start_offset_s: float) -> list[Action]:
        self._speaking, self._spoke_at = True, start_offset_s
        self.deadline = now + self._turn.utterance_s + (self._turn.free_speech_s if self.asking.free else 0.0)
        if not self._playing:
            return []
        self._playing, self._cut = False, True
        return [StopPlay()]

    def _heard(self, event: HeardWords, now: float) -> tuple[list[Action], Reply | None]:
        heard = event.heard
        noise = not heard.text and heard.duration_s < self._turn.min_duration_s
        if noise and not self._cut and self._noises < _MAX_NOISES:
            self._noises += 1
            self._speaking = False
            if not self._playing:
                self.deadline = now + self.asking.no_input_s
            return self._listen(), None
        answer_class, why = weigh(heard, self.asking.kind, self._turn, self._classify)
        return [], Reply(
            answer_class,
            heard.text,
            heard.confidence,
            AnswerSource.ASR,
            event.start_offset_s,
            event.end_offset_s,
            why,
        )

    def _key(self, key: Key) -> Reply | None:
        if key_class(self.asking.kind, key.digit) is None:
            return None
        if self._playing and not self.asking.barge_in and key.digit != "0":
            self._held = key
            return None
        return self._key_reply(key)

    def _key_reply(self, key: Key) -> Reply | None:
        answer_class = key_class(self.asking.kind, key.digit)
        if answer_class is None:
            return None
        why = f"key {key.digit}"
        return Reply(answer_class, key.digit, 1.0, AnswerSource.DTMF, key.offset_s, key.offset_s, why)
