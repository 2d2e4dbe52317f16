"""The far end of the benches: SIPp as callees that talk, and the audio of both sides.

The callee speaks as ITU-T P.59 describes a person in a conversation: talk spurts of 1.004 s, pauses of
1.587 s, here over the faint noise of a line. SIPp 3.8 of the Asterisk chroot where it is installed, else
the machine's own.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dialer.media.g711 import SAMPLE_RATE, encode

ROOT = Path(__file__).resolve().parents[1]
CHROOT_SCRIPT = ROOT / "tests/peers/asterisk.sh"
SCENARIO = ROOT / "tests/peers/talking_callee.xml"
TALK_S, PAUSE_S = 1.004, 1.587
RTP_PORTS = (30000, 39998)
"""Those of the callees."""


def voice(seconds: float, level: float) -> npt.NDArray[np.float64]:
    """A voice-like buzz in syllables of 0.2 s; ``level``: its peak."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 140 * n * t) / n for n in range(1, 14))
    return buzz * (0.3 + 0.7 * np.abs(np.sin(np.pi * t / 0.2))) * level / 2


def customer() -> npt.NDArray[np.int16]:
    """About half a minute of talk spurts and pauses."""
    line = np.random.default_rng(7).normal(0, 12, int(12 * (TALK_S + PAUSE_S) * SAMPLE_RATE))
    for number in range(12):
        at = int(number * (TALK_S + PAUSE_S) * SAMPLE_RATE)
        spurt = voice(TALK_S, 6000)
        line[at : at + len(spurt)] += spurt
    return line.astype(np.int16)


def prompt() -> npt.NDArray[np.int16]:
    """Ten seconds without a pause."""
    return voice(10, 5000).astype(np.int16)


@dataclass
class Callees:
    """One SIPp that answers every call on ``port``."""

    process: subprocess.Popen[bytes]
    port: int

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _takes_rtp_ports(program: str) -> bool:
    if shutil.which(program) is None:
        return False
    said = subprocess.run([program, "-h"], capture_output=True, check=False)
    return b"-min_rtp_port" in said.stdout + said.stderr


def start_callees(folder: Path, chroot: Path, port: int) -> Callees:
    """``folder``: for scratch files."""
    program, root = "sipp", Path("/")
    if (chroot / "usr/bin/sipp").exists():
        root = chroot
    elif not _takes_rtp_ports(program):
        # Debian 12's 3.6 lacks -min_rtp_port; the chroot brings a newer one, in about a minute.
        subprocess.run(["sh", str(CHROOT_SCRIPT), "install", str(chroot)], check=True)
        root = chroot
    home = root / f"tmp/bench-callees-{port}" if root != Path("/") else folder
    home.mkdir(parents=True, exist_ok=True)
    (home / "customer.alaw").write_bytes(encode(customer(), "PCMA"))
    inside = Path("/") / home.relative_to(root)
    text = SCENARIO.read_text().replace("@FILE@", str(inside / "customer.alaw"))
    (home / "callee.xml").write_text(text)
    command = [
        program, "-sf", str(inside / "callee.xml"), "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(port),
        "-min_rtp_port", str(RTP_PORTS[0]), "-max_rtp_port", str(RTP_PORTS[1]), "-nostdin",
    ]  # fmt: skip
    if root != Path("/"):
        command = ["chroot", str(root), "sh", "-c", f'cd {inside} && exec "$@"', "sh", *command]
    with (folder / f"sipp-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    time.sleep(1)
    if process.poll() is not None:
        raise SystemExit(f"sipp ended at once, see {folder}/sipp-{port}.log")
    return Callees(process, port)
