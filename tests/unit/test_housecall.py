"""Rehearsal calls: whom they may ring, what they take from the campaign, and which of them count (R50)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from call_house import SCRIPT, TUESDAY, FakePrompts
from call_house import task as call_task
from office_home import AT, LIST, NUMBERS, dialer, told

from dialer import housecall
from dialer.housecall import Rehearsed, Staging, by_telephone
from dialer.imports import import_customers
from dialer.listings import DoNotCall
from dialer.model import Attempt, CallId, CallRecord, Disposition, PhoneNumber, Recording, TaskId
from dialer.policy.settings import PolicySettings
from dialer.ports import CallView
from dialer.scripttext import SAMPLE
from dialer.site import Site
from dialer.storeroom import with_store
from dialer.testing.legs import FakeArchive, FakeLeg, FakeRecogniser, FakeTrunk, keys, nobody
from dialer.testing.virtual import run_virtual

OWN = "13800138000"
NUMBER = PhoneNumber.parse(OWN)
AUTHOR = ("--by", "张三")
SHA = "5a" * 32
SITE = f'[site]\nrehearsal_numbers = ["{OWN}", "{NUMBERS[0]}", "01065123456"]\n'


def lines_of(trunk: FakeTrunk) -> Callable[..., Any]:
    """``open_telephony`` with this trunk."""

    class Registered(FakeTrunk):
        async def registered(self) -> None: ...

    trunk.__class__ = Registered

    @dataclass
    class Lines:
        trunk: FakeTrunk
        recogniser: FakeRecogniser = field(default_factory=FakeRecogniser)
        endpoint: Any = field(default_factory=lambda: type("Phones", (), {"lookup": lambda _, name: None})())

    @asynccontextmanager
    async def open_(*_: Any, **__: Any) -> AsyncIterator[Lines]:
        yield Lines(trunk)

    return open_


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> FakeTrunk:
    """Every line there is; a test that mustn't dial finds no request in it."""
    trunk = FakeTrunk({})
    monkeypatch.setattr(housecall, "open_telephony", lines_of(trunk))
    return trunk


# --- the call -------------------------------------------------------------------------------------


def rehearsed(
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    person: Callable[[FakeLeg], Awaitable[None]],
    at: datetime = TUESDAY,
    **changes: Any,
) -> tuple[Rehearsed, FakeTrunk]:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "dialer.toml").write_text(SITE, encoding="utf-8")
    trunk = FakeTrunk({NUMBER.e164: person})
    monkeypatch.setattr(housecall, "open_telephony", lines_of(trunk))
    monkeypatch.setattr(housecall, "LocalVault", lambda _: FakeArchive())
    staging = replace(Staging(SCRIPT, "short", SAMPLE, PolicySettings()), **changes)

    async def main(clock: Callable[[], datetime]) -> Rehearsed:
        site = Site(home)
        site.__dict__["prompts"] = FakePrompts()
        site.__dict__["require_clips"] = lambda texts: None
        return await by_telephone(site, staging, NUMBER, clock)

    return run_virtual(main, at), trunk


def test_it_is_asked_to_its_end_and_shows_what_the_plan_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = len([one for one in SCRIPT.form("short") if not one.when.ended])
    done, trunk = rehearsed(
        monkeypatch, tmp_path, keys("1" * asked), campaign="2026-11", caller=("4001234567", "回访")
    )
    assert done.call.attempt.outcome is Disposition.COMPLETED, done.call
    assert done.call.record is not None
    assert done.call.record.script_version == "new-policy/short@1"
    (request,) = trunk.requests
    assert (request.target, request.campaign) == (NUMBER, "2026-11")
    assert (request.caller_id, request.display_name) == ("4001234567", "回访")
    assert done.recording is not None
    assert done.recording.parent == tmp_path / "rehearsals"
    assert not (tmp_path / "dialer.sqlite").exists()


def test_it_rings_as_long_as_a_customers_telephone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """R41; and no window keeps it from ringing: it is Sunday night."""
    night = TUESDAY.replace(day=15, hour=22)
    done, _ = rehearsed(monkeypatch, tmp_path, nobody, night)
    attempt = done.call.attempt
    assert attempt.outcome is Disposition.NO_ANSWER
    assert attempt.ended_at is not None
    assert attempt.ringing_at is not None
    assert attempt.ended_at - attempt.ringing_at >= timedelta(seconds=20)
    assert done.recording is None


