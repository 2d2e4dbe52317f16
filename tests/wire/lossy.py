"""Calls over a network that really loses packets: run inside a network namespace of its own.

``python lossy.py LOSS CALLS SIPP SCENARIO FOLDER`` sets up loopback so that LOSS (0 to 1) of all
datagrams to either side's SIP port vanish in the kernel, places CALLS calls to SIPp, hangs up, and
prints one JSON object: how the calls ended and what was left afterwards.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "unit" / "sip"))

from sip_fakes import FakeMediaPlane, until
from sip_peers import listens

from dialer.model import PhoneNumber
from dialer.ports import Answered, DialRequest, Ended, Failed
from dialer.sip.config import EndpointConfig, TrunkConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import SipLeg
from dialer.sip.timers import TimerValues
from dialer.sip.trunk import SipTrunk

OURS, THEIRS = 5060, 5070
TIMERS = TimerValues(t1=0.15, t2=0.6, t4=0.6, d=5.0)


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def lose(share: float) -> None:
    run("ip", "link", "set", "lo", "up")
    for port in (OURS, THEIRS):
        run(
            "iptables", "-A", "INPUT", "-i", "lo", "-p", "udp", "--dport", str(port), "-m", "statistic",
            "--mode", "random", "--probability", str(share), "-j", "DROP",
        )  # fmt: skip


def dropped() -> int:
    """What the kernel has counted."""
    table = subprocess.run(["iptables", "-L", "INPUT", "-nvx"], check=True, capture_output=True, text=True)
    return sum(int(line.split()[0]) for line in table.stdout.splitlines() if " DROP " in f"{line} ")


async def one(trunk: SipTrunk, number: int) -> str:
    """How a call ended, in a word."""
    leg: SipLeg = await trunk.dial(DialRequest(PhoneNumber.parse("13812345678"), reference=str(number)))
    answered = False
    async with asyncio.timeout(60):
        while True:
            event = await leg.next_event()
            if isinstance(event, Answered):
                answered = True
                await asyncio.sleep(0.3)
                await leg.hang_up("done")
            elif isinstance(event, Failed):
                await leg.close()
                return f"failed {event.code}" if event.code or not event.ours else "no response"
            elif isinstance(event, Ended):
                await leg.close()
                return "answered" if answered else "ended unanswered"


async def calls(count: int) -> dict[str, object]:
    media = FakeMediaPlane()
    endpoint = SipEndpoint(EndpointConfig("127.0.0.1", OURS, timers=TIMERS, tcp=False), media=media)
    await endpoint.start()
    trunk = SipTrunk(TrunkConfig("t", "127.0.0.1", THEIRS, lines=count, no_response_s=20.0), media, endpoint)
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(one(trunk, number)))
        await asyncio.sleep(0.04)
    ends = Counter(await asyncio.gather(*tasks))
    agent = endpoint._running()
    await until(lambda: agent.size == 0, f"{agent.size} calls, transactions or timers left", 30.0)
    found = {
        "ends": dict(ends),
        "left": agent.size,
        "open_ports": sum(not stream.closed for stream in media.streams),
        "lines_free": trunk.state().lines_free,
        "dropped": dropped(),
    }
    await endpoint.close()
    return found


def main(share: float, count: int, sipp: str, scenario: str, folder: str) -> None:
    lose(share)
    command = [
        sipp, "-sf", scenario, "-i", "127.0.0.1", "-p", str(THEIRS), "-mp", "7000", "-nostdin",
        "-key", "contact_port", str(THEIRS), "-max_retrans", "12", "-trace_err",
    ]  # fmt: skip
    with (Path(folder) / "sipp.log").open("wb") as log:
        peer = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            asyncio.run(until(lambda: listens(THEIRS), "SIPp didn't listen"))
            print(json.dumps(asyncio.run(calls(count))))
        finally:
            peer.terminate()
            peer.wait(10)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6])
