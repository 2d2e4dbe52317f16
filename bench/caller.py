"""Our side of the benches, as processes of their own: places calls over real signalling and keeps them up.

``python -m bench.caller`` reads one JSON object (``Job``) from stdin, says ``up N`` once all calls stand (or
failed), keeps them until the next line on stdin, then closes them all and says one JSON object (``Report``).
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from dialer.errors import DialerError
from dialer.logs import configure
from dialer.media.config import MediaConfig
from dialer.media.plane import ProcessMediaPlane
from dialer.model import PhoneNumber
from dialer.ports import Answered, DialRequest, Ended, Failed, ListenSpec, SpeechEnded, SpeechStarted
from dialer.sip.config import EndpointConfig, TrunkConfig
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.leg import SipLeg
from dialer.sip.trunk import SipTrunk


@dataclass
class Job:
    calls: int
    folder: str
    prompt: str
    callee_port: int
    rtp_low: int
    stall_ms: int = 0
    media: dict[str, object] = field(default_factory=dict)
    """Settings of the media plane that differ from the shipped ones."""
    per_second: int = 50
    record: bool = True
    listen: bool = True


@dataclass
class Report:
    answered: int = 0
    failed: int = 0
    utterances: int = 0
    starts: int = 0
    sent: int = 0
    received: int = 0
    lost: int = 0
    late: int = 0
    reordered: int = 0
    foreign: int = 0
    recordings: list[tuple[str, float]] = field(default_factory=list)
    """Each file and the seconds that it should hold by the control loop's clock."""
    pulse_worst_ms: float = 0.0
    pulse_late: int = 0
    pulse_turns: int = 0
    pulse_skipped: int = 0


class Caller:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._report = Report()
        self._legs: list[SipLeg] = []
        self._recording: dict[SipLeg, tuple[Path, float]] = {}
        self._settled = asyncio.Event()

    async def run(self) -> Report:
        job = self._job
        config = MediaConfig(port_low=job.rtp_low, port_high=job.rtp_low + 9999, **job.media)  # type: ignore[arg-type]
        plane = ProcessMediaPlane(config)
        await plane.start()
        endpoint = SipEndpoint(EndpointConfig("127.0.0.1", 0), media=plane)
        await endpoint.start()
        trunk = SipTrunk(
            TrunkConfig("bench", "127.0.0.1", job.callee_port, lines=job.calls + 1), plane, endpoint
        )
        talks = []
        for number in range(job.calls):
            request = DialRequest(PhoneNumber.parse(f"138{number:08d}"), reference=str(number))
            leg = await trunk.dial(request)
            self._legs.append(leg)
            talks.append(asyncio.create_task(self._talk(leg, number)))
            await asyncio.sleep(1 / job.per_second)
        report = self._report
        with suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), 15)
        print(f"up {report.answered}", flush=True)
        watching = [asyncio.create_task(self._pulses(plane))]
        if job.stall_ms:
            watching.append(asyncio.create_task(self._stall(job.stall_ms / 1000)))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        for task in watching:
            task.cancel()
        for leg in self._legs:
            await self._finish(leg)
        for task in talks:
            task.cancel()
        await endpoint.close()
        await plane.close()
        return report

    async def _talk(self, leg: SipLeg, number: int) -> None:
        job, report = self._job, self._report
        while True:
            event = await leg.next_event()
            if isinstance(event, Answered):
                path = Path(job.folder) / f"call-{number}.part"
                path.unlink(missing_ok=True)
                if job.record:
                    await leg.media.record(path)
                    self._recording[leg] = path, time.monotonic()
                await leg.media.play([Path(job.prompt)], 1, loop=True)
                if job.listen:
                    await leg.media.listen(ListenSpec())
                report.answered += 1
                self._look(report)
            elif isinstance(event, Failed):
                report.failed += 1
                self._look(report)
                return
            elif isinstance(event, Ended):
                return
            elif isinstance(event, SpeechStarted):
                report.starts += 1
            elif isinstance(event, SpeechEnded):
                report.utterances += 1

    def _look(self, report: Report) -> None:
        if report.answered + report.failed == self._job.calls:
            self._settled.set()

    async def _finish(self, leg: SipLeg) -> None:
        report = self._report
        if leg in self._recording:
            path, since = self._recording[leg]
            try:
                length = time.monotonic() - since
                await leg.media.stop_recording()
                report.recordings.append((str(path), length))
            except DialerError as error:
                print(f"recording: {error}", file=sys.stderr)
        await leg.hang_up()
        stats = await leg.close()
        report.sent += stats.sent
        report.received += stats.received
        report.lost += stats.lost
        report.late += stats.late
        report.reordered += stats.reordered
        report.foreign += stats.foreign

    async def _pulses(self, plane: ProcessMediaPlane) -> None:
        """The media process's own view of its timing."""
        report = self._report
        seen: set[tuple[float, int]] = set()
        while True:
            for number, pulse in enumerate(plane.pulses):
                if (pulse.at, number) not in seen:
                    seen.add((pulse.at, number))
                    report.pulse_worst_ms = max(report.pulse_worst_ms, pulse.worst_ms)
                    report.pulse_late += pulse.late
                    report.pulse_turns += pulse.turns
                    report.pulse_skipped += pulse.skipped
            await asyncio.sleep(0.5)

    async def _stall(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(1 - seconds)
            time.sleep(seconds)  # noqa: ASYNC251 - the control loop is to be blocked


def main() -> None:
    job = Job(**json.loads(sys.stdin.readline()))
    configure("warning")
    uvloop.install()
    report = asyncio.run(Caller(job).run())
    print(json.dumps(dataclasses.asdict(report)), flush=True)


if __name__ == "__main__":
    main()
