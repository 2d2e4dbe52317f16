from dialer.ivr.answers import Classified
from dialer.ivr.config import TurnSettings
from dialer.ivr.exchange import Asking, Exchange
from dialer.ivr.moves import (
    Action,
    HeardWords,
    Key,
    Listen,
    Play,
    PlayedOut,
    SpeechStarted,
    StopListen,
    StopPlay,
    Timeout,
)
from dialer.model import AnswerClass, AnswerSource, Heard, QuestionKind, Say, SayKind

SAY = (Say(SayKind.TEXT, "请问？"),)
TURN = TurnSettings()
START, OFFSET = 100.0, 20.0
"""Loop time and recording offset of the prompt's start."""


def yes(kind: QuestionKind, text: str) -> Classified:
    return Classified(AnswerClass.YES, text)


def exchange(
    *, barge_in: bool = False, speech: bool = True, turn: TurnSettings = TURN, more: bool = False
) -> tuple[Exchange, list[Action]]:
    pause = TURN.long_end_silence_s if more else TURN.end_silence_s
    asking = Asking("q", QuestionKind.POS, SAY, pause, turn.no_input_s, barge_in, speech)
    made = Exchange(asking, 7, turn, yes, START, OFFSET)
    return made, made.open()


def words(at: float, text: str = "是的", duration: float = 0.5) -> HeardWords:
    return HeardWords(Heard(text, 0.9, 0.0, duration, -20.0), at, at + duration)


LISTEN = Listen("q", QuestionKind.POS, TURN.end_silence_s)


def test_a_prompt_that_must_be_heard_listens_after_it() -> None:
    made, opened = exchange()
    assert opened == [Play(7, SAY, "q")]
    assert made.feed(SpeechStarted(22.0), 102, 22) == ([], None)
    assert made.feed(words(22.0), 102, 22) == ([], None)
    assert made.feed(PlayedOut(7), 103, 23) == ([LISTEN], None)
    assert made.deadline == 103 + TURN.no_input_s
    assert made.feed(SpeechStarted(23.5), 103.5, 23.5) == ([], None)
    assert made.deadline == 103.5 + TURN.utterance_s
    actions, reply = made.feed(words(23.5), 105, 25)
    assert actions == []
    assert reply is not None
    assert (reply.answer_class, reply.words, reply.source) == (AnswerClass.YES, "是的", AnswerSource.ASR)
    assert (reply.start_offset_s, reply.end_offset_s) == (23.5, 24.0)
    assert made.close() == [StopListen()]
    assert made.close() == []


def test_barge_in_stops_the_prompt() -> None:
    made, opened = exchange(barge_in=True)
    assert opened == [Play(7, SAY, "q"), LISTEN]
    assert made.feed(SpeechStarted(21.0), 101, 21) == ([StopPlay()], None)
    assert made.feed(words(21.0), 102, 22)[1] is not None


def test_listening_goes_on_where_nobody_barged_in() -> None:
    made, _ = exchange(barge_in=True)
    assert made.feed(PlayedOut(7), 103, 23) == ([], None)


def test_speech_and_keys_of_the_time_before_are_dropped() -> None:
    made, _ = exchange(barge_in=True)
    early = OFFSET + TURN.barge_guard_s - 0.1
    assert made.feed(SpeechStarted(early), 100.4, early) == ([], None)
    assert made.feed(words(early), 101, 21) == ([], None)
    assert made.feed(Key("1", early), 100.4, early) == ([], None)
    late = OFFSET + TURN.barge_guard_s
    assert made.feed(Key("1", late), 100.5, late)[1] is not None


def test_keys_during_a_prompt_that_must_be_heard_wait_for_its_end() -> None:
    made, _ = exchange()
    assert made.feed(Key("2", 21.0), 101, 21) == ([], None)
    assert made.feed(Key("1", 21.5), 101.5, 21.5) == ([], None)
    actions, reply = made.feed(PlayedOut(7), 103, 23)
    assert actions == []
    assert reply is not None
    assert (reply.answer_class, reply.words, reply.source) == (AnswerClass.YES, "1", AnswerSource.DTMF)
    assert reply.start_offset_s == 21.5


def test_a_person_is_asked_for_at_once() -> None:
    made, _ = exchange()
    _, reply = made.feed(Key("0", 21.0), 101, 21)
    assert reply is not None
    assert reply.answer_class is AnswerClass.HUMAN


def test_unknown_keys_are_ignored() -> None:
    made, _ = exchange(barge_in=True)
    assert made.feed(Key("#", 21.0), 101, 21) == ([], None)


def test_silence_is_unclear() -> None:
    made, _ = exchange()
    made.feed(PlayedOut(7), 103, 23)
    _, reply = made.feed(Timeout(), made.deadline, 28)
    assert reply is not None
    assert (reply.answer_class, reply.source, reply.decided_by) == (
        AnswerClass.UNCLEAR,
        AnswerSource.NONE,
        "silence",
    )


def test_speech_without_words_is_unclear() -> None:
    made, _ = exchange()
    made.feed(PlayedOut(7), 103, 23)
    made.feed(SpeechStarted(24), 104, 24)
    _, reply = made.feed(Timeout(), made.deadline, 39)
    assert reply is not None
    assert reply.decided_by == "the recogniser gave no words"


def test_a_prompt_that_never_ends_counts_as_played() -> None:
    made, _ = exchange(turn=TurnSettings(play_limit_s=30))
    assert made.deadline == 130
    assert made.feed(Timeout(), 130, 50) == ([LISTEN], None)
    assert made.feed(PlayedOut(7), 131, 51) == ([], None)


def test_the_end_of_another_prompt_means_nothing() -> None:
    made, _ = exchange()
    assert made.feed(PlayedOut(6), 101, 21) == ([], None)


def test_a_click_is_passed_over_but_not_for_ever() -> None:
    made, _ = exchange()
    made.feed(PlayedOut(7), 103, 23)
    for count in range(3):
        at = 24.0 + count
        made.feed(SpeechStarted(at), 80 + at, at)
        assert made.feed(words(at, "", 0.05), 80 + at, at) == ([LISTEN], None)
        assert made.deadline == 80 + at + TURN.no_input_s
    _, reply = made.feed(words(28.0, "", 0.05), 108, 28)
    assert reply is not None
    assert reply.answer_class is AnswerClass.UNCLEAR


def test_a_click_that_cut_the_prompt_asks_again() -> None:
    made, _ = exchange(barge_in=True)
    made.feed(SpeechStarted(21.0), 101, 21)
    assert made.feed(words(21.0, "", 0.05), 101.2, 21.2)[1] is not None


def test_keys_only_never_listens() -> None:
    made, opened = exchange(barge_in=True, speech=False)
    assert opened == [Play(7, SAY, "q")]
    assert made.feed(PlayedOut(7), 103, 23) == ([], None)
    assert made.close() == []


def test_where_people_tell_more_the_pause_is_longer() -> None:
    _, opened = exchange(barge_in=True, more=True)
    assert opened[1] == Listen("q", QuestionKind.POS, TURN.long_end_silence_s)
