"""kill -9, SIGTERM and a second start: what must hold for calls that are under way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest
from daemon import Home, environment, soxi, wait_for
from far_end import MakeFarEnd

from dialer.testing.personas import Hear, Press, Ring, Speak, Talk

pytestmark = [pytest.mark.slow]

LATER = "2026-11-10T10:05:00+08:00"
"""In the same window as the first call."""
LISTENS = Talk((Hear(),) * 20)
ANSWERS_ONCE = Talk((Press("1"),))
"""Confirms the identity by key and hangs up at the next question."""
BYTES_A_SECOND = 2 * 8000


def recorded_s(home: Home) -> float:
    """How much of the live recordings is on disk."""
    return sum(part.stat().st_size for part in home.path.rglob("*.part")) / BYTES_A_SECOND


def findings(story: Any) -> str:
    """What the last decision of ``dialer why`` found, rule by rule."""
    return "\n".join(one["why"] for one in story["decisions"][-1][1]["findings"])


async def test_killed_while_one_phone_rings_and_one_customer_talks(make_far_end: MakeFarEnd) -> None:
    far_end, home = await make_far_end(Ring(), LISTENS, recogniser={"engine": "bundled"})
    first = home.start()
    await home.until("SELECT ringing_at IS NOT NULL FROM attempts WHERE task_id = 1", "no ringing", 60)
    await wait_for(lambda: recorded_s(home) >= 2.0, "no recording", 30, home.log)
    assert first.children("dialer.media")
    assert first.children("dialer.asr")
    await first.kill()
    (part,) = home.path.rglob("*.part")

    home.start(LATER)
    await home.until("SELECT count(*) = 2 FROM attempts WHERE outcome = 'unknown'", "not closed", 60)
    for task in (1, 2):
        waits = f"SELECT kind = 'wait' FROM decisions WHERE task_id = {task} ORDER BY id DESC LIMIT 1"
        await home.until(waits, f"no new decision about task {task}", 30)
    calls, tasks = await asyncio.gather(home.calls(), home.tasks())
    for policy_no, views in calls.items():
        (view,) = views
        assert view["attempt"]["outcome"] == "unknown"
        assert view["record"]["reason"] == "the daemon stopped during this call"
        assert tasks[policy_no]["state"] == "open"
        story = await home.cli("why", str(tasks[policy_no]["id"]))
        verdict = story["decisions"][-1][1]["verdict"]
        assert datetime.fromisoformat(verdict["until"]) >= datetime.fromisoformat("2026-11-10T14:00:00+08:00")
        assert "第 1 轮已拨 1 次" in findings(story), "an unknown attempt is counted"
    assert far_end.invites == {"C1": 1, "C2": 1}, "nobody is called again by itself"
    assert home.rows("SELECT count(*) FROM claims") == [(0,)]

    assert calls["C1"][0]["record"]["recording"] is None
    (talk,) = calls["C2"]
    assert talk["attempt"]["answered_at"] is not None
    assert talk["record"]["recording"]["partial"] is True
    assert not part.exists()
    assert not list(home.path.rglob("*.part"))
    channels, rate, seconds = soxi(home.recording(talk))
    assert (channels, rate) == (2, 8000)
    assert seconds >= 1.9, "what was on disk is kept"
    assert seconds == pytest.approx(talk["record"]["recording"]["duration_s"], abs=0.01)


_CLAIM_AND_DIE = """
import asyncio, os, signal, sys
from datetime import datetime
from dialer.model import TaskId
from dialer.store.database import SqlStore

