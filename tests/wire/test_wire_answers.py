"""For each class of answer a spoken call: SIPp's customer speaks with espeak-ng's voice, the daemon listens.

One daemon, the bundled model, all customers at the same time. What each call must come to is what
docs/scripts.md says of the class.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from carrier import Carrier
from correlate import likeness, read
from daemon import ROOT, Customer, Home
from sip_peers import Peers
from spoken import SILENCE, Part, Voices, rehearse, write

from dialer.ivr.config import TurnSettings
from dialer.ivr.prompt import Facts
from dialer.ivr.reader import read_script
from dialer.ivr.session import Session
from dialer.tts.audio import RATE
from dialer.tts.book import PromptBook
from dialer.tts.config import PromptConfig

pytestmark = [pytest.mark.wire, pytest.mark.slow]

SHIPPED = ROOT / "config"
FACTS = Facts("王", "先生", "安心相伴终身寿险", Decimal(12000), 10, 15)
NO_INPUT_S = 5.0
LATE_S = 2.0
"""So much earlier or later than the recording may SIPp's sound begin on a loaded machine."""
ASKED = ("identity", "consent", "terms", "promised")
"""Of the new policy's questions."""
WHY = "    follow_up: {ask: 请问您想了解什么？请您说一下。}\n"
REHEARSAL = "13800000399"


@dataclass(frozen=True)
class Case:
    """``heard``: the reply that this call is about; ``tickets``: (category, the reply it came of)."""

    key: str
    replies: tuple[str, ...]
    heard: str
    question: str
    answer: str
    outcome: str
    tickets: tuple[tuple[str, str], ...] = ()


START = ("是我", "方便")
END = ("没有",)
TOLD = ("什么时候返钱", *END)
CASES = [
    Case("yes", (*START, "明白了", *END), "明白了", "terms", "Y", "completed"),
    Case("no", (*START, "不明白", *TOLD), "不明白", "terms", "N", "completed", (("条款解释", "不明白"),)),
    Case("maybe_yes", (*START, "都看了", "明白了", *END), "都看了", "terms", "Y?", "completed"),
    Case(
        "maybe_no", (*START, "没看过", "不明白", *TOLD), "没看过", "terms", "N?", "completed",
        (("条款解释", "不明白"),),
    ),
    Case(
        "unclear", (*START, "记不清了", "记不清了", SILENCE, *END), "记不清了", "terms", "U", "completed",
        (("未明确作答", ""),),
    ),
    Case("repeat", (*START, "再说一遍", "明白了", *END), "再说一遍", "terms", "REPEAT", "completed"),
    Case("slower", (*START, "能说慢点吗", "明白了", *END), "能说慢点吗", "terms", "REPEAT", "completed"),
    Case("busy", ("是我", "明天下午再打吧"), "明天下午再打吧", "consent", "BUSY", "appointment"),
    Case("wrong", ("打错了",), "打错了", "identity", "WRONG", "wrong_person"),
    Case("refuse", ("是我", "我不接受回访", "是的"), "我不接受回访", "consent", "REFUSE", "refused"),
    Case(
        "complaint", (*START, "我要投诉"), "我要投诉", "terms", "COMPLAINT", "answered_incomplete",
        (("客户投诉", "我要投诉"),),
    ),
    Case(
        "human", (*START, "转人工"), "转人工", "terms", "HUMAN", "answered_incomplete",
        (("要求人工", "转人工"),),
    ),
    Case(
        "risky_yes", (*START, "明白了", "有人承诺过保本", "有"), "有人承诺过保本", "promised", "Y",
        "completed", (("误导", "有人承诺过保本"),),
    ),
    Case(
        "said", (*START, "不明白", *TOLD), "什么时候返钱", "terms.why", "SAID", "completed",
        (("条款解释", "不明白"),),
    ),
    Case("silent", (SILENCE, SILENCE, SILENCE), "", "identity", "U", "answered_incomplete"),
]  # fmt: skip
NUMBERS = {case.key: f"138000003{number:02d}" for number, case in enumerate(CASES)}


def the_script() -> str:
    """The shipped new-policy script with these questions only, and a reason asked for."""
    text = (SHIPPED / "scripts" / "new-policy.yaml").read_text(encoding="utf-8")
    head, questions = text.split("questions:\n")
    parts = questions.split("\n\n")
    kept = [part for part in parts if any(f"- id: {name}\n" in part for name in ASKED)]
    kept = [f"{part}\n{WHY.rstrip()}" if "- id: terms\n" in part else part for part in kept]
    assert len(kept) == len(ASKED)
    return f"{head}questions:\n" + "\n\n".join(kept)


@dataclass
class Spoken:
    """What the calls came to."""

    home: Home
    house: Home
    """Where the rehearsal is."""
    parts: dict[str, Part] = field(default_factory=dict)
    calls: dict[str, list[Any]] = field(default_factory=dict)
    tickets: dict[int, list[Any]] = field(default_factory=dict)
    rehearsed: Any = None

    def view(self, key: str) -> Any:
        (view,) = self.calls[key]
        return view


def installation(folder: Path, trunk_port: int) -> Home:
    tables: dict[str, dict[str, object]] = {
        "site": {"node": "test", "drain_s": 60.0, "rehearsal_numbers": [REHEARSAL]},
        "recogniser": {"engine": "bundled"},
        "turns": {"no_input_s": NO_INPUT_S},
        "scheduler": {"heartbeat_s": 0.3, "cps": 5.0},
    }
    home = Home.make(folder, trunk_port, tables)
    scripts = folder / "config" / "scripts"
    scripts.mkdir()
    (scripts / "new-policy.yaml").write_text(the_script(), encoding="utf-8")
    return home


