from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.media import protocol as p
from dialer.media.config import MediaConfig
from dialer.model import RtpStats
from dialer.ports import (
    KeyPressed,
    ListenSpec,
    MediaFailed,
    MediaTimeout,
    Played,
    RemoteMedia,
    SpeechAudio,
    SpeechEnded,
    SpeechStarted,
)

COMMANDS = [
    p.Configure(1, MediaConfig(port_low=2000)), p.Open(2), p.StopPlaying(3, 4), p.Close(5, 6),
    p.Connect(3, 9, RemoteMedia("192.0.2.1", 4000, "PCMU", 0, None)),
    p.Play(4, 9, ["/a.wav", "/b.wav"], 7, True), p.Listen(5, 9, ListenSpec(0.5)), p.Listen(6, 9, None),
    p.Record(7, 9, "/x.part"), p.StopRecording(8, 9), p.Bridge(9, 9, 10), p.Unbridge(10, 9),
    p.SendKeys(11, 9, "12#"),
]  # fmt: skip
MESSAGES = [
    p.Done(1), p.Refused(2, "no"), p.Opened(3, 4, "192.0.2.1", 5), p.Closed(5, RtpStats(1, 2, 3)),
    p.RecordingClosed(4, "/x.part", "PCMA", 1.5, 99), p.Pulse(1.0, 2, 200, 3, 0, 4.5),
]  # fmt: skip
EVENTS = [
    Played(1.0, 2, True), KeyPressed(1.0, "#", 2.0), SpeechStarted(1.0, 2.0), SpeechAudio(1.0, b"\x00\xff"),
    SpeechEnded(1.0, 2.0, 3.0, -20.0), MediaTimeout(1.0), MediaFailed(1.0, "why"),
]  # fmt: skip


@given(st.integers(1, 40))
def test_commands_survive_any_cutting_of_the_stream(size: int) -> None:
    data = b"".join(p.encode(command) for command in COMMANDS)
    splitter = p.Splitter()
    bodies = [body for at in range(0, len(data), size) for body in splitter.feed(data[at : at + size])]
    assert [p.decode_command(body) for body in bodies] == COMMANDS


@pytest.mark.parametrize("message", MESSAGES)
def test_replies(message: p.AnyMessage) -> None:
    assert p.decode_message(p.encode(message)[4:]) == message


@pytest.mark.parametrize("event", EVENTS)
def test_events(event) -> None:
    message = p.decode_message(p.encode(p.notice(7, event))[4:])
    assert isinstance(message, p.Notice)
    assert message.stream == 7
    assert p.event_of(message) == event


@given(st.binary(max_size=100))
def test_garbage_is_a_protocol_error_or_a_message(data: bytes) -> None:
    for decode in (p.decode_command, p.decode_message, p.Splitter().feed):
        with contextlib.suppress(p.ProtocolError):
            decode(data)


def test_absurd_lengths_and_unknown_events_are_refused() -> None:
    with pytest.raises(p.ProtocolError, match="bytes"):
        p.Splitter().feed(b"\xff\xff\xff\xff")
    with pytest.raises(p.ProtocolError, match="Exploded"):
        p.event_of(p.Notice(1, "Exploded", p.notice(1, MediaTimeout(1.0)).body))
