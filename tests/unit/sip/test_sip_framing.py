"""A stream cut into messages: the same however it was split, and bounded."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.sip.framing import BrokenStream, Frame, KeepAlive, StreamFramer

LIMIT = 2000


def message(body: bytes = b"", header: bytes = b"Content-Length") -> bytes:
    head = b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\n"
    return head + header + b": %d\r\n\r\n" % len(body) + body


def feed(data: bytes, cuts: list[int], limit: int = LIMIT) -> tuple[list[Frame], BrokenStream | None]:
    framer = StreamFramer(limit)
    found: list[Frame] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        frames, error = framer.feed(data[start:end])
        found += frames
        if error is not None:
            return found, error
    return found, None


PIECES = st.sampled_from(
    [
        message(), message(b"v=0\r\n\r\n"), message(b"x" * 300, b"l"),
        message(b"\r\n\r\n", b"CONTENT-LENGTH  "), message(b"abc", b"Content-Length:\r\n  3\r\nX"),
        KeepAlive.PING.value,
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=6), st.lists(st.integers(0, 5000), max_size=30))
def test_any_split_of_the_stream_gives_the_same_messages(pieces: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(pieces)
    wanted = [KeepAlive.PING if piece == KeepAlive.PING.value else piece for piece in pieces]
    assert feed(stream, cuts) == (wanted, None)


@given(st.binary(max_size=400), st.lists(st.integers(0, 5000), max_size=20))
def test_garbage_gives_the_same_whatever_the_split_and_never_raises(data: bytes, cuts: list[int]) -> None:
    stream = message() + data + b"\r\n\r\n"
    whole, split = feed(stream, []), feed(stream, cuts)
    assert [str(part) for part in whole] == [str(part) for part in split]
    assert whole[0][0] == message()


def test_byte_by_byte() -> None:
    stream = message(b"body") + b"\r\n" + message()
    assert feed(stream, list(range(len(stream)))) == ([message(b"body"), message()], None)


def test_a_pong_is_told_from_a_ping() -> None:
    framer = StreamFramer(LIMIT)
    framer.pinged()
    assert framer.feed(b"\r\n")[0] == [KeepAlive.PONG]
    assert framer.feed(b"\r\n")[0] == []
    assert framer.feed(b"\r\n")[0] == [KeepAlive.PING]
    framer.pinged()
    assert framer.feed(b"\r\n\r\n\r\n")[0] == [KeepAlive.PONG, KeepAlive.PING]


def test_whether_a_message_is_under_way() -> None:
    framer = StreamFramer(LIMIT)
    assert not framer.inside
    framer.feed(b"\r\n\r")
    assert not framer.inside
    framer.feed(b"\nINV")
    assert framer.inside
    framer = StreamFramer(LIMIT)
    framer.feed(message(b"body")[:-1])
    assert framer.inside
    framer.feed(b"y")
    assert not framer.inside


HEAD = b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n"


@pytest.mark.parametrize(
    ("stream", "reason", "head"),
    [
        (HEAD + b"\r\n", "mandatory", True),
        (HEAD + b"Content-Length: -1\r\n\r\n", "one number", True),
        (HEAD + b"Content-Length: 1x\r\n\r\n", "one number", True),
        (HEAD + b"Content-Length:\r\n\r\n", "one number", True),
        (HEAD + b"Content-Length: 1\r\nl: 2\r\n\r\n", "one number", True),
        (HEAD + b"Content-Length: 99999999999999\r\n\r\n", "one number", True),
        (HEAD + b"Content-Length: 2000\r\n\r\n", "may have 2000 bytes", True),
        (b"A" * 2000, "no end of the headers", False),
        (b"\0" * 5000, "no end of the headers", False),
    ],
)
def test_a_broken_stream_says_why_and_keeps_the_headers_for_the_400(
    stream: bytes, reason: str, head: bool
) -> None:
    found, error = feed(message() + stream, [])
    assert found == [message()]
    assert error is not None
    assert reason in str(error)
    assert error.head == (stream if head else b"")


def test_two_equal_lengths_are_one() -> None:
    stream = HEAD + b"Content-Length: 0\r\nl: 0\r\n\r\n"
    assert feed(stream, []) == ([stream], None)


def test_nothing_is_kept_beyond_the_limit() -> None:
    framer = StreamFramer(LIMIT)
    total = 0
    for _ in range(LIMIT):
        total += 1
        if framer.feed(b"a")[1] is not None:
            break
    assert total == LIMIT
