"""The media process as such: how it starts, keeps time under a flood, and leaves."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from media_peer import Events, Peer, until

from dialer.media import protocol as p
from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane
from dialer.media.worker import Worker

CONFIG = MediaConfig(port_low=41240, port_high=41249)


def test_started_by_hand_it_says_so() -> None:
    done = subprocess.run([sys.executable, "-m", "dialer.media"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "not by hand" in done.stderr


def first_words(data: bytes) -> tuple[int, bytes]:
    """Start a media process, say ``data`` and hang up; its exit code and what it said."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = subprocess.Popen(
            [sys.executable, "-m", "dialer.media", str(theirs.fileno())], pass_fds=(theirs.fileno(),),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        ours.sendall(data)
        ours.settimeout(10)
        said = ours.recv(4096)
        ours.shutdown(socket.SHUT_WR)
        return child.wait(10), said


def test_it_wants_its_configuration_first_and_leaves_cleanly_with_control() -> None:
    assert first_words(p.encode(p.Open(1))) == (2, b"")
    assert first_words(b"\xff\xff\xff\xff") == (2, b"")
    code, said = first_words(p.encode(p.Configure(1, CONFIG)))
    assert code == 0
    assert p.decode_message(p.Splitter().feed(said)[0]) == p.Done(1)


def run_worker(
    script: list[Callable[[socket.socket], None]], parent: Callable[[], int]
) -> list[p.AnyMessage]:
    """A worker in this process on a clock that only its sleeping moves; one step of the script a second."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    ours.settimeout(0.1)
    now = [100.0]

    def sleep(seconds: float) -> None:
        before = int(now[0])
        now[0] += seconds + 1e-6
        if int(now[0]) > before and script:
            script.pop(0)(ours)

    with ours, theirs:
        ours.sendall(p.encode(p.Open(1)))
        Worker(theirs, CONFIG, lambda: now[0], sleep, os.urandom, parent).run()
        splitter, messages = p.Splitter(), []
        while True:
            try:
                data = ours.recv(1 << 20)
            except (TimeoutError, ConnectionError):
                return messages
            if not data:
                return messages
            messages += [p.decode_message(body) for body in splitter.feed(data)]


def test_it_pulses_each_second_and_leaves_when_its_parent_changed() -> None:
    parents = [7] * 4 + [1]
    messages = run_worker([], lambda: parents.pop(0))
    pulses = [message for message in messages if isinstance(message, p.Pulse)]
    assert isinstance(messages[0], p.Opened)
    assert [pulse.streams for pulse in pulses][1:] == [1, 1]
    assert [pulse.turns for pulse in pulses][2:] == [100]
    assert {(pulse.late, pulse.skipped) for pulse in pulses} == {(0, 0)}


def test_a_broken_command_ends_it() -> None:
    messages = run_worker([lambda control: control.sendall(b"\x00\x00\x00\x01\xc1")], lambda: 7)
    assert any(isinstance(message, p.Opened) for message in messages)


async def test_a_flood_to_one_port_leaves_the_others_in_time(
    plane: ProcessMediaPlane, peer: Peer, other_peer: Peer
) -> None:
    calm, flooded = await plane.open(Events()), await plane.open(Events())
    await calm.connect(peer.remote())
    await flooded.connect(other_peer.remote())
    await until(lambda: len(peer.got) > 5)
    end = time.monotonic() + 0.5
    start = len(peer.got)
    sent = 0
    while time.monotonic() < end:
        for _ in range(50):
            other_peer.send(flooded.local, b"\xd5" * 160)
            sent += 1
        time.sleep(0.002)  # noqa: ASYNC251 - the flood comes from here
    times = [at for at, _ in peer.got[start:]]
    assert len(times) >= 20
    assert np.max(np.diff(times)) < 0.08
    assert sent > 1000, "it was a flood"
