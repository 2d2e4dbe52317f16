"""One media process from control: what happens when one of the two dies, hangs or is busy."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from media_peer import Events, Peer, frames_of, onset_s, read_recording, until, vowel, write_wav

from dialer.errors import MediaError
from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane
from dialer.model import RtpStats
from dialer.ports import MediaFailed


async def test_a_killed_media_process_fails_every_stream_and_can_be_started_again(
    plane: ProcessMediaPlane, peer: Peer, tmp_path: Path
) -> None:
    sinks = [Events(), Events()]
    streams = [await plane.open(sink) for sink in sinks]
    await streams[0].connect(peer.remote())
    await streams[0].record(tmp_path / "call.part")
    peer.speak(streams[0].local, frames_of(vowel(2.5))).join()
    assert plane.pid is not None
    os.kill(plane.pid, signal.SIGKILL)
    await until(lambda: not plane.alive)
    assert [len(sink.of(MediaFailed)) for sink in sinks] == [1, 1]
    with pytest.raises(MediaError, match="gone"):
        await plane.open(Events())
    with pytest.raises(MediaError, match="gone"):
        await streams[0].stop_recording()
    assert await streams[0].close() == RtpStats()
    sent, heard = read_recording(tmp_path / "call.part")
    assert len(sent) == len(heard) >= 8000, "at most the last second and a half is lost"
    assert onset_s(heard) >= 0

    await plane.start()
    again = await plane.open(Events())
    await again.connect(peer.remote())
    before = len(peer.got)
    await until(lambda: len(peer.got) > before + 5)


async def test_a_request_under_way_when_it_dies_raises(plane: ProcessMediaPlane) -> None:
    assert plane.pid is not None
    os.kill(plane.pid, signal.SIGSTOP)
    waiting = asyncio.create_task(plane.open(Events()))
    await asyncio.sleep(0.05)
    os.kill(plane.pid, signal.SIGKILL)
    with pytest.raises(MediaError, match="died"):
        await waiting


async def test_a_hung_media_process_is_killed() -> None:
    config = MediaConfig(port_low=41220, port_high=41225, watchdog_s=3.0)
    plane = ProcessMediaPlane(config)
    await plane.start()
    try:
        events = Events()
        await plane.open(events)
        assert plane.pid is not None
        os.kill(plane.pid, signal.SIGSTOP)
        await until(lambda: bool(events.of(MediaFailed)), 8)
        assert "hung" in events.of(MediaFailed)[0].reason
    finally:
        await plane.close()


async def test_a_busy_control_loop_is_not_audible(
    plane: ProcessMediaPlane, peer: Peer, tmp_path: Path
) -> None:
    stream = await plane.open(Events())
    await stream.connect(peer.remote())
    await stream.play([write_wav(tmp_path / "long.wav", vowel(3))], 1)
    await until(lambda: len(peer.got) > 10)
    start = time.monotonic()
    time.sleep(0.3)  # noqa: ASYNC251 - blocking the loop is the point
    end = time.monotonic()
    await asyncio.sleep(0.05)
    during = [at for at, _ in list(peer.got) if start <= at <= end]
    assert len(during) >= 13
    assert np.max(np.diff(during)) < 0.06
    assert all(packet.payload != b"\xd5" * 160 for at, packet in list(peer.got) if start <= at <= end)


@pytest.mark.skipif(os.geteuid() != 0, reason="a higher priority needs the right to it")
async def test_the_media_process_goes_before_others(plane: ProcessMediaPlane) -> None:
    assert plane.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, plane.pid) == plane.config.niceness == -10


async def test_ctrl_c_and_sigterm_are_left_to_control(plane: ProcessMediaPlane) -> None:
    assert plane.pid is not None
    os.kill(plane.pid, signal.SIGINT)
    os.kill(plane.pid, signal.SIGTERM)
    await asyncio.sleep(0.2)
    await plane.open(Events())
    assert plane.alive


async def test_a_sink_that_raises_ends_the_plane_and_not_in_silence(
    plane: ProcessMediaPlane, peer: Peer
) -> None:
    def broken(_event: object) -> None:
        raise ZeroDivisionError

    stream = await plane.open(broken)
    healthy = Events()
    await plane.open(healthy)
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    await stream.connect(peer.remote())
    await stream.play([], 1)
    await until(lambda: bool(healthy.of(MediaFailed)))
    assert "sink" in healthy.of(MediaFailed)[0].reason


async def test_the_media_process_may_open_as_many_files_as_the_hard_limit_lets_it(
    plane: ProcessMediaPlane,
) -> None:
    assert plane.pid is not None
    soft, hard = resource.prlimit(plane.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


async def test_close_ends_the_process_and_start_is_idempotent(plane: ProcessMediaPlane) -> None:
    pid = plane.pid
    await plane.start()
    assert plane.pid == pid
    assert pid is not None
    events = Events()
    await plane.open(events)
    await plane.close()
    await plane.close()
    assert [event.reason for event in events.of(MediaFailed)] == ["the media plane was closed"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_control_killed_ends_the_child_and_leaves_a_repairable_recording(tmp_path: Path) -> None:
    script = tmp_path / "control.py"
    script.write_text(
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from dialer.media.config import MediaConfig\n"
        "from dialer.media.plane import ProcessMediaPlane\n"
        "from dialer.ports import RemoteMedia\n"
        "async def main():\n"
        "    plane = ProcessMediaPlane(MediaConfig(port_low=41230, port_high=41235))\n"
        "    await plane.start()\n"
        "    stream = await plane.open(lambda event: None)\n"
        "    await stream.connect(RemoteMedia('127.0.0.1', 9, 'PCMA', 8, None))\n"
        "    await stream.record(Path(sys.argv[1]))\n"
        "    await stream.play([Path(sys.argv[2])], 1)\n"
        "    print(plane.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    clip = write_wav(tmp_path / "prompt.wav", vowel(0.7))
    path = tmp_path / "call.part"
    root = Path(__file__).parents[3]
    control = subprocess.Popen(
        [sys.executable, str(script), str(path), str(clip)], stdout=subprocess.PIPE, text=True, cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    try:
        assert control.stdout is not None
        child = int(control.stdout.readline())
        time.sleep(0.9)
    finally:
        control.kill()
        control.wait()
        control.stdout.close()
    asyncio.run(until(lambda: _gone(child)))
    data = path.read_bytes()
    assert data[4:8] == data[46:50] == data[54:58] == b"\xff" * 4, "nobody closed it"
    sent, _ = read_recording(path)
    assert len(sent) / 8000 == pytest.approx(0.9, abs=0.3), "all of it was written on the way out"
    assert b"".join(frames_of(vowel(0.7))) in data[58::2]


def _gone(pid: int) -> bool:
    """Ended; where nobody reaps orphans it stays as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
