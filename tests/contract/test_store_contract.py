"""One suite over every implementation of the Store port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from dialer.errors import Fenced, StoreError
from dialer.events import (
    CallAnswered,
    CallDialled,
    CallEnded,
    DeadlineDatedAnew,
    RecordingSealed,
    TaskImported,
    TicketIssued,
)
from dialer.model import (
    AgentLeg,
    Answer,
    AnswerClass,
    AnswerSource,
    Attempt,
    CallId,
    CallRecord,
    Disposition,
    DueChange,
    Phone,
    PhoneNumber,
    Policyholder,
    QuestionKind,
    Recording,
    RtpStats,
    Segment,
    Signature,
    Task,
    TaskId,
    TaskState,
    Ticket,
)
from dialer.policy.calendar import calendar_from
from dialer.policy.ledger import rules_of
from dialer.policy.ruling import Inputs
from dialer.policy.settings import PolicySettings
from dialer.policy.verdict import Decision, Dial, Escalate, Finding, Refuse, Resources, Wait
from dialer.ports import Candidate, Claim, Lane, Store
from dialer.store import SqlStore
from dialer.testing.store import MemoryStore

CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 11, 10, 10, 0, tzinfo=CHINA)
Opener = Callable[[], Awaitable[Store]]


@pytest.fixture(params=["sqlite", "memory", "postgres"])
async def opener(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens the same rows again and again: another connection where there is one."""
    made: list[Store] = []
    memory = MemoryStore()
    place: str | Path = tmp_path / "home" / "dialer.sqlite"
    if request.param == "postgres":
        place = request.getfixturevalue("postgres_url")

    async def open_() -> Store:
        if request.param == "memory":
            return memory
        store = await SqlStore.open(place)
        made.append(store)
        return store

    yield open_
    for store in made:
        await store.close()


@pytest.fixture
async def store(opener: Opener) -> Store:
    return await opener()


def a_task(policy_no: str = "P1", phone: str = "13812345678", **more: object) -> Task:
    task = Task(
        id=TaskId(0),
        campaign="new-policy",
        policy_no=policy_no,
        holder=Policyholder("王芳", "女士"),
        phones=(Phone(PhoneNumber.parse(phone)),),
        product="安心年金",
        premium=Decimal("12000.50"),
        pay_years=10,
        script="new-policy",
    )
    return replace(task, **more)


def dial(candidate: Candidate) -> Decision:
    number = candidate.task.phones[0].number
    return Decision(Dial(number, "2026-11-10/0", NOW + timedelta(hours=1)), (Finding("R44", "pass", "open"),))


def wait(minutes: int, rule: str = "R44") -> Decision:
    return Decision(
        Wait(NOW + timedelta(minutes=minutes), rule, "closed"), (Finding(rule, "wait", "closed"),)
    )


def ended(call: Attempt, outcome: Disposition = Disposition.NO_ANSWER, **more: object) -> CallRecord:
    record = CallRecord(call.id, call.task_id, outcome, NOW + timedelta(minutes=2))
    return replace(record, **more)


async def claimed(store: Store, task: int = 1, node: str = "n1", lease_s: float = 60.0) -> Claim:
    claim = await store.claim(TaskId(task), node, lease_s, NOW)
    assert claim is not None
    return claim


async def dialled(store: Store, task: int = 1, node: str = "n1") -> tuple[Claim, Attempt]:
    claim = await claimed(store, task, node)
    _, attempt = await store.barrier(claim, dial, NOW)
    assert attempt is not None
    return claim, attempt


async def claim_after_expiry(store: Store, task: int, node: str) -> Claim:
    """The database's clock can't be turned: ask until the short lease is over."""
    deadline = asyncio.get_running_loop().time() + 15
    while asyncio.get_running_loop().time() < deadline:
        claim = await store.claim(TaskId(task), node, 60.0, NOW)
        if claim is not None:
            return claim
        await asyncio.sleep(0.01)
    raise AssertionError("the lease never ran out")


# --- tasks -----------------------------------------------------------------------------------------


async def test_a_task_comes_back_as_it_was_stored(store: Store) -> None:
    task = a_task(
        phones=(Phone(PhoneNumber.parse("13812345678")), Phone(PhoneNumber.parse("010-65123456"), False)),
        holder=Policyholder("欧阳小明", "先生", True),
        cooling_off_days=20,
        cooling_off_end=date(2026, 11, 20),
        due=date(2026, 11, 18),
        deadline_type="R30",
        event=date(2026, 11, 11),
        due_provisional=True,
        tier="A",
        seller_team="一部",
        waiver_signatures=(Signature.POLICYHOLDER, Signature.SALES_MANAGER),
        visit_failed=True,
        branch="杭州",
        channel="银代",
        seller="S9",
        segment=Segment.GOVERNMENT,
        zone="Asia/Urumqi",
        appointment=NOW + timedelta(days=1),
        waiver=True,
        opted_out=True,
        surrendered=True,
        do_not_call=True,
        pass_no=2,
    )
    await store.add_tasks([task], NOW)
    assert await store.tasks() == [replace(task, id=TaskId(1))]


