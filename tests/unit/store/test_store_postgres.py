"""PostgreSQL for real: several nodes at once, a server that dies, what an operator is told."""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Connection, text

from dialer.errors import Fenced, StoreError
from dialer.model import CallRecord, Disposition, Phone, PhoneNumber, Policyholder, Task, TaskId
from dialer.policy.verdict import Decision, Dial, Wait
from dialer.ports import Candidate
from dialer.store import SqlStore, StoreConfig
from dialer.store.engine import make
from dialer.store.group import Kind
from dialer.store.postgres import PostgresDatabase
from dialer.testing.postgres import PrivatePostgres

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)
LIMIT_S = 60.0
TASKS = 120

NODE = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from dialer.errors import StoreError
from dialer.model import TaskId
from dialer.policy.verdict import Decision, Dial
from dialer.store import SqlStore

NOW = datetime(2026, 11, 10, 2, tzinfo=UTC)

def check(candidate):
    number = candidate.task.phones[0].number
    return Decision(Dial(number, "2026-11-10/0", NOW + timedelta(hours=1)), ())

async def call(store, task, node):
    claim = await store.claim(task.id, node, 1.0, NOW)
    if claim is None:
        return
    decision, attempt = await store.barrier(claim, check, NOW)
    if attempt is not None:
        print(f"dialled {task.id} {attempt.id}", flush=True)

async def main(url, node):
    store = await SqlStore.open(url)
    print("ready", flush=True)
    sys.stdin.readline()
    empty = 0
    while empty < 60:  # longer than the lease of a node that was killed
        found = await store.candidates(NOW, 12)
        calls = (call(store, one.task, node) for one in found)
        for error in await asyncio.gather(*calls, return_exceptions=True):
            if error is not None and not isinstance(error, StoreError):
                raise error
        empty = 0 if found else empty + 1
        await asyncio.sleep(0 if found else 0.05)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


def a_task(n: int, customer: int | None = None) -> Task:
    phone = Phone(PhoneNumber.parse(f"138{n if customer is None else customer:08d}"))
    return Task(TaskId(0), "c", f"P{n}", Policyholder("王芳"), (phone,), "安心年金", Decimal(1), 10, "s")


def dial(candidate: Candidate) -> Decision:
    return Decision(Dial(candidate.task.phones[0].number, "s", NOW + timedelta(hours=1)), ())


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[SqlStore]:
    store = await SqlStore.open(postgres_url)
    yield store
    await store.close()


@pytest.fixture
def own_server() -> Iterator[PrivatePostgres]:
    """One that a test may kill."""
    server = PrivatePostgres()
    server.start()
    yield server
    server.stop()


async def start(url: str, node: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", NODE, url, node, stdin=PIPE, stdout=PIPE
    )


async def read(process: Process, into: list[list[str]]) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        if line.endswith(b"\n"):  # who is killed may leave half a line
            into.append(line.decode().split())