def test_two_rehearsals_never_share_a_recordings_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not even those of one second, answered by two people of the house."""
    starts = (TUESDAY, TUESDAY + timedelta(milliseconds=20))
    made = [rehearsed(monkeypatch, tmp_path, keys(""), at)[0].recording for at in starts]
    assert None not in made
    assert len(set(made)) == 2


# --- whom it may ring -----------------------------------------------------------------------------


def linted(home: Path, *, method: str = "") -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "dialer.toml").write_text(SITE, encoding="utf-8")
    assert dialer(home, "campaign", "new", "new-policy", *AUTHOR).exit_code == 0
    file = home / "config" / "campaigns" / "new-policy.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in (
        ('number: ""', 'number: "1"'),
        ('responsible: ""', "responsible: 王五"),
        ('caller_id: ""', 'caller_id: "4001234567"'),
        ('display_name: ""', "display_name: 回访"),
    ):
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    done = dialer(home, "campaign", "lint", "new-policy", *AUTHOR)
    assert done.exit_code == 0, done.output


def state(home: Path) -> tuple[str, int]:
    """Of the campaign, and how many steps were taken."""
    shown = json.loads(dialer(home, "campaign", "show", "new-policy", "--json").stdout)
    return shown["version"]["state"], len(shown["history"])


def rehearse(home: Path, *words: str) -> Any:
    return dialer(home, "campaign", "rehearse", "new-policy", *AUTHOR, *words)


def test_only_the_houses_own_telephones_are_rung(tmp_path: Path, silent: FakeTrunk) -> None:
    """Never a customer's, whatever stands in dialer.toml, and none that nobody may dial (R38)."""
    linted(tmp_path)
    before = state(tmp_path)
    asyncio.run(import_customers(tmp_path, LIST.encode(), "l.csv", "c", "new-policy", AT))
    listed = DoNotCall(PhoneNumber.parse("01065123456"))
    asyncio.run(with_store(tmp_path, lambda store: store.add_do_not_call([listed], "王五", AT)))
    for number, says in (
        ("12", "not a telephone number: use digits"),
        (NUMBERS[1], "139****5432 isn't a telephone of the house: list it in dialer.toml"),
        (NUMBERS[0], "138****5678 is the number of a customer in a task: nothing is rehearsed on customers"),
        ("010-65123456", "010****3456 is on the do-not-call list (R38)"),
    ):
        done = rehearse(tmp_path, "--number", number)
        assert (done.exit_code, done.stdout) == (2, ""), done.output
        assert says in done.stderr.splitlines()[-1]
        assert number not in done.stderr or number == "12"
    typed = dialer(tmp_path, "script", "rehearse", "complaint", "--call", NUMBERS[0])
    assert (typed.exit_code, "number of a customer" in typed.stderr) == (2, True)
    assert silent.requests == []
    assert state(tmp_path) == before


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            '[trunk]\nname = "t"\nhost = "127.0.0.1"\nallow = ["geographic"]\n',
            "no trunk may dial this kind of",
        ),
        ("[archive]\nmin_free_bytes = 10_000_000_000_000_000\n", "can't be recorded isn't made (R75)"),
        ("", "138****8000 wasn't called: registration lost (see `dialer trunks`)"),
    ],
    ids=["allow-list", "disk", "trunk"],
)
def test_a_call_that_cannot_be_made_is_one_line(
    tmp_path: Path, silent: FakeTrunk, toml: str, says: str
) -> None:
    silent.refusal = "registration lost"
    linted(tmp_path)
    (tmp_path / "config" / "dialer.toml").write_text(SITE + toml, encoding="utf-8")
    before = state(tmp_path)
    done = rehearse(tmp_path, "--number", OWN)
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    _, line = done.stderr.splitlines()
    assert line.startswith("dialer: ")
    assert says in line
    assert (silent.requests, state(tmp_path)) == ([], before)


