"""However what is asked for lies among the calls: both databases find what a look at each call finds."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dialer.access.search import CallQuery
from dialer.model import (
    Answer,
    AnswerClass,
    AnswerSource,
    CallId,
    CallRecord,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    QuestionKind,
    Recording,
    Task,
    TaskId,
    Ticket,
)
from dialer.policy.verdict import Decision, Dial
from dialer.ports import Store
from dialer.store import SqlStore, finding
from dialer.testing.store import MemoryStore

AT = datetime(2026, 11, 10, 2, tzinfo=UTC)
CALLS = 90
OUTCOMES = (Disposition.COMPLETED, Disposition.BUSY, Disposition.REFUSED)
CLASSES = (AnswerClass.YES, AnswerClass.NO)
SAID = ("我没收到合同", "收到了", "没有人跟我说过", "要退保", "好的")


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    postgres = request.param == "postgres"
    made = await SqlStore.open(request.getfixturevalue("postgres_url") if postgres else tmp_path / "a.sqlite")
    yield made
    await made.close()


async def furnish(store: Store) -> None:
    """Values that lie together: what is common in old calls is missing in new ones, and the other way round;
    and the calls' times don't always grow with their ids.
    """
    rng = random.Random(6)
    tasks = [
        Task(
            TaskId(0), f"c{n // 40}", f"P{n % 45}", Policyholder(f"王{'芳伟娜'[n % 3]}"),
            (Phone(PhoneNumber.parse(f"138{n:08d}")),), "安心年金", Decimal(1), 10, "s",
            branch="南京" if n < 60 else "苏州", seller=f"S{n % 4}",
        )
        for n in range(1, CALLS + 1)
    ]  # fmt: skip
    await store.add_tasks(tasks, AT)
    for n in range(1, CALLS + 1):
        at = AT + timedelta(hours=n + rng.choice((0, 0, 0, 5, 12)))
        claim = await store.claim(TaskId(n), "n1", 60, at)
        assert claim is not None
        dial = Dial(claim.task.phones[0].number, f"{n}/0", at + timedelta(hours=1))
        _, attempt = await store.barrier(claim, lambda _, dial=dial: Decision(dial, ()), at)  # type: ignore[misc]
        assert attempt is not None
        outcome = Disposition.COMPLETED if n < 30 else rng.choice(OUTCOMES)
        answers = tuple(
            Answer(
                f"q{place}", QuestionKind.POS, rng.choice(CLASSES), rng.choice(SAID[: 2 + n // 30]), 0.9,
                AnswerSource.ASR, 1, 2, 3,
            )
            for place in range(rng.choice((1, 2)) if outcome is Disposition.COMPLETED else 0)
        )  # fmt: skip
        ticket = Ticket(attempt.id, TaskId(n), "未送达", ("契约",), "q0", "没收到", 2.0, at, at)
        length = float(rng.choice((20, 90, 700)))
        recording = Recording(attempt.id, f"{n}.wav", "", 1, length, "PCMA", at, at, date(2030, 1, 1))
        record = CallRecord(
            attempt.id, TaskId(n), outcome, at + timedelta(minutes=1), answers=answers,
            tickets=(ticket,) if n % 17 == 0 else (), recording=recording if answers else None,
            agent="小李" if n in (3, 50) else "",
        )  # fmt: skip
        await store.finish(claim, record)


def a_query(rng: random.Random) -> CallQuery:
    day = AT + timedelta(hours=rng.randrange(CALLS))
    fields = {
        "name": ("王芳", "王*"), "policy_no": ("P3",), "start": (day,), "end": (day + timedelta(hours=9),),
        "branch": ("南京", "苏州"), "campaign": ("c0", "c2"), "seller": ("S1",), "agent": ("小李",),
        "outcome": OUTCOMES, "answer_class": CLASSES, "question": ("q1",), "ticket_category": ("未送达",),
        "shortest_s": (60.0, 600.0), "longest_s": (30.0,),
        "words": ("收到", "没收到", "退保", "月亮", "没 收到"),
        "before": (CallId(rng.randrange(1, CALLS)),),
    }  # fmt: skip
    chosen = rng.sample(sorted(fields), rng.choice((1, 2, 2, 3)))
    return CallQuery(limit=rng.choice((3, 10)), **{name: rng.choice(fields[name]) for name in chosen})  # type: ignore[arg-type, index]


async def test_every_search_finds_what_a_look_at_each_call_finds(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "NEWEST", 8)
    monkeypatch.setattr(finding, "FARTHEST", 40)
    judge = MemoryStore()
    await furnish(judge)
    await furnish(store)
    rng, found = random.Random(7), 0
    for _ in range(400):
        query = a_query(rng)
        expected = await judge.search(query)
        assert await store.search(query) == expected, query
        found += bool(expected.calls)
    assert 100 < found < 400
