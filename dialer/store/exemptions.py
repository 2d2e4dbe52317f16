"""Who isn't called: do-not-call numbers, waivers, surrenders; and numbers that were confirmed anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, not_, or_, select, update

from dialer.events import ContactRefreshed
from dialer.listings import (
    ContactFound,
    ContactResult,
    ContactWanted,
    DoNotCall,
    Exemption,
    ExemptionKind,
    ListReport,
    NumberUse,
    refreshed,
)
from dialer.model import ALL_SIGNATURES, PhoneNumber, Task, TaskId, TaskState
from dialer.store import handovers, outbox, repository, rows
from dialer.store.tables import (
    ATTEMPTS,
    DECISIONS,
    DO_NOT_CALL,
    EXEMPTIONS,
    LONG_AGO,
    PHONES,
    TASKS,
    among_ids,
    among_texts,
)

_UNFINISHED = (TaskState.CONTACT_REFRESH, TaskState.VISIT, TaskState.LETTER)
"""States of tasks that no verdict looks at, and that an exemption must end itself."""
_WAIVED = TASKS.c.waiver & (TASKS.c.waiver_signatures == rows.signatures_text(ALL_SIGNATURES))
_FLAGS = (_WAIVED, TASKS.c.surrendered, TASKS.c.opted_out, TASKS.c.do_not_call)

_OF_CAMPAIGN = (
    select(TASKS)
    .where(TASKS.c.campaign == bindparam("campaign"), among_texts(TASKS.c.policy_no, "policies"))
    .order_by(TASKS.c.id)
)
_WITH_PHONES = _OF_CAMPAIGN.add_columns(repository.PHONES_OF).with_for_update(of=TASKS)
_WITH_NUMBERS = select(PHONES.c.task_id).where(among_texts(PHONES.c.number, "numbers")).distinct()
_REOPEN = (
    update(TASKS)
    .where(
        among_ids(TASKS.c.id),
        TASKS.c.state == TaskState.EXCLUDED.value,
        not_(or_(*_FLAGS)),
        TASKS.c.id.not_in(
            select(PHONES.c.task_id).join(DO_NOT_CALL, DO_NOT_CALL.c.number == PHONES.c.number)
        ),
    )
    .values(state=TaskState.OPEN.value, hidden_until=LONG_AGO)
)


# --- do-not-call ---------------------------------------------------------------------------------


def add_do_not_call(
    connection: Connection, entries: Sequence[DoNotCall], by: str, at: datetime
) -> ListReport:
    """Nothing of a task changes: a number's place on the list is looked up with the number."""
    added, concerned = 0, 0
    for some in repository.chunks(entries):
        fresh = {one.number.e164: one for one in some}
        known = select(DO_NOT_CALL.c.number).where(among_texts(DO_NOT_CALL.c.number, "numbers"))
        for number in connection.execute(known, {"numbers": list(fresh)}).scalars():
            del fresh[number]
        if fresh:
            connection.execute(
                insert(DO_NOT_CALL),
                [
                    {"number": number, "reason": one.reason, "added_at": at, "added_by": by}
                    for number, one in fresh.items()
                ],
            )
            tasks = list(connection.execute(_WITH_NUMBERS, {"numbers": list(fresh)}).scalars())
            _end_unfinished(connection, tasks, by, at, "do-not-call")
            concerned += len(tasks)
        added += len(fresh)
    return ListReport(added, len(entries) - added, concerned)


def remove_do_not_call(connection: Connection, number: PhoneNumber) -> ListReport | None:
    gone = connection.execute(delete(DO_NOT_CALL).where(DO_NOT_CALL.c.number == number.e164))
    if not gone.rowcount:
        return None
    tasks = list(connection.execute(_WITH_NUMBERS, {"numbers": [number.e164]}).scalars())
    return ListReport(tasks=_reopened(connection, tasks))


def do_not_call_page(connection: Connection, after: str, limit: int) -> list[DoNotCall]:
    found = connection.execute(
        select(DO_NOT_CALL).where(DO_NOT_CALL.c.number > after).order_by(DO_NOT_CALL.c.number).limit(limit)
    )
    return [DoNotCall(PhoneNumber(row.number), row.reason) for row in found]


def use_of(connection: Connection, number: PhoneNumber) -> NumberUse:
    if connection.execute(select(PHONES.c.task_id).where(PHONES.c.number == number.e164).limit(1)).first():
        return NumberUse.CUSTOMER
    listed = select(DO_NOT_CALL.c.number).where(DO_NOT_CALL.c.number == number.e164)
    return NumberUse.DO_NOT_CALL if connection.execute(listed).first() else NumberUse.FREE


