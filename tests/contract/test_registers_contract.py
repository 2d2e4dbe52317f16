"""One suite over every implementation of the office's port: campaigns, lists, hand-overs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from test_store_contract import CHINA, NOW, a_task, dialled, ended

from dialer.campaigns import CampaignState, CampaignStep, CampaignVersion, Content, StepTaken
from dialer.errors import IllegalTransition
from dialer.events import (
    CampaignMoved,
    ContactRefreshed,
    HandoverMoved,
    MethodCapPassed,
    TaskHandedOver,
    TicketIssued,
)
from dialer.handover import (
    Handover,
    HandoverId,
    HandoverState,
    HandoverStep,
    HandoverTaken,
    Meter,
    WrittenAnswer,
)
from dialer.kpi import Method, Month
from dialer.listings import (
    ContactFound,
    ContactResult,
    DoNotCall,
    Exemption,
    ExemptionKind,
    ListReport,
    NumberUse,
)
from dialer.model import (
    CallId,
    Disposition,
    PhoneNumber,
    QuestionKind,
    Signature,
    Task,
    TaskId,
    TaskState,
    Ticket,
)
from dialer.policy.verdict import Decision, Escalate, Refuse
from dialer.ports import Store
from dialer.registers import Registers
from dialer.store import SqlStore
from dialer.testing.store import MemoryStore

NUMBER = PhoneNumber.parse("13812345678")
OTHER = PhoneNumber.parse("13911112222")
NOVEMBER = Month(date(2026, 11, 1))
SIGNED = ("王芳", "李四", "赵六")


class Both(Store, Registers):
    """What every store is."""


Opener = Callable[[], Awaitable[Both]]


@pytest.fixture(params=["sqlite", "memory", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Both]:
    made: MemoryStore | SqlStore
    if request.param == "memory":
        made = MemoryStore()
    else:
        place = (
            request.getfixturevalue("postgres_url") if request.param == "postgres" else tmp_path / "d.sqlite"
        )
        made = await SqlStore.open(place)
    yield made  # type: ignore[misc]  # both ports, by their methods
    await made.close()


async def told(store: Both, kind: type) -> list[object]:
    return [event for _, event in await store.outbox(1000) if isinstance(event, kind)]


async def one_task(store: Both) -> Task:
    (task,) = await store.tasks()
    return task


async def escalate(store: Both, channel: str, task: int = 1, at: datetime = NOW) -> None:
    await store.record_decision(TaskId(task), Decision(Escalate(channel, "R25", "used up"), ()), at)


# --- campaigns -------------------------------------------------------------------------------------

PLAN = Content("autumn", "张三", "plan: 1", "script: 1")


def step(kind: CampaignStep, by: str = "张三", note: str = "") -> StepTaken:
    return StepTaken(kind, by, NOW, note, "ops")


async def approved(store: Both, content: Content = PLAN) -> CampaignVersion:
    version = await store.register_campaign(content, "张三", NOW)
    for kind, by in (("lint", "张三"), ("rehearse", "张三"), ("approve", "李四")):
        version = await store.take_campaign_step(
            content.campaign, version.number, step(CampaignStep(kind), by)
        )
    return version


async def test_a_campaigns_life_is_written_down(store: Both) -> None:
    version = await approved(store)
    assert (version.number, version.state) == (1, CampaignState.APPROVED)
    await store.take_campaign_step("autumn", 1, step(CampaignStep.START, "李四", "go"))
    history = await store.campaign_history("autumn")
    assert [(line.before, line.taken.step, line.after) for line in history] == [
        ("draft", "lint", "linted"),
        ("linted", "rehearse", "rehearsed"),
        ("rehearsed", "approve", "approved"),
        ("approved", "start", "running"),
    ]
    last = history[-1]
    assert (last.taken, last.digest) == (step(CampaignStep.START, "李四", "go"), version.digest)
    assert await told(store, CampaignMoved) == [
        CampaignMoved(NOW, "autumn", 1, name) for name in ("lint", "rehearse", "approve", "start")
    ]
    (kept,) = await store.campaign_versions("autumn")
    assert (kept.plan_text, kept.script_text, kept.author) == ("plan: 1", "script: 1", "张三")


async def test_an_illegal_step_changes_nothing(store: Both) -> None:
    version = await store.register_campaign(PLAN, "张三", NOW)
    for kind, by in (("start", "李四"), ("approve", "李四"), ("pause", "李四")):
        with pytest.raises(IllegalTransition, match="isn't possible"):
            await store.take_campaign_step("autumn", 1, step(CampaignStep(kind), by))
    with pytest.raises(IllegalTransition, match="no version 7"):
        await store.take_campaign_step("autumn", 7, step(CampaignStep.LINT))
    assert await store.campaign_versions() == [version]
    assert await store.campaign_history("autumn") == []
    assert await told(store, CampaignMoved) == []


async def test_nobody_approves_what_he_wrote(store: Both) -> None:
    await store.register_campaign(PLAN, "张三", NOW)
    for kind in (CampaignStep.LINT, CampaignStep.REHEARSE):
        await store.take_campaign_step("autumn", 1, step(kind))
    with pytest.raises(IllegalTransition, match="somebody else"):
        await store.take_campaign_step("autumn", 1, step(CampaignStep.APPROVE, " 张 三"))
    assert (await store.campaign_versions())[0].state is CampaignState.REHEARSED


async def test_a_changed_file_is_another_version_and_the_running_one_goes_on(store: Both) -> None:
    await approved(store)
    await store.take_campaign_step("autumn", 1, step(CampaignStep.START, "李四"))
    assert (await store.register_campaign(PLAN, "张三", NOW)).number == 1
    changed = replace(PLAN, script_text="script: 2")
    draft = await store.register_campaign(changed, "张三", NOW)
    assert (draft.number, draft.state) == (2, CampaignState.DRAFT)
    again = await store.register_campaign(replace(changed, plan_text="plan: 2"), "王五", NOW)
    assert (again.number, again.plan_text) == (2, "plan: 2"), "a draft is still being written"
    (head,) = await store.campaign_heads()
    assert (head.number, head.state) == (1, CampaignState.RUNNING)
    version = await approved(store, changed)
    assert (version.number, version.state) == (2, CampaignState.APPROVED)
    await store.take_campaign_step("autumn", 2, step(CampaignStep.START, "李四"))
    states = [one.state for one in await store.campaign_versions("autumn")]
    assert states == [CampaignState.SUPERSEDED, CampaignState.RUNNING]
    (head,) = await store.campaign_heads()
    assert (head.number, head.digest) == (2, version.digest)


async def test_a_change_after_linting_withdraws_the_linted_version(store: Both) -> None:
    await store.register_campaign(PLAN, "张三", NOW)
    await store.take_campaign_step("autumn", 1, step(CampaignStep.LINT))
    second = await store.register_campaign(replace(PLAN, plan_text="plan: 2"), "张三", NOW)
    assert second.number == 2
    states = [one.state for one in await store.campaign_versions("autumn")]
    assert states == [CampaignState.SUPERSEDED, CampaignState.DRAFT]


async def test_tasks_are_counted_by_campaign_and_state(store: Both) -> None:
    await store.add_tasks([a_task("P1"), a_task("P2", OTHER.national), a_task("P1", campaign="c2")], NOW)
    await escalate(store, "visit", 2)
    assert await store.campaign_tasks() == {
        "new-policy": {TaskState.OPEN: 1, TaskState.VISIT: 1},
        "c2": {TaskState.OPEN: 1},
    }


async def test_only_running_campaigns_are_in_the_queue(store: Both) -> None:
    early = [a_task(f"H{n}", f"1380000{n:04d}", campaign="halted", due=date(2026, 11, 1)) for n in range(30)]
    agreed = a_task("A", "13900000001", campaign="halted", appointment=NOW)
    late = a_task("P1", campaign="running", due=date(2026, 12, 1))
    await store.add_tasks([*early, agreed, late], NOW)

    async def queue(*campaigns: str) -> list[str]:
        return [one.task.policy_no for one in await store.candidates(NOW, 5, campaigns)]

    assert await queue("running") == ["P1"]
    assert await queue() == []
    assert await queue("unknown", "halted") == ["H0", "H1", "H2", "H3", "A"]
    everybody = [one.task.policy_no for one in await store.candidates(NOW, 5)]
    assert everybody == ["H0", "H1", "H2", "H3", "A"]


# --- lists -----------------------------------------------------------------------------------------


async def test_a_listed_number_isnt_called_whenever_its_task_comes(store: Both) -> None:
    await store.add_tasks([a_task("P1")], NOW)
    report = await store.add_do_not_call([DoNotCall(NUMBER, "投诉"), DoNotCall(OTHER)], "王五", NOW)
    assert report == ListReport(added=2, known=0, tasks=1)
    assert await store.add_do_not_call([DoNotCall(NUMBER)], "王五", NOW) == ListReport(0, 1, 0)
    await store.add_tasks([a_task("P2", OTHER.national), a_task("P3", "13700000003")], NOW)
    listed = [task.do_not_call for task in await store.tasks()]
    assert listed == [True, True, False]
    assert [one.task.do_not_call for one in await store.candidates(NOW, 9)] == listed
    assert await store.do_not_call_numbers("", 1) == [DoNotCall(NUMBER, "投诉")]
    assert await store.do_not_call_numbers(NUMBER.e164, 9) == [DoNotCall(OTHER)]


async def test_a_number_taken_off_the_list_is_called_again(store: Both) -> None:
    half_signed = a_task("P3", waiver=True, waiver_signatures=(Signature.SELLER,))
    await store.add_tasks([a_task("P1"), a_task("P2", surrendered=True), half_signed], NOW)
    await store.add_do_not_call([DoNotCall(NUMBER)], "王五", NOW)
    for task in (1, 2, 3):
        await store.record_decision(TaskId(task), Decision(Refuse("R19", "exempt"), ()), NOW)
    assert {task.state for task in await store.tasks()} == {TaskState.EXCLUDED}
    assert await store.remove_do_not_call(OTHER) is None
    assert await store.remove_do_not_call(NUMBER) == ListReport(tasks=2)
    states = [task.state for task in await store.tasks()]
    assert states == [TaskState.OPEN, TaskState.EXCLUDED, TaskState.OPEN], "a surrendered policy stays exempt"


WAIVER = Exemption(ExemptionKind.WAIVER, "P1", "new-policy", date(2026, 11, 2), SIGNED)


async def test_a_waiver_counts_with_all_signatures_in_its_campaign(store: Both) -> None:
    with pytest.raises(ValueError, match="R19"):
        replace(WAIVER, signed=SIGNED[:2])
    await store.add_tasks([a_task("P1"), a_task("P1", campaign="claims"), a_task("P2")], NOW)
    assert await store.add_exemptions([WAIVER, WAIVER], "王五", NOW) == ListReport(1, 1, 1)
    assert await store.add_exemptions([WAIVER], "王五", NOW) == ListReport(0, 1, 0)
    waived = {(t.campaign, t.policy_no): t.waiver_signatures for t in await store.tasks() if t.waiver}
    assert waived == {("new-policy", "P1"): tuple(Signature)}
    assert await store.exemptions(ExemptionKind.WAIVER) == [WAIVER]


async def test_an_exemption_waits_for_its_task(store: Both) -> None:
    surrender = Exemption(ExemptionKind.SURRENDER, "P1", day=date(2026, 11, 3))
    assert await store.add_exemptions([surrender, WAIVER], "王五", NOW) == ListReport(2, 0, 0)
    await store.add_tasks([a_task("P1"), a_task("P1", campaign="claims"), a_task("P2")], NOW)
    marks = [(task.surrendered, task.waiver) for task in await store.tasks()]
    assert marks == [(True, True), (True, False), (False, False)]


async def test_a_revoked_exemption_opens_what_it_closed(store: Both) -> None:
    surrender = Exemption(ExemptionKind.SURRENDER, "P1")
    await store.add_tasks([a_task("P1"), a_task("P1", campaign="claims")], NOW)
    await store.add_exemptions([surrender, replace(surrender, campaign="claims")], "王五", NOW)
    for task in (1, 2):
        await store.record_decision(TaskId(task), Decision(Refuse("R19", "exempt"), ()), NOW)
    assert await store.revoke_exemption(ExemptionKind.WAIVER, "P1", "") is None
    assert await store.revoke_exemption(ExemptionKind.SURRENDER, "P1", "") == ListReport(tasks=1)
    states = {task.campaign: (task.state, task.surrendered) for task in await store.tasks()}
    assert states == {
        "new-policy": (TaskState.OPEN, False),
        "claims": (TaskState.EXCLUDED, True),
    }


@pytest.mark.parametrize("why", ["waiver", "do-not-call"])
async def test_an_exemption_ends_a_visit_that_is_under_way(store: Both, why: str) -> None:
    await store.add_tasks([a_task("P1")], NOW)
    await escalate(store, "visit")
    assert await store.meter(NOVEMBER, CHINA) == Meter(called_back=1, visits=1, letters=0)
    if why == "waiver":
        await store.add_exemptions([WAIVER], "王五", NOW)
    else:
        await store.add_do_not_call([DoNotCall(NUMBER)], "王五", NOW)
    view = await store.handover(HandoverId(1))
    assert view is not None
    assert view.handover.state is HandoverState.WITHDRAWN
    assert view.task.state is TaskState.EXCLUDED
    assert (await store.handover_history(HandoverId(1)))[0].note == why
    assert await store.meter(NOVEMBER, CHINA) == Meter(0, 0, 0), "nobody went"


async def test_known_policies(store: Both) -> None:
    await store.add_tasks([a_task("P1"), a_task("P2", campaign="c2")], NOW)
    assert await store.known_policies("new-policy", ["P1", "P2", "P3"]) == {"P1"}
    assert await store.known_policies("none", ["P1"]) == set()


async def test_whose_a_number_is(store: Both) -> None:
    """In any task, over or not, it is a customer's; that is said before the list."""
    await store.add_tasks([a_task("P1"), a_task("P2", OTHER.national)], NOW)
    third = PhoneNumber.parse("13900000003")
    assert await store.use_of(third) is NumberUse.FREE
    await store.add_do_not_call([DoNotCall(OTHER), DoNotCall(third)], "王五", NOW)
    assert await store.use_of(NUMBER) is NumberUse.CUSTOMER
    assert await store.use_of(OTHER) is NumberUse.CUSTOMER
    assert await store.use_of(third) is NumberUse.DO_NOT_CALL
    claim, call = await dialled(store, 1)
    await store.finish(claim, ended(call, Disposition.COMPLETED))
    assert [task.state for task in await store.tasks()] == [TaskState.DONE, TaskState.OPEN]
    assert await store.use_of(NUMBER) is NumberUse.CUSTOMER