def test_nothing_is_dialled_for_what_is_not_linted(tmp_path: Path, silent: FakeTrunk) -> None:
    def says() -> str:
        done = rehearse(tmp_path, "--number", OWN)
        assert (done.exit_code, done.stdout) == (2, "")
        return str(done.stderr.splitlines()[-1])

    assert "no such campaign file" in says()
    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config" / "dialer.toml").write_text(SITE, encoding="utf-8")
    dialer(tmp_path, "campaign", "new", "new-policy", *AUTHOR)
    assert "campaign new-policy is a draft: lint it first" in says()
    (tmp_path / "config" / "campaigns" / "new-policy.yaml").unlink()
    linted(tmp_path)
    file = tmp_path / "config" / "campaigns" / "new-policy.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text + "# other\n", encoding="utf-8")
    assert "changed since version 1 was linted: lint it again" in says()
    file.write_text(text, encoding="utf-8")
    for step, who in (("rehearse", "张三"), ("approve", "李四")):
        assert dialer(tmp_path, "campaign", step, "new-policy", "--by", who, "--note", "x").exit_code == 0
    assert "is approved: rehearse isn't possible" in says()
    assert silent.requests == []


# --- which call counts ----------------------------------------------------------------------------


@dataclass
class Phone:
    """Stands for the call: what it came to, and what it was asked for."""

    outcome: Disposition = Disposition.COMPLETED
    reason: str = "the script was asked to its end"
    answered: bool = True
    recorded: bool = True
    partial: bool = False
    staging: Staging | None = None
    meanwhile: Callable[[], object] = lambda: None

    async def __call__(self, site: Site, staging: Staging, number: PhoneNumber, clock: Any) -> Rehearsed:
        self.staging = staging
        await asyncio.to_thread(self.meanwhile)
        answered = AT if self.answered else None
        sound = Recording(
            CallId(7), "2026/11/10/00000007-100000.wav", SHA, 1000, 61.6, "PCMA", AT, AT,
            AT.date().replace(year=2029), False, self.partial,
        )  # fmt: skip
        attempt = Attempt(
            CallId(7), TaskId(1), number, 1, "rehearsal/0", AT, answered_at=answered, ended_at=AT,
            outcome=self.outcome, reason=self.reason,
        )  # fmt: skip
        record = CallRecord(
            CallId(7), TaskId(1), self.outcome, AT, answered_at=answered, reason=self.reason,
            recording=sound if self.recorded else None, script_version=staging.script.label(staging.form),
        )  # fmt: skip
        task = call_task(campaign=staging.campaign)
        return Rehearsed(CallView(attempt, task, record), site.home / "rehearsals" / sound.path)


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Phone:
    made = Phone()
    monkeypatch.setattr(housecall, "by_telephone", made)
    return made


def test_the_record_tells_who_when_whom_and_what_was_recorded(tmp_path: Path, phone: Phone) -> None:
    linted(tmp_path)
    done = rehearse(tmp_path, "--number", OWN, "--note", "两人旁听")
    assert done.exit_code == 0, done.output
    assert "R44" in done.stderr
    assert "new-policy 第 1 版:已演练" in told(done)
    last = json.loads(dialer(tmp_path, "campaign", "history", "new-policy", "--json").stdout)[-1]
    assert (last["taken"]["step"], last["taken"]["by"]) == ("rehearse", "张三")
    assert last["taken"]["note"] == (
        "138****8000; 2026-11-10T10:00:00+08:00; new-policy@1; completed; 62 s; "
        f"rehearsals/2026/11/10/00000007-100000.wav; SHA-256 {SHA}; 两人旁听"
    )
    assert last["taken"]["account"]
    assert OWN not in done.output
    assert state(tmp_path) == ("rehearsed", 2)


def test_what_is_rehearsed_is_the_linted_version_for_the_customer_named(tmp_path: Path, phone: Phone) -> None:
    linted(tmp_path)
    words = ("--insured-differs", "--product-type", "linked", "--channel", "银代")
    assert rehearse(tmp_path, "--number", OWN, *words).exit_code == 0
    staging = phone.staging
    assert staging is not None
    assert (staging.campaign, staging.caller, staging.form) == ("new-policy", ("4001234567", "回访"), "full")
    assert staging.script.label() == "new-policy@1"
    assert (staging.facts.insured_differs, staging.facts.product_type, staging.facts.channel) == (
        True, "linked", "银代",
    )  # fmt: skip
    assert staging.facts.surname == SAMPLE.surname


