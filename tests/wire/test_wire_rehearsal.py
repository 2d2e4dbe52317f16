"""``dialer campaign rehearse --number`` calls telephones of the house, each a SIPp behind one carrier.

One speaks with espeak-ng's voice to the script's end, one rings for ever, one hangs up at once.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from carrier import Carrier
from daemon import ROOT, Home, environment, soxi
from sip_peers import Peer, Peers
from spoken import Voices, rehearse, write

from dialer.ivr.config import TurnSettings
from dialer.ivr.reader import read_script
from dialer.ivr.session import Session
from dialer.proof import file_sha256
from dialer.scripttext import SAMPLE
from dialer.tts.book import PromptBook
from dialer.tts.config import PromptConfig

pytestmark = [pytest.mark.wire, pytest.mark.slow]

SHIPPED = ROOT / "config"
ASKED = ("identity", "consent", "terms")
REPLIES = ("是我", "方便", "明白了")
NUMBERS = {"talks": "13800000401", "rings": "13800000402", "breaks": "13800000403"}
CALLER_ID, NAME = "4001234567", "Huifang"


@dataclass
class Rehearsals:
    """What each command came to, and what the telephones saw."""

    home: Home
    """Where the one who speaks is understood."""
    keys_only: Home
    """Where the others are called from."""
    done: dict[str, subprocess.CompletedProcess[bytes]] = field(default_factory=dict)
    peers: dict[str, Peer] = field(default_factory=dict)

    def found(self, key: str) -> Any:
        return json.loads(self.done[key].stdout)

    async def run(self, key: str, *words: str) -> None:
        home = self.home if key == "talks" else self.keys_only
        command = [sys.executable, "-m", "dialer.cli", "--home", str(home.path), *words]
        self.done[key] = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, env=environment(), timeout=180
        )

    async def call(self, key: str, campaign: str, *words: str) -> None:
        number = NUMBERS[campaign]
        await self.run(
            key, "--lang", "en", "campaign", "rehearse", campaign, "--by", "张三", "--number", number, *words
        )


def the_script() -> str:
    """The shipped new-policy script with these questions only."""
    head, questions = (SHIPPED / "scripts" / "new-policy.yaml").read_text("utf-8").split("questions:\n")
    kept = [part for part in questions.split("\n\n") if any(f"- id: {one}\n" in part for one in ASKED)]
    assert len(kept) == len(ASKED)
    return f"{head}questions:\n" + "\n\n".join(kept)


async def campaign(home: Home, name: str) -> None:
    """From the template to linted."""
    await home.cli("campaign", "new", "new-policy", "--id", name, "--by", "张三")
    file = home.path / "config" / "campaigns" / f"{name}.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in {
        'number: ""': 'number: "保监〔2026〕12号"',
        'responsible: ""': "responsible: 王五",
        'caller_id: ""': f'caller_id: "{CALLER_ID}"',
        'display_name: ""': f"display_name: {NAME}",
    }.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    assert (await home.cli("campaign", "lint", name, "--by", "张三"))["passed"]


def installation(folder: Path, trunk_port: int, recogniser: dict[str, object]) -> Home:
    site = {"node": "test", "rehearsal_numbers": list(NUMBERS.values())}
    home = Home.make(folder, trunk_port, {"site": site, "recogniser": recogniser})
    (folder / "config" / "scripts").mkdir()
    (folder / "config" / "scripts" / "new-policy.yaml").write_text(the_script(), encoding="utf-8")
    return home


async def rehearse_all(folder: Path) -> Rehearsals:
    peers, carrier = Peers(folder), Carrier()
    await carrier.open()
    found = Rehearsals(
        installation(folder / "home", carrier.port, {"engine": "bundled", "deadline_s": 10.0}),
        installation(folder / "keys", carrier.port, {"engine": "dtmf"}),
    )
    book = PromptBook(PromptConfig(SHIPPED / "prompts/recorded", SHIPPED / "prompts/synthetic", folder))
    session = Session(read_script(the_script(), ""), "full", replace(SAMPLE, weekday=0), TurnSettings())
    part = rehearse(session, book, Voices("Adam"), REPLIES)
    voice = {"FILE": str(write(part, folder / "part.wav")), "PAUSE": str(int(part.hangs_up_s * 1000))}
    scenarios: dict[str, tuple[str, int, dict[str, str]]] = {
        "talks": ("talk_then_bye", 1, voice),
        "rings": ("ring_for_ever", 1, {}),
        "breaks": ("answer_then_bye", 2, {}),
    }
    try:
        for name, (scenario, calls, values) in scenarios.items():
            found.peers[name] = await peers.sipp(
                scenario, contact_port=carrier.port, patience_s=240, calls=calls, **values
            )
            await carrier.add(NUMBERS[name], found.peers[name].port)
            await campaign(found.home if name == "talks" else found.keys_only, name)

        async def twice() -> None:
            await found.call("breaks", "breaks", "--json")
            await found.run("as it was", "campaign", "show", "breaks", "--json")
            await found.call("accepted", "breaks", "--accept", "只验证接通和主叫号码", "--json")

        await asyncio.gather(
            found.call("talks", "talks", "--note", "会议室", "--json"), found.call("rings", "rings"), twice()
        )
    finally:
        for peer in peers.started:
            peer.stop()
        carrier.close()
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rehearsals(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rehearsals]:
    yield await rehearse_all(tmp_path_factory.mktemp("rehearsal"))


async def test_a_call_to_the_scripts_end_rehearses_the_campaign(rehearsals: Rehearsals) -> None:
    done = rehearsals.done["talks"]
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    found = rehearsals.found("talks")
    assert (found["passed"], found["version"]["state"], found["version"]["number"]) == (True, "rehearsed", 1)
    answers = [one["question"] for one in found["call"]["record"]["answers"]]
    assert answers == list(ASKED)
    step = (await rehearsals.home.cli("campaign", "history", "talks"))[-1]
    taken = step["taken"]
    assert (taken["step"], taken["by"], step["after"]) == ("rehearse", "张三", "rehearsed")
    file = Path(found["recording"])
    assert file.is_relative_to(rehearsals.home.path / "rehearsals")
    number, at, script, outcome, length, place, digest, note = taken["note"].split("; ")
    assert number == "138****0401"
    assert at == found["call"]["record"]["recording"]["started_at"][:19] + at[19:]
    assert (script, outcome, note) == ("new-policy@1", "completed", "会议室")
    assert rehearsals.home.path / place == file
    assert digest == f"SHA-256 {file_sha256(file)}"
    channels, rate, seconds = soxi(file)
    assert (channels, rate, f"{seconds:.0f} s") == (2, 8000, length)


def test_the_telephone_shows_what_the_plan_says(rehearsals: Rehearsals) -> None:
    """R36."""
    (log,) = rehearsals.peers["talks"].folder.glob("*_messages.log")
    assert re.search(rf'^From: "?{NAME}"? <sip:{CALLER_ID}@', log.read_text(errors="replace"), re.MULTILINE)


def test_a_call_that_nobody_answers_rehearses_nothing(rehearsals: Rehearsals) -> None:
    """One line says so, after the whole ring (R41)."""
    done = rehearsals.done["rings"]
    rules, *_, line = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (1, b"")
    for rule in ("R43", "R44", "R45", "R41", "R75"):
        assert rule in rules
    assert line.startswith("dialer: 138****0402 wasn't answered: no_answer (487 ")
    assert line.endswith("Nothing was rehearsed, the campaign is as it was")


async def test_a_call_that_broke_off_counts_only_by_somebodys_word(rehearsals: Rehearsals) -> None:
    done = rehearsals.done["breaks"]
    assert done.returncode == 1
    assert "ended before the script did: answered_incomplete (hung up before the end)" in done.stderr.decode()
    found = rehearsals.found("breaks")
    assert (found["passed"], found["version"]["state"]) == (False, "linted")
    assert rehearsals.found("as it was")["version"]["state"] == "linted"
    assert rehearsals.found("accepted")["version"]["state"] == "rehearsed"
    *_, linted, last = await rehearsals.keys_only.cli("campaign", "history", "breaks")
    assert linted["taken"]["step"] == "lint", "the first call left no step"
    assert "; answered_incomplete; " in last["taken"]["note"]
    assert last["taken"]["note"].endswith("; accepted: 只验证接通和主叫号码")


async def test_no_figure_counts_a_rehearsal(rehearsals: Rehearsals) -> None:
    for home, recordings in ((rehearsals.home, 1), (rehearsals.keys_only, 2)):
        for table in ("tasks", "attempts", "recordings", "tickets"):
            assert home.rows(f"SELECT count(*) FROM {table}") == [(0,)]
        assert len(list((home.path / "rehearsals").rglob("*.wav"))) == recordings
