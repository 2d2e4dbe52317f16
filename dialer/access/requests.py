"""Requests for recordings and the grants that come of them (R62, R63). Requester and approver are never one.

A request names a purpose and calls. A records manager approves or refuses it; approved, it is the grant,
for that person, those calls, that use, until ``expires_at``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from dialer.access.accounts import Account, Right
from dialer.access.config import AccessConfig
from dialer.errors import AccessRefused
from dialer.model import CallId, Detail, Reason

_MIN_PURPOSE = 4
_MAX_TEXT = 500


class Use(StrEnum):
    """What may be done with the recordings. Who may take a recording away may hear it, too."""

    LISTEN = "listen"
    DOWNLOAD = "download"
    REGULATOR = "regulator"
    """A sealed export for a regulator; needs a filing number (R63)."""


class State(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    REVOKED = "revoked"
    """Approved, and taken back before its end."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for."""

    purpose: str
    calls: tuple[CallId, ...]
    use: Use = Use.LISTEN
    hours: int = 24
    """How long the grant should last, from its approval."""
    filing_no: str = ""
    """备案号 (R63)."""
    search: str = ""
    """The search whose result these calls are, in words; empty: they were picked."""


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """``id`` is 0 until the store has given one."""

    by: str
    at: datetime
    purpose: str
    calls: tuple[CallId, ...]
    use: Use
    hours: int
    filing_no: str = ""
    search: str = ""
    state: State = State.WAITING
    decided_by: str = ""
    decided_at: datetime | None = None
    why: str = ""
    """What the records manager wrote beside the decision."""
    expires_at: datetime | None = None
    revoked_by: str = ""
    revoked_at: datetime | None = None
    revoked_why: str = ""
    id: int = 0

    def in_force(self, now: datetime) -> bool:
        return self.state is State.APPROVED and self.expires_at is not None and now < self.expires_at


def ask(account: Account, wish: Wish, now: datetime, config: AccessConfig) -> AccessRequest:
    """Raises AccessRefused: no right to ask; ValueError: the wish lacks something."""
    account.require(Right.REQUEST)
    purpose, filing_no = wish.purpose.strip(), wish.filing_no.strip()
    if not _MIN_PURPOSE <= len(purpose) <= _MAX_TEXT:
        raise ValueError(Reason("请写明调阅目的(4 至 500 字)", "state the purpose (4 to 500 characters)"))
    if not wish.calls:
        raise ValueError(Reason("请至少选择一通录音", "choose at least one call"))
    calls = tuple(dict.fromkeys(wish.calls))
    if len(calls) > config.max_calls:
        raise ValueError(
            Reason(
                f"一次最多申请 {config.max_calls} 通录音,请缩小查询范围",
                f"at most {config.max_calls} calls in one request: narrow the search",
            )
        )
    if not 1 <= wish.hours <= config.max_hours:
        raise ValueError(
            Reason(f"时限须为 1 至 {config.max_hours} 小时", f"hours: write 1 to {config.max_hours}")
        )
    if wish.use is Use.REGULATOR and not 1 <= len(filing_no) <= _MAX_TEXT:
        raise ValueError(
            Reason("向监管机构提供资料须先备案,请填备案号", "an export to a regulator needs a filing number")
        )
    return AccessRequest(
        by=account.name,
        at=now,
        purpose=purpose,
        calls=calls,
        use=wish.use,
        hours=wish.hours,
        filing_no=filing_no,
        search=wish.search[:_MAX_TEXT],
    )


def decide(
    request: AccessRequest, account: Account, now: datetime, *, approve: bool, why: str = ""
) -> AccessRequest:
    """Raises AccessRefused: no right, one's own request, or decided already."""
    account.require(Right.APPROVE)
    if request.by == account.name:
        raise AccessRefused(
            Reason("不能审批自己的申请", "nobody decides on a request of his own: ask another one")
        )
    if request.state is not State.WAITING:
        raise AccessRefused(Reason("该申请已经处理", "this request is decided already"))
    if not approve and not why.strip():
        raise ValueError(Reason("请写明不批准的原因", "say why it is refused"))
    return replace(
        request,
        state=State.APPROVED if approve else State.REFUSED,
        decided_by=account.name,
        decided_at=now,
        why=why.strip()[:_MAX_TEXT],
        expires_at=now + timedelta(hours=request.hours) if approve else None,
    )