@pytest.mark.parametrize(
    ("fault", "accept", "says"),
    [
        (
            {"answered": False, "outcome": Disposition.BUSY, "reason": "486 Busy Here"},
            "试过了",
            "138****8000 wasn't answered: busy (486 Busy Here). Nothing was rehearsed",
        ),
        (
            {"outcome": Disposition.ANSWERED_INCOMPLETE, "reason": "hung up before the end"},
            "",
            "ended before the script did: answered_incomplete (hung up before the end). Rehearse again,",
        ),
        ({"outcome": Disposition.TRANSFERRED, "reason": ""}, "", "ended before the script did: transferred."),
        ({"recorded": False}, "", "wasn't recorded whole: it is no rehearsal (R75)"),
        ({"partial": True}, "够了", "wasn't recorded whole: it is no rehearsal (R75)"),
    ],
    ids=["busy", "hung up", "transferred", "unrecorded", "partial"],
)
def test_a_call_that_rehearsed_nothing_changes_nothing(
    tmp_path: Path, phone: Phone, fault: dict[str, Any], accept: str, says: str
) -> None:
    linted(tmp_path)
    for name, value in fault.items():
        setattr(phone, name, value)
    words = ("campaign", "rehearse", "new-policy", *AUTHOR, "--number", OWN, "--accept", accept)
    done = dialer(tmp_path, "--lang", "en", *words)
    assert done.exit_code == 1, done.output
    assert says in done.stderr.splitlines()[-1]
    assert state(tmp_path) == ("linted", 1)
    found = json.loads(dialer(tmp_path, *words, "--json").stdout)
    assert (found["passed"], found["version"]["state"]) == (False, "linted")
    assert state(tmp_path) == ("linted", 1)


def test_somebodys_word_makes_a_broken_call_count_and_is_kept(tmp_path: Path, phone: Phone) -> None:
    linted(tmp_path)
    phone.outcome, phone.reason = Disposition.ANSWERED_INCOMPLETE, "hung up before the end"
    assert rehearse(tmp_path, "--number", OWN, "--accept", "线路故障,前六题已走通").exit_code == 0
    last = json.loads(dialer(tmp_path, "campaign", "history", "new-policy", "--json").stdout)[-1]
    assert "; answered_incomplete; " in last["taken"]["note"]
    assert last["taken"]["note"].endswith("; accepted: 线路故障,前六题已走通")
    assert state(tmp_path) == ("rehearsed", 2)


def test_a_version_that_went_on_meanwhile_is_not_signed_off(tmp_path: Path, phone: Phone) -> None:
    """While the telephone rang, somebody linted another content."""
    linted(tmp_path)

    def changed() -> None:
        file = tmp_path / "config" / "campaigns" / "new-policy.yaml"
        file.write_text(file.read_text(encoding="utf-8") + "# other\n", encoding="utf-8")
        assert dialer(tmp_path, "campaign", "lint", "new-policy", *AUTHOR).exit_code == 0

    phone.meanwhile = changed
    done = rehearse(tmp_path, "--number", OWN)
    assert done.exit_code == 2
    assert "version 1 is superseded: rehearse isn't possible" in done.stderr
    shown = json.loads(dialer(tmp_path, "campaign", "show", "new-policy", "--json").stdout)
    assert (shown["version"]["number"], shown["version"]["state"]) == (2, "linted")


@pytest.mark.parametrize(
    "words", [("--number", OWN, "--call", "1"), ("--accept", "x", "--note", "y"), ("--accept", "x")]
)
def test_one_way_of_rehearsing_at_a_time(tmp_path: Path, silent: FakeTrunk, words: tuple[str, ...]) -> None:
    linted(tmp_path)
    done = rehearse(tmp_path, *words)
    assert done.exit_code == 2
    assert "--number goes without --call, and --accept only with --number" in done.stderr
    assert state(tmp_path) == ("linted", 1)
