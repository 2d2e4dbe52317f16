"""An installation with two customers, one finished call and its ticket, for the commands to show."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from click.testing import CliRunner, Result

from dialer.campaigning import demonstrate
from dialer.cli import main
from dialer.imports import import_customers
from dialer.model import (
    Answer,
    AnswerClass,
    AnswerSource,
    CallRecord,
    Disposition,
    PhoneNumber,
    QuestionKind,
    Recording,
    RtpStats,
    TaskId,
    Ticket,
)
from dialer.policy.verdict import Decision, Dial, Finding, Wait
from dialer.store.database import SqlStore
from dialer.storeroom import with_store

NUMBERS = ("13812345678", "13998765432")
NAMES = ("王芳", "欧阳娜")
HEADER = "保单号,投保人,性别,电话,产品,保费,缴费年限"
ROWS = tuple(
    f"P{n},{name},女,{number},安心相伴终身寿险,12000,10"
    for n, (name, number) in enumerate(zip(NAMES, NUMBERS, strict=True), 1)
)
LIST = "\n".join((HEADER, *ROWS, ""))
AT = datetime(2026, 11, 10, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def dialer(home: Path, *args: str | Path) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *map(str, args)])


def told(result: Result) -> str:
    """All that was printed, in one line of text: tables without their frames."""
    return re.sub(r"[\s│┃━┏┓┡┩└┘─┴╇┳]+", " ", result.output)


def shows_no_number(result: Result, numbers: Sequence[str] = NUMBERS) -> None:
    for number in numbers:
        assert number not in result.output
        assert number[3:] not in result.output


def furnish(home: Path) -> None:
    asyncio.run(demonstrate(home, "c", "new-policy", AT))
    found = asyncio.run(import_customers(home, LIST.encode(), "list.csv", "c", "new-policy", AT))
    assert found.report.accepted == 2
    asyncio.run(with_store(home, _one_call))


async def _one_call(store: SqlStore) -> None:
    claim = await store.claim(TaskId(1), "dialer-1", 600, AT)
    assert claim is not None
    dial = Dial(
        PhoneNumber("+86" + NUMBERS[0]), "2026-11-10/1", AT + timedelta(hours=1), why="第 1 轮第 1 次拨打"
    )
    _, attempt = await store.barrier(claim, lambda _: Decision(dial, (Finding("R44", "pass", "ok"),)), AT)
    assert attempt is not None
    answered, ended = AT + timedelta(seconds=8), AT + timedelta(seconds=98)
    await store.note_ringing(attempt.id, AT + timedelta(seconds=3))
    await store.note_answered(attempt.id, answered)
    record = CallRecord(
        attempt.id,
        TaskId(1),
        Disposition.COMPLETED,
        ended,
        AT + timedelta(seconds=3),
        answered,
        200,
        "the script was asked to its end",
        "customer",
        (
            Answer(
                "identity", QuestionKind.IDENTITY, AnswerClass.YES, "是我", 0.97, AnswerSource.ASR,
                1, 4.5, 5.3,
            ),
            Answer(
                "received", QuestionKind.POS, AnswerClass.NO, "没收到", 0.91, AnswerSource.ASR, 20, 23.5,
                24.75,
                2, "没收到",
            ),
        ),
        (
            Ticket(
                attempt.id, TaskId(1), "合同未送达", ("契约", "客服"), "received", "没收到", 23.5, ended,
                ended + timedelta(days=3), True, True,
            ),
        ),
        Recording(
            attempt.id, "2026/11/10/00000001-100008.wav", "ab" * 32, 1440058, 90.0, "PCMA", answered, ended,
            datetime(2029, 11, 10).date(),
        ),
        rtp=RtpStats(sent=4500, received=4490, lost=10),
        script_version="new-policy@1",
    )  # fmt: skip
    await store.finish(claim, record)
    wait = Wait(AT + timedelta(hours=4), "R44", "现在不在可呼叫时段")
    await store.record_decision(TaskId(2), Decision(wait, ()), AT)
