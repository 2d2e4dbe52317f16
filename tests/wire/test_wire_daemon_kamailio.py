"""The daemon behind a carrier that asks for digest: Kamailio challenges REGISTER and INVITE, SIPp answers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from daemon import ROOT, Customer, Home, soxi
from sip_peers import Peers

pytestmark = [pytest.mark.wire, pytest.mark.slow]


async def test_the_daemon_registers_and_calls_with_the_password_from_its_environment(
    peers: Peers, tmp_path: Path
) -> None:
    voice = tmp_path / "voice.wav"
    shutil.copy(ROOT / "dialer" / "testing" / "voices" / "shi-wo.wav", voice)
    callee = await peers.sipp("talk_then_bye", patience_s=90, PAUSE="3000", FILE=str(voice))
    carrier = await peers.kamailio(callee.port, "SHA-256")
    home = Home.make(
        tmp_path / "home",
        carrier.port,
        {
            "trunk": {"type": "register", "username": "dialer", "register_expires_s": 60},
            "calling": {"fault_recheck_s": 1.0},
        },
    )
    try:
        await home.add([Customer("K1", "13800000301")])
        daemon = home.start(environ={"DIALER_TRUNK_PASSWORD": "secret"})
        await home.until("SELECT outcome FROM attempts", f"no call ended\n{carrier.logs()}", 60)
        await callee.finished()
        (view,) = (await home.calls())["K1"]
        assert view["attempt"]["outcome"] == "answered_incomplete", view
        assert view["attempt"]["sip_code"] == 200
        assert view["record"]["hung_up_by"] == "customer"
        assert view["record"]["rtp"]["received"] > 75
        assert soxi(home.recording(view))[2] == pytest.approx(3.0, abs=1.0)
        assert "trunk registered" in daemon.log()
        daemon.terminate()
        assert await daemon.exit_code(20) == 0
        said = [daemon.log_file, *(home.path / "config").rglob("*.*"), *callee.folder.glob("*_messages.log")]
        assert all("secret" not in file.read_text(errors="replace") for file in said)
    finally:
        home.stop()