@pytest.mark.slow
async def test_four_nodes_and_kills_never_dial_twice(postgres_url: str) -> None:
    """Three of four processes are killed in the middle: no task and no customer has two calls."""
    store = await SqlStore.open(postgres_url)
    await store.add_tasks([a_task(n, n // 2) for n in range(TASKS)], NOW)
    nodes = [await start(postgres_url, f"n{n}") for n in range(4)]
    said: list[list[list[str]]] = [[] for _ in nodes]
    readers = [asyncio.create_task(read(node, into)) for node, into in zip(nodes, said, strict=True)]
    try:
        async with asyncio.timeout(LIMIT_S):
            while not all(said):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            for node in nodes:
                assert node.stdin is not None
                node.stdin.write(b"go\n")
            for victim, after in ((0, 4), (1, 10), (2, 16)):
                while sum(map(len, said)) < len(nodes) + after and nodes[victim].returncode is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
                if nodes[victim].returncode is None:
                    nodes[victim].kill()
            await asyncio.gather(*(node.wait() for node in nodes), *readers)
    finally:
        for node in nodes:
            if node.returncode is None:
                node.kill()
                await node.wait()
    assert nodes[3].returncode == 0
    dialled = [line for lines in said for line in lines if line[0] == "dialled"]
    assert len({call for _, _, call in dialled}) == len(dialled)
    assert len({task for _, task, _ in dialled}) == len(dialled)
    views = await store.calls()
    assert {int(call) for _, _, call in dialled} <= {view.attempt.id for view in views}
    customers = [view.task.customer_key for view in views]
    assert len(customers) == len(set(customers)) == TASKS // 2, "each customer is in one call"
    await store.close()


async def test_who_opens_first_migrates(postgres: PrivatePostgres) -> None:
    url = postgres.make("migrated_at_once")
    stores = await asyncio.gather(*(SqlStore.open(url) for _ in range(4)))
    assert (await stores[0].add_tasks([a_task(1)], NOW)).accepted == 1
    assert len(await stores[3].tasks()) == 1
    for store in stores:
        await store.close()


async def test_a_call_of_one_among_many_reads_no_table_through(postgres_url: str) -> None:
    """The planner's own choice, for 20,000 tasks of which most are over, wait, or are out of reach."""
    store = await SqlStore.open(postgres_url)
    many = [replace(a_task(n), due=date(2026, 11, 1 + n % 30), campaign=f"c{n % 3}") for n in range(20_000)]
    await store.add_tasks(many, NOW)

    def mixed(connection: Connection, _: object) -> None:
        connection.execute(text("UPDATE tasks SET state = 'done' WHERE id % 2 = 0"))
        connection.execute(text("UPDATE tasks SET hidden_until = '2026-11-20 02:00:00+00' WHERE id % 5 = 0"))
        connection.execute(text("UPDATE tasks SET appointment = '2026-11-20 02:00:00+00' WHERE id % 7 = 0"))

    await store._group.alone(mixed)
    await store.close()
    await in_a_transaction_of_its_own(postgres_url, "VACUUM ANALYZE")
    before = await scans(postgres_url)
    store = await SqlStore.open(postgres_url)
    for _ in range(12):  # more often than the server makes plans for the values at hand
        (found, *_) = await store.candidates(NOW, 4, reachable=lambda lane: lane.campaign != "c1")
        claim = await store.claim(found.task.id, "n1", 60, NOW)
        assert claim is not None
        _, attempt = await store.barrier(claim, dial, NOW)
        assert attempt is not None
        await store.finish(claim, CallRecord(attempt.id, claim.task.id, Disposition.COMPLETED, NOW))
        await store.record_decision(TaskId(1), Decision(Wait(NOW, "R44", "closed"), ()), NOW)
        await store.reconsider(5)
    await store.close()
    after = await scans(postgres_url)
    assert {table: after[table] - before[table] for table in ("tasks", "phones")} == {"tasks": 0, "phones": 0}


async def in_a_transaction_of_its_own(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


async def scans(url: str) -> dict[str, int]:
    """How often each table was read from its beginning to its end."""
    found = await in_a_transaction_of_its_own(url, "SELECT relname, seq_scan FROM pg_stat_user_tables")
    return {row["relname"]: row["seq_scan"] for row in found}


@pytest.mark.parametrize("connections", [1, 3])
async def test_how_many_transactions_run_at_once(connections: int, new_postgres: Callable[[], str]) -> None:
    config = StoreConfig(connections=connections, gather_s=0.0, group_size=1)
    store = await SqlStore.open(new_postgres(), config)
    await store.add_tasks([a_task(n) for n in range(8)], NOW)
    most = 0
    real = store._database.write
    running = 0

    async def write(work: object, **how: bool) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await real(work, **how)  # type: ignore[arg-type]
        finally:
            running -= 1

    store._database.write = write  # type: ignore[method-assign,assignment]
    claims = await asyncio.gather(*(store.claim(TaskId(n), "n1", 60, NOW) for n in range(1, 9)))
    assert all(claims)
    assert most == connections
    await store.close()


async def test_a_killed_server_is_told_and_met_again(own_server: PrivatePostgres) -> None:
    store = await SqlStore.open(own_server.make("dialer"), StoreConfig(connect_timeout_s=2))
    await store.add_tasks([a_task(1)], NOW)
    claim = await store.claim(TaskId(1), "n1", 60, NOW)
    assert claim is not None
    await store.add_tasks([a_task(2)], NOW)  # with this the claim is on the disk, too
    own_server.kill()
    for work in (store.renew(claim, 60), store.candidates(NOW, 5), store.claim(TaskId(2), "n1", 60, NOW)):
        with pytest.raises(StoreError) as caught:
            await asyncio.wait_for(work, LIMIT_S)
        assert "dialer" in str(caught.value)
        assert "broke" in str(caught.value) or "can't be reached" in str(caught.value)
    own_server.start()
    await store.renew(claim, 60)
    _, attempt = await store.barrier(claim, dial, NOW)
    assert attempt is not None
    assert [c.task.id for c in await store.candidates(NOW, 5)] == [2]
    await store.close()


@pytest.mark.parametrize("default", ["", "DATABASE dialer", "ROLE dialer", "SYSTEM"])
async def test_a_claim_that_the_server_lost_is_fenced_and_free_again(
    own_server: PrivatePostgres, default: str
) -> None:
    """A claim doesn't wait for the disk; the attempt that an INVITE may follow does, whatever the server, the
    database or the role have by default."""
    url = own_server.make("dialer")
    if default:
        await in_a_transaction_of_its_own(url, f"ALTER {default} SET synchronous_commit = off")
        await in_a_transaction_of_its_own(url, "SELECT pg_reload_conf()")
    store = await SqlStore.open(url, StoreConfig(connect_timeout_s=2))
    await store.add_tasks([a_task(1), a_task(2)], NOW)
    dialled = await store.claim(TaskId(1), "n1", 60, NOW)
    assert dialled is not None
    _, attempt = await store.barrier(dialled, dial, NOW)
    assert attempt is not None
    claim = await store.claim(TaskId(2), "n1", 60, NOW)
    assert claim is not None
    own_server.kill()
    own_server.start()
    with pytest.raises(StoreError):
        await store.renew(claim, 60)
    try:
        await store.renew(claim, 60)
    except Fenced:
        assert await store.claim(TaskId(2), "n2", 60, NOW) is not None
    await store.renew(dialled, 60)
    assert [one.id for one in await store.open_attempts("n1")] == [attempt.id]
    await store.close()


async def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        url = f"postgresql://dialer:secret@127.0.0.1:{port}/dialer"
        before = asyncio.get_running_loop().time()
        with pytest.raises(StoreError, match="no answer in time") as caught:
            await SqlStore.open(tmp_path, StoreConfig(url=url, connect_timeout_s=0.4))
    assert asyncio.get_running_loop().time() - before < 10
    assert "secret" not in str(caught.value)
    assert f"127.0.0.1:{port}/dialer" in str(caught.value)


async def test_a_statement_that_takes_too_long(new_postgres: Callable[[], str]) -> None:
    store = await SqlStore.open(new_postgres(), StoreConfig(statement_timeout_s=0.5))

    def sleep(connection: Connection) -> None:
        connection.execute(text("SELECT pg_sleep(20)"))

    before = asyncio.get_running_loop().time()
    with pytest.raises(StoreError, match="no answer in time"):
        await store._group.read(sleep)
    assert 0.4 < asyncio.get_running_loop().time() - before < 10
    await store.close()


async def test_a_lock_is_waited_for_then_told(store: SqlStore, postgres_url: str) -> None:
    await store.add_tasks([a_task(1)], NOW)
    hasty = await SqlStore.open(postgres_url, StoreConfig(busy_timeout_s=0.1, busy_retries=1))
    holding, let_go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        assert isinstance(store._database, PostgresDatabase)
        async with store._database.engine.begin() as connection:
            await connection.execute(text("LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE"))
            holding.set()
            await let_go.wait()

    job = asyncio.create_task(hold())
    await holding.wait()
    with pytest.raises(StoreError, match="another session holds a lock"):
        await hasty.claim(TaskId(1), "n1", 60, NOW)
    let_go.set()
    await job
    assert await hasty.claim(TaskId(1), "n1", 60, NOW) is not None
    await hasty.close()


async def test_no_traceback_tells_a_name_or_a_number(store: SqlStore) -> None:
    def forbid(connection: Connection, _: object) -> None:
        connection.execute(text("ALTER TABLE tasks ADD CONSTRAINT no CHECK (product = 'other')"))

    await store._database.write(forbid)
    with pytest.raises(StoreError) as caught:
        await store.add_tasks([a_task(1)], NOW)
    error: BaseException | None = caught.value
    assert "王芳" not in str(error)
    assert "refused" in str(error)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://u@h/d?sslmode=perhaps", "sslmode"),
        ("postgresql://u@h/d?sslmode=verify-full&sslrootcert=/nowhere.pem", "certificate"),
        ("mysql://u@h/d", "no database driver for 'mysql'"),
    ],
)
def test_a_url_that_cannot_be(url: str, why: str) -> None:
    with pytest.raises(StoreError, match=why):
        make(url, StoreConfig())


async def test_a_wrong_name_is_told(postgres: PrivatePostgres) -> None:
    with pytest.raises(StoreError, match="no such database"):
        await SqlStore.open(postgres.url("nowhere"))


async def test_nodes_at_work_are_shown_their_own_share_first(postgres_url: str) -> None:
    """Deadline first all the same; and what is left of another's share is anybody's."""
    stores = [await SqlStore.open(postgres_url) for _ in range(2)]
    late = [replace(a_task(n), due=date(2026, 11, 20)) for n in range(40)]
    await stores[0].add_tasks([*late, replace(a_task(90), due=date(2026, 11, 19))], NOW)
    nodes = ("n1", "n2")

    async def look(number: int, limit: int, now: datetime = NOW) -> list[TaskId]:
        return [one.task.id for one in await stores[number].candidates(now, limit, node=nodes[number])]

    assert await look(0, 6) == await look(1, 6), "nobody is at work yet"
    for number, task in enumerate((39, 40)):
        assert await stores[number].claim(TaskId(task), nodes[number], 60, NOW)
    for number in range(2):
        await look(number, 1, NOW + timedelta(seconds=1))  # shows who is at work
    first, second = await look(0, 12), await look(1, 12)
    assert first[0] == second[0] == 41, "the nearest deadline"
    assert not set(first[1:]) & set(second[1:])
    assert sorted(await look(0, 90)) == [*range(1, 39), 41], "the whole of it, each once"
    for store in stores:
        await store.close()


async def test_only_what_is_claimed_alone_does_not_wait_for_the_disk(store: SqlStore) -> None:
    """A barrier in the same transaction must be on the disk before an INVITE leaves."""
    await store.add_tasks([a_task(n) for n in range(3)], NOW)

    def waits(connection: Connection, asked: Sequence[int], _: object) -> list[bool]:
        said = connection.execute(text("SHOW synchronous_commit")).scalar_one()
        return [{"on": True, "off": False}[said] for _ in asked]

    lasting, fleeting = Kind(waits, lambda key: key), Kind(waits, lambda key: key, lasting=False)
    claims = store.claim(TaskId(1), "n1", 60, NOW), store.claim(TaskId(2), "n1", 60, NOW)
    submit = store._group.submit
    *made, together, alone = await asyncio.gather(*claims, submit(lasting, 1), submit(fleeting, 2))
    assert all(made)
    assert (together, alone) == (True, True)
    assert await store.claim(TaskId(3), "n1", 60, NOW)
    assert await submit(fleeting, 1) is False
    assert await submit(lasting, 1) is True


async def test_a_long_search_holds_up_no_write(postgres_url: str) -> None:
    """It takes none of the connections on which attempts are written."""
    config = StoreConfig(connections=1, connect_timeout_s=2, busy_timeout_s=LIMIT_S)
    store = await SqlStore.open(postgres_url, config)
    other = await asyncpg.connect(postgres_url)
    await other.execute("SELECT pg_advisory_lock(7)")
    lock = text("SELECT pg_advisory_xact_lock(7)")
    search = asyncio.create_task(store._group.read_by_values(lambda one: one.execute(lock).scalar_one()))
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with asyncio.timeout(LIMIT_S):
        while not await other.fetchval(waiting):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
    assert (await store.add_tasks([a_task(1)], NOW)).accepted == 1
    assert not search.done()
    await other.close()
    await search
    await store.close()


async def test_of_two_that_claim_at_the_same_moment_one_wins(postgres_url: str) -> None:
    """However the two statements cross: never two claims of a task, and none takes away the other's."""
    stores = [await SqlStore.open(postgres_url) for _ in range(2)]
    await stores[0].add_tasks([a_task(n) for n in range(200)], NOW)
    for task in range(1, 201):
        said = await asyncio.gather(*(store.claim(TaskId(task), "n", 60, NOW) for store in stores))
        (won,) = [claim for claim in said if claim is not None]
        await stores[0].renew(won, 60)
    for store in stores:
        await store.close()


async def test_a_claim_stays_in_its_page(postgres_url: str) -> None:
    """A row that moved would write to every index of the table."""
    store = await SqlStore.open(postgres_url)
    connection = await asyncpg.connect(postgres_url)

    async def pages() -> list[int]:
        found = await connection.fetch("SELECT (ctid::text::point)[0] AS page FROM tasks ORDER BY id")
        return [int(row["page"]) for row in found]

    try:
        await store.add_tasks([a_task(n) for n in range(1, 201)], NOW)
        before = await pages()
        assert max(before) > 2
        for n in range(1, 201, 10):
            assert await store.claim(TaskId(n), "n", 60.0, NOW) is not None
        assert await pages() == before
    finally:
        await connection.close()
        await store.close()
