"""A small archive behind the pages: three calls with sound, accounts for every role, a clock to move."""

from __future__ import annotations

import hashlib
import itertools
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from fastapi import FastAPI

from dialer.access.accounts import Account, Role, Session
from dialer.access.config import AccessConfig, QualityConfig
from dialer.archive import ArchiveConfig, LocalVault
from dialer.archive.archivist import Archivist
from dialer.archive.evidence import EvidenceRoom
from dialer.archive.mirror import LogMirror
from dialer.archive.process import InThread
from dialer.archive.sweeper import Sweeper
from dialer.archive.wav import WavHeader
from dialer.archiving import Archiving
from dialer.exports import as_table
from dialer.model import (
    AgentLeg,
    Answer,
    AnswerClass,
    AnswerSource,
    CallId,
    CallRecord,
    Disposition,
    Phone,
    PhoneNumber,
    Policyholder,
    QuestionKind,
    Task,
    TaskId,
    Ticket,
)
from dialer.policy.verdict import Decision, Dial
from dialer.ports import RecordedAudio
from dialer.store import SqlStore
from dialer.testing.clock import MovableClock
from dialer.testing.evidence import MemoryLog
from dialer.web import WebHouse, make_app
from dialer.web.passwords import hashed
from dialer.webdesk import index_form
from dialer.webexports import WebExports

ZONE = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 11, 10, 10, 0, tzinfo=ZONE)
PASSWORD = "correct horse"
SECONDS = 20
NAMES = ("王建国", "李秀英", "王芳")
SAID = ("没收到", "收到了", "我要投诉")
CLASSES = (AnswerClass.NO, AnswerClass.YES, AnswerClass.COMPLAINT)
PEOPLE = {
    "qa1": Role.QA,
    "qa2": Role.QA,
    "chief": Role.RECORDS_MANAGER,
    "auditor": Role.AUDITOR,
    "agent1": Role.AGENT,
    "operator": Role.OPERATOR,
    "root1": Role.ADMIN,
}
_HASH = hashed(PASSWORD)
_tokens = itertools.count()


def sound() -> bytes:
    """Two tones in A-law: 8 kHz, stereo, the customer's side louder every other second."""
    data = bytearray()
    for n in range(SECONDS * 8000):
        loud = 0x55 ^ 0x60 if n // 8000 % 2 else 0x55 ^ 0x30
        sign = 0x80 if math.sin(n / 4) > 0 else 0
        data += bytes([0x55 ^ 0x40 ^ sign, loud ^ sign])
    return bytes(WavHeader.closed("PCMA", len(data))) + data


SOUND = sound()


@dataclass
class Desk:
    """The house, its application, and somebody's browser where one signs in."""

    house: WebHouse
    app: FastAPI
    log: MemoryLog
    clock: MovableClock
    store: SqlStore
    root: Path

    def furnished(self, **changed: object) -> None:
        """The same pages with other settings."""
        self.house = replace(self.house, **changed)  # type: ignore[arg-type]
        self.app.state.house = self.house

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://127.0.0.1",
            headers={"accept": "text/html"},
        )

    async def signed_in(self, name: str) -> Browser:
        """As after a sign-in, without the time that a password takes."""
        token = self.house.token()
        digest = hashlib.sha256(token.encode()).hexdigest()
        ends = self.clock() + timedelta(hours=self.house.config.session_hours)
        session = Session(digest, name, self.house.token(), ends)
        await self.house.access.add_session(session)
        client = self.browser()
        client.cookies.set("huifang_session", token)
        return Browser(client, session.csrf)

    async def granted(self, name: str = "qa1", calls: tuple[int, ...] = (1,), use: str = "listen") -> Browser:
        """Somebody whose request was approved."""
        browser = await self.signed_in(name)
        asked = await browser.post(
            "/requests", purpose="核实客户投诉", calls=[str(call) for call in calls], use=use, filing_no="F-1"
        )
        assert asked.status_code == 303, asked.text
        chief = await self.signed_in("chief")
        decided = await chief.post(f"{asked.headers['location']}/decision", approve="true")
        assert decided.status_code == 303, decided.text
        return browser


@dataclass
class Browser:
    client: httpx.AsyncClient
    csrf: str

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def post(self, path: str, **data: object) -> httpx.Response:
        return await self.client.post(path, data={"csrf": self.csrf, **data})

    async def player(self, call: int = 1) -> str:
        """Opens the player's page; the token of its sound."""
        answer = await self.get(f"/calls/{call}/replay")
        assert answer.status_code == 200, answer.text
        return answer.text.split('data-play="')[1].split('"')[0]


