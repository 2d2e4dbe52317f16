"""The tables, typed. Times are stored in UTC; leases are Unix seconds on the database's own clock."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar, cast

import msgspec
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    bindparam,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""``hidden_until`` of a task that isn't hidden: never NULL, so that one index serves the comparison."""

NO_DEADLINE = date(9999, 12, 31)
"""``deadline`` of a task without one: sorts last."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in, the same instant in UTC out. A naive one is a bug: ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime can't be stored: legal time is aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # SQLite has no zones: what it returns is the UTC that was stored.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """A Decimal as text: SQLite would make it a float."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class db_now(FunctionElement[float]):
    """Unix seconds on the database's clock: the one clock that every node shares."""

    type = Float()
    inherit_cache = True


@compiles(db_now, "sqlite")
def _sqlite_now(element: db_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(db_now, "postgresql")
def _postgresql_now(element: db_now, compiler: SQLCompiler, **kw: Any) -> str:
    # now() would be the transaction's start: stale after a wait for a lock.
    return "extract(epoch from clock_timestamp())"


class long_ago(FunctionElement[datetime]):
    """LONG_AGO as it stands in a partial index: only so does the planner see that the index serves."""

    type = UtcDateTime()
    inherit_cache = True


_LONG_AGO = {"sqlite": "'1970-01-01 00:00:00.000000'", "postgresql": "'1970-01-01 00:00:00+00'::timestamptz"}


@compiles(long_ago, "sqlite")
@compiles(long_ago, "postgresql")
def _long_ago(element: long_ago, compiler: SQLCompiler, **kw: Any) -> str:
    return _LONG_AGO[compiler.dialect.name]


class json_list(FunctionElement[str]):
    """SQL: its arguments as a JSON list."""

    type = Text()
    inherit_cache = True


class json_lists(FunctionElement[str]):
    """SQL, aggregate: the rows' ``json_list`` as one JSON list, in no order; NULL or empty of no rows."""

    type = Text()
    inherit_cache = True


@compiles(json_list, "sqlite")
@compiles(json_lists, "sqlite")
def _sqlite_json(element: json_list | json_lists, compiler: SQLCompiler, **kw: Any) -> str:
    function = "json_array" if isinstance(element, json_list) else "json_group_array"
    return f"{function}({compiler.process(element.clauses, **kw)})"


@compiles(json_list, "postgresql")
def _postgresql_json_list(element: json_list, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_build_array({compiler.process(element.clauses, **kw)})"


@compiles(json_lists, "postgresql")
def _postgresql_json_lists(element: json_lists, compiler: SQLCompiler, **kw: Any) -> str:
    # As text: the driver would decode json by itself, to lists without types.
    return f"CAST(json_agg({compiler.process(element.clauses, **kw)}) AS text)"


class _Values(TypeDecorator[Any]):
    """A list as one parameter: a statement's text doesn't depend on how many there are."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(self.item))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else msgspec.json.encode(value).decode()


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> _Among:
        """As it stands: SQLAlchemy would write ``= 1`` behind it, and SQLite use no index."""
        return self


@compiles(_Among, "sqlite")
def _sqlite_among(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"


@compiles(_Among, "postgresql")
def _postgresql_among(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY ({values})"


def among_ids(column: ColumnElement[int], name: str = "ids") -> _Among:
    """SQL: ``column`` is one of the parameter's list of integers."""
    return _Among(column, bindparam(name, type_=_Values(Integer())))


def among_texts(column: ColumnElement[str], name: str) -> _Among:
    """SQL: ``column`` is one of the parameter's list of texts."""
    return _Among(column, bindparam(name, type_=_Values(Text())))


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        date: Date(),
        Decimal: Money(),
        str: Text(),
    }


_KEEP_IDS: dict[str, bool] = {"sqlite_autoincrement": True}
"""Ids are never used twice, not even after a DELETE: recordings are named by them."""


def _queue_index(name: str, *columns: str, also: str) -> Index:
    where = {name: text(f"state = 'open' AND {also.format(ago=ago)}") for name, ago in _LONG_AGO.items()}
    return Index(name, *columns, sqlite_where=where["sqlite"], postgresql_where=where["postgresql"])


class TaskRow(Base):
    __tablename__ = "tasks"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign: Mapped[str]
    policy_no: Mapped[str]
    customer_key: Mapped[str] = mapped_column(index=True)
    holder_name: Mapped[str]
    holder_honorific: Mapped[str]
    insured_differs: Mapped[bool]
    product: Mapped[str]
    premium: Mapped[Decimal]
    pay_years: Mapped[int]
    script: Mapped[str]
    cooling_off_days: Mapped[int]
    cooling_off_end: Mapped[date | None]
    due: Mapped[date | None]
    deadline_type: Mapped[str] = mapped_column(server_default="")
    event: Mapped[date | None]
    due_provisional: Mapped[bool] = mapped_column(server_default=false())
    deadline: Mapped[date]
    """The earlier of ``cooling_off_end`` and ``due``: the order of dialling (R10)."""
    branch: Mapped[str]
    channel: Mapped[str]
    seller: Mapped[str]
    seller_team: Mapped[str] = mapped_column(server_default="")
    segment: Mapped[str]
    tier: Mapped[str] = mapped_column(server_default="")
    zone: Mapped[str]
    state: Mapped[str]
    pass_no: Mapped[int]
    appointment: Mapped[datetime | None]
    waiver: Mapped[bool]
    waiver_signatures: Mapped[str] = mapped_column(server_default="")
    """Who signed, in the order of ``Signature``, with commas between them (R19)."""
    opted_out: Mapped[bool]
    surrendered: Mapped[bool]
    do_not_call: Mapped[bool]
    visit_failed: Mapped[bool] = mapped_column(server_default=false())
    imported_at: Mapped[datetime]
    hidden_until: Mapped[datetime]
    """Legal time before which a Wait verdict keeps the task away from the scheduler."""
    fence: Mapped[int]
    """How often the task was claimed; the last claim's fence."""
    address: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        UniqueConstraint("campaign", "policy_no"),
        # The queue, without what is over: ready tasks lane by lane in order of dialling, those that wait by
        # the end of their wait, agreed times.
        _queue_index(
            "ix_tasks_ready", "campaign", "zone", "segment", "deadline", "id", also="hidden_until = {ago}"
        ),
        _queue_index("ix_tasks_waiting", "hidden_until", "deadline", "id", also="hidden_until > {ago}"),
        _queue_index("ix_tasks_agreed", "appointment", also="appointment IS NOT NULL"),
        Index("ix_tasks_deadline", "deadline"),
        # Tickets of a policy, in whatever campaign it was called.
        Index("ix_tasks_policy", "policy_no"),
        Index(
            "ix_tasks_provisional",
            "id",
            sqlite_where=text("due_provisional"),
            postgresql_where=text("due_provisional"),
        ),
        _KEEP_IDS,
    )