async def test_the_same_policy_twice_changes_nothing(store: Store) -> None:
    first = await store.add_tasks([a_task("P1"), a_task("P2"), a_task("P1", "13912345678")], NOW)
    assert (first.accepted, first.duplicates) == (2, 1)
    again = await store.add_tasks(
        [a_task("P2", product="other"), a_task("P3"), a_task("P2", campaign="c2")], NOW
    )
    assert (again.accepted, again.duplicates) == (2, 1)
    kept = {(task.campaign, task.policy_no): task.product for task in await store.tasks()}
    assert kept[("new-policy", "P2")] == "安心年金"
    assert len(kept) == 4


async def test_a_task_without_a_number_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="telephone number"):
        await store.add_tasks([a_task("P1"), a_task("P2", phones=())], NOW)
    assert await store.tasks() == []


async def test_candidates_come_deadline_first(store: Store) -> None:
    await store.add_tasks(
        [
            a_task("none", "13800000001"),
            a_task("late", "13800000002", due=date(2026, 11, 30)),
            a_task("early", "13800000003", due=date(2026, 12, 30), cooling_off_end=date(2026, 11, 12)),
            a_task("middle", "13800000004", due=date(2026, 11, 15)),
        ],
        NOW,
    )
    found = await store.candidates(NOW, 10)
    assert [c.task.policy_no for c in found] == ["early", "middle", "late", "none"]
    assert [c.task.policy_no for c in await store.candidates(NOW, 2)] == ["early", "middle"]


async def test_a_candidate_brings_its_attempts_and_the_customers_others(store: Store) -> None:
    await store.add_tasks([a_task("P1"), a_task("P2"), a_task("P3", "13911112222")], NOW)
    claim, call = await dialled(store, 1)
    await store.finish(claim, ended(call, Disposition.BUSY))
    by_policy = {c.task.policy_no: c for c in await store.candidates(NOW, 10)}
    assert [a.id for a in by_policy["P1"].attempts] == [call.id]
    assert by_policy["P1"].customer_attempts == ()
    assert by_policy["P2"].attempts == ()
    assert [a.outcome for a in by_policy["P2"].customer_attempts] == [Disposition.BUSY]
    assert by_policy["P3"].customer_attempts == ()
    assert await store.candidate(TaskId(2)) == by_policy["P2"]
    assert await store.candidate(TaskId(99)) is None


# --- decisions -------------------------------------------------------------------------------------