# --- contacts --------------------------------------------------------------------------------------


def found(*phones: PhoneNumber, policy_no: str = "P1", max_passes: int = 2) -> ContactFound:
    return ContactFound("new-policy", policy_no, phones, max_passes)


async def test_whose_number_is_wanted_and_why(store: Both) -> None:
    await store.add_tasks([a_task("P1"), a_task("P2", OTHER.national)], NOW)
    claim, call = await dialled(store, 1)
    await store.finish(claim, ended(call, Disposition.UNALLOCATED))
    await store.record_decision(
        TaskId(1), Decision(Escalate("contact_refresh", "R22", "空号"), ()), NOW + timedelta(hours=1)
    )
    (wanted,) = await store.contacts_wanted(TaskId(0), 10)
    assert (wanted.task.policy_no, wanted.rule, wanted.why, wanted.attempts) == ("P1", "R22", "空号", 1)
    assert wanted.since == NOW + timedelta(hours=1)
    assert await store.contacts_wanted(TaskId(1), 10) == []


async def test_a_confirmed_number_begins_the_next_pass(store: Both) -> None:
    await store.add_tasks([a_task("P1")], NOW)
    claim, call = await dialled(store, 1)
    await store.finish(claim, ended(call, Disposition.UNALLOCATED))
    await escalate(store, "contact_refresh")
    assert await store.refresh_contacts([found(OTHER)], NOW) == [ContactResult.REFRESHED]
    task = await one_task(store)
    assert (task.state, task.pass_no) == (TaskState.OPEN, 2)
    assert [(phone.number, phone.verified) for phone in task.phones] == [(OTHER, True), (NUMBER, False)]
    (candidate,) = await store.candidates(NOW, 10)
    assert [one.id for one in candidate.attempts] == [call.id], "its earlier calls are still its own"
    assert await told(store, ContactRefreshed) == [ContactRefreshed(NOW, TaskId(1), 2)]
    claim, again = await dialled(store, 1)
    assert (again.number, again.pass_no) == (OTHER, 2)


