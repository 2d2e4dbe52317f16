"""A far end for media tests: a real UDP socket on loopback with threads of its own, and WAV helpers."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dialer.media import rtp
from dialer.media.g711 import FRAME, decode, encode
from dialer.ports import MediaEvent, RemoteMedia

TONE_TYPE = 101


def vowel(seconds: float, level: float = 8000.0) -> np.ndarray:
    """Voiced sound: harmonics of 140 Hz. int16 at 8 kHz."""
    t = np.arange(int(seconds * 8000)) / 8000
    wave = sum(np.sin(2 * np.pi * 140 * n * t) / n for n in range(1, 12))
    return (wave * level / 3).astype(np.int16)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * 8000), dtype=np.int16)


def frames_of(pcm: np.ndarray, codec: str = "PCMA") -> list[bytes]:
    law = encode(pcm, codec)
    return [law[at : at + FRAME] for at in range(0, len(law) - FRAME + 1, FRAME)]


def write_wav(path: Path, pcm: np.ndarray, rate: int = 8000, channels: int = 1) -> Path:
    data = pcm.astype("<i2").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, channels, rate,
        rate * 2 * channels, 2 * channels, 16, b"data", len(data),
    )  # fmt: skip
    path.write_bytes(head + data)
    return path


def read_recording(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Both channels as int16, by the documented layout; header sizes are not believed."""
    data = path.read_bytes()
    codec = {6: "PCMA", 7: "PCMU"}[int.from_bytes(data[20:22], "little")]
    audio = data[58 : 58 + (len(data) - 58) // 2 * 2]
    return decode(audio[0::2], codec), decode(audio[1::2], codec)


def onset_s(channel: np.ndarray, threshold: int = 1000) -> float:
    """When sound begins, in seconds."""
    loud = np.flatnonzero(np.abs(channel.astype(np.int32)) > threshold)
    return float(loud[0]) / 8000 if len(loud) else -1.0


async def until(condition: Callable[[], bool], limit_s: float = 5.0) -> None:
    """Poll with a deadline."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        await asyncio.sleep(0.01)


class Peer:
    """Receives all the time; sends in the 20 ms cadence on request."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.sock.settimeout(0.1)
        self.got: list[tuple[float, rtp.RtpPacket]] = []
        self.sequence, self.timestamp, self.ssrc = 65530, 0xFFFFF000, 0xABCD
        self._open = True
        self._threads = [threading.Thread(target=self._receive, daemon=True)]
        self._threads[0].start()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.sock.getsockname()
        return host, port

    def remote(self, codec: str = "PCMA", keys: int | None = TONE_TYPE) -> RemoteMedia:
        return RemoteMedia(*self.address, codec, {"PCMA": 8, "PCMU": 0}[codec], keys)

    def audio(self) -> list[tuple[float, rtp.RtpPacket]]:
        return [item for item in self.got if item[1].payload_type in (0, 8)]

    def send(self, to: tuple[str, int], payload: bytes, kind: int = 8, marker: bool = False) -> None:
        packet = bytearray(rtp.HEADER_SIZE)
        self.sequence = (self.sequence + 1) & 0xFFFF
        rtp.pack_header(packet, 0, 0x80, kind | marker << 7, self.sequence, self.timestamp, self.ssrc)
        self.sock.sendto(packet + payload, to)

    def speak(self, to: tuple[str, int], frames: Sequence[bytes], kind: int = 8) -> threading.Thread:
        def run() -> None:
            start = time.monotonic()
            for number, frame in enumerate(frames):
                delay = start + number * 0.02 - time.monotonic()
                if delay > 0:
                    time.sleep(delay)
                if not self._open:
                    return
                self.send(to, frame, kind)
                self.timestamp = (self.timestamp + len(frame)) & 0xFFFFFFFF

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def close(self) -> None:
        self._open = False
        for thread in self._threads:
            thread.join(5)
        self.sock.close()

    def _receive(self) -> None:
        while self._open:
            try:
                data = self.sock.recv(2048)
            except TimeoutError:
                continue
            packet = rtp.parse(data)
            if packet is not None:
                self.got.append((time.monotonic(), packet))


class Events(list[MediaEvent]):
    """A sink."""

    def __call__(self, event: MediaEvent) -> None:
        self.append(event)

    def of(self, kind: type) -> list[MediaEvent]:
        return [event for event in self if isinstance(event, kind)]
