"""Letters (R26) and texts (R37) as lists for who sends them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dialer.exports import Column, write_private, write_table
from dialer.forms import letter_form
from dialer.handover import HandoverState, HandoverStep
from dialer.kpi import Method
from dialer.paperwork import Clerk, Paper, listed, local_text, paper_of
from dialer.site import Site
from dialer.store.database import SqlStore
from dialer.storeroom import with_store


def _letter_columns(site: Site) -> tuple[Column[Paper], ...]:
    letters = site.settings.letters
    return (
        Column("编号", lambda one: f"L{one.view.handover.id}"),
        Column("保单号", lambda one: one.view.task.policy_no),
        Column("投保人", lambda one: one.view.task.holder.name),
        Column("称谓", lambda one: one.view.task.holder.honorific),
        Column("地址", lambda one: one.view.task.address),
        Column("产品", lambda one: one.view.task.product),
        Column("公司", lambda one: one.script.company),
        Column("客服电话", lambda _: letters.service_phone),
        Column("回邮地址", lambda _: letters.return_address),
        Column("问卷", lambda one: "\n".join(f"{n}. {q.text}" for n, q in enumerate(one.asked, 1))),
    )


_TEXT_COLUMNS: tuple[Column[Paper], ...] = (
    Column("编号", lambda one: f"T{one.view.handover.id}"),
    Column("回访项目", lambda one: one.view.task.campaign),
    Column("保单号", lambda one: one.view.task.policy_no),
    Column("投保人", lambda one: one.view.task.holder.name),
    Column("称谓", lambda one: one.view.task.holder.honorific),
    Column("手机", lambda one: one.view.task.phones[0].number.national),
    Column("邮箱", lambda one: one.view.task.email),
    Column("产品", lambda one: one.view.task.product),
    Column("机构", lambda one: one.view.task.branch),
    Column("转出时间", lambda one: local_text(one.view.handover.opened_at, one.view.task.zone)),
    Column("问卷", lambda one: "\n".join(f"{n}. {q.text}" for n, q in enumerate(one.asked, 1))),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What an export of letters or texts wrote."""

    count: int
    without_address: int
    """Of these, letters that nobody can post."""


async def export_post(
    home: Path, channel: Method, file: Path, forms: Path | None, again: bool, clerk: Clerk
) -> Sent:
    """Letters or texts that wait, as a list (R26: for mail merge), letters also as forms; then they are sent.

    ``again``: those that were sent and aren't answered yet, once more. Raises DialerError, StoreError and
    OSError.
    """
    site = Site(home)

    async def work(store: SqlStore) -> list[Paper]:
        state = HandoverState.SENT if again else HandoverState.LISTED
        papers = [await paper_of(site, store, view) for view in await listed(store, channel, [state])]
        columns = _letter_columns(site) if channel is Method.LETTER else _TEXT_COLUMNS
        write_table(file, columns, papers)
        if forms is not None:
            page = letter_form([(one.view, one.script, one.asked) for one in papers], site.settings.letters)
            write_private(forms, page.encode())
        if not again:
            # Only what is written counts as sent.
            for one in papers:
                taken = clerk.step(HandoverStep.SEND, file.name)
                await store.take_handover_step(one.view.handover.id, taken)
        return papers

    papers = await with_store(home, work)
    letter = channel is Method.LETTER
    return Sent(len(papers), sum(letter and not one.view.task.address for one in papers))
