"""One suite over every implementation of search and of the AccessStore port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dialer.access.accounts import Account, Role, Session
from dialer.access.quality import Finding, Mark, ScoreCard, Severity
from dialer.access.requests import AccessRequest, State, Use
from dialer.access.search import CallQuery, Found
from dialer.access.store import AccessStore
from dialer.errors import StoreError
from dialer.kpi import Month
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
from dialer.store import SqlStore
from dialer.testing.access import MemoryAccess
from dialer.testing.store import MemoryStore

AT = datetime(2026, 11, 10, 2, tzinfo=UTC)


@dataclass
class Archive:
    store: Store
    access: AccessStore


@pytest.fixture(params=["sqlite", "memory", "postgres"])
async def archive(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Archive]:
    if request.param == "memory":
        memory = MemoryStore()
        await _furnish(memory)
        yield Archive(memory, MemoryAccess(memory))
        return
    place = tmp_path / "dialer.sqlite"
    store = await SqlStore.open(
        request.getfixturevalue("postgres_url") if request.param == "postgres" else place
    )
    await _furnish(store)
    yield Archive(store, store.access)
    await store.close()


CALLS: tuple[dict[str, Any], ...] = (
    {"name": "王建国", "branch": "南京", "outcome": Disposition.COMPLETED, "words": ("是我", "收到了"),
     "talk_s": 90.0},
    {"name": "王芳", "branch": "苏州", "outcome": Disposition.COMPLETED, "words": ("对", "没收到"),
     "talk_s": 30.0, "class": AnswerClass.NO, "ticket": "合同未送达"},
    {"name": "李秀英", "branch": "南京", "outcome": Disposition.BUSY, "words": (), "talk_s": 0.0},
    {"name": "王芳", "branch": "南京", "outcome": Disposition.TRANSFERRED, "words":
     ("喂,你好", "转人工 OK 12"), "talk_s": 60.0, "agent": "小李", "class": AnswerClass.HUMAN},
)  # fmt: skip


async def _furnish(store: Store) -> None:
    await store.add_tasks(
        [
            Task(
                TaskId(0), "c1" if n < 4 else "c2", f"P{n}", Policyholder(call["name"]),
                (Phone(PhoneNumber.parse(f"1381234567{n}")),), "安心年金", Decimal(1), 10, "s",
                branch=call["branch"], seller=f"S{n % 2}",
            )
            for n, call in enumerate(CALLS, 1)
        ],
        AT,
    )  # fmt: skip
    for n, call in enumerate(CALLS, 1):
        await _finish(store, n, call, AT + timedelta(days=n))


async def _finish(store: Store, n: int, call: dict[str, Any], at: datetime) -> None:
    claim = await store.claim(TaskId(n), "n1", 60, at)
    assert claim is not None
    dial = Dial(claim.task.phones[0].number, f"2026-1{n % 2}-10/0", at + timedelta(hours=1))
    _, attempt = await store.barrier(claim, lambda _: Decision(dial, ()), at)
    assert attempt is not None
    answers = tuple(
        Answer(
            ("identity", "received")[place], QuestionKind.POS,
            call.get("class", AnswerClass.YES) if place else AnswerClass.YES, words, 0.9, AnswerSource.ASR,
            1, 2, 3,
        )
        for place, words in enumerate(call["words"])
    )  # fmt: skip
    tickets = ()
    if "ticket" in call:
        tickets = (
            Ticket(CallId(n), TaskId(n), call["ticket"], ("契约",), "received", "没收到", 2.0, at, at),
        )
    recording = Recording(CallId(n), f"{n}.wav", "", 1, call["talk_s"], "PCMA", at, at, date(2030, 1, 1))
    await store.finish(
        claim,
        CallRecord(
            CallId(n), TaskId(n), call["outcome"], at + timedelta(minutes=2), answers=answers,
            tickets=tickets, recording=recording if call["words"] else None, agent=call.get("agent", ""),
        ),
    )  # fmt: skip


NO, YES = AnswerClass.NO, AnswerClass.YES
SEARCHES: tuple[tuple[dict[str, Any], tuple[int, ...]], ...] = (
    ({}, (4, 3, 2, 1)),
    ({"phone": PhoneNumber.parse("13812345672")}, (2,)),
    ({"phone": PhoneNumber.parse("13812345679")}, ()),
    ({"name": "王芳"}, (4, 2)),
    ({"name": "王*"}, (4, 2, 1)),
    ({"name": "王"}, ()),
    ({"policy_no": "P3"}, (3,)),
    ({"start": AT + timedelta(days=2), "end": AT + timedelta(days=4)}, (3, 2)),
    ({"branch": "南京"}, (4, 3, 1)),
    ({"branch": "南京", "name": "王芳"}, (4,)),
    ({"campaign": "c2"}, (4,)),
    ({"seller": "S1"}, (3, 1)),
    ({"agent": "小李"}, (4,)),
    ({"outcome": Disposition.BUSY}, (3,)),
    ({"outcome": Disposition.COMPLETED, "branch": "苏州"}, (2,)),
    ({"answer_class": NO}, (2,)),
    ({"answer_class": YES}, (4, 2, 1)),
    ({"question": "received"}, (4, 2, 1)),
    ({"question": "received", "answer_class": YES}, (1,)),
    ({"question": "identity", "answer_class": NO}, ()),
    ({"ticket": 1}, (2,)),
    ({"ticket": 9}, ()),
    ({"ticket_category": "合同未送达"}, (2,)),
    ({"ticket_category": "误导"}, ()),
    ({"shortest_s": 60.0}, (4, 1)),
    ({"longest_s": 30.0}, (3, 2)),
    ({"shortest_s": 30.0, "longest_s": 60.0, "branch": "南京"}, (4,)),
    ({"words": "收到"}, (2, 1)),
    ({"words": "没收到"}, (2,)),
    ({"words": "没"}, (2,)),
    ({"words": "到"}, (2, 1)),
    ({"words": "我收"}, ()),
    ({"words": "你好"}, (4,)),
    ({"words": "喂 人工"}, (4,)),
    ({"words": "人工ok"}, (4,)),
    ({"words": "OK"}, (4,)),
    ({"words": "o"}, ()),
    ({"words": "收到", "branch": "南京"}, (1,)),
    ({"words": "收到", "before": CallId(2)}, (1,)),
    ({"words": "' OR \"1"}, ()),
    ({"before": CallId(3)}, (2, 1)),
)


async def test_every_field_narrows_and_all_of_them_together(archive: Archive) -> None:
    for asked, expected in SEARCHES:
        assert await archive.store.search(CallQuery(**asked)) == Found(expected, False), asked


async def test_pages_follow_each_other(archive: Archive) -> None:
    first = await archive.store.search(CallQuery(limit=3))
    assert first == Found((CallId(4), CallId(3), CallId(2)), True)
    assert await archive.store.search(CallQuery(limit=3, before=first.calls[-1])) == Found(
        (CallId(1),), False
    )
    views = await archive.store.calls_by_id([CallId(9), CallId(3), CallId(1)])
    assert [view.attempt.id for view in views] == [1, 3]


async def test_the_months_conversations(archive: Archive) -> None:
    assert await archive.store.month_conversations(Month.parse("2026-10")) == [2, 4]
    assert await archive.store.month_conversations(Month.parse("2026-11")) == [1]


async def test_accounts_and_their_sessions(archive: Archive) -> None:
    access = archive.access
    qa = Account("qa1", (Role.QA, Role.OPERATOR), "hash")
    await access.put_account(qa)
    await access.put_account(Account("chief", (Role.RECORDS_MANAGER,)))
    assert await access.account("qa1") == qa
    assert await access.account("nobody") is None
    locked = await access.change_account("qa1", lambda one: replace(one, failures=2, locked_until=AT))
    assert locked == replace(qa, failures=2, locked_until=AT)
    assert [one.name for one in await access.accounts()] == ["chief", "qa1"]
    assert await access.change_account("nobody", lambda one: one) is None
    session = Session("ab" * 32, "qa1", "csrf", AT + timedelta(hours=1))
    await access.add_session(session)
    await access.add_session(replace(session, token_sha256="cd" * 32))
    assert await access.session("ab" * 32, AT) == session
    assert await access.session("ab" * 32, AT + timedelta(hours=1)) is None
    await access.drop_session("ab" * 32)
    assert await access.session("ab" * 32, AT) is None
    await access.drop_sessions("qa1")
    assert await access.session("cd" * 32, AT) is None


def a_request(by: str = "qa1", *calls: int) -> AccessRequest:
    return AccessRequest(by, AT, "核实投诉", tuple(map(CallId, calls or (2, 1))), Use.LISTEN, 24)


async def test_requests_and_one_decision(archive: Archive) -> None:
    access = archive.access
    for name in ("qa1", "qa2"):
        await access.put_account(Account(name, (Role.QA,)))
    first = await access.add_request(a_request())
    second = await access.add_request(a_request("qa2", 2))
    assert (first.id, second.id) == (1, 2)
    assert await access.request(1) == replace(first, calls=(1, 2))
    assert [one.id for one in await access.requests()] == [2, 1]
    assert [one.id for one in await access.requests(by="qa1")] == [1]
    assert [one.id for one in await access.requests(before=2)] == [1]
    assert await access.requests(uses=(Use.DOWNLOAD, Use.REGULATOR)) == []
    assert [one.id for one in await access.requests(uses=(Use.LISTEN,))] == [2, 1]
    assert [one.id for one in await access.requests_for("qa2", CallId(2))] == [2]
    assert await access.requests_for("qa2", CallId(1)) == []
    decided = replace(
        first,
        state=State.APPROVED,
        decided_by="chief",
        decided_at=AT,
        why="可以",
        expires_at=AT + timedelta(1),
    )
    assert await access.save_decision(decided)
    assert not await access.save_decision(replace(decided, state=State.REFUSED)), "one is first"
    assert await access.request(1) == replace(decided, calls=(1, 2))
    assert [one.id for one in await access.requests(state=State.WAITING)] == [2]
    revoked = replace(
        decided,
        state=State.REVOKED,
        revoked_by="chief",
        revoked_at=AT + timedelta(hours=1),
        revoked_why="误批",
    )
    assert await access.save_decision(revoked, State.APPROVED)
    assert not await access.save_decision(decided, State.APPROVED), "it isn't approved any more"
    assert await access.request(1) == replace(revoked, calls=(1, 2))
    with pytest.raises(StoreError, match="no call 99"):
        await access.add_request(a_request("qa1", 99))


async def test_score_cards(archive: Archive) -> None:
    access = archive.access
    await access.put_account(Account("qa1", (Role.QA,)))
    finding = Finding("courtesy", "R47", Severity.MINOR, "未致谢", 8.5)
    card = ScoreCard(CallId(1), "qa1", AT, (("courtesy", Mark.MISSED),), 90.0, (finding,), "重听")
    later = ScoreCard(CallId(2), "qa1", AT + timedelta(days=1), (("courtesy", Mark.MET),), 100.0)
    await access.add_score(card)
    await access.add_score(later)
    assert await access.scores([CallId(1), CallId(2)]) == [card, later]
    assert await access.scores([CallId(2)]) == [later]
    assert await access.scores_between(AT, AT + timedelta(days=1)) == [card]
