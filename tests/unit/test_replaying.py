"""`dialer replay`: a day's decisions made again, on a real database."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from dialer.model import CallRecord, Disposition, Phone, PhoneNumber, Policyholder, Reason, Task, TaskId
from dialer.policy.ledger import rules_of
from dialer.policy.ruling import Inputs, Resources
from dialer.policy.verdict import Decision, Dial, decide
from dialer.ports import Candidate
from dialer.site import Site
from dialer.store.database import SqlStore
from tests.unit.office_home import dialer, told

SHANGHAI = ZoneInfo("Asia/Shanghai")
TEN = datetime(2026, 11, 10, 10, tzinfo=SHANGHAI)
DAY = "2026-11-10"
FREE = Resources(lines_free=1, can_record=True, approved=True, trunk_up=True)


async def _work(home: Path, store: SqlStore) -> None:
    """A morning: a call, another one to the same customer that has to wait, a refusal, and an early look."""
    site = Site(home)
    rules = rules_of(site.settings.calling, site.calendar)
    await store.keep_rules(rules, TEN)
    await store.add_tasks([_task("P1", "13812345678"), _task("P2", "13812345678"), _task("P3", "139")], TEN)
    closed = replace(FREE, approved=False, approved_why=Reason("话术未审批", "the script isn't approved"))

    def judge(one: Candidate, now: datetime, means: Resources) -> Decision:
        about = (one.task, one.attempts, one.customer_attempts)
        made = decide(*about, now, site.calendar, site.settings.calling, means)
        return msgspec.structs.replace(made, inputs=Inputs(now, *about, means, rules.fingerprint))

    async def say(task: int, now: datetime, means: Resources = FREE) -> None:
        one = await store.candidate(TaskId(task))
        assert one is not None
        await store.record_decision(TaskId(task), judge(one, now, means), now)

    await say(3, TEN - timedelta(hours=1))
    await say(3, TEN, closed)
    claim = await store.claim(TaskId(1), "n", 600, TEN)
    assert claim is not None
    _, call = await store.barrier(claim, lambda one: judge(one, TEN, FREE), TEN)
    assert call is not None
    # The other task of that customer: its look was older than the call.
    stale = await store.candidate(TaskId(2))
    other = await store.claim(TaskId(2), "m", 600, TEN)
    assert stale is not None
    assert other is not None
    past = msgspec.structs.replace(stale, customer_attempts=())
    decision, none = await store.barrier(other, lambda _: judge(past, TEN, FREE), TEN)
    assert none is None
    assert not isinstance(decision.verdict, Dial)
    await store.release(other)
    over = TEN + timedelta(seconds=40)
    await store.finish(claim, CallRecord(call.id, TaskId(1), Disposition.NO_ANSWER, over))
    await say(1, over)
    await say(1, TEN + timedelta(days=1))


def _task(policy: str, number: str) -> Task:
    return Task(
        id=TaskId(0),
        campaign="c",
        policy_no=policy,
        holder=Policyholder("王芳"),
        phones=(Phone(PhoneNumber.parse(number.ljust(11, "0"))),),
        product="",
        premium=12000,  # type: ignore[arg-type]
        pay_years=1,
        script="new-policy",
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    asyncio.run(_logged(tmp_path))
    return tmp_path


async def _logged(home: Path) -> None:
    store = await SqlStore.open(Site(home).settings.site.database)
    await _work(home, store)
    await store.close()


def test_a_logged_day_comes_out_the_same(home: Path) -> None:
    done = dialer(home, "replay", DAY)
    assert done.exit_code == 0, done.stderr
    assert "不一致 0 条" in done.output
    assert "1 通电话" in done.output
    found = json.loads(dialer(home, "replay", DAY, "--json").output)
    assert found["proved"] is True
    assert found["replay"]["decisions"] == found["replay"]["same"] >= 5
    assert dialer(home, "--lang", "en", "replay", "2026-11-11").output.startswith("2026-11-11: 1 decisions")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE decisions SET until = '2026-11-12 02:00:00.000000' WHERE kind = 'wait'", "wait"),
        ("UPDATE decisions SET why = 'x' WHERE kind = 'dial'", "dial"),
        ("UPDATE decisions SET findings = '[]' WHERE kind = 'refuse'", "R49"),
        ("UPDATE decisions SET inputs = NULL WHERE kind = 'dial'", "未保存判定依据"),
        ("DELETE FROM rules", "没有保存规则"),
        (
            """UPDATE decisions SET inputs = replace(inputs, '"lines_free":1', '"lines_free":0')
            WHERE kind = 'dial'""",
            "R7",
        ),
    ],
)
def test_what_was_changed_since_shows(home: Path, sql: str, words: str) -> None:
    with sqlite3.connect(home / "dialer.sqlite") as db:
        assert db.execute(sql).rowcount > 0
    done = dialer(home, "replay", DAY)
    assert done.exit_code == 1
    assert words in told(done)
    assert "不一致 0 条" not in done.output
    found = json.loads(dialer(home, "replay", DAY, "--json").output)
    assert found["proved"] is False
    assert found["replay"]["differences"]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM decisions WHERE kind = 'dial'",
        "UPDATE attempts SET slot = '2026-11-10/1'",
        "UPDATE attempts SET number = '+8613900000000'",
    ],
)
def test_a_call_that_the_ledger_does_not_permit_shows(home: Path, sql: str) -> None:
    with sqlite3.connect(home / "dialer.sqlite") as db:
        assert db.execute(sql).rowcount > 0
    done = dialer(home, "--lang", "en", "replay", DAY)
    assert done.exit_code == 1
    assert "1 calls that no decision of the ledger permits" in done.output


def test_a_rule_programmed_otherwise_is_marked(home: Path) -> None:
    with sqlite3.connect(home / "dialer.sqlite") as db:
        changed = """UPDATE decisions SET findings = replace(findings, '"R44","result":"pass"',
            '"R44","result":"wait"')"""
        db.execute(changed)
        db.execute("""UPDATE decisions SET findings = replace(findings, '"version":', '"version":9')""")
    done = dialer(home, "replay", DAY)
    assert done.exit_code == 1
    assert "R44*" in told(done)


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    assert dialer(tmp_path, "replay", "10.11.2026").exit_code == 2
    done = dialer(tmp_path, "replay", DAY)
    assert done.exit_code == 2
    assert "no database" in done.output