async def furnish(store: SqlStore, root: Path) -> None:
    """Three customers' calls, a minute apart, with sound below ``root``."""
    tasks = [
        Task(
            TaskId(0), "new-policy", f"P{n}", Policyholder(name, "女士"),
            (Phone(PhoneNumber.parse(f"1381234567{n}")),), "安心相伴终身寿险", Decimal(12000), 10,
            "new-policy", branch=("南京", "苏州", "南京")[n - 1], seller=f"S{n}",
        )
        for n, name in enumerate(NAMES, 1)
    ]  # fmt: skip
    await store.add_tasks(tasks, AT)
    for n in (1, 2, 3):
        await _call(store, root, n, AT + timedelta(minutes=n))
    config = archive_of(root)
    archivist = Archivist(
        config, store.archive, InThread(config), "n1", lambda: AT + timedelta(hours=1), caller=lambda _: ""
    )
    while await archivist.work():
        pass


def archive_of(root: Path) -> ArchiveConfig:
    return ArchiveConfig(root, min_free_bytes=0, sign_key_file=root.parent / "secrets" / "sign.pem")


async def _call(store: SqlStore, root: Path, n: int, at: datetime) -> None:
    claim = await store.claim(TaskId(n), "n1", 60, at)
    assert claim is not None
    dial = Dial(claim.task.phones[0].number, "2026-11-10/0", at + timedelta(hours=1))
    _, attempt = await store.barrier(claim, lambda _: Decision(dial, ()), at)
    assert attempt is not None
    vault, ended = LocalVault(archive_of(root)), at + timedelta(seconds=SECONDS)
    path = await vault.reserve(CallId(n), at)
    path.write_bytes(SOUND)
    recording = await vault.seal(CallId(n), RecordedAudio(path, "PCMA", SECONDS, len(SOUND)), at, ended)
    answers = (
        Answer("identity", QuestionKind.IDENTITY, AnswerClass.YES, "是我", 0.95, AnswerSource.ASR, 1, 3, 4),
        Answer(
            "received", QuestionKind.POS, CLASSES[n - 1], SAID[n - 1], 0.95, AnswerSource.ASR, 8, 11, 12.5
        ),
    )
    tickets = (
        Ticket(
            CallId(n),
            TaskId(n),
            "合同未送达",
            ("契约",),
            "received",
            SAID[0],
            11,
            ended,
            ended + timedelta(5),
        ),
    )
    record = CallRecord(
        CallId(n), TaskId(n), Disposition.COMPLETED, ended, answered_at=at, answers=answers,
        tickets=tickets if n == 1 else (), agent="agent1" if n == 3 else "", script_version="new-policy@1",
        recording=recording,
        agent_legs=(AgentLeg("agent1", 13_000, 19_000, ((15_000, 16_500),)),) if n == 3 else (),
    )  # fmt: skip
    await store.finish(claim, record)


async def prepare(folder: Path) -> None:
    """The database and the recordings of ``open_desk``, to be copied for each test."""
    store = await SqlStore.open(folder / "dialer.sqlite")
    await furnish(store, folder / "recordings")
    for name, role in PEOPLE.items():
        await store.access.put_account(Account(name, (role,), _HASH))
    await store.close()


async def open_desk(folder: Path, **changed: object) -> Desk:
    store, root = await SqlStore.open(folder / "dialer.sqlite"), folder / "recordings"
    log, clock = MemoryLog(), MovableClock(AT + timedelta(hours=2))
    config, index = archive_of(root), store.archive
    room = EvidenceRoom(config, index)
    archive = Archiving(
        config, index, room, Sweeper(config, index, room), LogMirror(root, index), None, "n1", lambda at: at
    )
    (folder / "exports").mkdir()
    exports = WebExports(archive, store.access.request, folder / "exports", index_form, clock)
    house = WebHouse(
        store, store.access, log, room, AccessConfig(),
        QualityConfig(), 0.005, 1200, ZONE, clock, lambda: f"token-{next(_tokens)}-{'x' * 24}",
        as_table, exports,
    )  # fmt: skip
    house = replace(house, **changed)  # type: ignore[arg-type]
    return Desk(house, make_app(house), log, clock, store, root)
