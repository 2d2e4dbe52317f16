"""Asterisk 22 on the same work: calls the same callees, plays a prompt in a loop, records both sides, tells
speech from silence (MixMonitor, TALK_DETECT)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench import measure
from bench.talker import CHROOT_SCRIPT, prompt
from bench.wire import Watcher
from dialer.media.g711 import encode

NAME = "bench"
_SIP_PORT, _MANAGER_PORT = 5160, 5138
_RATE = 40
"""Calls placed a second."""

_FILES = {
    "pjsip.conf": """
[udp]
type=transport
protocol=udp
bind=127.0.0.1:{sip}
[callee]
type=endpoint
transport=udp
context=nobody
disallow=all
allow=alaw
aors=callee
direct_media=no
[callee]
type=aor
contact=sip:127.0.0.1:{callee}
""",
    "extensions.conf": """
[calls]
exten => s,1,Answer()
 same => n,Set(TALK_DETECT(set)=)
 same => n,MixMonitor(/var/spool/asterisk.d/bench/${{UNIQUEID}}.wav)
 same => n(again),Playback(/var/spool/asterisk.d/bench/prompt)
 same => n,Goto(again)
""",
    "manager.conf": """
[general]
enabled = yes
bindaddr = 127.0.0.1
port = {manager}
[bench]
secret = bench
permit = 127.0.0.1/255.255.255.255
read = none
write = originate
""",
}


@dataclass
class Measured:
    calls: int
    seconds: float
    core_s: float
    machine: float
    """Cores that were busy, of all, whatever with."""
    rss_mb: float
    wire: dict[str, float]

    @property
    def percent_per_call(self) -> float:
        return 100 * self.core_s / self.seconds / max(1, self.calls)

    @property
    def has_room(self) -> bool:
        """Whether a tenth of the machine was idle: else the figure says what the machine has, not what a call
        takes."""
        return self.machine <= 0.9 * (os.cpu_count() or 1)


RTP_LOW, RTP_HIGH = 40000, 49999
WATCHED_SHARE = 0.1
"""Of Asterisk's ports, whose packets are looked at on the wire."""


def hold_calls(folder: Path, chroot: Path, callee_port: int, calls: int, seconds: float) -> Measured:
    """The same as ``ours.hold_calls``. ``chroot``: where asterisk.sh has installed it."""
    config = folder / NAME
    config.mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        values = {"sip": _SIP_PORT, "callee": callee_port, "manager": _MANAGER_PORT}
        (config / name).write_text(text.format(**values))
    spool = chroot / "var/spool/asterisk.d" / NAME
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir(parents=True)
    (spool / "prompt.alaw").write_bytes(encode(prompt(), "PCMA"))
    with (folder / "asterisk.log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", str(CHROOT_SCRIPT), "run", str(chroot), str(config)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    watcher = Watcher(RTP_LOW, RTP_LOW + int((RTP_HIGH - RTP_LOW) * WATCHED_SHARE))
    try:
        _originate(calls)
        time.sleep(5)
        before, busy = measure.cpu_s([process.pid]), measure.busy_s()
        start, wall = time.monotonic(), time.time()
        time.sleep(seconds)
        core_s, length = measure.cpu_s([process.pid]) - before, time.monotonic() - start
        machine = (measure.busy_s() - busy) / length
        up = _channels(chroot, config)
        wire = watcher.result(wall, wall + length)
        return Measured(up, length, core_s, machine, measure.memory_mb([process.pid])[0], wire)
    finally:
        watcher.stop()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(spool, ignore_errors=True)


def _originate(calls: int) -> None:
    """Over the manager interface, evenly."""
    deadline = time.monotonic() + 60
    while True:
        try:
            manager = socket.create_connection(("127.0.0.1", _MANAGER_PORT), 5)
            break
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit("Asterisk didn't start, see asterisk.log") from None
            time.sleep(0.2)
    with manager:
        manager.sendall(b"Action: Login\r\nUsername: bench\r\nSecret: bench\r\nEvents: off\r\n\r\n")
        time.sleep(2)  # PJSIP loads after the manager
        manager.setblocking(False)
        for number in range(calls):
            manager.sendall(
                f"Action: Originate\r\nChannel: PJSIP/{number}@callee\r\nContext: calls\r\nExten: s\r\n"
                "Priority: 1\r\nAsync: true\r\n\r\n".encode()
            )
            try:
                while manager.recv(65536):
                    pass
            except BlockingIOError:
                pass
            time.sleep(1 / _RATE)


def _channels(chroot: Path, config: Path) -> int:
    command = ["sh", str(CHROOT_SCRIPT), "rx", str(chroot), str(config), "core show channels count"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return next((int(line.split()[0]) for line in said.splitlines() if "active channel" in line), 0)
