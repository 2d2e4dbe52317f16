"""Finding calls among a million: `make bench-search`. Fills a database of its own first.

Calls spread over three years, 40 branches, 2,000 sellers, 30 agents; seven in ten were answered, with
three answers each out of the phrases that customers say. Every field is asked for alone and with others, rare
values and common ones, first pages and later ones. Figure: the 95th percentile of a search with the reading
of its page.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, bindparam, text

from bench.measure import percentile, print_json, print_table
from dialer.access.search import CallQuery
from dialer.model import AnswerClass, CallId, Disposition, PhoneNumber
from dialer.store import SqlStore, search
from dialer.store.tables import UtcDateTime
from dialer.testing.postgres import PrivatePostgres

START = datetime(2023, 11, 1, 2, tzinfo=UTC)
SPAN = timedelta(days=3 * 365)
PHRASES = (
    "是的", "对", "没错", "我收到了", "清楚", "知道", "没有", "没有了", "是我本人签的", "方便", "好的", "嗯",
    "没收到", "合同还没有寄过来", "不清楚犹豫期是什么", "不是我签的", "是业务员代我签的", "他说保证收益的",
    "我要投诉你们", "再说一遍", "转人工", "我现在开车不方便", "保单在我爱人那里", "保费每年交一万二",
    "银行的人说是存款", "没人跟我说过要交十年", "收益率说有百分之五", "电话打错了", "我不买了要退保",
    "都挺好的",
)  # fmt: skip
QUESTIONS = ("identity", "received", "signed", "cooling_off", "promised", "anything_else")
CLASSES = ("Y", "Y", "Y", "Y", "Y", "Y", "Y", "Y", "N", "U")
OUTCOMES = ("completed",) * 7 + ("no_answer", "busy", "refused")
_ROWS = 20_000


def fill(connection: Connection, rows: int, key: bytes) -> None:
    rng = random.Random(6)
    tasks = max(1, rows // 3)
    put = connection.execute
    for some in _chunks(range(1, tasks + 1)):
        found = [_task(n) for n in some]
        put(_TASKS, found)
        put(_PHONES, found)
    answer_id = itertools.count()
    for some in _chunks(range(1, rows + 1)):
        calls = [_call(n, tasks, rows, rng, key) for n in some]
        put(_ATTEMPTS, calls)
        put(_FOUND, calls)
        answers, words = [], []
        for call in calls:
            if call["outcome"] != "completed":
                continue
            said = [rng.choice(PHRASES) for _ in range(3)]
            for place, phrase in enumerate(said):
                answers.append(
                    {"call": call["id"], "place": place, "question": QUESTIONS[next(answer_id) % 6],
                     "class": rng.choice(CLASSES) if rng.random() < 0.999 else "COMPLAINT", "words": phrase}
                )  # fmt: skip
            words.append((call["id"], said))
        put(_ANSWERS, answers)
        document = search.said if connection.dialect.name == "sqlite" else search._vector
        put(
            search._KEEP_WORDS[connection.dialect.name],
            [{"call": call, "words": document(said)} for call, said in words],
        )
        tickets = [call for call in calls if call["id"] % 29 == 0]
        put(_TICKETS, tickets)
    if connection.dialect.name == "postgresql":
        put(text("ANALYZE"))


def _chunks(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), _ROWS):
        yield numbers[start : start + _ROWS]


_TASKS = text(
    "INSERT INTO tasks (id, campaign, policy_no, customer_key, holder_name, holder_honorific,"
    " insured_differs,"
    " product, premium, pay_years, script, cooling_off_days, cooling_off_end, due, deadline, branch, channel,"
    " seller, segment, waiver_signatures, zone, state, pass_no, appointment, waiver, opted_out, surrendered,"
    " do_not_call, imported_at, hidden_until, fence) VALUES (:id, :campaign, :policy, :number, :name, '',"
    " false, '安心相伴终身寿险', '12000', 20, 's', 15, NULL, NULL, '9999-12-31', :branch, '银代', :seller,"
    " 'general', '',"
    " 'Asia/Shanghai', 'done', 1, NULL, false, false, false, false, '2023-09-20 01:00:00.000000',"
    " '1970-01-01 00:00:00.000000', 1)"
)
_PHONES = text("INSERT INTO phones (task_id, position, number, verified) VALUES (:id, 0, :number, true)")
_AT = bindparam("at", type_=UtcDateTime())
_ATTEMPTS = text(
    "INSERT INTO attempts (id, task_id, customer_key, number, pass_no, slot, node, fence, invited_at,"
    " ended_at, outcome, sip_code, reason, hung_up_by, agent, transferred, script_version, recovered)"
    " VALUES (:id, :task, :number, :number, 1, '2026-10-01/0', 'dialer-1', 1, :at, :at, :outcome, 200, '',"
    " 'customer', :agent, false, 'new-policy@1', false)"
).bindparams(_AT)
_FOUND = text(
    "INSERT INTO found_calls (call_id, at, number_key, name, policy_no, branch, campaign, seller, agent,"
    " outcome, talk_s) VALUES (:id, :at, :key, :name, :policy, :branch, :campaign, :seller, :agent, :outcome,"
    " :talk)"
).bindparams(_AT)
_ANSWERS = text(
    "INSERT INTO answers (call_id, position, question, kind, answer_class, words, confidence, source,"
    " asked_offset_s, start_offset_s, end_offset_s, asking, decided_by, final) VALUES (:call, :place,"
    " :question, 'POS', :class, :words, 0.9, 'asr', 1, 2, 3, 1, '', true)"
)
_TICKETS = text(
    "INSERT INTO tickets (call_id, task_id, category, departments, question, words, answer_offset_s,"
    " issued_at, due, major, escalated, status) VALUES (:id, :task, :category, '[]', 'received', '没收到',"
    " 2.0, :at, :at, false, false, 'open')"
).bindparams(_AT)


def _task(n: int) -> dict[str, object]:
    seller = n * 7919 % 2000
    surname, given = "王李张刘陈杨黄赵吴周"[n % 10], "芳伟娜敏静丽强磊军洋"[n // 10 % 10]
    return {
        "id": n,
        "campaign": f"new-policy-{n % 36}" if n % 5 else "visit-check",
        "policy": f"P{n:08d}",
        "number": f"+86138{n % 100_000_000:08d}",
        "name": surname + given + "甲乙丙丁戊己庚辛壬癸"[n // 100 % 10],
        "branch": f"第{seller % 40}中心支公司",
        "seller": f"S{seller:04d}",
    }


def _call(n: int, tasks: int, rows: int, rng: random.Random, key: bytes) -> dict[str, object]:
    task = _task((n - 1) % tasks + 1)
    at = START + SPAN * (n / rows)
    outcome = OUTCOMES[rng.randrange(10)]
    return {
        **task,
        "task": task["id"],
        "id": n,
        "at": at,
        "key": search._hmac(key, str(task["number"]).encode()),
        "agent": f"agent-{n % 30}" if n % 17 == 0 else "",
        "outcome": outcome,
        "talk": round(20 + rng.expovariate(1 / 60), 1) if outcome == "completed" else 0.0,
        "category": f"类别{n % 11}",
    }


def queries(rows: int, rng: random.Random) -> Iterator[tuple[str, CallQuery]]:
    """Endless; what is asked for, and how it is called in the table."""
    tasks = max(1, rows // 3)
    while True:
        task = _task(rng.randrange(tasks) + 1)
        branch, seller, name = str(task["branch"]), str(task["seller"]), str(task["name"])
        day = START + SPAN * rng.random()
        week, month = day + timedelta(days=7), day + timedelta(days=31)
        phrase = rng.choice(PHRASES)
        below = CallId(rng.randrange(rows) + 1)
        yield "phone", CallQuery(phone=PhoneNumber(str(task["number"])))
        yield "name", CallQuery(name=name)
        yield "surname", CallQuery(name=name[0] + "*")
        yield "policy", CallQuery(policy_no=str(task["policy"]))
        yield "day", CallQuery(start=day, end=day + timedelta(days=1))
        yield "month", CallQuery(start=day, end=month)
        yield "branch", CallQuery(branch=branch)
        yield "branch, month", CallQuery(branch=branch, start=day, end=month)
        yield "branch, outcome", CallQuery(branch=branch, outcome=Disposition.REFUSED)
        yield "campaign", CallQuery(campaign=str(task["campaign"]), before=below)
        yield "campaign, class", CallQuery(campaign=str(task["campaign"]), answer_class=AnswerClass.NO)
        yield "seller", CallQuery(seller=seller)
        yield "seller, class", CallQuery(seller=seller, answer_class=AnswerClass.NO)
        yield "agent", CallQuery(agent=f"agent-{rng.randrange(30)}")
        yield "outcome", CallQuery(outcome=rng.choice(list(Disposition)))
        yield "outcome, week", CallQuery(outcome=Disposition.BUSY, start=day, end=week)
        yield "class no", CallQuery(answer_class=AnswerClass.NO, before=below)
        yield "complaint, branch", CallQuery(answer_class=AnswerClass.COMPLAINT, branch=branch)
        yield "question, class", CallQuery(question="received", answer_class=AnswerClass.NO)
        yield "question yes", CallQuery(question="signed", answer_class=AnswerClass.YES)
        yield "ticket", CallQuery(ticket=rng.randrange(max(1, rows // 29)) + 1)
        yield "category", CallQuery(ticket_category=f"类别{rng.randrange(11)}")
        yield "longer than 10 min", CallQuery(shortest_s=600)
        yield "longer than 1 min", CallQuery(shortest_s=60)
        yield "words", CallQuery(words=phrase)
        yield "words inside", CallQuery(words=phrase[-2:])
        yield "one character", CallQuery(words=phrase[0])
        yield "two words", CallQuery(words=f"没收到 {phrase[:2]}")
        yield "words, branch", CallQuery(words=phrase, branch=branch)
        yield "words, month", CallQuery(words=phrase, start=day, end=month)
        yield "words never said", CallQuery(words="月亮")


async def _measured(store: SqlStore, rows: int, rounds: int) -> tuple[float, dict[str, list[float]]]:
    if not (await store.search(CallQuery(limit=1))).calls:
        await store._group.alone(lambda connection, _: fill(connection, rows, store._number_key))
    kinds = 31
    took: dict[str, list[float]] = {}
    for name, query in itertools.islice(queries(rows, random.Random(7)), kinds * rounds):
        before = time.perf_counter()
        found = await store.search(query)
        await store.calls_by_id(found.calls)
        took.setdefault(name, []).append(1000 * (time.perf_counter() - before))
    return percentile([one for some in took.values() for one in some], 0.95), took


def _show(took: dict[str, list[float]], title: str) -> None:
    print_table(
        [(title, "median ms", "worst ms")]
        + [(name, round(percentile(some, 0.5), 1), round(max(some), 1)) for name, some in took.items()]
    )


def measure_search(folder: Path, rows: int, rounds: int = 8, *, postgres: bool = False) -> float:
    """p95 in ms of a search and its page among ``rows`` calls: SQLite in ``folder``, or a server."""

    async def on(place: str | Path, title: str) -> float:
        store = await SqlStore.open(place)
        try:
            p95, took = await _measured(store, rows, rounds)
        finally:
            await store.close()
        _show(took, title)
        return p95

    if not postgres:
        return asyncio.run(on(folder / "search.sqlite", "SQLite"))
    server = PrivatePostgres(durable=False)
    try:
        server.start()
        return asyncio.run(on(server.make("search"), "PostgreSQL"))
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="keep search.sqlite here, or use the one that is there")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-search-") as new:
        folder = asked.folder or Path(new)
        p95 = measure_search(folder, asked.calls, asked.rounds, postgres=asked.store == "postgres")
    print_json({"calls": asked.calls, "store": asked.store, "search_p95_ms": p95})


if __name__ == "__main__":
    main()
