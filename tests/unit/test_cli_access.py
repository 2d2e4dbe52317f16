"""Commands about finding calls, accounts and exports."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from office_home import dialer, furnish, shows_no_number, told

from dialer import office
from dialer.access.requests import AccessRequest, State, Use
from dialer.model import CallId
from dialer.store.database import SqlStore

PASSWORD = {"DIALER_PASSWORD": "correct horse"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    furnish(tmp_path)
    return tmp_path


def test_calls_are_found_by_every_option(home: Path) -> None:
    for asked, count in (
        ((), 1),
        (("--phone", "138 1234 5678"), 1),
        (("--phone", "13998765432"), 0),
        (("--name", "王*", "--policy", "P1"), 1),
        (("--from", "2026-11-10", "--to", "2026-11-10"), 1),
        (("--from", "2026-11-11"), 0),
        (("--outcome", "completed", "--campaign", "c"), 1),
        (("--class", "N", "--question", "received"), 1),
        (("--ticket", "1"), 1),
        (("--ticket", "合同未送达"), 1),
        (("--ticket", "误导"), 0),
        (("--shortest", "80", "--longest", "100"), 1),
        (("--words", "没收到"), 1),
        (("--words", "收到了"), 0),
        (("--branch", "南京"), 0),
        (("--seller", "S"), 0),
        (("--agent", "A"), 0),
        (("--before", "1"), 0),
    ):
        result = dialer(home, "calls", "search", *asked, "--json")
        assert result.exit_code == 0, result.output
        assert len(json.loads(result.output)) == count, asked
        shows_no_number(result)
    assert "138****5678" in told(dialer(home, "calls", "search"))
    assert "138****5678" in told(dialer(home, "calls")), "without a further word all calls, as ever"


def test_a_wrong_search_is_a_message(home: Path) -> None:
    for asked in (("--phone", "12"), ("--words", ",,")):
        result = dialer(home, "calls", "search", *asked)
        assert result.exit_code == 2
        assert "Traceback" not in result.output


def test_accounts_are_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_PASSWORD", PASSWORD["DIALER_PASSWORD"])
    assert dialer(home, "users", "add", "li.qa", "--role", "qa", "--role", "agent").exit_code == 0
    assert json.loads(dialer(home, "users", "list", "--json").output) == [
        {"name": "li.qa", "roles": ["qa", "agent"], "active": True}
    ]
    assert dialer(home, "users", "disable", "li.qa").exit_code == 0
    assert "否" in told(dialer(home, "users", "list"))
    assert dialer(home, "users", "enable", "li.qa").exit_code == 0
    assert "correct horse" not in (home / "dialer.sqlite").read_bytes().decode("latin1")
    for wrong in (("disable", "nobody"), ("add", "Li QA", "--role", "qa"), ("add", "li.qa")):
        result = dialer(home, "users", *wrong)
        assert result.exit_code == 2
        assert "Traceback" not in result.output
    monkeypatch.setenv("DIALER_PASSWORD", "short")
    assert "10" in dialer(home, "users", "add", "li.qa", "--role", "qa").output


def test_nothing_leaves_without_a_request_or_by_anybody(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALER_PASSWORD", PASSWORD["DIALER_PASSWORD"])
    result = dialer(home, "calls", "export", "7", tmp_path / "out")
    assert result.exit_code == 2
    assert "没有这份申请" in result.output
    days = ("--from", "2026-11-10", "--to", "2026-11-10")
    result = dialer(home, "--lang", "en", "calls", "burn", tmp_path / "out", *days, "--by", "nobody")
    assert result.exit_code == 2
    assert "wrong account or password" in result.output
    assert dialer(home, "users", "add", "li.qa", "--role", "qa").exit_code == 0
    result = dialer(home, "--lang", "en", "calls", "burn", tmp_path / "out", *days, "--by", "li.qa")
    assert "li.qa isn't an account of a records manager" in result.output
    monkeypatch.delenv("DIALER_PASSWORD")
    result = dialer(home, "calls", "burn", tmp_path / "out", *days, "--by", "li.qa")
    assert "li.qa 的密码" in result.output, "it asks"
    assert not (tmp_path / "out").exists()


def test_a_grant_is_taken_back_by_a_records_manager_with_a_reason(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALER_PASSWORD", PASSWORD["DIALER_PASSWORD"])
    for name, role in (("li.qa", "qa"), ("chief", "records_manager")):
        assert dialer(home, "users", "add", name, "--role", role).exit_code == 0
    asyncio.run(_approved(home))
    revoke = ("calls", "revoke", "1", "--reason", "误批", "--by")
    assert dialer(home, *revoke, "li.qa").exit_code == 2
    assert dialer(home, *revoke, "chief").output == "申请 1(li.qa)的授权已撤销\n"
    result = dialer(home, "--lang", "en", *revoke, "chief")
    assert (result.exit_code, "isn't in force" in result.output) == (2, True)


async def _approved(home: Path) -> None:
    async def work(store: SqlStore) -> None:
        now = datetime.now(UTC)
        made = await store.access.add_request(
            AccessRequest("li.qa", now, "核实投诉", (CallId(1),), Use.LISTEN, 24)
        )
        granted = replace(
            made, state=State.APPROVED, decided_by="chief", expires_at=now + timedelta(hours=24)
        )
        assert await store.access.save_decision(granted)

    await office.with_store(home, work)
