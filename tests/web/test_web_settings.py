"""What the settings of access, quality checks and the pages change."""

from __future__ import annotations

import asyncio
import csv
import io
import ssl
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from web_home import Desk

from dialer import webdesk
from dialer.access.config import AccessConfig, QualityConfig
from dialer.access.quality import ITEMS, ScoreItem
from dialer.app import system_clock
from dialer.web.config import WebConfig


async def test_how_long_a_sign_in_lasts(desk: Desk) -> None:
    desk.furnished(config=AccessConfig(session_hours=2))
    answer = await desk.browser().post("/sign-in", data={"name": "qa1", "password": "correct horse"})
    assert "max-age=7200" in answer.headers["set-cookie"].lower()
    browser = await desk.signed_in("qa1")
    desk.clock.move_to(desk.clock() + timedelta(hours=1, minutes=59))
    assert (await browser.get("/calls")).status_code == 200
    desk.clock.move_to(desk.clock() + timedelta(minutes=2))
    assert (await browser.get("/calls")).status_code == 303


async def test_the_items_of_the_score_card(desk: Desk) -> None:
    items = (ITEMS[3], ScoreItem.parse("own R59 40: 本公司自定 / our own"))
    desk.furnished(quality=QualityConfig(items=items))
    browser = await desk.granted()
    text = (await browser.get("/calls/1/replay")).text
    assert "本公司自定" in text
    assert "mark-identity" not in text
    await browser.post("/calls/1/score", **{"mark-courtesy": "met", "mark-own": "missed"})
    (card,) = await desk.house.access.scores([1])  # type: ignore[list-item]
    assert card.score == 20


async def test_the_sums_beside_the_findings(desk: Desk) -> None:
    sums = {"minor_yuan": 11, "moderate_yuan": 22, "serious_yuan": 33, "falsified_yuan": 44}
    desk.furnished(quality=QualityConfig(**sums))
    browser = await desk.granted()
    keys = [item.key for item in ITEMS]
    form = {f"mark-{key}": "missed" if n < 4 else "met" for n, key in enumerate(keys)}
    grades = ("minor", "moderate", "serious", "falsified")
    form |= {f"severity-{key}": grade for key, grade in zip(keys, grades, strict=False)}
    assert (await browser.post("/calls/1/score", **form)).status_code == 303
    text = (await browser.get("/findings.csv?month=2026-11")).text
    rows = [*csv.DictReader(io.StringIO(text.lstrip("\ufeff")))]
    assert [row["扣款(元)"] for row in rows] == ["11", "22", "33", "44"]


async def test_where_the_pages_are_served(tmp_path: Path, unused_port: int) -> None:
    """Over TLS with our certificate, at the host and port of the settings."""
    certificate, key = tmp_path / "web.pem", tmp_path / "web.key"
    await asyncio.to_thread(
        subprocess.run,
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.2", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dialer.toml").write_text(
        f'[trunk]\nname = "t"\nhost = "127.0.0.1"\n[web]\nhost = "127.0.0.2"\nport = {unused_port}\n'
        'certificate_file = "web.pem"\nkey_file = "web.key"\n',
        encoding="utf-8",
    )
    serving = asyncio.create_task(webdesk.serve(tmp_path, system_clock))
    trusted = ssl.create_default_context(cafile=str(certificate))
    try:
        async with httpx.AsyncClient(verify=trusted, base_url=f"https://127.0.0.2:{unused_port}") as client:
            for _ in range(300):
                try:
                    answer = await client.get("/sign-in")
                    break
                except httpx.ConnectError:
                    assert not serving.done()
                    await asyncio.sleep(0.05)
            assert answer.status_code == 200
            assert "strict-transport-security" in answer.headers
            assert "server" not in answer.headers
    finally:
        serving.cancel()
        await asyncio.wait([serving])


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.2", 0))
        return int(probe.getsockname()[1])


def test_pages_for_others_need_a_certificate() -> None:
    for host in ("0.0.0.0", "192.0.2.1", "::"):
        with pytest.raises(ValueError, match="certificate_file"):
            WebConfig(host=host)
        assert replace(WebConfig(), host=host, certificate_file=Path("x")).host == host
    with pytest.raises(ValueError, match="host"):
        WebConfig(host="pages.example")
    with pytest.raises(ValueError, match="port"):
        WebConfig(port=70000)
