"""A mosquitto of our own for tests: on a free loopback port, with what the test allows it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiomqtt import Client, Message

HOST = "127.0.0.1"
_START_S = 10.0


class PrivateMosquitto:
    """``start``, ``stop``, and ``start`` again; without persistence, so that it forgets what it retained."""

    def __init__(
        self, folder: Path, *, users: dict[str, str] | None = None, tls: bool = False, asks: bool = False
    ) -> None:
        """``asks``: for a certificate of whoever connects, its own will do."""
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            pytest.fail("mosquitto is missing: apt-get install mosquitto", pytrace=False)
        self._program, self.folder = program, folder
        self._server: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self.certificate = folder / "broker.pem"
        lines = [f"listener {self.port} {HOST}", "persistence false", "log_dest stderr"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes "mosquitto", which can't read this folder
        if users:
            self._passwords(users)
            lines += ["allow_anonymous false", f"password_file {folder / 'passwords'}"]
        else:
            lines.append("allow_anonymous true")
        if tls:
            self._certify()
            lines += [f"certfile {self.certificate}", f"keyfile {folder / 'broker.key'}"]
        if asks:
            lines += ["require_certificate true", f"cafile {self.certificate}"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    async def start(self) -> None:
        self._server = self._launch()
        async with asyncio.timeout(_START_S):
            while True:
                assert self._server.poll() is None, (self.folder / "mosquitto.log").read_text()
                try:
                    _, writer = await asyncio.open_connection(HOST, self.port)
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                return

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [self._program, "-c", str(self.folder / "mosquitto.conf")]
        with (self.folder / "mosquitto.log").open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self) -> None:
        """At once, as by kill -9."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(10)
            self._server = None

    @asynccontextmanager
    async def listener(self, topics: str, **options: str) -> AsyncIterator[Listener]:
        async with Client(HOST, self.port, **options) as client:  # type: ignore[arg-type]
            await client.subscribe(topics, qos=1)
            yield Listener(client)

    def _passwords(self, users: dict[str, str]) -> None:
        file = self.folder / "passwords"
        file.touch(mode=0o600)
        for name, password in users.items():
            subprocess.run(
                ["mosquitto_passwd", "-b", str(file), name, password], check=True, capture_output=True
            )

    def _certify(self) -> None:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "2", "-subj", "/CN=broker", "-addext", f"subjectAltName=IP:{HOST}",
             "-keyout", str(self.folder / "broker.key"), "-out", str(self.certificate)],
            check=True, capture_output=True,
        )  # fmt: skip


class DeafBroker:
    """Takes connections and every message, but confirms none whose topic begins with ``to`` (not empty).

    Nor the events in ``never``. ``got`` has the ids of all events as they came, ``met`` the loop's time at
    each connection.
    """

    def __init__(self) -> None:
        self.to, self.connections, self.port = "", 0, 0
        self.never, self.got, self.met = frozenset[int](), list[int](), list[float]()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> DeafBroker:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.met.append(asyncio.get_running_loop().time())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, body = await _packet(reader)
                if kind == 0x10:  # CONNECT
                    writer.write(b"\x20\x02\x00\x00")
                elif kind & 0xF6 == 0x32:  # PUBLISH, once at least
                    end = 2 + int.from_bytes(body[:2])
                    topic, event_id = body[2:end].decode(), 0
                    if "/event/" in topic:
                        event_id = json.loads(body[end + 2 :])["id"]
                        self.got.append(event_id)
                    deaf = self.to and topic.startswith(self.to)
                    if not deaf and event_id not in self.never:
                        writer.write(b"\x40\x02" + body[end : end + 2])
        writer.close()


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """First byte and what follows the length (MQTT 3.1.1, 2.2)."""
    kind, size, shift = (await reader.readexactly(1))[0], 0, 0
    while True:
        part = (await reader.readexactly(1))[0]
        size |= (part & 0x7F) << shift
        shift += 7
        if part < 0x80:
            return kind, await reader.readexactly(size)


class Listener:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def next(self, timeout_s: float = 10.0) -> Message:
        async with asyncio.timeout(timeout_s):
            return await anext(aiter(self._client.messages))

    async def many(self, count: int) -> dict[str, bytes]:
        """So many messages by their topics."""
        found = [await self.next() for _ in range(count)]
        return {str(one.topic): bytes(one.payload) for one in found}  # type: ignore[arg-type]


def _free_port() -> int:
    """One that neither the kernel nor other peers choose: a broker that was away has it again."""
    chooser = random.Random()
    while True:
        port = chooser.randrange(6_000, 9_900)
        try:
            with socket.socket() as probe:
                probe.bind((HOST, port))
        except OSError:
            continue
        return port
