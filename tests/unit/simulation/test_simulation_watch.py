"""The oracle's own process says what the oracle says, of tasks as they are at each call."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dialer.model import Disposition, Phone, PhoneNumber, Segment, TaskId
from dialer.simulation.oracle import Oracle
from dialer.simulation.watch import Watch
from dialer.simulation.world import figures_of
from tests.unit.simulation.plans import a_plan, a_task

TUESDAY = datetime(2026, 11, 10, 9, 55, tzinfo=ZoneInfo("Asia/Shanghai"))
OUTCOMES = (Disposition.NO_ANSWER, Disposition.COMPLETED, Disposition.REJECTED, Disposition.TRUNK_FAILURE)
CALLS = 3000
"""More than are told at once."""


def test_it_finds_what_the_oracle_finds() -> None:
    dice = random.Random(7)
    figures = figures_of(a_plan())
    beside, now = Oracle(figures), TUESDAY
    tasks = [
        replace(
            a_task(),
            id=TaskId(n),
            policy_no=f"P{n}",
            phones=(Phone(PhoneNumber(f"+861390000{n:04d}")),),
            segment=dice.choice(list(Segment)),
            zone=dice.choice(("Asia/Shanghai", "Asia/Urumqi")),
            appointment=dice.choice((None, TUESDAY + timedelta(hours=1))),
        )
        for n in range(1, 400)
    ]
    with Watch(figures) as watch:
        for call in range(1, CALLS + 1):
            n = dice.randrange(len(tasks))
            if dice.random() < 0.1:
                tasks[n] = replace(tasks[n], pass_no=tasks[n].pass_no + 1, do_not_call=dice.random() < 0.5)
            now += timedelta(seconds=dice.choice((0.2, 3, 40)))
            ours, outcome = dice.random() < 0.3, dice.choice(OUTCOMES)
            rang = dice.choice((None, now + timedelta(seconds=2)))
            for one in (watch, beside):
                one.begins(tasks[n], call, tasks[n].phones[0].number, now)
                one.ends(tasks[n], call, outcome, now + timedelta(seconds=15), rang, ours)
        found = watch.found()
    assert found.checked == beside.checked == CALLS
    assert [str(one) for one in found.violations] == [str(one) for one in beside.violations]
    assert len({one.rule for one in found.violations}) > 6


def test_without_the_oracle_nothing_is_taken_for_checked() -> None:
    task = a_task()
    with Watch(figures_of(a_plan())) as watch:
        watch.begins(task, 1, task.phones[0].number, TUESDAY)
        os.kill(watch.pid, signal.SIGKILL)
        with pytest.raises(RuntimeError, match="the calls aren't checked"):
            watch.found()


def test_it_is_gone_with_its_house() -> None:
    with pytest.raises(ZeroDivisionError), Watch(figures_of(a_plan())) as watch:
        raise ZeroDivisionError
    with pytest.raises(ProcessLookupError):
        os.kill(watch.pid, 0)


@pytest.mark.parametrize("told", [b"", b"\0\0\0\7abc"])
def test_a_house_that_breaks_off_is_told_nothing(told: bytes) -> None:
    done = subprocess.run([sys.executable, "-m", "dialer.simulation"], input=told, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_a_machine_that_allows_no_larger_pipe_checks_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(fcntl, "fcntl", refused)
    task = a_task()
    with Watch(figures_of(a_plan())) as watch:
        watch.begins(task, 1, task.phones[0].number, TUESDAY)
        assert watch.found().checked == 1