class PhoneRow(Base):
    __tablename__ = "phones"

    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str]
    verified: Mapped[bool]


class ClaimRow(Base):
    __tablename__ = "claims"

    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), primary_key=True)
    node: Mapped[str] = mapped_column(index=True)
    fence: Mapped[int]
    lease_until: Mapped[float]
    """Unix seconds on the database's clock."""
    claimed_at: Mapped[datetime]


class AttemptRow(Base):
    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    customer_key: Mapped[str] = mapped_column(index=True)
    number: Mapped[str]
    pass_no: Mapped[int]
    slot: Mapped[str]
    node: Mapped[str]
    fence: Mapped[int]
    invited_at: Mapped[datetime]
    ringing_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """NULL while the call is live."""
    sip_code: Mapped[int]
    reason: Mapped[str]
    appointment: Mapped[datetime | None]
    hung_up_by: Mapped[str]
    agent: Mapped[str]
    transferred: Mapped[bool]
    rtp: Mapped[str | None]
    """RtpStats as JSON."""
    agent_legs: Mapped[str | None]
    """AgentLegs as JSON; NULL: nobody took the call over."""
    script_version: Mapped[str]
    recovered: Mapped[bool]
    """Closed by recovery, not by the node that dialled: a late result of that node is refused."""

    __table_args__ = (
        Index(
            "uq_attempts_live_task",
            "task_id",
            unique=True,
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
        Index(
            "uq_attempts_live_customer",
            "customer_key",
            unique=True,
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
        # What a month's figures are counted on (figures.py).
        Index("ix_attempts_slot", "slot", "outcome", "task_id"),
        Index(
            "ix_attempts_completed",
            "task_id",
            "slot",
            sqlite_where=text("outcome = 'completed'"),
            postgresql_where=text("outcome = 'completed'"),
        ),
        _KEEP_IDS,
    )


class AnswerRow(Base):
    __tablename__ = "answers"

    call_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    question: Mapped[str]
    kind: Mapped[str]
    answer_class: Mapped[str]
    words: Mapped[str]
    confidence: Mapped[float]
    source: Mapped[str]
    asked_offset_s: Mapped[float]
    start_offset_s: Mapped[float]
    end_offset_s: Mapped[float]
    asking: Mapped[int]
    decided_by: Mapped[str]
    final: Mapped[bool]

    __table_args__ = (
        Index("ix_answers_question", "question", "answer_class", "call_id"),
        Index("ix_answers_class", "answer_class", "call_id"),
    )


class TicketRow(Base):
    __tablename__ = "tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"), index=True)
    """NULL: from a questionnaire on paper."""
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    category: Mapped[str]
    departments: Mapped[str]
    """A JSON list of names."""
    question: Mapped[str]
    words: Mapped[str]
    answer_offset_s: Mapped[float]
    issued_at: Mapped[datetime]
    due: Mapped[datetime]
    major: Mapped[bool]
    escalated: Mapped[bool]
    status: Mapped[str]
    anomaly: Mapped[str] = mapped_column(server_default="")
    repeat_of: Mapped[int] = mapped_column(server_default="0")
    """The earlier ticket about the same matter; 0: none."""

    __table_args__ = (Index("ix_tickets_category", "category", "call_id"), _KEEP_IDS)


