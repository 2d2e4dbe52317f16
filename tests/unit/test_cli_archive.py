from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dialer import app
from dialer.cli import main
from dialer.testing.archives import TUESDAY, copy, house

CONFIG = """[site]
[archive]
root = "recordings"
min_free_bytes = 1
sign_key_file = "keys/sign.pem"
"""
TOMORROW = TUESDAY + timedelta(days=1)
AFTER = datetime(2029, 11, 12, 9, 0, tzinfo=TUESDAY.tzinfo)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three calls in the archive, one answered call without a recording."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "config").mkdir()
    (folder / "config" / "dialer.toml").write_text(CONFIG)

    async def fill() -> None:
        async with house(folder) as one:
            for _ in range(3):
                await one.call()
            await one.call(recorded=False)
            await one.settle()

    asyncio.run(fill())
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    return copy(made, tmp_path / "home")


@pytest.fixture
def dialer(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    def run(*words: str, now: datetime = TOMORROW, lang: str = "en") -> Result:
        monkeypatch.setattr(app, "system_clock", lambda: now)
        return CliRunner().invoke(main, ["--home", str(home), "--lang", lang, "archive", *words])

    return run


def test_verify_says_that_everything_fits_or_names_the_call(
    dialer: Callable[..., Result], home: Path
) -> None:
    fine = dialer("verify", "--all")
    assert fine.exit_code == 0, fine.output
    assert "3 calls, 3 log entries" in fine.output
    assert "everything fits" in fine.output
    wav = next((home / "recordings").rglob("00000002-*.wav"))
    data = bytearray(wav.read_bytes())
    data[999] ^= 1
    wav.write_bytes(data)
    changed = dialer("verify")
    assert changed.exit_code == 1
    assert "✗ call 2: 2026/11/10/00000002-" in changed.output
    assert "was changed" in changed.output
    assert "通话 2:" in dialer("verify", lang="zh").output
    assert dialer("verify", "--call", "1").exit_code == 0
    assert dialer("verify", "--call", "2").exit_code == 1
    assert dialer("verify", "--day", "2026-11-10").exit_code == 1
    told = json.loads(dialer("verify", "--json", "--tickets").output)
    assert [(one["call"], one["what"]) for one in told["findings"]] == [(2, "audio")]
    assert told["tickets"] == 1
    assert json.loads(dialer("verify", "--json", "--tickets").output)["tickets"] == 0, "one ticket is enough"
    wrong = dialer("verify", "--all", "--call", "1")
    assert wrong.exit_code == 2


def test_expiry_in_its_steps(dialer: Callable[..., Result]) -> None:
    assert dialer("expire", now=AFTER).exit_code == 2
    assert json.loads(dialer("expire", "--list", "--by", "lin", "--json").output) == [], "too early"
    held = dialer("hold", "3", "--reason", "court", "--by", "lin", now=AFTER)
    assert held.exit_code == 0, held.output
    listed = json.loads(dialer("expire", "--list", "--by", "lin", "--json", now=AFTER).output)
    assert [one["call_id"] for one in listed] == [1, 2]
    refused = dialer("expire", "--approve", "--by", "lin", now=AFTER)
    assert refused.exit_code == 2
    assert "second person" in refused.output
    assert dialer("expire", "--approve", "--by", "zhao", now=AFTER).exit_code == 0
    assert "2 deleted" in dialer("expire", "--delete", "--by", "lin", now=AFTER).output
    stock = json.loads(dialer("stats", "--json", now=AFTER).output)
    assert sorted((one["state"], one["hold"], one["calls"]) for one in stock) == [
        ("expired", False, 2), ("kept", True, 1),
    ]  # fmt: skip
    assert "已到期删除" in dialer("stats", lang="zh").output
    assert dialer("release", "3", "--reason", "over", "--by", "lin", now=AFTER).exit_code == 0
    assert dialer("hold", "9", "--reason", "x").exit_code == 2
    assert dialer("verify", now=AFTER).exit_code == 0
    early = dialer("expire", "--list", "--by", "lin")
    assert early.exit_code == 2
    assert "the clock went back" in early.output


def test_days_are_audited_and_signed(dialer: Callable[..., Result], home: Path) -> None:
    found = dialer("audit", "--day", "2026-11-10", "--by", "lin")
    assert found.exit_code == 1
    assert "call 4: no recording" in found.output
    assert "4 answered, 1 gaps, 1 tickets" in found.output
    assert dialer("audit", "--day", "2026-11-11").exit_code == 2, "it isn't over"
    roots = json.loads(dialer("root", "--json").output)
    assert [(one["day"], one["first"], one["last"]) for one in roots] == [("2026-11-10", 1, 3)]
    assert (home / "recordings/roots/2026-11-10.json").exists()
    month = CliRunner().invoke(main, ["--home", str(home), "--lang", "en", "report", "month", "2026-11"])
    assert "signed roots of the archive's days" in month.output
    assert roots[0]["root"][:20] in month.output
    assert dialer("verify").exit_code == 0