async def test_the_customer_of_a_new_number_is_one_customer(store: Both) -> None:
    await store.add_tasks([a_task("P1"), a_task("P2", OTHER.national)], NOW)
    await escalate(store, "contact_refresh")
    await store.refresh_contacts([found(OTHER)], NOW)
    _, call = await dialled(store, 2)
    by_policy = {one.task.policy_no: one for one in await store.candidates(NOW, 10)}
    assert [one.id for one in by_policy["P1"].customer_attempts] == [call.id]


async def test_the_same_number_confirmed_and_the_list_sent_twice(store: Both) -> None:
    await store.add_tasks([a_task("P1")], NOW)
    await escalate(store, "contact_refresh")
    first = await store.refresh_contacts([found(NUMBER), found(NUMBER, policy_no="P9")], NOW)
    assert first == [ContactResult.REFRESHED, ContactResult.NO_TASK]
    assert await store.refresh_contacts([found(NUMBER), found(OTHER)], NOW) == [
        ContactResult.KNOWN,
        ContactResult.NOT_WAITING,
    ]
    assert (await one_task(store)).pass_no == 2


async def test_the_last_pass_goes_on_with_another_number(store: Both) -> None:
    await store.add_tasks([a_task("P1", pass_no=2)], NOW)
    await escalate(store, "contact_refresh")
    assert await store.refresh_contacts([found(OTHER)], NOW) == [ContactResult.REFRESHED]
    assert (await one_task(store)).pass_no == 2


