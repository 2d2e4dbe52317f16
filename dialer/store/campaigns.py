"""Campaigns in the database: their versions, the steps of their lives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from dialer.campaigns import CampaignHead, CampaignState, CampaignStep, CampaignVersion, Content, life
from dialer.campaigns.life import Change, StepRecord, StepTaken
from dialer.events import CampaignMoved
from dialer.model import TaskState
from dialer.store import outbox
from dialer.store.tables import STEPS, TASKS, VERSIONS

_OF_CAMPAIGN = (
    select(VERSIONS).where(VERSIONS.c.campaign == bindparam("campaign")).order_by(VERSIONS.c.number)
)
_HELD = _OF_CAMPAIGN.with_for_update()
_MOVE = (
    update(VERSIONS)
    .where(VERSIONS.c.campaign == bindparam("name"), VERSIONS.c.number == bindparam("which"))
    .values(
        state=bindparam("state"),
        author=bindparam("author"),
        digest=bindparam("digest"),
        plan_text=bindparam("plan_text"),
        script_text=bindparam("script_text"),
    )
)


def heads(connection: Connection) -> list[CampaignHead]:
    columns = (VERSIONS.c.campaign, VERSIONS.c.number, VERSIONS.c.state, VERSIONS.c.digest)
    found = connection.execute(select(*columns).order_by(VERSIONS.c.campaign, VERSIONS.c.number))
    return life.heads(
        CampaignHead(row.campaign, row.number, CampaignState(row.state), row.digest) for row in found
    )


def versions(connection: Connection, campaign: str = "") -> list[CampaignVersion]:
    if campaign:
        found = connection.execute(_OF_CAMPAIGN, {"campaign": campaign})
    else:
        found = connection.execute(select(VERSIONS).order_by(VERSIONS.c.campaign, VERSIONS.c.number))
    return [_version(row) for row in found]


def register(connection: Connection, content: Content, by: str, at: datetime) -> CampaignVersion:
    return _write(connection, life.register(_held(connection, content.campaign), content, by, at))


def take_step(connection: Connection, campaign: str, number: int, taken: StepTaken) -> CampaignVersion:
    """Raises IllegalTransition."""
    return _write(connection, life.step(_held(connection, campaign), number, taken))


def history(connection: Connection, campaign: str) -> list[StepRecord]:
    """Oldest first."""
    found = connection.execute(select(STEPS).where(STEPS.c.campaign == campaign).order_by(STEPS.c.id))
    return [
        StepRecord(
            row.campaign,
            row.number,
            StepTaken(CampaignStep(row.step), row.actor, row.at, row.note, row.account),
            CampaignState(row.before),
            CampaignState(row.after),
            row.digest,
        )
        for row in found
    ]


def tasks(connection: Connection) -> dict[str, dict[TaskState, int]]:
    counted = select(TASKS.c.campaign, TASKS.c.state, func.count().label("tasks")).group_by(
        TASKS.c.campaign, TASKS.c.state
    )
    found: dict[str, dict[TaskState, int]] = {}
    for row in connection.execute(counted):
        found.setdefault(row.campaign, {})[TaskState(row.state)] = row.tasks
    return found


def _held(connection: Connection, campaign: str) -> list[CampaignVersion]:
    return [_version(row) for row in connection.execute(_HELD, {"campaign": campaign})]


def _version(row: Row[*tuple[Any, ...]]) -> CampaignVersion:
    return CampaignVersion(
        campaign=row.campaign,
        number=row.number,
        state=CampaignState(row.state),
        author=row.author,
        created_at=row.created_at,
        plan_text=row.plan_text,
        script_text=row.script_text,
    )


def _write(connection: Connection, change: Change) -> CampaignVersion:
    for one in change.versions:
        values = {
            "state": one.state.value,
            "author": one.author,
            "digest": one.digest,
            "plan_text": one.plan_text,
            "script_text": one.script_text,
        }
        moved = connection.execute(_MOVE, {"name": one.campaign, "which": one.number, **values})
        if not moved.rowcount:
            connection.execute(
                insert(VERSIONS).values(
                    campaign=one.campaign, number=one.number, created_at=one.created_at, **values
                )
            )
    for record in change.records:
        taken = record.taken
        connection.execute(
            insert(STEPS).values(
                campaign=record.campaign,
                number=record.number,
                step=taken.step.value,
                before=record.before.value,
                after=record.after.value,
                actor=taken.by,
                account=taken.account,
                at=taken.at,
                note=taken.note,
                digest=record.digest,
            )
        )
    outbox.put(
        connection,
        [
            CampaignMoved(one.taken.at, one.campaign, one.number, one.taken.step.value)
            for one in change.records
        ],
    )
    return change.version
