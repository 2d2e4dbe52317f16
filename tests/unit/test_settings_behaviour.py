"""A changed setting changes what the dialer does.

``[calling]``: tests/unit/policy/test_policy_verdict.py; ``[intake]``: tests/unit/intake; the trunk's, the
recogniser's and the media plane's own settings: the tests of their rooms.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from call_house import AGENT_URI, CALENDAR, NUMBER, TUESDAY, CallHouse, task, virtually

from dialer import app, logs
from dialer.archive.config import ArchiveConfig
from dialer.archive.vault import LocalVault
from dialer.archive.wav import WavHeader
from dialer.conductor import House
from dialer.errors import StoreError
from dialer.ivr.config import TurnSettings
from dialer.model import CallId, CallRecord, Disposition, Phone, PhoneNumber, TaskId, TaskState
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Dial, Refuse, Wait
from dialer.ports import CallView, ListenSpec, RecordedAudio, SpeechStarted
from dialer.scheduler import Scheduler, SchedulerConfig
from dialer.settings import HIDDEN
from dialer.site import Site
from dialer.store import SqlStore, StoreConfig
from dialer.testing.legs import FakeArchive, FakeLeg, FakeTrunk, Person, keys, nobody
from dialer.testing.store import MemoryStore
from dialer.transfer import Agent, TransferConfig

SHIPPED = Path(__file__).parents[2] / "config" / "dialer.toml"


class Timed(list[str]):
    def append(self, line: str) -> None:
        super().append(f"{asyncio.get_running_loop().time():.2f} {line}")


def course(prepare: Callable[[CallHouse], None] | None = None, **fields: Any) -> tuple[list[str], Any]:
    """All that happened in a call, with its times, and what was stored."""

    async def main(clock: Callable[[], datetime]) -> tuple[list[str], CallView]:
        house = CallHouse(clock, **fields)
        journal = Timed()
        house.trunk.journal = journal
        if prepare:
            prepare(house)
        return journal, await house.call()

    journal, view = virtually(main)
    return list(journal), view.record


# -- [turns] ----------------------------------------------------------------------------------


def silent(after: str = "") -> Person:
    async def person(leg: FakeLeg) -> None:
        await keys(after, then_leave=False)(leg)
        await asyncio.sleep(600)
        leg.leave()

    return person


def says(words: str, length_s: float = 0.8) -> Person:
    async def person(leg: FakeLeg) -> None:
        leg.answer()
        await leg.media.prompt_over()
        await asyncio.sleep(0.3)
        await leg.say(words, length_s)
        await leg.media.prompt_over()
        leg.leave()

    return person


async def never_stops_speaking(leg: FakeLeg) -> None:
    leg.answer()
    await leg.media.prompt_over()
    leg.put(SpeechStarted(0.0, leg.media.offset_s))
    await asyncio.sleep(300)
    leg.leave()


async def tells_at_length(leg: FakeLeg) -> None:
    await keys("11111121", then_leave=False)(leg)
    await leg.media.prompt_over()
    leg.put(SpeechStarted(0.0, leg.media.offset_s))
    await asyncio.sleep(300)
    leg.leave()


async def presses_early(leg: FakeLeg) -> None:
    leg.answer()
    await leg.media.prompt_over()
    leg.press("1")
    await asyncio.sleep(0.3)
    leg.press("1")
    await asyncio.sleep(60)
    leg.leave()


async def hears_endless_prompts(leg: FakeLeg) -> None:
    leg.media.clip_s = 200.0
    leg.answer()
    await asyncio.sleep(400)
    leg.leave()


async def asks_for_a_person(leg: FakeLeg) -> None:
    await keys("110", then_leave=False)(leg)
    await asyncio.sleep(600)
    leg.leave()


def unsure(confidence: float = 0.95, unknown_ratio: float = 0.0) -> Callable[[CallHouse], None]:
    def prepare(house: CallHouse) -> None:
        house.recogniser.confidence, house.recogniser.unknown_ratio = confidence, unknown_ratio

    return prepare


def slow_agents(house: CallHouse) -> None:
    config = TransferConfig((Agent("a", "sip:a@h"), Agent("b", "sip:b@h")), ring_s=100.0)
    house.warm._config = config


@dataclass(frozen=True)
class Case:
    name: str
    other: float
    person: Person
    prepare: Callable[[CallHouse], None] | None = None


TURNS = [
    Case("no_input_s", 7.0, silent()),
    Case("utterance_s", 10.0, never_stops_speaking),
    Case("end_silence_s", 0.9, silent("11")),
    Case("long_end_silence_s", 1.5, silent("1111112")),
    Case("free_end_silence_s", 3.0, silent("11111121")),
    Case("free_speech_s", 20.0, tells_at_length),
    Case("barge_guard_s", 0.1, presses_early),
    Case("play_limit_s", 90.0, hears_endless_prompts),
    Case("hold_limit_s", 30.0, asks_for_a_person, slow_agents),
    Case("long_stop_s", 12.0, silent("11111122")),
    Case("max_repeats", 1, silent("9999")),
    Case("max_unclear", 1, silent("11")),
    Case("min_confidence", 0.3, says("转人工"), unsure(0.4)),
    Case("yes_min_confidence", 0.97, says("是我")),
    Case("max_unknown_ratio", 0.4, says("打错了"), unsure(unknown_ratio=0.5)),
    Case("yes_max_unknown_ratio", 0.2, says("是我"), unsure(unknown_ratio=0.3)),
    Case("min_evidence", 1.0, says("打错了")),
    Case("yes_min_evidence", 1.0, says("是我")),
    Case("min_duration_s", 0.4, says("是我", 0.3)),
    Case("min_level_dbov", -10.0, says("是我")),
]


@pytest.mark.parametrize("case", TURNS, ids=lambda case: case.name)
def test_every_setting_of_turns_changes_the_call(case: Case) -> None:
    shipped = course(case.prepare, person=case.person)
    assert shipped == course(case.prepare, person=case.person), "the same call twice differs"
    changed = replace(TurnSettings(), **{case.name: case.other})  # type: ignore[arg-type]
    assert course(case.prepare, person=case.person, turns=changed) != shipped


def test_no_setting_of_turns_is_left_out() -> None:
    settable = [field.name for field in fields(TurnSettings) if field.name not in HIDDEN["turns"]]
    assert [case.name for case in TURNS] == settable


# -- [transfer] -------------------------------------------------------------------------------

LI, WANG = Agent("李", AGENT_URI), Agent("王", "sip:wang@192.0.2.8")


def agent_pressing(key: str, after_s: float = 2.0) -> Person:
    async def person(leg: FakeLeg) -> None:
        leg.answer()
        await asyncio.sleep(after_s)
        leg.press(key)
        await asyncio.sleep(5)
        leg.leave()

    return person


@pytest.mark.parametrize(
    ("name", "other", "phone"),
    [
        ("agents", (LI,), nobody),
        ("ring_s", 7.0, nobody),
        ("accept_s", 4.0, agent_pressing("1", 6.0)),
        ("accept_key", "5", agent_pressing("5")),
        ("max_agents", 1, nobody),
    ],
)
def test_every_setting_of_transfer_changes_the_call(name: str, other: Any, phone: Person) -> None:
    def with_config(**changes: Any) -> Any:
        def prepare(house: CallHouse) -> None:
            house.warm._config = replace(TransferConfig((LI, WANG)), **changes)

        people = {AGENT_URI: phone, WANG.uri: phone}
        return course(prepare, person=asks_for_a_person, people=people)

    assert with_config() == with_config()
    assert with_config(**{name: other}) != with_config()
    assert name in {field.name for field in fields(TransferConfig)}


# -- [listening] ------------------------------------------------------------------------------


def test_the_listening_settings_reach_the_media_plane() -> None:
    seen: list[ListenSpec | None] = []

    async def person(leg: FakeLeg) -> None:
        leg.answer()
        await leg.media.prompt_over()
        await asyncio.sleep(0.1)
        seen.append(leg.media.listening)
        leg.leave()

    course(person=person, changes={"listen": ListenSpec(9.0, 0.33, 4.4)})
    assert seen == [ListenSpec(TurnSettings().end_silence_s, 0.33, 4.4)]


# -- [archive] --------------------------------------------------------------------------------


def test_every_setting_of_the_archive_changes_it(tmp_path: Path) -> None:
    late = datetime(2026, 11, 10, 23, 30, tzinfo=UTC)

    def observe(**changes: Any) -> tuple[object, ...]:
        config = replace(ArchiveConfig(tmp_path / "a", min_free_bytes=0), **changes)
        vault = LocalVault(config)
        room, _ = vault.has_room()
        path = asyncio.run(vault.reserve(CallId(1), late))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(WavHeader.closed("PCMA", 16000)) + b"\xd5" * 16000)
        audio = RecordedAudio(path, "PCMA", 1.0, path.stat().st_size)
        made = asyncio.run(vault.seal(CallId(1), audio, late, late))
        (config.root / made.path).unlink()
        return str(path), room, made.retain_until

    usual = observe()
    assert observe() == usual
    for change in (
        {"root": tmp_path / "b"},
        {"retain_years": 5},
        {"zone": "America/New_York"},
    ):
        assert observe(**change) != usual, change
    room, why = LocalVault(ArchiveConfig(tmp_path, min_free_bytes=10**18)).has_room()
    assert not room
    assert why


# -- [store] ----------------------------------------------------------------------------------


async def _dial(store: MemoryStore, number: int) -> Decision:
    claim = await store.claim(TaskId(number), "n1", 60, TUESDAY)
    assert claim is not None
    dial = Dial(PhoneNumber(NUMBER), "s", TUESDAY + timedelta(hours=1))
    decision, _ = await store.barrier(claim, lambda candidate: Decision(dial, ()), TUESDAY)
    return decision


@pytest.mark.parametrize("wait_s", [60.0, 7.0])
async def test_how_long_a_busy_customer_waits(wait_s: float) -> None:
    store = MemoryStore(StoreConfig(customer_busy_wait_s=wait_s))
    await store.add_tasks([task(policy_no="P1"), task(policy_no="P2")], TUESDAY)
    await _dial(store, 1)
    verdict = (await _dial(store, 2)).verdict
    assert isinstance(verdict, Wait)
    assert verdict.until == TUESDAY + timedelta(seconds=wait_s)


@pytest.mark.parametrize(("rules", "state"), [(("R19",), TaskState.EXCLUDED), (("R37",), TaskState.OPEN)])
async def test_which_refusals_are_for_good(rules: tuple[str, ...], state: TaskState) -> None:
    store = MemoryStore(StoreConfig(excluding_rules=frozenset(rules)))
    await store.add_tasks([task()], TUESDAY)
    await store.record_decision(TaskId(1), Decision(Refuse("R19", ""), ()), TUESDAY)
    (found,) = await store.tasks()
    assert found.state is state


# -- [scheduler] ------------------------------------------------------------------------------


class AwayStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []
        self.away = False

    async def candidates(self, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(round(asyncio.get_running_loop().time(), 2))
        if self.away:
            raise StoreError("away")
        return await super().candidates(*args, **kwargs)


def looks(away: bool = False, count: int = 60, **changes: Any) -> tuple[list[float], list[float]]:
    """When the queue was looked at, and when calls were started, in two minutes."""

    async def main(clock: Callable[[], datetime]) -> tuple[list[float], list[float]]:
        store, stop, started = AwayStore(), asyncio.Event(), list[float]()
        people = [
            task(policy_no=f"P{n}", phones=(Phone(PhoneNumber(f"+861380000{n:04d}")),)) for n in range(count)
        ]
        await store.add_tasks(people, TUESDAY)
        store.away = away

        async def conduct(claim: Any, attempt: Any, dial: Any) -> None:
            started.append(round(asyncio.get_running_loop().time(), 2))
            await asyncio.sleep(30)
            record = CallRecord(attempt.id, attempt.task_id, Disposition.COMPLETED, clock())
            await store.finish(claim, record)

        scheduler = Scheduler(
            store,
            FakeTrunk({}),
            FakeArchive(),
            conduct,
            CALENDAR,
            PolicySettings(),
            replace(SchedulerConfig("n1"), **changes),
            clock,
            lambda _: "",
        )
        running = asyncio.create_task(scheduler.run(stop))
        await asyncio.sleep(120)
        stop.set()
        await running
        await scheduler.drain(60)
        return store.asked, started

    asked, started = virtually(main)
    return asked, started


@pytest.mark.parametrize(
    ("name", "other", "away"),
    [
        ("heartbeat_s", 3.0, False),
        ("cps", 0.25, False),
        ("lines", 3, False),
        ("batch", 1, False),
        ("calls_per_agent", 2.0, False),
        ("store_backoff_s", 4.0, True),
        ("store_backoff_max_s", 5.0, True),
    ],
)
def test_the_schedulers_settings_change_its_work(name: str, other: float, away: bool) -> None:
    count = 1 if name == "heartbeat_s" else 60
    assert looks(away, count, **{name: other}) != looks(away, count)


@pytest.mark.parametrize("recheck_s", [5.0, 45.0])
def test_how_soon_a_refusal_is_asked_again(recheck_s: float) -> None:
    async def main(clock: Callable[[], datetime]) -> list[float]:
        store, stop, started = MemoryStore(), asyncio.Event(), list[float]()
        await store.add_tasks([task()], TUESDAY)

        async def conduct(claim: Any, attempt: Any, dial: Any) -> None:
            started.append(asyncio.get_running_loop().time())
            await store.finish(claim, CallRecord(attempt.id, attempt.task_id, Disposition.COMPLETED, clock()))

        config, begin = SchedulerConfig("n1", refused_recheck_s=recheck_s), clock()
        scheduler = Scheduler(
            store, FakeTrunk({}), FakeArchive(), conduct, CALENDAR, PolicySettings(), config, clock,
            lambda _: "" if clock() > begin + timedelta(seconds=1) else "draft",
        )  # fmt: skip
        running = asyncio.create_task(scheduler.run(stop))
        await asyncio.sleep(60)
        stop.set()
        await running
        return started

    (at,) = virtually(main)
    assert at == pytest.approx(recheck_s, abs=1.1)


class LeaseStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.claimed_for: list[float] = []
        self.renewed: list[tuple[float, float]] = []

    async def claim(self, task_id: TaskId, node: str, lease_s: float, now: datetime) -> Any:
        self.claimed_for.append(lease_s)
        return await super().claim(task_id, node, lease_s, now)

    async def renew(self, claim: Any, lease_s: float) -> None:
        self.renewed.append((round(asyncio.get_running_loop().time(), 2), lease_s))
        await super().renew(claim, lease_s)


@pytest.mark.parametrize(("lease_s", "renewals"), [(6.0, 14), (15.0, 5)])
def test_how_long_a_claim_holds_and_how_often_it_is_renewed(lease_s: float, renewals: int) -> None:
    """One call of 29 s, looked at from its start."""

    async def main(clock: Callable[[], datetime]) -> LeaseStore:
        store, stop = LeaseStore(), asyncio.Event()
        await store.add_tasks([task()], TUESDAY)

        async def conduct(claim: Any, attempt: Any, dial: Any) -> None:
            await asyncio.sleep(29)
            record = CallRecord(attempt.id, attempt.task_id, Disposition.COMPLETED, clock())
            await store.finish(claim, record)

        config = SchedulerConfig("n1", lease_s=lease_s)
        trunk, archive = FakeTrunk({}), FakeArchive()
        scheduler = Scheduler(
            store, trunk, archive, conduct, CALENDAR, PolicySettings(), config, clock, lambda _: ""
        )
        running = asyncio.create_task(scheduler.run(stop))
        await asyncio.sleep(40)
        stop.set()
        await running
        return store

    store = virtually(main)
    assert store.claimed_for == [lease_s]
    assert [given for _, given in store.renewed] == [lease_s] * renewals
    gaps = {round(later - before, 2) for (before, _), (later, _) in pairwise(store.renewed)}
    assert gaps == {lease_s / 3}


def test_no_setting_of_the_scheduler_is_left_out() -> None:
    proven = {"heartbeat_s", "cps", "lines", "batch", "store_backoff_s", "store_backoff_max_s", "lease_s"}
    proven |= {"calls_per_agent", "refused_recheck_s"}
    assert {field.name for field in fields(SchedulerConfig)} - set(HIDDEN["scheduler"]) == proven


# -- [site] and the composition root ----------------------------------------------------------


def test_the_log_level_and_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger("dialer")
    before = (root.handlers[:], root.level, root.propagate)
    try:
        for level, lines in (("WARNING", 1), ("info", 2), ("DEBUG", 3)):
            logs.configure(level)
            for number in (logging.DEBUG, logging.INFO, logging.WARNING):
                logging.getLogger("dialer.x").log(number, "static text", extra={"call_id": 7, "why": "w"})
            told = capsys.readouterr().err.splitlines()
            assert len(told) == lines
            assert told[-1].endswith("WARNING dialer.x: static text call_id=7 why=w")
    finally:
        root.handlers[:], root.level, root.propagate = before


def with_site(home: Path, line: str) -> Path:
    """An installation whose ``[site]`` has one line changed; no recogniser, any SIP port."""
    (home / "config").mkdir()
    text = f"[site]\n{line}\n[trunk]\nname = 't'\nhost = '127.0.0.1'\n"
    text += "[recogniser]\nengine = 'dtmf'\n[sip]\nbind_port = 0\n[archive]\nmin_free_bytes = 1\n"
    (home / "config" / "dialer.toml").write_text(text, encoding="utf-8")
    return home


@pytest.mark.parametrize(("log_level", "told"), [("INFO", True), ("WARNING", False)])
async def test_the_daemon_logs_at_its_log_level(
    log_level: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    class Idle:
        sinks = ()

        async def run(self, stop: asyncio.Event) -> None:
            logging.getLogger("dialer.x").warning("worth a warning")

    @asynccontextmanager
    async def opened(site: Site, clock: object) -> AsyncIterator[Idle]:
        yield Idle()

    monkeypatch.setattr(app, "open_daemon", opened)
    root = logging.getLogger("dialer")
    before = (root.handlers[:], root.level, root.propagate)
    try:
        await app.run_daemon(with_site(tmp_path, f"log_level = '{log_level}'"))
    finally:
        root.handlers[:], root.level, root.propagate = before
    said = capsys.readouterr().err
    assert "worth a warning" in said
    assert ("running node=dialer-1" in said) is told


class NoMedia:
    alive = True

    def __init__(self, config: object) -> None:
        """Nothing to start."""

    async def start(self) -> None:
        """At once."""

    async def close(self) -> None:
        """At once."""


@pytest.mark.parametrize(("node", "freed"), [("n7", 1), ("n8", 0)])
async def test_a_node_takes_back_its_own_claims_only(
    node: str, freed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = with_site(tmp_path, f"node = '{node}'")
    store = await SqlStore.open(home / "dialer.sqlite")
    await store.add_tasks([task()], TUESDAY)
    assert await store.claim(TaskId(1), "n7", 3600, TUESDAY) is not None
    await store.close()
    monkeypatch.setattr(app, "ProcessMediaPlane", NoMedia)
    async with app.open_daemon(Site(home), lambda: TUESDAY) as daemon:
        assert len(await daemon.store.candidates(TUESDAY, 5)) == freed
        assert daemon.site.settings.scheduler.node == node


class SpyConductor:
    built: House

    def __init__(self, house: House) -> None:
        SpyConductor.built = house

    async def conduct(self, *given: Any) -> None:
        raise AssertionError


@pytest.mark.skipif(sys.platform != "linux", reason="the media process is a Linux program")
async def test_the_composition_root_hands_every_setting_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    for old, new in (
        ("ring_s = 20.0", "ring_s = 33.0"),
        ("no_18x_ring_after_s = 5.0", "no_18x_ring_after_s = 6.5"),
        ("min_speech_s = 0.12", "min_speech_s = 0.25"),
        ("max_speech_s = 12.0", "max_speech_s = 7.0"),
        ('engine = "bundled"', 'engine = "dtmf"'),
        ("bind_port = 5060", "bind_port = 0"),
        ('root = "recordings"', 'root = "tapes"'),
        ('database = "dialer.sqlite"', 'database = "rows.sqlite"'),
        ("agents = []", 'agents = [{ name = "1001", uri = "sip:1001@192.0.2.1" }]'),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dialer.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(app, "Conductor", SpyConductor)
    async with app.open_daemon(Site(tmp_path), lambda: TUESDAY) as daemon:
        house = SpyConductor.built
        assert (house.ring_s, house.no_progress_s) == (33.0, 6.5)
        assert (house.listen.min_speech_s, house.listen.max_speech_s) == (0.25, 7.0)
        assert [agent.name for agent, _ in house.transfer.free_agents(task())] == ["1001"]
        assert (await house.archive.reserve(CallId(1), TUESDAY)).is_relative_to(tmp_path / "tapes")
        assert (tmp_path / "rows.sqlite").exists()
        assert house.session_for(replace(task(), product="安心相伴终身寿险"), True).deadline() is None
        assert daemon.trunk.state().up
    assert not daemon.media.alive


@pytest.mark.parametrize("drain_s", [600.0, 3.0])
async def test_how_long_live_calls_may_take_at_the_end(drain_s: float, tmp_path: Path) -> None:
    did: list[object] = []

    class Spy:
        async def run(self, stop: asyncio.Event) -> None:
            await stop.wait()

        async def drain(self, patience_s: float) -> int:
            did.append(patience_s)
            return 1

        async def abort(self) -> None:
            did.append("abort")

        async def registered(self) -> None:
            """As a trunk that needs no registration."""

    site = Site(tmp_path)
    settings = site.settings
    vars(site)["settings"] = replace(settings, site=replace(settings.site, drain_s=drain_s))
    stop = asyncio.Event()
    stop.set()
    spy = cast(Any, Spy())
    await app.Daemon(site, cast(Any, MemoryStore()), spy, cast(Any, None), spy, (), app.system_clock).run(
        stop
    )
    assert did == [drain_s, "abort"]