class RecordingRow(Base):
    __tablename__ = "recordings"

    call_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    path: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[str]
    size: Mapped[int]
    duration_s: Mapped[float]
    codec: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    retain_until: Mapped[date] = mapped_column(index=True)
    legal_hold: Mapped[bool]
    partial: Mapped[bool]


class DecisionRow(Base):
    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"))
    at: Mapped[datetime]
    kind: Mapped[str]
    """``dial``, ``wait``, ``refuse`` or ``escalate``."""
    rule: Mapped[str]
    why: Mapped[str]
    en: Mapped[str] = mapped_column(server_default="")
    until: Mapped[datetime | None]
    """Of a wait: not before; of a dial: the window's end."""
    number: Mapped[str | None]
    slot: Mapped[str | None]
    channel: Mapped[str | None]
    findings: Mapped[str]
    """A JSON list of Finding."""
    inputs: Mapped[str | None]
    """What it went by, as JSON (``inputs.py``); NULL in rows of older versions."""

    __table_args__ = (Index("ix_decisions_task", "task_id", "id"), Index("ix_decisions_at", "at"), _KEEP_IDS)


class RulesRow(Base):
    """The settings, the calendar and the rules' versions, each time that they were others than before."""

    __tablename__ = "rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    campaign: Mapped[str]
    """Whose rules they are; empty: the house's."""
    fingerprint: Mapped[str]
    body: Mapped[str]
    """As JSON (``policy.ledger.Rules``)."""

    __table_args__ = (
        Index("ix_rules_fingerprint", "fingerprint"),
        Index("ix_rules_campaign", "campaign", "id"),
        _KEEP_IDS,
    )


class DueChangeRow(Base):
    """A task's deadline that was dated anew."""

    __tablename__ = "due_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    at: Mapped[datetime]
    deadline_type: Mapped[str]
    before: Mapped[date | None]
    after: Mapped[date]
    provisional: Mapped[bool]

    __table_args__ = (_KEEP_IDS,)


class CampaignVersionRow(Base):
    __tablename__ = "campaign_versions"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign: Mapped[str]
    number: Mapped[int]
    state: Mapped[str]
    author: Mapped[str]
    created_at: Mapped[datetime]
    digest: Mapped[str]
    plan_text: Mapped[str]
    script_text: Mapped[str]

    __table_args__ = (
        UniqueConstraint("campaign", "number"),
        Index(
            "uq_campaign_versions_in_force",
            "campaign",
            unique=True,
            sqlite_where=text("state IN ('running', 'paused')"),
            postgresql_where=text("state IN ('running', 'paused')"),
        ),
        _KEEP_IDS,
    )