# --- waivers and surrenders ----------------------------------------------------------------------


def add_exemptions(connection: Connection, entries: Sequence[Exemption], by: str, at: datetime) -> ListReport:
    added, concerned = 0, 0
    for some in repository.chunks(entries):
        fresh = {(one.kind, one.campaign, one.policy_no): one for one in some}
        for known in _known(connection, [one.policy_no for one in some]):
            fresh.pop((known.kind, known.campaign, known.policy_no), None)
        if not fresh:
            continue
        added += len(fresh)
        connection.execute(insert(EXEMPTIONS), [_exemption_row(one, by, at) for one in fresh.values()])
        concerned += _exempt(connection, list(fresh.values()), by, at)
    return ListReport(added, len(entries) - added, concerned)


def _exemption_row(one: Exemption, by: str, at: datetime) -> rows.Values:
    return {
        "kind": one.kind.value,
        "policy_no": one.policy_no,
        "campaign": one.campaign,
        "day": one.day,
        "detail": msgspec.json.encode(one.signed).decode(),
        "recorded_at": at,
        "recorded_by": by,
    }


def _exempt(connection: Connection, entries: Sequence[Exemption], by: str, at: datetime) -> int:
    """Mark the tasks that are there already. Returns how many."""
    by_kind: dict[ExemptionKind, list[int]] = defaultdict(list)
    by_policy: dict[str, list[Exemption]] = defaultdict(list)
    for one in entries:
        by_policy[one.policy_no].append(one)
    for row in _tasks_of(connection, list(by_policy)):
        for one in by_policy[row.policy_no]:
            if one.applies_to(row.campaign):
                by_kind[one.kind].append(row.id)
    for kind, tasks in by_kind.items():
        connection.execute(update(TASKS).where(among_ids(TASKS.c.id)).values(_marks(kind)), {"ids": tasks})
        _end_unfinished(connection, tasks, by, at, kind.value)
    return len({task for tasks in by_kind.values() for task in tasks})


def _marks(kind: ExemptionKind, exempt: bool = True) -> rows.Values:
    if kind is ExemptionKind.SURRENDER:
        return {"surrendered": exempt}
    signed = rows.signatures_text(ALL_SIGNATURES) if exempt else ""
    return {"waiver": exempt, "waiver_signatures": signed}


def exempted(connection: Connection, tasks: Sequence[Task]) -> list[Task]:
    """New tasks with the exemptions that were on record before them."""
    if connection.execute(select(EXEMPTIONS.c.id).limit(1)).first() is None:
        return list(tasks)
    by_policy: dict[str, list[Exemption]] = defaultdict(list)
    for one in _known(connection, [task.policy_no for task in tasks]):
        by_policy[one.policy_no].append(one)
    made = []
    for task in tasks:
        for one in by_policy.get(task.policy_no, ()):
            if one.applies_to(task.campaign):
                task = one.exempt(task)
        made.append(task)
    return made


def revoke_exemption(
    connection: Connection, kind: ExemptionKind, policy_no: str, campaign: str
) -> ListReport | None:
    gone = connection.execute(
        delete(EXEMPTIONS).where(
            EXEMPTIONS.c.policy_no == policy_no,
            EXEMPTIONS.c.kind == kind.value,
            EXEMPTIONS.c.campaign == campaign,
        )
    )
    if not gone.rowcount:
        return None
    left = [one for one in _known(connection, [policy_no]) if one.kind is kind]
    tasks = [
        row.id
        for row in _tasks_of(connection, [policy_no])
        if campaign in ("", row.campaign) and not any(one.applies_to(row.campaign) for one in left)
    ]
    changed = update(TASKS).where(among_ids(TASKS.c.id)).values(_marks(kind, False))
    connection.execute(changed, {"ids": tasks})
    return ListReport(tasks=_reopened(connection, tasks))


def exemptions(connection: Connection, kind: ExemptionKind) -> list[Exemption]:
    found = select(EXEMPTIONS).where(EXEMPTIONS.c.kind == kind.value).order_by(EXEMPTIONS.c.id)
    return [_exemption(row) for row in connection.execute(found)]


def _known(connection: Connection, policies: Sequence[str]) -> list[Exemption]:
    found = select(EXEMPTIONS).where(among_texts(EXEMPTIONS.c.policy_no, "policies"))
    return [_exemption(row) for row in connection.execute(found, {"policies": list(policies)})]