async def main():
    store = await SqlStore.open(sys.argv[1])
    now = datetime.fromisoformat("2026-11-10T10:00:00+08:00")
    assert await store.claim(TaskId(1), "test", 3600.0, now) is not None
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_killed_between_claim_and_barrier_the_task_is_called_at_once(make_far_end: MakeFarEnd) -> None:
    far_end, home = await make_far_end(ANSWERS_ONCE)
    database = str(home.path / "dialer.sqlite")
    command = [sys.executable, "-c", _CLAIM_AND_DIE, database]
    done = await asyncio.to_thread(subprocess.run, command, env=environment(), timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert home.rows("SELECT count(*) FROM claims") == [(1,)]
    home.start()
    await home.until("SELECT outcome FROM attempts", "the claim of the dead process still holds", 60)
    (view,) = (await home.calls())["C1"]
    assert view["attempt"]["outcome"] == "answered_incomplete"
    assert "第 1 轮第 1 次" in (await home.cli("why", "1"))["decisions"][0][1]["verdict"]["why"]
    assert far_end.invites == {"C1": 1}


async def test_a_second_daemon_is_refused_and_sigterm_lets_the_call_end(make_far_end: MakeFarEnd) -> None:
    far_end, home = await make_far_end(ANSWERS_ONCE, LISTENS, scheduler={"lines": 1})
    daemon = home.start()
    await daemon.running()
    await home.until("SELECT answered_at IS NOT NULL FROM attempts", "not answered", 30)
    daemon.terminate()
    second = home.start()
    assert await second.exit_code(30) == 2
    assert "another daemon runs on" in second.log()
    assert str(daemon.process.pid) in second.log()
    assert "Traceback" not in second.log()
    assert await daemon.exit_code(60) == 0, daemon.log()
    calls = await home.calls()
    (view,) = calls["C1"]
    assert view["attempt"]["outcome"] == "answered_incomplete"
    assert view["record"]["hung_up_by"] == "customer", "the call went on to its own end"
    assert [one["answer_class"] for one in view["record"]["answers"]] == ["Y"]
    assert view["record"]["recording"]["partial"] is False
    assert "C2" not in calls, "no new call after SIGTERM"
    assert far_end.invites == {"C1": 1}


async def test_a_killed_media_process_ends_its_calls_and_the_next_call_works(
    make_far_end: MakeFarEnd,
) -> None:
    far_end, home = await make_far_end(
        LISTENS,
        ANSWERS_ONCE,
        scheduler={"lines": 1},
        calling={"uncounted_retry_s": 1.0, "fault_recheck_s": 1.0},
    )
    daemon = home.start()
    await wait_for(lambda: recorded_s(home) >= 2.0, "no recording", 60, home.log)
    (media,) = daemon.children("dialer.media")
    os.kill(media, signal.SIGKILL)
    await home.until("SELECT outcome FROM attempts WHERE task_id = 1", "the call did not end", 20)
    await wait_for(lambda: far_end.over["13800000501"], "the customer's phone got no BYE", 10, home.log)
    next_call = "SELECT count(*) FROM attempts WHERE task_id = 2 AND outcome = 'answered_incomplete'"
    await home.until(next_call, "the next call did not end", 60)
    assert daemon.process.poll() is None
    assert daemon.children("dialer.media") not in ([], [media])
    calls = await home.calls()
    (broken,), (*tries, whole) = calls["C1"], calls["C2"]
    # While the media process is away nothing leaves, and nothing is counted.
    assert {one["attempt"]["outcome"] for one in tries} <= {"not_dialled"}
    assert far_end.invites == {"C1": 1, "C2": 1}
    assert broken["attempt"]["outcome"] == "answered_incomplete"
    assert "media process" in broken["attempt"]["reason"]
    assert broken["record"]["recording"]["partial"] is True
    assert soxi(home.recording(broken))[2] >= 1.9
    assert whole["record"]["hung_up_by"] == "customer"
    assert [one["answer_class"] for one in whole["record"]["answers"]] == ["Y"]
    assert soxi(home.recording(whole))[0] == 2


async def test_without_its_recogniser_a_call_goes_on_by_keys(make_far_end: MakeFarEnd) -> None:
    far_end, home = await make_far_end(
        Talk((Speak("shi-wo"), Press("1"), Press("1"))), recogniser={"engine": "bundled"}
    )
    daemon = home.start()
    await home.until("SELECT answered_at IS NOT NULL FROM attempts", "not answered", 60)
    killed = set[int]()

    async def keep_it_dead() -> None:
        while True:
            for pid in daemon.children("dialer.asr"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
            await asyncio.sleep(0.02)

    killing = asyncio.create_task(keep_it_dead())
    try:
        await home.until("SELECT outcome FROM attempts", "the call did not end", 60)
    finally:
        killing.cancel()
    assert killed, "the worker was never there"
    (view,) = (await home.calls())["C1"]
    answers = [one for one in view["record"]["answers"] if one["final"]]
    assert [(one["question"], one["answer_class"], one["source"]) for one in answers] == [
        ("identity", "Y", "dtmf"),
        ("consent", "Y", "dtmf"),
    ]
    assert "asr" not in {one["source"] for one in answers}
    assert view["record"]["hung_up_by"] == "customer"
    assert far_end.invites == {"C1": 1}
    assert daemon.process.poll() is None
