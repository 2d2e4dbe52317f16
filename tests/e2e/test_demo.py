"""``dialer demo`` as a user runs it: twelve calls end to end, and what they leave behind."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "wire"))

from correlate import read
from daemon import Home, environment, soxi

pytestmark = [pytest.mark.slow]


async def test_the_demonstration_comes_out_as_expected(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    command = [sys.executable, "-m", "dialer.cli", "--home", str(place), "demo", "--json"]
    done = subprocess.run(  # noqa: ASYNC221 - nothing else happens in this test
        command, capture_output=True, text=True, env=environment(), timeout=300
    )
    said = f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    assert done.returncode == 0, said
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["mismatches"] == 0, said
    assert summary["customers"] == 12
    assert summary["wall_s"] <= 150

    home = Home(place)
    views = await home.cli("calls")
    answered = [view for view in views if view["attempt"]["answered_at"] is not None]
    assert summary["attempts"] == len(views)
    assert summary["answered"] == len(answered)
    assert summary["recordings"] == len(answered)
    assert summary["completed"] == sum(view["attempt"]["outcome"] == "completed" for view in views)
    assert summary["tickets"] == len(await home.cli("tickets"))
    assert not list(place.rglob("*.part"))
    for view in answered:
        file = home.recording(view)
        channels, rate, seconds = soxi(file)
        assert (channels, rate) == (2, 8000), file
        attempt = view["attempt"]
        began, over = (datetime.fromisoformat(attempt[key]) for key in ("answered_at", "ended_at"))
        assert seconds == pytest.approx((over - began).total_seconds(), abs=1.0), file
        assert seconds == pytest.approx(view["record"]["recording"]["duration_s"], abs=0.02)
        for side, samples in zip(("prompt", "customer"), read(file), strict=True):
            assert abs(samples).max() > 1000, f"{file}: silence on the {side} side"

    # Who took a call over stands in its sidecar, with his place in the recording.
    (taken,) = [view for view in answered if view["record"]["transferred"]]
    beside = json.loads(home.recording(taken).with_suffix(".json").read_text(encoding="utf-8"))
    (leg,) = beside["facts"]["agent_legs"]
    assert leg["agent"] == taken["record"]["agent"]
    assert 0 < leg["joined_ms"] < leg["left_ms"] <= 1000 * taken["record"]["recording"]["duration_s"] + 500
    assert leg["held"] == []

    # Every call is proven unchanged, and one bit is enough to name the one that isn't.
    proven = await home.cli("archive", "verify", "--all")
    assert proven["findings"] == []
    assert proven["seen"]["calls"] == len(answered)
    audio = home.recording(answered[3])
    with audio.open("r+b") as file:
        file.seek(4000)
        byte = file.read(1)[0]
        file.seek(4000)
        file.write(bytes([byte ^ 1]))
    verify = [sys.executable, "-m", "dialer.cli", "--home", str(place), "--lang", "en", "archive", "verify"]
    found = subprocess.run(  # noqa: ASYNC221
        verify, capture_output=True, text=True, env=environment(), timeout=60
    )
    assert found.returncode == 1
    assert f"call {answered[3]['attempt']['id']}: " in found.stdout