async def test_a_listed_number_is_no_new_contact(store: Both) -> None:
    await store.add_tasks([a_task("P1")], NOW)
    await escalate(store, "contact_refresh")
    await store.add_do_not_call([DoNotCall(OTHER)], "王五", NOW)
    assert await store.refresh_contacts([found(OTHER)], NOW) == [ContactResult.DO_NOT_CALL]
    assert (await one_task(store)).state is TaskState.CONTACT_REFRESH


# --- hand-overs ------------------------------------------------------------------------------------

GOOD = (
    WrittenAnswer("received", QuestionKind.POS, True),
    WrittenAnswer("promised", QuestionKind.BAD, False),
)


def taken(kind: HandoverStep, by: str = "王五", **more: object) -> HandoverTaken:
    return replace(HandoverTaken(kind, by, NOW), **more)


async def listed(store: Both, channel: Method, *states: HandoverState) -> list[Handover]:
    found = await store.handovers(channel, states or tuple(HandoverState), HandoverId(0), 100)
    return [view.handover for view in found]


async def test_a_verdict_puts_the_task_on_the_work_list(store: Both) -> None:
    await store.add_tasks([a_task("P1"), a_task("P2", OTHER.national, opted_out=True)], NOW)
    await escalate(store, "visit", 1)
    await escalate(store, "visit", 1)
    await escalate(store, "text", 2)
    assert await listed(store, Method.VISIT) == [
        Handover(HandoverId(1), TaskId(1), Method.VISIT, HandoverState.LISTED, NOW)
    ]
    assert [one.task_id for one in await listed(store, Method.TEXT)] == [2]
    assert [task.state for task in await store.tasks()] == [TaskState.VISIT, TaskState.EXCLUDED]
    assert await told(store, TaskHandedOver) == [
        TaskHandedOver(NOW, TaskId(1), "visit"),
        TaskHandedOver(NOW, TaskId(2), "text"),
    ]


