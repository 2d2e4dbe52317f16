"""Numbers that the business side must confirm (R22), and the meter of visits and letters (R8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dialer.exports import Column, write_table
from dialer.handover import Meter
from dialer.kpi import Month
from dialer.listings import ContactWanted
from dialer.model import TaskId
from dialer.paperwork import local_text
from dialer.policy.zones import find_zone
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.storeroom import with_store

_PAGE = 1000


def _contact_columns(zone: str) -> tuple[Column[ContactWanted], ...]:
    return (
        Column("任务", lambda one: one.task.id),
        Column("回访项目", lambda one: one.task.campaign),
        Column("保单号", lambda one: one.task.policy_no),
        Column("投保人", lambda one: one.task.holder.name),
        Column("原电话", lambda one: ";".join(phone.number.national for phone in one.task.phones)),
        Column("产品", lambda one: one.task.product),
        Column("机构", lambda one: one.task.branch),
        Column("渠道", lambda one: one.task.channel),
        Column("业务员", lambda one: one.task.seller),
        Column("规则", lambda one: one.rule),
        Column("原因", lambda one: one.why),
        Column("拨打", lambda one: one.attempts),
        Column("轮次", lambda one: one.task.pass_no),
        Column("提出时间", lambda one: local_text(one.since, zone)),
        Column("新电话", lambda _: ""),
        Column("原号码无误", lambda _: ""),
    )


async def export_contacts(home: Path, file: Path, campaign: str = "") -> int:
    """R22: the list for the business side, with reasons. Returns its length. Raises StoreError, OSError."""
    zone = Site(home).settings.calling.zone

    async def work(store: SqlStore) -> list[ContactWanted]:
        found: list[ContactWanted] = []
        after = TaskId(0)
        while page := await store.contacts_wanted(after, _PAGE):
            after = page[-1].task.id
            found += [one for one in page if campaign in ("", one.task.campaign)]
        return found

    wanted = await with_store(home, work)
    write_table(file, _contact_columns(zone), wanted)
    return len(wanted)


@dataclass(frozen=True, slots=True)
class Reading:
    """R8 for one month."""

    month: Month
    meter: Meter
    cap: float

    @property
    def over(self) -> bool:
        return self.meter.over(self.cap)


async def read_meter(home: Path, month: Month | None, now: datetime) -> Reading:
    """Of that month, or of the present one. Raises StoreError, ConfigError."""
    settings = Site(home).settings
    zone = find_zone(settings.calling.zone)
    asked = month or Month(now.astimezone(zone).date().replace(day=1))
    assert zone is not None  # checked when the settings were read
    meter = await with_store(home, lambda store: store.meter(asked, zone))
    return Reading(asked, meter, settings.reports.visit_letter_cap)
