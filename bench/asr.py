"""The bundled model on synthetic answers: what is taken for what, how fast, in how much memory.

Voices that neither training nor the choice of the thresholds has heard say every labelled phrase that is a
yes or a no to some kind of question, and the others; many of them stand in no grammar. Each goes over five
lines. "Bare": the class of the words alone. "Ladder": what the evidence bars leave of it; what they stop is
asked again. All of it is generated: it says nothing about people's voices.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from bench.asr_corpus import CONDITIONS, Spoken, corpus
from bench.asr_hear import DEMO, Trial, hear, trials
from dialer.asr import AsrConfig, WorkerRecogniser
from dialer.asr.model import check_model
from dialer.asr.vosk_engine import VoskEngine
from dialer.errors import RecogniserError
from dialer.ivr.answers import classify
from dialer.ivr.config import TurnSettings
from dialer.ivr.lexicon import grammar
from dialer.ivr.turn import weigh
from dialer.model import AnswerClass, Heard, QuestionKind

RATE = 8000
TURN = TurnSettings()
YES, NO = AnswerClass.YES, AnswerClass.NO
ASK = "again"
"""Asked again: unclear, or hesitant."""
SIDES = (YES.value, NO.value, ASK, "other")
LATENCY_STREAMS = 20
STREAMS = (30, 45, 60, 75, 90)
LATENCY_LIMIT_MS = 300.0
LISTEN_S = 8.0


def side(found: AnswerClass) -> str:
    if found in (YES, NO):
        return found.value
    return ASK if found in (AnswerClass.UNCLEAR, AnswerClass.MAYBE_YES, AnswerClass.MAYBE_NO) else "other"


def bare(kind: QuestionKind, heard: Heard | None) -> str:
    return ASK if heard is None or not heard.text else side(classify(kind, heard.text).answer_class)


def with_ladder(kind: QuestionKind, heard: Heard | None) -> str:
    return ASK if heard is None else side(weigh(heard, kind, TURN, classify)[0])


@dataclass
class Confusion:
    """What was said (by its label) and what it was taken for."""

    counts: Counter[tuple[str, str]]

    @classmethod
    def of(cls, heard: Iterable[Trial], ladder: bool) -> Confusion:
        take = with_ladder if ladder else bare
        return cls(Counter((side(t.phrase.wanted), take(t.phrase.kind, t.heard)) for t in heard))

    def said(self, what: str) -> int:
        return sum(count for (said, _), count in self.counts.items() if said == what)

    def share(self, said: str, taken: str) -> float:
        return self.counts[said, taken] / max(1, self.said(said))


def print_tables(heard: Sequence[Trial]) -> None:
    for ladder in (False, True):
        title = "With the evidence ladder" if ladder else "Bare: words alone"
        print(f"\n{title} (rows: said; columns: taken for)")
        print(f"{'line':8} {'phrases':12} {'said':6} {'n':>5}  " + "".join(f"{name:>9}" for name in SIDES))
        for condition in CONDITIONS:
            for expected in (True, False):
                part = [t for t in heard if t.condition == condition and t.phrase.expected is expected]
                table = Confusion.of(part, ladder)
                for said in SIDES:
                    if table.said(said):
                        cells = "".join(f"{table.share(said, taken):9.1%}" for taken in SIDES)
                        name = "in grammar" if expected else "not in it"
                        print(f"{condition:8} {name:12} {said:6} {table.said(said):5}  {cells}")


def real_time_factor(spoken: Sequence[Spoken]) -> float:
    """Processor time for a second of speech, of one stream after the other."""
    engine = VoskEngine(check_model(DEMO))
    hear(engine, spoken[0])
    for kind in QuestionKind:
        engine.open(grammar(kind))
    started = time.process_time()
    for one in spoken:
        hear(engine, one)
    busy = time.process_time() - started
    return busy / sum(len(piece) for one in spoken for piece in one.pcm) * 2 * RATE


@dataclass(frozen=True)
class Load:
    """One worker with so many people who speak all the time."""

    streams: int
    p50_ms: float
    p95_ms: float
    worker_share: float
    """Of one core."""
    worker_mb: float


async def under_load(spoken: Sequence[Spoken], streams: int) -> Load:
    """Utterances in real time; how long after the end is known their class is."""
    delays: list[float] = []
    async with WorkerRecogniser(AsrConfig(DEMO, deadline_s=10)) as recogniser:
        (pid,) = recogniser.pids
        for kind in QuestionKind:
            await (await recogniser.open(grammar(kind))).cancel()
        until = asyncio.get_running_loop().time() + LISTEN_S

        async def talk(number: int) -> None:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(number / streams)
            for one in islice(cycle(spoken), number, None, 7):
                if loop.time() > until:
                    return
                stream = await recogniser.open(grammar(one.phrase.kind))
                at = loop.time()
                for piece in one.pcm:
                    at += len(piece) / 2 / RATE
                    await asyncio.sleep(max(0.0, at - loop.time()))
                    await stream.feed(piece)
                ended = loop.time()
                weigh(await stream.finish(), one.phrase.kind, TURN, classify)
                delays.append((loop.time() - ended) * 1000)

        before, began = cpu_s(pid), time.monotonic()
        await asyncio.gather(*(talk(number) for number in range(streams)))
        share = (cpu_s(pid) - before) / (time.monotonic() - began)
        steps = statistics.quantiles(delays, n=20)
        return Load(streams, steps[9], steps[18], share, resident_mb(pid))


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def speed(spoken: Sequence[Spoken]) -> dict[str, float]:
    rtf = real_time_factor(spoken)
    print(f"\nreal-time factor of a stream {rtf:.4f}")
    print(f"{'streams':>8} {'p50 ms':>8} {'p95 ms':>8} {'of a core':>10} {'worker MB':>10}")
    carried, latency, memory = 0, 0.0, 0.0
    for streams in (LATENCY_STREAMS, *STREAMS):
        try:
            load = asyncio.run(under_load(spoken, streams))
        except RecogniserError as error:
            print(f"{streams:8} too many: {error}")
            break
        print(
            f"{load.streams:8} {load.p50_ms:8.0f} {load.p95_ms:8.0f} {load.worker_share:10.0%} "
            f"{load.worker_mb:10.0f}"
        )
        latency = latency or load.p95_ms
        memory = load.worker_mb if streams == STREAMS[0] else memory
        if load.p95_ms > LATENCY_LIMIT_MS or load.worker_share > 0.95:
            break
        carried = streams
    return {
        "rtf": round(rtf, 4),
        "streams_per_core": carried,
        "latency_p95_ms": round(latency, 1),
        "worker_mb": round(memory, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="The bundled model on synthetic answers.")
    parser.add_argument("--speakers", type=int, default=2, help="voices for each phrase")
    parser.add_argument("--no-speed", action="store_true", help="confusion tables only")
    parser.add_argument("--only-speed", action="store_true", help="no confusion tables")
    options = parser.parse_args()
    figures: dict[str, object] = {"synthetic": True}
    if not options.no_speed:
        clean = (one for one in corpus("held-out", 1, ("A-law",), parts=4) if one.pcm)
        figures |= speed(list(clean))
    if not options.only_speed:
        figures |= confusion(trials("held-out", options.speakers))
    print(json.dumps(figures))


def confusion(heard: Sequence[Trial]) -> dict[str, object]:
    print(f"Synthetic: {len(heard)} answers by espeak-ng voices that training and thresholds never met.")
    print_tables(heard)
    without, ladder = Confusion.of(heard, False), Confusion.of(heard, True)
    print(f"\n{'all lines':24} {'yes->no':>9} {'no->yes':>9} {'yes':>8} {'no':>8} {'again':>8}")
    for name, table in (("bare", without), ("with the ladder", ladder)):
        again = statistics.mean(table.share(said, ASK) for said in (YES.value, NO.value))
        print(
            f"{name:24} {table.share(YES, NO):9.2%} {table.share(NO, YES):9.2%} "
            f"{table.share(YES, YES):8.1%} {table.share(NO, NO):8.1%} {again:8.1%}"
        )
    return {
        "answers": len(heard),
        "yes_to_no": round(ladder.share(YES, NO), 5),
        "no_to_yes": round(ladder.share(NO, YES), 5),
        "yes_to_no_bare": round(without.share(YES, NO), 5),
        "no_to_yes_bare": round(without.share(NO, YES), 5),
        "yes_taken": round(ladder.share(YES, YES), 4),
        "no_taken": round(ladder.share(NO, NO), 4),
    }


if __name__ == "__main__":
    main()