def revoke(request: AccessRequest, account: Account, now: datetime, why: str) -> AccessRequest:
    """The grant taken back: the next range of a recording isn't played any more.

    Raises AccessRefused: no right, or no grant that is in force; ValueError: no reason.
    """
    account.require(Right.APPROVE)
    if not request.in_force(now):
        raise AccessRefused(Reason("该授权不在有效期内", "this grant isn't in force"))
    if not why.strip():
        raise ValueError(Reason("请写明撤销的原因", "say why it is revoked"))
    return replace(
        request,
        state=State.REVOKED,
        revoked_by=account.name,
        revoked_at=now,
        revoked_why=why.strip()[:_MAX_TEXT],
    )


def details_of(request: AccessRequest) -> dict[str, Detail]:
    """What the archive's log says of a request and of each step of it."""
    details: dict[str, Detail] = {
        "request": request.id, "requester": request.by, "use": request.use.value,
        "calls": len(request.calls), "hours": request.hours,
    }  # fmt: skip
    if request.filing_no:
        details["filing_no"] = request.filing_no
    if request.revoked_why:
        details["why"] = request.revoked_why
    return details


def only_call(request: AccessRequest) -> CallId | None:
    """The call that the entry is about, where it is one."""
    return request.calls[0] if len(request.calls) == 1 else None


def known(request: AccessRequest | None) -> AccessRequest:
    """Raises AccessRefused: there is none."""
    if request is None:
        raise AccessRefused(Reason("没有这份申请", "there is no such request"))
    return request


def may_leave(found: AccessRequest | None, now: datetime) -> AccessRequest:
    """A request whose recordings may be taken out of the house now. Raises AccessRefused."""
    request = known(found)
    if request.use not in (Use.DOWNLOAD, Use.REGULATOR):
        raise AccessRefused(Reason("该申请只允许在线收听", "this request is for listening only"))
    if not request.in_force(now):
        raise AccessRefused(
            Reason("该申请未批准、已撤销或已过期", "this request isn't approved, was revoked, or is over")
        )
    return request


_COVERS = {
    Use.LISTEN: (Use.LISTEN, Use.DOWNLOAD, Use.REGULATOR),
    Use.DOWNLOAD: (Use.DOWNLOAD,),
    Use.REGULATOR: (Use.REGULATOR,),
}


def grant_for(
    requests: Iterable[AccessRequest], account: Account, call_id: CallId, use: Use, now: datetime
) -> AccessRequest:
    """The grant by which that person may do that with that call now; the one that lasts longest.

    Raises AccessRefused that says what is missing.
    """
    account.require(Right.REQUEST)
    own = [
        one for one in requests if one.by == account.name and call_id in one.calls and one.use in _COVERS[use]
    ]
    if valid := [one for one in own if one.in_force(now)]:
        return max(valid, key=lambda one: (one.expires_at or now, one.id))
    raise AccessRefused(_why_not(own))


def _why_not(own: Sequence[AccessRequest]) -> Reason:
    states = {one.state for one in own}
    if State.WAITING in states:
        return Reason("调阅申请尚未批准", "your request isn't approved yet")
    if State.REVOKED in states:
        return Reason("调阅授权已被撤销", "your grant was revoked")
    if State.APPROVED in states:
        return Reason("调阅授权已过期,请重新申请", "your grant is over: ask again")
    if State.REFUSED in states:
        return Reason("调阅申请未获批准", "your request was refused")
    return Reason("调阅录音须先申请并获批准", "hearing a recording needs an approved request")
