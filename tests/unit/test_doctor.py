"""The checks of an installation against a real far end and other years."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from pathlib import Path
from typing import cast

import asyncpg
import pytest
from office_home import AT

from dialer.campaigning import demonstrate
from dialer.doctor import Check, examine
from dialer.sip import lines
from dialer.testing.postgres import PrivatePostgres

SHIPPED = Path(__file__).parents[2] / "config" / "dialer.toml"


class Carrier(asyncio.DatagramProtocol):
    """Answers OPTIONS with this status, or not at all."""

    def __init__(self, status: str) -> None:
        self.status, self.asked = status, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        headers = re.findall(rb"(?im)^(?:via|from|to|call-id|cseq):[^\r\n]*", data)
        if self.status:
            reply = [f"SIP/2.0 {self.status}".encode(), *headers, b"Content-Length: 0", b"", b""]
            self.transport.sendto(b"\r\n".join(reply), addr)


async def found_at(home: Path, status: str, now: datetime = AT, host: str = "127.0.0.1") -> dict[str, Check]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Carrier(status), local_addr=("127.0.0.1", 0)
    )
    try:
        port = transport.get_extra_info("sockname")[1]
        text = SHIPPED.read_text(encoding="utf-8").replace("\nport = 0", f"\nport = {port}", 1)
        text = text.replace('host = "127.0.0.1"', f'host = "{host}"', 1)
        (home / "config").mkdir(parents=True, exist_ok=True)
        (home / "config" / "dialer.toml").write_text(text, encoding="utf-8")
        return {check.name: check for check in await examine(home, now)}
    finally:
        transport.close()


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "403 Forbidden"])
async def test_any_answer_shows_that_the_carrier_is_there(tmp_path: Path, status: str) -> None:
    found = await found_at(tmp_path, status)
    assert all(check.ok for check in found.values()), found
    assert found["trunk trunk-1"].detail.endswith(f"answers {status[:3]}")
    assert "made by the first import" in found["database"].detail


async def test_a_silent_carrier_is_told_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_PROBE_S", 0.2)
    found = await found_at(tmp_path, "")
    assert not found["trunk trunk-1"].ok
    assert "no answer to OPTIONS" in found["trunk trunk-1"].detail


async def test_a_carrier_that_does_not_exist_is_named(tmp_path: Path) -> None:
    found = await found_at(tmp_path, "", host="sip.carrier.invalid")
    assert not found["trunk trunk-1"].ok
    assert "sip.carrier.invalid" in found["trunk trunk-1"].detail


async def test_a_year_without_an_official_calendar_is_found(tmp_path: Path) -> None:
    found = await found_at(tmp_path, "200 OK", AT.replace(year=2031))
    assert not found["calendar"].ok
    assert "2031" in found["calendar"].detail


async def test_campaigns_that_run_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "none is running" in (await found_at(tmp_path, "200 OK"))["campaigns"].detail
    await demonstrate(tmp_path, "autumn", "new-policy/short", AT)
    found = (await found_at(tmp_path, "200 OK"))["campaigns"]
    assert (found.ok, found.detail) == (True, "autumn")
    (tmp_path / "config" / "campaigns" / "winter.yaml").write_text("id: [", encoding="utf-8")
    found = (await found_at(tmp_path, "200 OK"))["campaigns"]
    assert not found.ok
    assert "winter.yaml" in found.detail


async def test_a_server_that_can_lose_what_it_took_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: PrivatePostgres
) -> None:
    monkeypatch.setenv("DIALER_DATABASE_URL", postgres.make("forgetful"))  # a server without fsync
    check = (await found_at(tmp_path, "200 OK"))["database"]
    assert not check.ok
    assert "fsync off: a power cut could take an attempt" in check.detail
    server = PrivatePostgres()
    try:
        server.start()
        url = server.make("dialer")
        monkeypatch.setenv("DIALER_DATABASE_URL", url)
        check = (await found_at(tmp_path, "200 OK"))["database"]
        assert check.ok
        assert "off" not in check.detail
        connection = await asyncpg.connect(url)
        await connection.execute("ALTER SYSTEM SET full_page_writes = off")
        await connection.execute("ALTER SYSTEM SET synchronous_commit = off")  # but not for us
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
        check = (await found_at(tmp_path, "200 OK"))["database"]
        assert check.ok
        assert "full_page_writes off: only for a file system that never writes half a page" in check.detail
    finally:
        server.stop()