async def test_a_visit_from_list_to_verification(store: Both) -> None:
    await store.add_tasks([a_task("P1", seller="S9")], NOW)
    await escalate(store, "visit")
    with pytest.raises(IllegalTransition, match="R27"):
        await store.take_handover_step(HandoverId(1), taken(HandoverStep.ASSIGN, assignee="s9"))
    with pytest.raises(IllegalTransition, match="listed"):
        await store.take_handover_step(HandoverId(1), taken(HandoverStep.SUCCEED))
    assert await store.handover_history(HandoverId(1)) == []
    planned = date(2026, 11, 12)
    await store.take_handover_step(
        HandoverId(1), taken(HandoverStep.ASSIGN, assignee="钱七", planned=planned, account="ops")
    )
    verification = replace(await one_task(store), campaign="visit-verification", state=TaskState.OPEN)
    done = taken(HandoverStep.SUCCEED, done_on=planned, answers=GOOD, note="signed")
    view = await store.take_handover_step(HandoverId(1), done, verification=verification)
    assert (view.handover.state, view.task.state) == (HandoverState.DONE, TaskState.DONE)
    kept = await store.handover(HandoverId(1))
    assert kept is not None
    assert (kept.handover, kept.task) == (view.handover, view.task)
    assert (kept.handover.assignee, kept.handover.answers, kept.handover.done_on) == ("钱七", GOOD, planned)
    assert [(t.campaign, t.state) for t in await store.tasks()] == [
        ("new-policy", TaskState.DONE),
        ("visit-verification", TaskState.OPEN),
    ]
    history = await store.handover_history(HandoverId(1))
    assert [(line.before, line.step, line.after, line.by) for line in history] == [
        ("listed", "assign", "assigned", "王五"),
        ("assigned", "succeed", "done", "王五"),
    ]
    assert history[0].account == "ops"
    assert [event.step for event in await told(store, HandoverMoved)] == ["assign", "succeed"]  # type: ignore[attr-defined]