class CampaignStepRow(Base):
    __tablename__ = "campaign_steps"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign: Mapped[str] = mapped_column(index=True)
    number: Mapped[int]
    step: Mapped[str]
    before: Mapped[str]
    after: Mapped[str]
    actor: Mapped[str]
    account: Mapped[str]
    at: Mapped[datetime]
    note: Mapped[str]
    digest: Mapped[str]
    """Of the content that the step was taken for."""

    __table_args__ = (_KEEP_IDS,)


class DoNotCallRow(Base):
    """Numbers that aren't dialled, whoever's they are (R38)."""

    __tablename__ = "do_not_call"

    number: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    added_at: Mapped[datetime]
    added_by: Mapped[str]


class ExemptionRow(Base):
    """Waivers (R19) and surrenders (R11), also of policies that aren't imported yet."""

    __tablename__ = "exemptions"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """``waiver`` or ``surrender``."""
    policy_no: Mapped[str]
    campaign: Mapped[str]
    """Empty: in every campaign."""
    day: Mapped[date | None]
    """When it was filed; when the policy was surrendered."""
    detail: Mapped[str]
    """Who signed, as JSON."""
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]

    __table_args__ = (UniqueConstraint("policy_no", "kind", "campaign"), _KEEP_IDS)


class HandoverRow(Base):
    """Visits, letters and texts (R25, R26, R37)."""

    __tablename__ = "handovers"

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id"), index=True)
    channel: Mapped[str]
    state: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(index=True)
    assignee: Mapped[str]
    planned: Mapped[date | None]
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    done_on: Mapped[date | None]
    answers: Mapped[str]
    """A JSON list of WrittenAnswer."""
    note: Mapped[str]

    __table_args__ = (Index("ix_handovers_list", "channel", "state", "id"), _KEEP_IDS)


class HandoverStepRow(Base):
    __tablename__ = "handover_steps"

    id: Mapped[int] = mapped_column(primary_key=True)
    handover_id: Mapped[int] = mapped_column(ForeignKey("handovers.id"), index=True)
    step: Mapped[str]
    before: Mapped[str]
    after: Mapped[str]
    actor: Mapped[str]
    account: Mapped[str]
    at: Mapped[datetime]
    note: Mapped[str]

    __table_args__ = (_KEEP_IDS,)


class MeterAlarmRow(Base):
    """Months in which visits and letters passed their share: told once each (R8)."""

    __tablename__ = "meter_alarms"

    month: Mapped[str] = mapped_column(primary_key=True)
    told_at: Mapped[datetime]


class ArchiveLogRow(Base):
    """The archive's log. Triggers refuse UPDATE and DELETE; each body names the hash of the one before."""

    __tablename__ = "archive_log"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str]
    call_id: Mapped[int | None] = mapped_column(index=True)
    body: Mapped[str]
    hash: Mapped[str]

    __table_args__ = (Index("ix_archive_log_kind", "kind", "seq"),)


class KeptRow(Base):
    __tablename__ = "evidence"

    call_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    state: Mapped[str]
    place: Mapped[str]
    audio: Mapped[str]
    audio_sha256: Mapped[str]
    audio_size: Mapped[int]
    audio_version: Mapped[str]
    sidecar: Mapped[str]
    sidecar_sha256: Mapped[str]
    sidecar_size: Mapped[int]
    sidecar_version: Mapped[str]
    retain_until: Mapped[date]
    retain_class: Mapped[str]
    hold: Mapped[bool]
    sealed_at: Mapped[datetime]
    listed_at: Mapped[datetime | None]
    listed_by: Mapped[str]
    approved_by: Mapped[str]

    __table_args__ = (
        Index("ix_evidence_state", "state", "call_id"),
        Index("ix_evidence_retain_until", "state", "retain_until"),
    )


class RootRow(Base):
    """A day's signed Merkle root."""

    __tablename__ = "archive_roots"

    day: Mapped[date] = mapped_column(primary_key=True)
    first: Mapped[int]
    last: Mapped[int]
    root: Mapped[str]
    text: Mapped[str]
    signature: Mapped[str]
    public_key: Mapped[str]


class OutboxRow(Base):
    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """The event class's name."""
    payload: Mapped[str]
    """The event as JSON."""

    __table_args__ = (_KEEP_IDS,)


