"""Calls to SIPp over loopback that loses 5 to 30 % of all SIP datagrams, in the kernel.

Every call ends right, and nothing of it is left: no dialog, transaction, timer, line or media port.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sip_peers import PEERS, need

pytestmark = [pytest.mark.wire, pytest.mark.slow]
CALLS = 60


def isolated(command: list[str]) -> list[str]:
    """In a network namespace of its own."""
    return [shutil.which("unshare") or "unshare", *([] if os.geteuid() == 0 else ["-r"]), "-n", *command]


@pytest.fixture(scope="module")
def lossy() -> None:
    """Whether this machine lets us lose packets; a container without the right to can't show it."""
    probe = "ip link set lo up && iptables -A INPUT -m statistic --mode random --probability 0.5 -j DROP"
    need("iptables", "iptables")
    need("ip", "iproute2")
    done = subprocess.run(isolated(["sh", "-c", probe]), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no network namespace with iptables here: {done.stderr.strip()[:200]}")


@pytest.mark.parametrize(("loss", "answered"), [(0.05, 58), (0.15, 56), (0.30, 48)])
@pytest.mark.usefixtures("lossy")
async def test_every_call_ends_right_and_nothing_is_left(loss: float, answered: int, tmp_path: Path) -> None:
    script = Path(__file__).with_name("lossy.py")
    command = isolated(
        [sys.executable, str(script), str(loss), str(CALLS), need("sipp", "sip-tester"),
         str(PEERS / "answer_until_bye.xml"), str(tmp_path)]
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, error = await asyncio.wait_for(process.communicate(), 150)
    assert process.returncode == 0, error.decode()[-3000:]
    found = json.loads(out.decode().splitlines()[-1])
    assert found["dropped"] > CALLS * 4 * loss, "the kernel must really have lost something"
    assert (found["left"], found["open_ports"], found["lines_free"]) == (0, 0, CALLS)
    assert sum(found["ends"].values()) == CALLS
    assert set(found["ends"]) <= {"answered", "no response"}, found
    assert found["ends"]["answered"] >= answered, found