async def speak(folder: Path) -> Spoken:
    """Everybody at the same time: the daemon's customers, and the telephone of the house."""
    peers, carrier, house_line = Peers(folder), Carrier(), Carrier()
    await carrier.open()
    await house_line.open()
    found = Spoken(
        installation(folder / "home", carrier.port), installation(folder / "house", house_line.port)
    )
    home, script = found.home, read_script(the_script(), "new-policy.yaml")
    clips = SHIPPED / "prompts"
    book = PromptBook(PromptConfig(clips / "recorded", clips / "synthetic", folder))
    turns, voices = TurnSettings(no_input_s=NO_INPUT_S), Voices("Adam")

    async def phone(key: str, number: str, line: Carrier, part: Part) -> None:
        file = write(part, folder / f"{key}.wav")
        pause = str(int(part.hangs_up_s * 1000))
        peer = await peers.sipp(
            "talk_then_bye", contact_port=line.port, patience_s=240, FILE=str(file), PAUSE=pause
        )
        await line.add(number, peer.port)

    try:
        for case in CASES:
            session = Session(script, "full", FACTS, turns)
            found.parts[case.key] = rehearse(session, book, voices, case.replies)
            await phone(case.key, NUMBERS[case.key], carrier, found.parts[case.key])
        await phone("house", REHEARSAL, house_line, found.parts["yes"])
        await home.add([Customer(key, number) for key, number in NUMBERS.items()], "new-policy")
        home.start()
        rehearsal = found.house.cli("script", "rehearse", "new-policy", "--call", REHEARSAL)
        over = f"SELECT count(*) >= {len(CASES)} FROM attempts WHERE outcome IS NOT NULL"
        found.rehearsed, _ = await asyncio.gather(rehearsal, home.until(over, "not every call is over", 180))
        found.calls = await home.calls()
        for ticket in await home.cli("tickets"):
            found.tickets.setdefault(ticket["call_id"], []).append(ticket)
    finally:
        home.stop()
        for peer in peers.started:
            peer.stop()
        carrier.close()
        house_line.close()
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def spoken(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Spoken]:
    yield await speak(tmp_path_factory.mktemp("spoken"))


def shown(view: Any) -> str:
    told = [
        (a["question"], a["words"], a["answer_class"], a["decided_by"]) for a in view["record"]["answers"]
    ]
    return json.dumps([view["attempt"]["outcome"], view["attempt"]["reason"], told], ensure_ascii=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_the_call_ends_as_its_answer_demands(spoken: Spoken, case: Case) -> None:
    view = spoken.view(case.key)
    assert view["attempt"]["outcome"] == case.outcome, shown(view)
    answers = [a for a in view["record"]["answers"] if a["question"] == case.question]
    answer = next((a for a in answers if a["answer_class"] == case.answer), None)
    assert answer is not None, shown(view)
    assert view["record"]["hung_up_by"] == "customer", "the customer hangs up first (R65)"
    if case.heard:
        start = spoken.parts[case.key].start(case.heard)
        assert answer["start_offset_s"] == pytest.approx(start, abs=LATE_S), shown(view)
    tickets = spoken.tickets.get(view["attempt"]["id"], [])
    assert [ticket["category"] for ticket in tickets] == [category for category, _ in case.tickets], shown(
        view
    )
    for ticket, (_, words) in zip(tickets, case.tickets, strict=True):
        if words:
            said = spoken.parts[case.key].start(words)
            assert ticket["answer_offset_s"] == pytest.approx(said, abs=LATE_S)
            assert words in ticket["words"]


@pytest.mark.parametrize("case", [one for one in CASES if one.heard], ids=lambda case: case.key)
def test_the_answer_is_heard_in_the_recording_where_its_offsets_say(spoken: Spoken, case: Case) -> None:
    view, part = spoken.view(case.key), spoken.parts[case.key]
    customer = read(spoken.home.recording(view))[1]
    answer = next(
        a for a in view["record"]["answers"]
        if a["question"] == case.question and a["answer_class"] == case.answer
    )  # fmt: skip
    begin, end = (int(answer[f"{edge}_offset_s"] * RATE) for edge in ("start", "end"))
    at = int(part.start(case.heard) * RATE)
    length = int(0.3 * RATE)
    said = part.sound[at + length // 2 : at + length // 2 + length].astype(float)
    around = customer[max(begin - RATE // 2, 0) : end + RATE // 2]
    assert likeness(around, said) > 0.8


def test_the_appointment_is_what_the_customer_named(spoken: Spoken) -> None:
    """明天下午 of a Tuesday: Wednesday in the afternoon window."""
    appointment = spoken.view("busy")["attempt"]["appointment"]
    assert appointment[:10] == "2026-11-11"


def test_a_grave_answer_is_asked_back_and_goes_up_at_once(spoken: Spoken) -> None:
    view = spoken.view("risky_yes")
    asked = [a for a in view["record"]["answers"] if a["question"] == "promised"]
    assert [a["asking"] for a in asked] == [1, 2]
    (ticket,) = spoken.tickets[view["attempt"]["id"]]
    assert ticket["major"] is True


def test_nothing_of_the_policy_is_said_to_somebody_else(spoken: Spoken) -> None:
    assert [a["question"] for a in spoken.view("wrong")["record"]["answers"]] == ["identity"]


def test_a_rehearsal_rings_a_telephone_of_the_house_and_leaves_no_row(spoken: Spoken) -> None:
    attempt = spoken.rehearsed["call"]["attempt"]
    assert attempt["outcome"] == "completed", shown(spoken.rehearsed["call"])
    assert Path(spoken.rehearsed["recording"]).is_file()
    assert not (spoken.house.path / "dialer.sqlite").exists()
