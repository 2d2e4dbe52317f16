from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.asr.protocol import (
    MAX_FRAME,
    Cancel,
    Failed,
    Feed,
    Finish,
    Frames,
    Open,
    Opened,
    ProtocolError,
    Ready,
    Reply,
    Request,
    Words,
    encode,
    reply,
    request,
)
from dialer.model import Heard, Reading

REQUESTS: list[Request] = [Open(1, ("是的", "不是")), Feed(1, b"\x00\xff" * 800), Finish(1), Cancel(2)]
WORDS = Words(1, Heard("是", 0.9, readings=(Reading("是", 0.9), Reading("", 0.1, False))))
REPLIES: list[Reply] = [Ready(), Ready("no"), Opened(1, ("退",)), WORDS, Failed(2, "x")]


def test_every_message_survives_the_way() -> None:
    assert [request(body) for one in REQUESTS for body in Frames().feed(encode(one))] == REQUESTS
    assert [reply(body) for one in REPLIES for body in Frames().feed(encode(one))] == REPLIES


@given(st.lists(st.integers(1, 400), max_size=40))
def test_frames_come_whole_however_the_bytes_were_cut(cuts: list[int]) -> None:
    data = b"".join(encode(one) for one in REQUESTS)
    frames, bodies, place = Frames(), [], 0
    for cut in [*cuts, len(data)]:
        bodies += frames.feed(data[place : place + cut])
        place += cut
    assert [request(body) for body in bodies] == REQUESTS


def test_a_length_beyond_the_bound_is_refused_before_anything_is_kept() -> None:
    with pytest.raises(ProtocolError):
        Frames().feed(struct.pack("!I", MAX_FRAME + 1))


@given(st.binary(max_size=60))
def test_garbage_is_a_message_or_the_documented_error(body: bytes) -> None:
    for read in (request, reply):
        with contextlib.suppress(ProtocolError):
            read(body)


def test_a_reply_is_no_request() -> None:
    with pytest.raises(ProtocolError):
        request(encode(Ready())[4:])