async def test_a_decision_is_kept_only_where_it_says_something_new(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    again = Decision(wait(30).verdict, (Finding("R44", "wait", "closed for 29 more minutes"),))
    said = [wait(30), again, wait(45), wait(45, "R43"), wait(45), Decision(Refuse("R75", "no disk"), ())]
    for n, decision in enumerate(said):
        await store.record_decision(TaskId(1), decision, NOW + timedelta(seconds=n))
    kept = await store.decisions(TaskId(1))
    assert [d for _, d in kept] == [said[0], said[2], said[3], said[4], said[5]]
    assert [at - NOW for at, _ in kept] == [timedelta(seconds=n) for n in (0, 2, 3, 4, 5)]
    assert await store.decisions(TaskId(7)) == []


async def test_every_kind_of_verdict_comes_back(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    findings = (Finding("R44", "pass", "开"), Finding("R43", "refuse", "用完"))
    said = [
        Decision(Dial(PhoneNumber.parse("13812345678"), "2026-11-10/0", NOW, "R44", "因", "why"), findings),
        Decision(Wait(NOW, "R44", "因", "why"), ()),
        Decision(Refuse("R75", "因", "why"), findings),
        Decision(Escalate("visit", "R25", "因", "why"), findings),
    ]
    for decision in said:
        await store.record_decision(TaskId(1), decision, NOW)
    assert [d for _, d in await store.decisions(TaskId(1))] == said


async def test_a_decision_comes_back_with_what_it_went_by(store: Store) -> None:
    """Of the task what rules look at; of the customer nothing else."""
    task = a_task(
        phones=(Phone(PhoneNumber.parse("13812345678")), Phone(PhoneNumber.parse("010-65123456"), False)),
        id=TaskId(1),
        due=date(2026, 11, 18),
        segment=Segment.GOVERNMENT,
        appointment=NOW + timedelta(days=1),
        waiver=True,
        waiver_signatures=(Signature.SELLER,),
        pass_no=2,
    )
    await store.add_tasks([task], NOW)
    live = Attempt(CallId(3), TaskId(1), task.phones[0].number, 1, "2026-11-09/0", NOW)
    tried = replace(live, ended_at=NOW, outcome=Disposition.BUSY)
    other = Attempt(CallId(4), TaskId(2), task.phones[1].number, 1, "2026-11-09/1", NOW)
    means = Resources(0, approved=False, approved_why="无", not_dialable={task.phones[1].number: "外地"})
    went_by = Inputs(NOW, task, (tried,), (other,), means, "abc123")
    await store.record_decision(TaskId(1), msgspec.structs.replace(wait(30), inputs=went_by), NOW)
    ((_, kept),) = await store.decisions(TaskId(1))
    assert kept.inputs is not None
    about = {"campaign": "", "policy_no": "", "holder": Policyholder(""), "product": "", "script": ""}
    about |= {"premium": Decimal(0), "pay_years": 0}
    assert replace(kept.inputs.task, **about) == replace(task, **about)
    assert msgspec.structs.replace(kept.inputs, task=task) == went_by


async def test_a_visit_that_failed_goes_on_to_a_letter(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    await store.record_decision(TaskId(1), Decision(Escalate("visit", "R25", ""), ()), NOW)
    await store.record_decision(TaskId(1), Decision(Escalate("letter", "R26", ""), ()), NOW)
    assert (await store.tasks())[0].state is TaskState.LETTER
    await store.record_decision(TaskId(1), Decision(Escalate("visit", "R25", ""), ()), NOW)
    assert (await store.tasks())[0].state is TaskState.LETTER


async def test_rules_are_kept_where_they_change_and_waits_are_asked_anew(store: Store) -> None:
    await store.add_tasks([a_task(), a_task("P2", "13912345678")], NOW)
    first = rules_of(PolicySettings(), calendar_from())
    second = rules_of(PolicySettings(daily_cap=1), calendar_from())
    assert await store.keep_rules(first, NOW) is True
    await store.record_decision(TaskId(1), wait(30), NOW)
    assert await store.keep_rules(first, NOW) is False
    assert len(await store.candidates(NOW, 5)) == 1
    assert await store.keep_rules(second, NOW) is True
    assert len(await store.candidates(NOW, 5)) == 2
    assert await store.keep_rules(first, NOW) is True
    assert await store.rules(second.fingerprint) == second
    for n in (1, 2):
        await store.record_decision(TaskId(n), wait(45), NOW)
    assert await store.keep_rules(second, NOW, "claims") is True
    assert await store.candidates(NOW, 5) == []
    assert await store.keep_rules(second, NOW, "new-policy") is True
    assert await store.keep_rules(second, NOW, "new-policy") is False
    assert await store.keep_rules(first, NOW) is False, "the house's own didn't change"
    assert len(await store.candidates(NOW, 5)) == 2
    assert await store.rules("none") is None


async def test_a_deadline_is_dated_anew_with_its_note_and_event(store: Store) -> None:
    day = date(2027, 1, 5)
    provisional = {"due": day, "deadline_type": "R30", "event": date(2026, 12, 30), "due_provisional": True}
    tasks = [
        a_task("P1", **provisional),
        a_task("P2", "13912345678", due=day),
        a_task("P3", "13712345678", cooling_off_end=date(2027, 1, 6), **provisional),
        a_task("P4", "13612345678", due=date(2027, 1, 6)),
    ]
    await store.add_tasks(tasks, NOW)
    assert [task.id for task in await store.provisional_tasks()] == [1, 3]
    changes = [DueChange(TaskId(n), "R30", day, date(2027, 1, 7), False) for n in (1, 3)]
    await store.set_due(changes, NOW)
    await store.set_due([], NOW)
    assert await store.provisional_tasks() == []
    assert (await store.tasks())[0].due == date(2027, 1, 7)
    assert await store.due_changes(TaskId(1)) == [(NOW, changes[0])]
    assert await store.due_changes(TaskId(2)) == []
    assert [one.task.id for one in await store.candidates(NOW, 5)] == [2, 3, 4, 1]
    told = [event for _, event in await store.outbox(99) if isinstance(event, DeadlineDatedAnew)]
    assert [(one.task_id, one.before, one.after) for one in told] == [
        (TaskId(n), day, date(2027, 1, 7)) for n in (1, 3)
    ]


async def test_a_call_back_that_comes_round_stays_open_and_begins_anew(store: Store) -> None:
    dated = a_task("P2", "13912345678", tier="A", due=NOW.date())
    await store.add_tasks([a_task(tier="A", pass_no=2), dated], NOW)
    for n in (1, 2):
        claim, call = await dialled(store, n)
        await store.finish(claim, ended(call, Disposition.COMPLETED))
    assert [(task.state, task.pass_no) for task in await store.tasks()] == [
        (TaskState.OPEN, 1),
        (TaskState.DONE, 1),
    ]


async def test_a_wait_hides_the_task_until_its_time(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    await store.record_decision(TaskId(1), wait(30), NOW)
    assert await store.candidates(NOW + timedelta(minutes=29), 5) == []
    assert len(await store.candidates(NOW + timedelta(minutes=30), 5)) == 1
    await store.record_decision(TaskId(1), dial(Candidate(a_task(), (), ())), NOW)
    assert len(await store.candidates(NOW, 5)) == 1


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Refuse("R19", "waiver"), TaskState.EXCLUDED),
        (Refuse("R75", "disk nearly full"), TaskState.OPEN),
        (Refuse("R49", "not approved"), TaskState.OPEN),
        (Escalate("contact_refresh", "R22", "unallocated"), TaskState.CONTACT_REFRESH),
        (Escalate("visit", "R25", "passes used up"), TaskState.VISIT),
        (Escalate("text", "R37", "wants text"), TaskState.EXCLUDED),
        (Escalate("letter", "R26", "visited in vain"), TaskState.LETTER),
        (Wait(NOW, "R44", "closed"), TaskState.OPEN),
    ],
)
async def test_a_final_verdict_closes_the_task(
    store: Store, verdict: Refuse | Escalate | Wait, state: TaskState
) -> None:
    await store.add_tasks([a_task()], NOW)
    await store.record_decision(TaskId(1), Decision(verdict, ()), NOW)
    assert (await store.tasks())[0].state is state
    assert bool(await store.candidates(NOW, 5)) == isinstance(verdict, Wait)
    assert await store.reconsider(5) == (isinstance(verdict, Refuse) and state is TaskState.OPEN)
    assert bool(await store.candidates(NOW, 5)) == (state is TaskState.OPEN)
    assert (await store.claim(TaskId(1), "n1", 60, NOW) is not None) == (state is TaskState.OPEN)


async def test_refused_tasks_come_back_a_few_at_a_time_nearest_deadline_first(store: Store) -> None:
    for n in range(5):
        await store.add_tasks([a_task(f"P{n}", f"1380000000{n}", due=date(2026, 11, 20 - n))], NOW)
        await store.record_decision(TaskId(n + 1), Decision(Refuse("R49", "draft"), ()), NOW)
    assert await store.candidates(NOW + timedelta(days=900), 9) == []
    assert await store.reconsider(2) == 2
    assert [c.task.policy_no for c in await store.candidates(NOW, 9)] == ["P4", "P3"]
    assert await store.reconsider(9) == 3
    assert await store.reconsider(9) == 0
    assert [c.task.policy_no for c in await store.candidates(NOW, 9)] == ["P4", "P3", "P2", "P1", "P0"]


async def test_only_lanes_that_can_be_reached_are_looked_at(store: Store) -> None:
    await store.add_tasks(
        [
            a_task("P1", "13800000001", due=date(2026, 11, 12)),
            a_task("P2", "13800000002", due=date(2026, 11, 11), zone="Asia/Urumqi"),
            a_task("P3", "13800000003", due=date(2026, 11, 13), segment=Segment.GOVERNMENT),
            a_task("P4", "13800000004", due=date(2026, 11, 14), campaign="claims"),
            a_task("P5", "13800000005", due=date(2026, 11, 15), appointment=NOW, zone="Asia/Urumqi"),
        ],
        NOW,
    )
    asked: set[Lane] = set()

    def shanghai(lane: Lane) -> bool:
        asked.add(lane)
        return lane.zone == "Asia/Shanghai"

    found = [c.task.policy_no for c in await store.candidates(NOW, 9, reachable=shanghai)]
    assert found == ["P1", "P3", "P4", "P5"], "an agreed time is kept, whatever the lane"
    assert asked == {
        Lane("new-policy", "Asia/Shanghai", "general"),
        Lane("new-policy", "Asia/Urumqi", "general"),
        Lane("new-policy", "Asia/Shanghai", "government"),
        Lane("claims", "Asia/Shanghai", "general"),
    }
    found = [c.task.policy_no for c in await store.candidates(NOW, 2, reachable=shanghai)]
    assert found == ["P1", "P5"], "the agreed time goes first, then the nearest deadline"
    assert [c.task.policy_no for c in await store.candidates(NOW, 9)] == ["P2", "P1", "P3", "P4", "P5"]
    await store.add_tasks([a_task("P6", "13800000006", campaign="wealth")], NOW)
    assert len(await store.candidates(NOW + timedelta(seconds=1), 9)) == 6, "a lane that wasn't there before"


# --- claims ----------------------------------------------------------------------------------------


async def test_of_eight_claimers_one_wins(opener: Opener) -> None:
    stores = [await opener() for _ in range(8)]
    await stores[0].add_tasks([a_task()], NOW)
    claims = await asyncio.gather(*(s.claim(TaskId(1), f"n{n}", 60.0, NOW) for n, s in enumerate(stores)))
    won = [claim for claim in claims if claim is not None]
    assert len(won) == 1
    assert won[0].fence == 1
    assert await stores[3].candidates(NOW, 5) == []


async def test_a_released_task_is_free_again_under_a_higher_fence(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    first = await claimed(store)
    assert await store.claim(TaskId(1), "n2", 60.0, NOW) is None
    await store.release(first)
    assert len(await store.candidates(NOW, 5)) == 1
    second = await claimed(store, node="n2")
    assert second.fence > first.fence
    await store.release(first)
    assert await store.claim(TaskId(1), "n3", 60.0, NOW) is None, "an old claim released the new one"


async def test_no_claim_on_a_task_that_is_not_there(store: Store) -> None:
    assert await store.claim(TaskId(5), "n1", 60.0, NOW) is None


async def test_after_its_lease_a_claim_is_fenced_everywhere(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    stale = await claimed(store, lease_s=0.02)
    fresh = await claim_after_expiry(store, 1, "n2")
    assert fresh.fence > stale.fence
    with pytest.raises(Fenced):
        await store.barrier(stale, dial, NOW)
    with pytest.raises(Fenced):
        await store.renew(stale, 60.0)
    assert await store.calls() == []
    _, attempt = await store.barrier(fresh, dial, NOW)
    assert attempt is not None


async def test_a_lease_that_ran_out_is_lost_even_where_nobody_took_it(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    stale = await claimed(store, lease_s=0.0)
    with pytest.raises(Fenced):
        await store.renew(stale, 60.0)
    with pytest.raises(Fenced):
        await store.barrier(stale, dial, NOW)


async def test_renewing_keeps_the_claim(store: Store) -> None:
    await store.add_tasks([a_task("P1"), a_task("P2", "13911112222")], NOW)
    kept = await claimed(store, 1, lease_s=1.5)
    await store.renew(kept, 60.0)
    await claimed(store, 2, lease_s=1.5)
    await claim_after_expiry(store, 2, "n2")
    assert await store.claim(TaskId(1), "n2", 60.0, NOW) is None, (
        "renewed, yet gone when its first lease ended"
    )


async def test_dropping_claims_frees_only_this_nodes_unused_ones(store: Store) -> None:
    await store.add_tasks([a_task("P1"), a_task("P2", "13911112222"), a_task("P3", "13711112222")], NOW)
    await claimed(store, 1, "n1")
    await claimed(store, 2, "n2")
    await dialled(store, 3, "n1")
    assert await store.drop_claims("n1") == 1
    assert [c.task.policy_no for c in await store.candidates(NOW, 5)] == ["P1"]


# --- the barrier -----------------------------------------------------------------------------------


async def test_the_barrier_writes_the_attempt_before_the_invite(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim = await claimed(store)
    decision, attempt = await store.barrier(claim, dial, NOW)
    assert isinstance(decision.verdict, Dial)
    assert attempt == Attempt(CallId(1), TaskId(1), PhoneNumber.parse("13812345678"), 1, "2026-11-10/0", NOW)
    assert attempt.live
    assert await store.open_attempts("n1") == [attempt]
    assert await store.open_attempts("n2") == []
    view = await store.call(attempt.id)
    assert view is not None
    assert view.record is None
    assert view.attempt == attempt
    assert [d for _, d in await store.decisions(TaskId(1))] == [decision]


async def test_a_refusal_at_the_barrier_writes_nothing_but_the_decision(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim = await claimed(store)
    decision, attempt = await store.barrier(claim, lambda _: wait(30), NOW)
    assert attempt is None
    assert decision == wait(30)
    assert await store.calls() == []
    assert [type(event) for _, event in await store.outbox(10)] == [TaskImported]
    assert [d for _, d in await store.decisions(TaskId(1))] == [wait(30)]
    await store.release(claim)
    assert await store.candidates(NOW, 5) == []
    assert len(await store.candidates(NOW + timedelta(minutes=30), 5)) == 1


async def test_the_barrier_shows_fresh_rows(store: Store) -> None:
    await store.add_tasks([a_task("P1"), a_task("P2")], NOW)
    waiting = await claimed(store, 1)
    other, call = await dialled(store, 2, "n2")
    await store.finish(other, ended(call, Disposition.REJECTED))
    seen: list[Candidate] = []

    def check(candidate: Candidate) -> Decision:
        seen.append(candidate)
        return wait(60)

    await store.barrier(waiting, check, NOW)
    assert [a.outcome for a in seen[0].customer_attempts] == [Disposition.REJECTED]


async def test_a_check_that_fails_leaves_no_trace(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim = await claimed(store)

    def check(candidate: Candidate) -> Decision:
        raise LookupError("no calendar")

    with pytest.raises(LookupError):
        await store.barrier(claim, check, NOW)
    assert await store.calls() == []
    assert await store.decisions(TaskId(1)) == []
    _, attempt = await store.barrier(claim, dial, NOW)
    assert attempt is not None


async def test_one_claim_makes_one_call(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim, call = await dialled(store)
    with pytest.raises(Fenced, match="already"):
        await store.barrier(claim, dial, NOW)
    await store.finish(claim, ended(call))
    with pytest.raises(Fenced):
        await store.barrier(claim, dial, NOW)
    assert len(await store.calls()) == 1


async def test_a_task_in_a_call_is_out_of_reach(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim, _ = await dialled(store)
    assert await store.candidates(NOW, 5) == []
    await store.release(claim)
    assert await store.claim(TaskId(1), "n2", 60.0, NOW) is None


async def test_a_task_that_was_closed_meanwhile_is_not_dialled(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim = await claimed(store)
    await store.record_decision(TaskId(1), Decision(Refuse("R19", "waiver"), ()), NOW)
    with pytest.raises(Fenced, match="isn't open"):
        await store.barrier(claim, dial, NOW)
    assert await store.calls() == []


async def test_one_live_call_per_customer(opener: Opener) -> None:
    first, second = await opener(), await opener()
    await first.add_tasks([a_task("P1"), a_task("P2")], NOW)
    claims = [await claimed(first, 1, "n1"), await claimed(second, 2, "n2")]
    results = await asyncio.gather(first.barrier(claims[0], dial, NOW), second.barrier(claims[1], dial, NOW))
    calls = [attempt for _, attempt in results if attempt is not None]
    assert len(calls) == 1
    refused = next(decision for decision, attempt in results if attempt is None)
    assert isinstance(refused.verdict, Wait)
    assert refused.verdict.until > NOW
    winner = claims[0] if calls[0].task_id == 1 else claims[1]
    loser = claims[1] if winner is claims[0] else claims[0]
    await first.finish(winner, ended(calls[0]))
    _, attempt = await second.barrier(loser, dial, NOW)
    assert attempt is not None


# --- the end of a call -----------------------------------------------------------------------------


def full_record(call: Attempt) -> CallRecord:
    answer = Answer(
        "received", QuestionKind.POS, AnswerClass.NO, "没有收到", 0.93, AnswerSource.ASR, 8.0, 11.2, 12.4, 2,
        "没有", True,
    )  # fmt: skip
    ticket = Ticket(
        call.id, call.task_id, "合同未送达", ("客服部", "个险部"), "received", "没有收到", 11.2, NOW,
        NOW + timedelta(days=7), True, True,
    )  # fmt: skip
    recording = Recording(
        call.id, "2026/11/10/00000001-100003.wav", "ab" * 32, 160_058, 10.0, "PCMA", NOW,
        NOW + timedelta(seconds=10), date(2029, 11, 10), True, True,
    )  # fmt: skip
    return CallRecord(
        call_id=call.id,
        task_id=call.task_id,
        outcome=Disposition.COMPLETED,
        ended_at=NOW + timedelta(seconds=30),
        ringing_at=NOW + timedelta(seconds=1),
        answered_at=NOW + timedelta(seconds=6),
        sip_code=200,
        reason="BYE",
        hung_up_by="customer",
        answers=(replace(answer, asking=1, final=False), answer),
        tickets=(ticket, replace(ticket, category="其他", major=False)),
        recording=recording,
        agent="6001",
        transferred=True,
        rtp=RtpStats(1, 2, 3, 4, 5, 6, 7),
        script_version="new-policy@3",
        agent_legs=(AgentLeg("6001", 4200, 9100, ((5000, 6000),)), AgentLeg("6002", 10_000, 12_500)),
    )


async def test_a_finished_call_comes_back_whole(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim, call = await dialled(store)
    record = full_record(call)
    issued = await store.finish(claim, record)
    assert [ticket.id for ticket in issued] == [1, 2]
    assert [replace(ticket, id=0) for ticket in issued] == list(record.tickets)
    view = await store.call(call.id)
    assert view is not None
    assert view.record == replace(record, tickets=tuple(issued))
    assert view.attempt.outcome is Disposition.COMPLETED
    assert view.attempt.ended_at == record.ended_at
    assert view.task.state is TaskState.DONE
    assert await store.calls(TaskId(1)) == [view] == await store.calls()
    assert await store.calls(TaskId(2)) == []
    assert await store.tickets() == issued
    assert await store.recordings() == [record.recording]
    assert await store.open_attempts("n1") == []
    assert await store.call(CallId(9)) is None


async def test_finishing_twice_changes_nothing(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim, call = await dialled(store)
    issued = await store.finish(claim, full_record(call))
    events = await store.outbox(50)
    again = await store.finish(claim, replace(full_record(call), outcome=Disposition.REFUSED))
    assert again == issued
    assert await store.outbox(50) == events
    view = await store.call(call.id)
    assert view is not None
    assert view.attempt.outcome is Disposition.COMPLETED
    assert len(await store.tickets()) == 2


async def test_the_same_matter_again_escalates_and_names_the_earlier_ticket(store: Store) -> None:
    """R89: of the same policy, in whatever campaign; another policy's is another matter."""
    other = a_task("P2", "13900000002")
    await store.add_tasks([a_task(), a_task(campaign="complaint"), other], NOW)
    first = await store.finish(*await plain_no(store, 1))
    second = await store.finish(*await plain_no(store, 2))
    third = await store.finish(*await plain_no(store, 3))
    assert [(one.escalated, one.repeat_of) for one in (*first, *second, *third)] == [
        (False, 0), (True, first[0].id), (False, 0),
    ]  # fmt: skip
    assert await store.tickets() == [*first, *second, *third]


async def plain_no(store: Store, task: int) -> tuple[Claim, CallRecord]:
    claim, call = await dialled(store, task)
    record = full_record(call)
    ticket = replace(record.tickets[0], escalated=False, departments=("客服部",), anomaly="代签名")
    return claim, replace(record, tickets=(ticket,), recording=None)


@pytest.mark.parametrize("outcome", list(Disposition))
async def test_what_an_outcome_makes_of_the_task(store: Store, outcome: Disposition) -> None:
    await store.add_tasks([a_task()], NOW)
    claim, call = await dialled(store)
    await store.finish(claim, ended(call, outcome))
    expected = {
        Disposition.COMPLETED: TaskState.DONE,
        Disposition.REFUSED: TaskState.REFUSED,
        Disposition.TRANSFERRED: TaskState.WITH_AGENT,
    }
    assert (await store.tasks())[0].state is expected.get(outcome, TaskState.OPEN)
    open_again = outcome not in expected
    assert bool(await store.candidates(NOW, 5)) == open_again
    if open_again:
        assert (await claimed(store, node="n2")).fence > claim.fence


async def test_an_appointment_is_kept_until_it_is_used(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim, call = await dialled(store)
    at = NOW + timedelta(hours=4)
    await store.finish(claim, ended(call, Disposition.APPOINTMENT, appointment=at))
    view = await store.call(call.id)
    assert view is not None
    assert view.attempt.appointment == at == view.task.appointment

    async def call_at(now: datetime, outcome: Disposition) -> datetime | None:
        claim = await claimed(store)
        _, call = await store.barrier(claim, dial, now)
        assert call is not None
        await store.finish(claim, ended(call, outcome))
        return (await store.tasks())[0].appointment

    assert await call_at(at - timedelta(minutes=5), Disposition.BUSY) == at
    assert await call_at(at, Disposition.TRUNK_FAILURE) == at
    assert await call_at(at, Disposition.NO_ANSWER) is None


async def test_a_call_may_outlive_its_lease(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim, call = await dialled(store)
    await store.renew(claim, 0.0)
    with pytest.raises(Fenced):
        await store.renew(claim, 60.0)
    assert await store.claim(TaskId(1), "n2", 60.0, NOW) is None
    await store.finish(claim, ended(call, Disposition.COMPLETED))
    assert (await store.tasks())[0].state is TaskState.DONE


async def test_a_late_result_after_recovery_is_refused(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim, call = await dialled(store)
    await store.close_unknown(ended(call, Disposition.UNKNOWN))
    with pytest.raises(Fenced, match="recovery"):
        await store.finish(claim, full_record(call))
    assert await store.tickets() == []
    view = await store.call(call.id)
    assert view is not None
    assert view.attempt.outcome is Disposition.UNKNOWN


async def test_a_result_under_another_claim_is_refused(store: Store) -> None:
    await store.add_tasks([a_task("P1"), a_task("P2", "13911112222")], NOW)
    claim, call = await dialled(store, 1)
    with pytest.raises(Fenced):
        await store.finish(msgspec.structs.replace(claim, fence=claim.fence + 1), ended(call))
    other = await claimed(store, 2)
    with pytest.raises(StoreError, match="isn't a call of task"):
        await store.finish(other, ended(call))
    with pytest.raises(StoreError, match="no call 77"):
        await store.finish(claim, replace(ended(call), call_id=CallId(77)))
    assert [a.id for a in await store.open_attempts("n1")] == [call.id]


async def test_recovery_closes_what_was_left_open(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    _, call = await dialled(store)
    record = replace(full_record(call), outcome=Disposition.UNKNOWN, tickets=(), answers=())
    await store.close_unknown(record)
    await store.close_unknown(replace(record, outcome=Disposition.NO_ANSWER))
    assert await store.open_attempts("n1") == []
    found = await store.candidates(NOW, 5)
    assert [a.outcome for a in found[0].attempts] == [Disposition.UNKNOWN]
    assert await store.recordings() == [record.recording]


async def test_ringing_and_answer_are_noted_once(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim, call = await dialled(store)
    for seconds in (1, 2):
        await store.note_ringing(call.id, NOW + timedelta(seconds=seconds))
        await store.note_answered(call.id, NOW + timedelta(seconds=5 + seconds))
    live = (await store.open_attempts("n1"))[0]
    assert live.ringing_at == NOW + timedelta(seconds=1)
    assert live.answered_at == NOW + timedelta(seconds=6)
    await store.finish(claim, ended(call))
    view = await store.call(call.id)
    assert view is not None
    assert view.attempt.answered_at == NOW + timedelta(seconds=6), "the record knew no better"
    answered = [event for _, event in await store.outbox(50) if isinstance(event, CallAnswered)]
    assert answered == [CallAnswered(NOW + timedelta(seconds=6), call.id)]
    with pytest.raises(StoreError):
        await store.note_ringing(CallId(9), NOW)


# --- outbox ----------------------------------------------------------------------------------------


async def test_the_outbox_keeps_the_order_of_what_happened(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    claim, call = await dialled(store)
    await store.note_answered(call.id, NOW + timedelta(seconds=6))
    record = full_record(call)
    await store.finish(claim, record)
    assert record.recording is not None
    events = await store.outbox(50)
    assert [event for _, event in events] == [
        TaskImported(NOW, TaskId(1), "new-policy"),
        CallDialled(NOW, call.id, TaskId(1)),
        CallAnswered(NOW + timedelta(seconds=6), call.id),
        CallEnded(record.ended_at, call.id, TaskId(1), Disposition.COMPLETED),
        TicketIssued(NOW, record.tickets[0].id + 1, call.id, "合同未送达", True),
        TicketIssued(NOW, record.tickets[1].id + 2, call.id, "其他", False),
        RecordingSealed(record.recording.ended_at, call.id, record.recording.sha256),
    ]
    ids = [event_id for event_id, _ in events]
    assert ids == sorted(set(ids))
    assert await store.outbox(2) == events[:2]
    assert await store.outbox(2, after=ids[1]) == events[2:4]
    assert await store.outbox(50, after=ids[-1]) == []
    await store.outbox_done(ids[:3])
    assert await store.outbox(50) == events[3:]
    await store.outbox_done(ids)
    await store.outbox_done([])
    assert await store.outbox(50) == []
    await store.add_tasks([a_task("P2")], NOW)
    assert (await store.outbox(1))[0][0] > ids[-1], "an id came back"


async def test_stored_times_are_aware_and_the_same_instant(store: Store) -> None:
    await store.add_tasks([a_task()], NOW)
    _, call = await dialled(store)
    assert call.invited_at == NOW
    found = (await store.open_attempts("n1"))[0]
    assert found.invited_at.tzinfo is not None
    assert found.invited_at.astimezone(UTC) == datetime(2026, 11, 10, 2, 0, tzinfo=UTC)