async def test_a_visit_in_vain_becomes_a_letter(store: Both) -> None:
    await store.add_tasks([a_task("P1")], NOW)
    await escalate(store, "visit")
    await store.take_handover_step(HandoverId(1), taken(HandoverStep.ASSIGN, assignee="钱七"))
    view = await store.take_handover_step(HandoverId(1), taken(HandoverStep.FAIL, note="搬家"))
    assert (view.handover.note, view.task.state, view.task.visit_failed) == ("搬家", TaskState.LETTER, True)
    assert (await one_task(store)).visit_failed, "a verdict knows it later"
    (letter,) = await listed(store, Method.LETTER)
    assert letter.state is HandoverState.LISTED
    verdict = (await store.decisions(TaskId(1)))[-1][1].verdict
    assert isinstance(verdict, Escalate)
    assert (verdict.channel, verdict.rule) == ("letter", "R26")
    await store.take_handover_step(letter.id, taken(HandoverStep.SEND))
    view = await store.take_handover_step(letter.id, taken(HandoverStep.FAIL))
    assert view.task.state is TaskState.UNREACHED
    assert await listed(store, Method.LETTER, HandoverState.LISTED, HandoverState.SENT) == []


async def test_a_no_on_paper_becomes_a_ticket(store: Both) -> None:
    await store.add_tasks([a_task("P1")], NOW)
    await escalate(store, "letter")
    await store.take_handover_step(HandoverId(1), taken(HandoverStep.SEND))
    ticket = Ticket(
        CallId(0), TaskId(1), "合同未送达", ("契约",), "received", "没收到", 0.0, NOW, NOW + timedelta(days=3)
    )
    bad = (WrittenAnswer("received", QuestionKind.POS, False, "没收到"),)
    done = taken(HandoverStep.SUCCEED, done_on=date(2026, 11, 10), answers=bad)
    await store.take_handover_step(HandoverId(1), done, tickets=[ticket])
    (kept,) = await store.tickets()
    assert kept == replace(ticket, id=kept.id)
    assert await told(store, TicketIssued) == [TicketIssued(NOW, kept.id, CallId(0), "合同未送达", False)]