class FoundCallRow(Base):
    """What a finished call is found by (``search.py``): one row, written with the call's end."""

    __tablename__ = "found_calls"

    call_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    number_key: Mapped[str]
    """HMAC-SHA256 of the number called: an index can't be read backwards."""
    name: Mapped[str]
    policy_no: Mapped[str]
    branch: Mapped[str]
    campaign: Mapped[str]
    seller: Mapped[str]
    agent: Mapped[str]
    outcome: Mapped[str]
    talk_s: Mapped[float]
    """Length of the recording; 0 without one."""

    __table_args__ = (
        Index("ix_found_calls_at", "at", "call_id"),
        *(
            Index(f"ix_found_calls_{name}", name, "call_id")
            for name in (
                "number_key",
                "name",
                "policy_no",
                "branch",
                "campaign",
                "seller",
                "agent",
                "outcome",
            )
        ),
        Index("ix_found_calls_talk", "talk_s", "call_id"),
    )


class IndexKeyRow(Base):
    """The key of ``found_calls.number_key``: this salt, with the installation's secret where it has one."""

    __tablename__ = "index_key"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Always 1."""
    salt: Mapped[str]
    check: Mapped[str]
    """HMAC of a fixed text: tells a wrong secret from the right one."""


class AccountRow(Base):
    __tablename__ = "accounts"

    name: Mapped[str] = mapped_column(primary_key=True)
    roles: Mapped[str]
    """With commas between them."""
    password_hash: Mapped[str]
    active: Mapped[bool]
    failures: Mapped[int]
    locked_until: Mapped[datetime | None]


class SessionRow(Base):
    __tablename__ = "sessions"

    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("accounts.name"), index=True)
    csrf: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AccessRequestRow(Base):
    __tablename__ = "access_requests"

    id: Mapped[int] = mapped_column(primary_key=True)
    by: Mapped[str] = mapped_column(ForeignKey("accounts.name"))
    at: Mapped[datetime]
    purpose: Mapped[str]
    use: Mapped[str]
    hours: Mapped[int]
    filing_no: Mapped[str]
    search: Mapped[str]
    state: Mapped[str]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime | None]
    why: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    revoked_at: Mapped[datetime | None]
    revoked_why: Mapped[str | None]

    __table_args__ = (
        Index("ix_access_requests_by", "by", "id"),
        Index("ix_access_requests_state", "state", "id"),
        _KEEP_IDS,
    )


class RequestedCallRow(Base):
    __tablename__ = "requested_calls"

    request_id: Mapped[int] = mapped_column(ForeignKey("access_requests.id"), primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True, index=True)


class ScoreCardRow(Base):
    __tablename__ = "score_cards"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    by: Mapped[str] = mapped_column(ForeignKey("accounts.name"))
    at: Mapped[datetime] = mapped_column(index=True)
    marks: Mapped[str]
    """A JSON list of [item, mark]."""
    score: Mapped[float]
    findings: Mapped[str]
    """A JSON list of Finding."""
    note: Mapped[str]

    __table_args__ = (_KEEP_IDS,)


def _table(row: type[Base]) -> Table:
    return cast(Table, row.__table__)


TASKS, PHONES, CLAIMS, ATTEMPTS = map(_table, (TaskRow, PhoneRow, ClaimRow, AttemptRow))
ANSWERS, TICKETS, RECORDINGS = map(_table, (AnswerRow, TicketRow, RecordingRow))
DECISIONS, OUTBOX = map(_table, (DecisionRow, OutboxRow))
VERSIONS, STEPS = map(_table, (CampaignVersionRow, CampaignStepRow))
DO_NOT_CALL, EXEMPTIONS = map(_table, (DoNotCallRow, ExemptionRow))
HANDOVERS, HANDOVER_STEPS, METER_ALARMS = map(_table, (HandoverRow, HandoverStepRow, MeterAlarmRow))
RULES, DUE_CHANGES = map(_table, (RulesRow, DueChangeRow))
ARCHIVE_LOG, KEPT, ROOTS = map(_table, (ArchiveLogRow, KeptRow, RootRow))
FOUND_CALLS, INDEX_KEY = map(_table, (FoundCallRow, IndexKeyRow))
ACCOUNTS, SESSIONS, SCORE_CARDS = map(_table, (AccountRow, SessionRow, ScoreCardRow))
ACCESS_REQUESTS, REQUESTED_CALLS = map(_table, (AccessRequestRow, RequestedCallRow))