def _exemption(row: Row[*tuple[Any, ...]]) -> Exemption:
    signed = msgspec.json.decode(row.detail, type=tuple[str, ...])
    return Exemption(ExemptionKind(row.kind), row.policy_no, row.campaign, row.day, signed)


def _tasks_of(connection: Connection, policies: Sequence[str]) -> Iterable[Row[Any]]:
    """Of every campaign: the unique index is entered once for each of them."""
    for campaign in repository.campaigns(connection):
        asked = {"campaign": campaign, "policies": list(policies)}
        yield from connection.execute(_OF_CAMPAIGN, asked)


def _end_unfinished(connection: Connection, tasks: Sequence[int], by: str, at: datetime, note: str) -> None:
    waiting = select(TASKS.c.id).where(
        among_ids(TASKS.c.id), TASKS.c.state.in_([state.value for state in _UNFINISHED])
    )
    ids = list(connection.execute(waiting, {"ids": list(tasks)}).scalars())
    if not ids:
        return
    handovers.withdraw(connection, ids, by, at, note)
    ended = update(TASKS).where(among_ids(TASKS.c.id)).values(state=TaskState.EXCLUDED.value)
    connection.execute(ended, {"ids": ids})


def _reopened(connection: Connection, tasks: Sequence[int]) -> int:
    return connection.execute(_REOPEN, {"ids": list(tasks)}).rowcount if tasks else 0


def known_policies(connection: Connection, campaign: str, policies: Collection[str]) -> set[str]:
    asked = {"campaign": campaign, "policies": list(policies)}
    return {row.policy_no for row in connection.execute(_OF_CAMPAIGN, asked)}


# --- contacts ------------------------------------------------------------------------------------


def contacts_wanted(connection: Connection, after: TaskId, limit: int) -> list[ContactWanted]:
    waiting = connection.execute(
        select(TASKS.c.id)
        .where(TASKS.c.state == TaskState.CONTACT_REFRESH.value, TASKS.c.id > after)
        .order_by(TASKS.c.id)
        .limit(limit)
    ).scalars()
    tasks = repository.tasks_by_id(connection, list(waiting))
    ids = {"ids": list(tasks)}
    last = (
        select(func.max(DECISIONS.c.id)).where(among_ids(DECISIONS.c.task_id)).group_by(DECISIONS.c.task_id)
    )
    said = {
        row.task_id: row
        for row in connection.execute(
            select(DECISIONS).where(DECISIONS.c.id.in_(last.scalar_subquery())), ids
        )
    }
    counted = (
        select(ATTEMPTS.c.task_id, func.count().label("made"))
        .where(among_ids(ATTEMPTS.c.task_id))
        .group_by(ATTEMPTS.c.task_id)
    )
    made = {row.task_id: row.made for row in connection.execute(counted, ids)}
    return [
        ContactWanted(
            task,
            said[key].rule if key in said else "R22",
            said[key].why if key in said else "",
            said[key].at if key in said else None,
            made.get(key, 0),
        )
        for key, task in tasks.items()
    ]


def refresh_contacts(
    connection: Connection, found: Sequence[ContactFound], at: datetime
) -> list[ContactResult]:
    """One transaction. Its tasks' later calls belong to the customer of the new number."""
    return [_refresh(connection, one, at) for one in found]


def _refresh(connection: Connection, found: ContactFound, at: datetime) -> ContactResult:
    asked = {"campaign": found.campaign, "policies": [found.policy_no]}
    held = connection.execute(_WITH_PHONES, asked).first()
    if held is None:
        return ContactResult.NO_TASK
    numbers = [number.e164 for number in found.phones]
    listed = select(DO_NOT_CALL.c.number).where(among_texts(DO_NOT_CALL.c.number, "numbers"))
    if connection.execute(listed, {"numbers": numbers}).first() is not None:
        return ContactResult.DO_NOT_CALL
    task = rows.task(held)
    after = refreshed(task, found)
    if isinstance(after, ContactResult):
        return after
    connection.execute(delete(PHONES).where(PHONES.c.task_id == task.id))
    connection.execute(insert(PHONES), rows.phone_rows(task.id, after))
    connection.execute(
        update(TASKS)
        .where(TASKS.c.id == task.id)
        .values(
            state=after.state.value,
            pass_no=after.pass_no,
            appointment=None,
            customer_key=after.customer_key,
            hidden_until=LONG_AGO,
        )
    )
    outbox.put(connection, [ContactRefreshed(at, task.id, after.pass_no)])
    return ContactResult.REFRESHED
