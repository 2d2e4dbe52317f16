"""baresip as the customer: it speaks a prepared file, presses a key, and records what it hears."""

from __future__ import annotations

import json
import socket
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from correlate import RATE, likeness, loudest, read
from daemon import ROOT, Customer, Home, soxi, wait_for
from ports import free_ports
from sip_peers import PEERS, Peer, Peers

pytestmark = [pytest.mark.wire, pytest.mark.slow]

NUMBER = "13800000401"
PROMPTS = ROOT / "config" / "prompts" / "synthetic"
VOICES = ROOT / "dialer" / "testing" / "voices"
PIECE_S = 1.2


def clip(start: str) -> Path:
    (found,) = PROMPTS.glob(f"{start}-????????.wav")
    return found


class Baresip:
    """A running baresip and its control port."""

    def __init__(self, peer: Peer, control: int) -> None:
        self.peer, self._control = peer, control

    def tell(self, command: str, params: str = "") -> None:
        """One command as a netstring; raises where it is refused."""
        body = json.dumps({"command": command, "params": params, "token": "t"}).encode()
        with socket.create_connection(("127.0.0.1", self._control), timeout=5) as link:
            link.sendall(b"%d:%s," % (len(body), body))
            reply = b""
            while b'"response":true' not in reply.replace(b" ", b"") and (part := link.recv(65536)):
                reply += part  # events may come before the answer
        assert b'"ok":true' in reply.replace(b" ", b""), f"{command}: {reply!r}"

    def heard(self) -> Path:
        (file,) = self.peer.folder.glob("dump-*-dec.wav")
        return file


async def start_baresip(peers: Peers, voice: Path) -> Baresip:
    port, rtp, control = free_ports(3)
    folder = peers.folder / "baresip-home"
    folder.mkdir()
    values = {
        "PORT": port, "RTP": rtp, "RTP_END": rtp + 20, "CONTROL": control,
        "VOICE": voice, "FOLDER": peers.folder / f"baresip-{port}",
    }  # fmt: skip
    text = (PEERS / "baresip.conf").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "config").write_text(text)
    (folder / "accounts").write_text(f"<sip:{NUMBER}@127.0.0.1:{port}>;regint=0;answermode=auto\n")
    return Baresip(await peers.baresip(folder, port), control)


def customer_voice(folder: Path) -> Path:
    """Shipped utterances while we greet, then silence; 25 s in all, 8 kHz mono 16 bit."""
    file = folder / "customer.wav"
    words = [str(VOICES / f"{key}.wav") for key in ("shi-wo", "shoudao-le", "meiyou-le")]
    command = ["sox", *words, "-r", "8000", "-e", "signed", "-b", "16", "-c", "1", str(file)]
    subprocess.run([*command, "pad", "0.5", "22.0"], check=True)
    return file


async def test_both_sides_are_heard_and_recorded(peers: Peers, tmp_path: Path) -> None:
    voice = customer_voice(tmp_path)
    customer = await start_baresip(peers, voice)
    home = Home.make(tmp_path / "home", customer.peer.port)

    def logs() -> str:
        return f"{home.log()}\n{customer.peer.logs()}"

    def recorded_s() -> float:
        """How much of the call is on disk already."""
        return sum(part.stat().st_size for part in home.path.rglob("*.part")) / (2 * RATE)

    try:
        await home.add([Customer("B1", NUMBER)])
        home.start()
        await wait_for(lambda: recorded_s() > 0, "no recording began", 60, logs)
        # Greeting and first question last some 4.5 s; then 5 s are left for the answer.
        await wait_for(lambda: recorded_s() >= 5.5, "the recording does not grow", 30, logs)
        customer.tell("sndcode", "1")
        await wait_for(lambda: recorded_s() >= 8.5, "the recording does not grow", 30, logs)
        customer.tell("hangup")
        await home.until("SELECT outcome FROM attempts", "the call did not end", 30)
        (view,) = (await home.calls())["B1"]
    finally:
        home.stop()
        customer.peer.stop()  # it closes its own recording then
    attempt, record = view["attempt"], view["record"]
    assert attempt["outcome"] == "answered_incomplete", logs()
    assert record["hung_up_by"] == "customer"
    answer = record["answers"][0]
    assert (answer["question"], answer["answer_class"], answer["source"]) == ("identity", "Y", "dtmf")

    greeting = loudest(read(clip("您好这里是禾安人寿"))[0], PIECE_S)
    absent = loudest(read(clip("正在为您转接人工请您稍候"))[0], PIECE_S)
    spoken = loudest(read(voice)[0][: 3 * RATE], PIECE_S)
    (heard,) = read(customer.heard())
    assert likeness(heard, greeting) > 0.5, "the customer did not hear our prompt"
    assert likeness(heard, absent) < 0.5

    own = home.recording(view)
    channels, rate, seconds = soxi(own)
    assert (channels, rate) == (2, RATE)
    talked = datetime.fromisoformat(attempt["ended_at"]) - datetime.fromisoformat(attempt["answered_at"])
    assert seconds == pytest.approx(talked.total_seconds(), abs=1.0)
    assert seconds == pytest.approx(record["recording"]["duration_s"], abs=0.02)
    prompts, answers = read(own)
    assert likeness(prompts, greeting) > 0.9
    assert likeness(answers, spoken) > 0.5, "the customer's voice is not on its channel"
    assert likeness(answers, greeting) < 0.5, "the channels are mixed"
    assert likeness(prompts, spoken) < 0.5, "the channels are mixed"