async def test_a_list_comes_page_by_page(store: Both) -> None:
    await store.add_tasks([a_task(f"P{n}", f"1380000{n:04d}") for n in range(5)], NOW)
    for task in range(1, 6):
        await escalate(store, "visit", task)
    first = await store.handovers(Method.VISIT, [HandoverState.LISTED], HandoverId(0), 3)
    rest = await store.handovers(Method.VISIT, [HandoverState.LISTED], first[-1].handover.id, 3)
    assert [view.task.policy_no for view in (*first, *rest)] == ["P0", "P1", "P2", "P3", "P4"]


# --- the meter -------------------------------------------------------------------------------------


async def test_the_meter_counts_each_task_once_a_month(store: Both) -> None:
    await store.add_tasks([a_task(f"P{n}", f"1380000{n:04d}") for n in range(4)], NOW)
    slot = Decision(Escalate("visit", "R25", ""), ())
    for task in (1, 2):
        claim, call = await dialled(store, task)
        outcome = Disposition.NO_ANSWER if task == 1 else Disposition.TRUNK_FAILURE
        await store.finish(claim, ended(call, outcome))
    for task in (1, 3):
        await store.record_decision(TaskId(task), slot, NOW)
    assert await store.meter(NOVEMBER, CHINA) == Meter(called_back=2, visits=2, letters=0)
    await store.take_handover_step(HandoverId(1), taken(HandoverStep.ASSIGN, assignee="钱七"))
    await store.take_handover_step(HandoverId(1), taken(HandoverStep.FAIL))
    assert await store.meter(NOVEMBER, CHINA) == Meter(called_back=2, visits=1, letters=1)
    december = Month(date(2026, 12, 1))
    assert await store.meter(december, CHINA) == Meter(0, 0, 0)
    later = datetime(2026, 12, 3, 10, tzinfo=CHINA)
    await store.take_handover_step(HandoverId(2), taken(HandoverStep.ASSIGN, assignee="钱七", at=later))
    await store.take_handover_step(
        HandoverId(2), taken(HandoverStep.SUCCEED, at=later, done_on=date(2026, 12, 3), answers=GOOD)
    )
    assert await store.meter(december, CHINA) == Meter(called_back=1, visits=1, letters=0)


async def test_the_alarm_is_told_once_a_month(store: Both) -> None:
    meter = Meter(called_back=20, visits=2, letters=1)
    assert await store.tell_meter(NOVEMBER, meter, NOW)
    assert not await store.tell_meter(NOVEMBER, meter, NOW)
    assert await told(store, MethodCapPassed) == [MethodCapPassed(NOW, "2026-11", 3, 20)]
