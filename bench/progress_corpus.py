"""Call progress detection on generated calls: a confusion matrix. ``python -m bench.progress_corpus``.

Tones are computed, speech comes from espeak-ng, rooms, noise, echo, levels and losses are made; everything
is G.711. It says how the rules work as written, and nothing about real carriers and people.

Three sets of voices, sentences and random numbers: the thresholds were chosen with ``tuning`` and
``second``; the figures are of ``held-out``, which was not looked at until they stood. espeak-ng's sentences
are kept in build/speech.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.sounds import RATE, Pcm, at_level, coloured, say, silence, tone
from dialer.media.config import MediaConfig, ProgressConfig
from dialer.media.g711 import FRAME, PCMA, PCMU, SILENCE, encode
from dialer.media.progress import HeardTone, Judged, Watcher
from dialer.media.vad import new_detector
from dialer.ports import Watch

CALL_S = 20.0


@dataclass(frozen=True)
class Words:
    """Who says what in one set of the corpus."""

    voices: tuple[str, ...]
    greetings: tuple[str, ...]
    long_greetings: tuple[str, ...]
    talkers: tuple[str, ...]
    machines: tuple[str, ...]
    announcements: tuple[str, ...]
    english: tuple[str, ...]
    others: tuple[str, ...]


TUNING = Words(
    voices=("Adam", "f4", "m3", "f2", "paul", "m6"),
    greetings=("喂", "喂你好", "你好", "喂哪位", "喂你好哪位呀"),
    long_greetings=("您好，这里是红星商贸公司前台，请问您找哪位", "喂你好，这边是张先生家，请问你是哪里"),
    talkers=("喂你好啊，我现在正在开会呢，你有什么事情晚一点再打过来好不好",),
    machines=(
        "您好，我现在不方便接听您的电话，请在嘀声后留言",
        "您好，您拨打的用户暂时无法接听，如需留言请在提示音后开始录音，录音结束后请挂机",
    ),
    announcements=(
        "您好，您拨打的电话已关机，请稍后再拨",
        "对不起，您拨打的号码是空号，请查证后再拨",
    ),
    english=("Sorry, the subscriber you dialed is power off, please redial later",),
    others=("今天天气真不错我们一会儿去公园走走吧", "昨天那个电视剧你看了没有啊真的是太好看了"),
)
SECOND = Words(
    voices=("f5", "m1", "f3", "m7", "Andy", "steph", "m4", "anika"),
    greetings=("喂您好", "唉你好", "喂", "喂谁呀", "你好请讲", "喂您好请问哪位", "嗯你说"),
    long_greetings=(
        "您好，东海汽车服务中心，请问有什么可以帮到您",
        "喂你好，我是小王，请问您是哪一位，有什么事吗",
        "您好，人民医院住院部护士站，请讲",
    ),
    talkers=(
        "哎喂你好，我这会儿正在开车不太方便讲电话，麻烦你过半个小时以后再打给我吧",
        "喂你好你好，信号不太好听不清楚，你等一下我走到外面去接电话",
    ),
    machines=(
        "你好，我是李明，现在不能接电话，听到滴声以后请留下姓名和电话，我会尽快回电",
        "主人不在家，请留言",
        "您好，欢迎使用语音信箱，您呼叫的用户不在服务区，请在听到提示音后留言，按井号键结束",
    ),
    announcements=(
        "您好，您所拨打的用户已停机，详情请咨询客服热线",
        "您好，您拨打的用户暂时无法接通，请稍后再拨",
        "您好，您拨叫的用户正在通话中，请您不要挂机，或稍后再拨",
    ),
    english=(
        "Sorry, the number you have dialed is out of service, please check the number and dial again",
        "Sorry, the subscriber you have dialed can not be connected for the moment",
    ),
    others=(
        "这个菜多少钱一斤啊能不能便宜一点",
        "孩子作业写完了没有赶紧去洗手吃饭",
        "下一站是中山路请从后门下车",
    ),
)
HELD_OUT = Words(
    voices=("f1", "m2", "m5", "m8", "linda", "victor", "rob", "iven", "max", "Alex", "belinda"),
    greetings=("喂", "您好", "喂你好啊", "哪位", "喂怎么了", "嗯喂", "你说吧", "喂您好我是"),
    long_greetings=(
        "您好，这里是阳光幼儿园，请问您有什么事",
        "你好，老王修车铺，要修车吗",
        "喂您好，我爸不在家，你过一会再打过来吧",
    ),
    talkers=(
        "喂你好，我在医院呢，现在没空，你有什么事给我发短信吧",
        "喂，谁呀，你等一下啊，我先把电视声音关小一点，好了你说吧",
        "你好你好，是快递吧，东西你就放在门口的柜子里，我下班自己去拿，谢谢啊",
    ),
    machines=(
        "您好，张伟暂时无法接听电话，请在嘀的一声后留言，谢谢",
        "我是小陈，我现在不在，请留言",
        "您好，您呼叫的用户暂时不便接听，您可以在提示音后留言，我们会尽快通知机主",
    ),
    announcements=(
        "您好，您所拨打的号码不存在，请核对后再拨",
        "对不起，您呼叫的用户已关机，请您稍后再拨",
        "您好，您拨打的用户不在服务区，请稍后再拨",
    ),
    english=(
        "Sorry, the number you dialed does not exist, please check it and dial later",
        "Sorry, the subscriber you dialed is not in service area, please redial later",
    ),
    others=(
        "明天早上八点在学校门口集合不要迟到",
        "这件衣服还有没有大一号的",
        "各位旅客请注意列车马上就要进站了",
    ),
)
SETS = {"tuning": (1, TUNING), "second": (20261122, SECOND), "held-out": (7031, HELD_OUT)}


# --- sounds ---------------------------------------------------------------------------------------


def street(rng: np.random.Generator, seconds: float) -> Pcm:
    """Traffic: low noise that swells."""
    noise = coloured(rng, seconds, 0.8)
    swell = np.interp(np.arange(len(noise)) / RATE, np.arange(0, seconds + 2, 1.5),
                      rng.uniform(0.4, 1.0, len(np.arange(0, seconds + 2, 1.5))))  # fmt: skip
    return noise * swell


def babble(rng: np.random.Generator, words: Words, seconds: float, people: int) -> Pcm:
    total = silence(seconds)
    for _ in range(people):
        at = int(rng.integers(0, RATE))
        while at < len(total):
            part = say(
                str(rng.choice(words.others)), str(rng.choice(words.voices)), int(rng.choice((180, 220)))
            )
            part = at_level(part, -20)[: len(total) - at]
            total[at : at + len(part)] += part
            at += len(part) + int(rng.integers(RATE // 5, RATE * 2))
    return total


def music(rng: np.random.Generator, seconds: float, pure: bool) -> Pcm:
    """A tune: pure notes as of a music box, or chords with a beat."""
    total = silence(seconds)
    scale = 261.6 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
    at, beat = 0, rng.uniform(0.18, 0.5)
    while at < len(total):
        length = beat * float(rng.choice((1, 1, 2, 4)))
        note = float(rng.choice(scale)) * (1 if pure else float(rng.choice((0.5, 1))))
        time = np.arange(round(length * RATE)) / RATE
        wave = np.sin(2 * np.pi * note * time) * np.exp(-time * rng.uniform(0.5, 4))
        if not pure:
            for ratio in (2.0, 3.0, 1.26, 1.5, 4.0):
                wave += rng.uniform(0.2, 0.7) * np.sin(2 * np.pi * note * ratio * time) * np.exp(-2 * time)
            wave[:400] += rng.normal(0, 0.5, min(400, len(wave)))[: len(wave[:400])]
        if rng.random() < 0.12:
            wave *= 0
        wave = wave[: len(total) - at]
        total[at : at + len(wave)] += wave
        at += len(wave)
    return total


def cadence(
    rng: np.random.Generator, hertz: tuple[float, ...], pattern: tuple[float, ...], seconds: float
) -> Pcm:
    """A network's tone: a little off in pitch and length, begun anywhere in its period."""
    shift, stretch = rng.uniform(0.975, 1.025), rng.uniform(0.92, 1.08)
    parts: list[Pcm] = []
    while sum(map(len, parts)) < (seconds + sum(pattern)) * RATE:
        for number, length in enumerate(pattern):
            on = number % 2 == 0
            parts.append(
                tone(length * stretch, *(f * shift for f in hertz)) if on else silence(length * stretch)
            )
    skipped = int(rng.uniform(0, sum(pattern)) * RATE)
    return np.concatenate(parts)[skipped : skipped + round(seconds * RATE)]


# --- the line -------------------------------------------------------------------------------------


def line(rng: np.random.Generator, wave: Pcm, noise_db: float, loss: float) -> tuple[str, list[bytes]]:
    """G.711 packets of 20 ms; a lost one is what a hole becomes."""
    wave = np.concatenate([wave, silence(CALL_S)])[: round(CALL_S * RATE)]
    wave = wave + at_level(coloured(rng, CALL_S, float(rng.choice((0.0, 0.5)))), noise_db)
    codec = str(rng.choice((PCMA, PCMU)))
    pcm = (np.clip(wave, -1, 1) * 32767).astype(np.int16)
    data = encode(pcm, codec)
    packets = [data[at : at + FRAME] for at in range(0, len(data), FRAME)]
    return codec, [SILENCE[codec] * FRAME if rng.random() < loss else packet for packet in packets]


@dataclass(frozen=True)
class Item:
    kind: str
    wanted: tuple[str, ...]
    """Verdicts that are right."""
    watch: Watch
    codec: str
    packets: list[bytes]


Maker = Callable[[np.random.Generator, Words], Pcm]


def _voice(rng: np.random.Generator, words: Words) -> tuple[str, int, int]:
    return str(rng.choice(words.voices)), int(rng.choice((170, 200, 230))), int(rng.choice((35, 50, 65)))


def _speech(rng: np.random.Generator, texts: tuple[str, ...], words: Words) -> Pcm:
    voice, speed, pitch = _voice(rng, words)
    return at_level(say(str(rng.choice(texts)), voice, speed, pitch), rng.uniform(-28, -14))


def _pick_up(rng: np.random.Generator) -> Pcm:
    return silence(rng.uniform(0.1, 1.2))


def person(rng: np.random.Generator, words: Words) -> Pcm:
    return np.concatenate([_pick_up(rng), _speech(rng, words.greetings, words)])


def person_again(rng: np.random.Generator, words: Words) -> Pcm:
    """喂?... 喂?... 喂您好?"""
    parts, voice = [_pick_up(rng)], _voice(rng, words)
    level = rng.uniform(-26, -14)
    for _ in range(int(rng.integers(2, 12))):
        parts += [
            at_level(say(str(rng.choice(words.greetings)), *voice), level),
            silence(rng.uniform(0.15, 1.4)),
        ]
    return np.concatenate(parts)


def person_long(rng: np.random.Generator, words: Words) -> Pcm:
    return np.concatenate([_pick_up(rng), _speech(rng, words.long_greetings, words)])


def person_talker(rng: np.random.Generator, words: Words) -> Pcm:
    return np.concatenate([_pick_up(rng), _speech(rng, words.talkers, words)])


def _over(one: Pcm, other: Pcm) -> Pcm:
    total = silence(CALL_S)
    for part in (one, other):
        part = part[: len(total)]
        total[: len(part)] += part
    return total


def person_noise(rng: np.random.Generator, words: Words) -> Pcm:
    said = person(rng, words)
    return _over(said, at_level(street(rng, CALL_S), rng.uniform(-45, -28)))


def person_babble(rng: np.random.Generator, words: Words) -> Pcm:
    said = person(rng, words)
    people = babble(rng, words, CALL_S, int(rng.integers(1, 5)))
    return _over(said, at_level(people, rng.uniform(-46, -32)))


def person_silent(rng: np.random.Generator, words: Words) -> Pcm:
    """Nobody speaks; a room, a street or a television is heard."""
    match int(rng.integers(0, 3)):
        case 0:
            return at_level(street(rng, CALL_S), rng.uniform(-50, -25))
        case 1:
            return at_level(babble(rng, words, CALL_S, int(rng.integers(1, 4))), rng.uniform(-50, -37))
    return at_level(music(rng, CALL_S, pure=False), rng.uniform(-50, -37))


PROMPT = "您好，这里是禾安人寿，请问是欧阳女士本人吗"


def person_echo(rng: np.random.Generator, words: Words) -> Pcm:
    """Our own prompt comes back 14 to 30 dB quieter, and the customer greets or not."""
    prompt = at_level(say(PROMPT, "f2", 230), -20 - rng.uniform(14, 30))
    said = person(rng, words) if rng.random() < 0.7 else silence(1)
    return _over(said, np.concatenate([silence(rng.uniform(0.1, 0.4)), prompt]))


def person_appliance(rng: np.random.Generator, words: Words) -> Pcm:
    """A microwave oven, a lift, a lorry in reverse: beeps behind a person."""
    hertz, level = rng.uniform(600, 3000), rng.uniform(-40, -24)
    beep = np.concatenate([tone(rng.uniform(0.1, 0.6), hertz), silence(rng.uniform(0.3, 1.5))])
    return _over(
        person(rng, words), np.concatenate([silence(rng.uniform(0, 3)), *[at_level(beep, level)] * 5])
    )


def machine_announcement(rng: np.random.Generator, words: Words) -> Pcm:
    voice, speed, pitch = _voice(rng, words)
    level = rng.uniform(-26, -14)
    parts = [silence(rng.uniform(0.0, 0.8))]
    chinese = at_level(say(str(rng.choice(words.announcements)), voice, speed, pitch), level)
    english = at_level(say(str(rng.choice(words.english)), voice, 160, pitch, "en"), level)
    for _ in range(3):
        parts += [chinese, silence(rng.uniform(0.2, 0.8)), english, silence(rng.uniform(0.3, 1.0))]
    return np.concatenate(parts)


def _beep(rng: np.random.Generator) -> Pcm:
    hertz = float(rng.choice((620, 800, 950, 1000, 1100, 1400, 2000))) * rng.uniform(0.98, 1.02)
    return at_level(tone(rng.uniform(0.2, 1.2), hertz), rng.uniform(-26, -10))


def machine_voicemail(rng: np.random.Generator, words: Words) -> Pcm:
    greeting = _speech(rng, words.machines, words)
    return np.concatenate([_pick_up(rng), greeting, silence(rng.uniform(0.1, 1.2)), _beep(rng)])


def machine_menu(rng: np.random.Generator, words: Words) -> Pcm:
    text = "欢迎致电服务热线，普通话请按一，业务咨询请按二，投诉建议请按三，人工服务请按零，返回请按星号键"
    voice, speed, pitch = _voice(rng, words)
    return np.concatenate([_pick_up(rng), at_level(say(text, voice, speed, pitch), rng.uniform(-26, -14))])


def fax(rng: np.random.Generator, words: Words) -> Pcm:
    hertz = 2100 + rng.uniform(-15, 15)
    return np.concatenate([silence(rng.uniform(0.2, 1.8)), at_level(tone(3.3, hertz), rng.uniform(-28, -12))])


def answered(pattern: Callable[[np.random.Generator], Pcm]) -> Maker:
    return lambda rng, words: at_level(pattern(rng), rng.uniform(-32, -12))


def _sit(rng: np.random.Generator) -> Pcm:
    shift, length = rng.uniform(-30, 30), rng.uniform(0.28, 0.38)
    gap = silence(rng.uniform(0, 0.03))
    three = [tone(length, 950 + shift), gap, tone(length, 1400 + shift), gap, tone(length, 1800 + shift)]
    return np.concatenate([silence(rng.uniform(0.1, 1.5)), *three, silence(1.0)])


def sit_announcement(rng: np.random.Generator, words: Words) -> Pcm:
    return np.concatenate(
        [at_level(_sit(rng), rng.uniform(-30, -12)), _speech(rng, words.announcements, words)]
    )


def announcement_alone(rng: np.random.Generator, words: Words) -> Pcm:
    return machine_announcement(rng, words)


def colour_music(rng: np.random.Generator, words: Words) -> Pcm:
    return at_level(music(rng, CALL_S, pure=bool(rng.random() < 0.5)), rng.uniform(-30, -12))


def colour_song(rng: np.random.Generator, words: Words) -> Pcm:
    voice = at_level(babble(rng, words, CALL_S, 1), -20)
    return at_level(_over(voice, at_level(music(rng, CALL_S, pure=False), -26)), rng.uniform(-30, -14))


def nothing(rng: np.random.Generator, words: Words) -> Pcm:
    return silence(1) if rng.random() < 0.5 else at_level(street(rng, CALL_S), rng.uniform(-55, -30))


RINGBACK = {
    "cn": ((450.0,), (1.0, 4.0)),
    "itu": ((425.0,), (1.0, 4.0)),
    "us": ((440.0, 480.0), (2.0, 4.0)),
    "uk": ((400.0, 450.0), (0.4, 0.2, 0.4, 2.0)),
}
BUSY = {"cn": ((450.0,), (0.35, 0.35)), "itu": ((425.0,), (0.5, 0.5)), "us": ((480.0, 620.0), (0.5, 0.5))}
CONGESTION = {
    "cn": ((450.0,), (0.7, 0.7)),
    "itu": ((425.0,), (0.25, 0.25)),
    "us": ((480.0, 620.0), (0.25, 0.25)),
}
UNOBTAINABLE = {"cn": ((450.0,), (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.4))}


def _any_of(
    table: dict[str, tuple[tuple[float, ...], tuple[float, ...]]],
) -> Callable[[np.random.Generator], Pcm]:
    def make(rng: np.random.Generator) -> Pcm:
        hertz, pattern = table[str(rng.choice(list(table)))]
        return cadence(rng, hertz, pattern, CALL_S)

    return make


_PERSON = ("person", "unsure")
_MACHINE = ("machine", "unsure")
_HAVE: tuple[tuple[str, Watch, tuple[str, ...], int, Maker], ...] = (
    ("person: 喂, 你好", Watch.ANSWERER, _PERSON, 60, person),
    ("person: 喂 again and again", Watch.ANSWERER, _PERSON, 30, person_again),
    ("person: a firm's greeting", Watch.ANSWERER, _PERSON, 30, person_long),
    ("person: talks on", Watch.ANSWERER, _PERSON, 30, person_talker),
    ("person: in a street", Watch.ANSWERER, _PERSON, 40, person_noise),
    ("person: among people", Watch.ANSWERER, _PERSON, 40, person_babble),
    ("person: says nothing", Watch.ANSWERER, _PERSON, 40, person_silent),
    ("person: our echo", Watch.ANSWERER, _PERSON, 30, person_echo),
    ("person: beeps behind", Watch.ANSWERER, _PERSON, 30, person_appliance),
    ("machine: announcement", Watch.ANSWERER, _MACHINE, 40, machine_announcement),
    ("machine: greeting, beep", Watch.ANSWERER, _MACHINE, 60, machine_voicemail),
    ("machine: menu", Watch.ANSWERER, _MACHINE, 20, machine_menu),
    ("machine: fax", Watch.ANSWERER, _MACHINE, 20, fax),
    ("machine: SIT, announcement", Watch.ANSWERER, _MACHINE, 20, sit_announcement),
    ("machine: busy tone", Watch.ANSWERER, _MACHINE, 20, answered(_any_of(BUSY))),
    ("early: ringback", Watch.EARLY, ("ringback",), 40, answered(_any_of(RINGBACK))),
    ("early: busy", Watch.EARLY, ("busy",), 40, answered(_any_of(BUSY))),
    ("early: congestion", Watch.EARLY, ("congestion",), 40, answered(_any_of(CONGESTION))),
    ("early: unobtainable", Watch.EARLY, ("unobtainable",), 20, answered(_any_of(UNOBTAINABLE))),
    ("early: SIT, announcement", Watch.EARLY, ("sit",), 30, sit_announcement),
    ("early: announcement", Watch.EARLY, ("nothing",), 30, announcement_alone),
    ("early: 彩铃, music", Watch.EARLY, ("nothing",), 60, colour_music),
    ("early: 彩铃, song", Watch.EARLY, ("nothing",), 40, colour_song),
    ("early: silence, noise", Watch.EARLY, ("nothing",), 20, nothing),
)


def corpus(seed: int, words: Words, share: float = 1.0) -> Iterator[Item]:
    for number, (kind, watch, wanted, count, make) in enumerate(_HAVE):
        for index in range(max(1, round(count * share))):
            rng = np.random.default_rng((seed, number, index))
            wave = make(rng, words)
            codec, packets = line(rng, wave, rng.uniform(-70, -48), float(rng.choice((0.0, 0.0, 0.01, 0.03))))
            yield Item(kind, wanted, watch, codec, packets)


def verdict(item: Item, config: ProgressConfig) -> tuple[str, str, float]:
    """What came of it, by which rule, and after how many seconds."""
    watcher = Watcher(item.watch, item.codec, config, new_detector(MediaConfig().vad_mode))
    tones: list[str] = []
    for number, packet in enumerate(item.packets):
        for noticed in watcher.feed(number * FRAME, packet):
            if isinstance(noticed, Judged):
                return noticed.answerer.value, noticed.why, (number + 1) * 0.02
            if isinstance(noticed, HeardTone):
                tones.append(noticed.tone.value)
    if item.watch is Watch.EARLY:
        return "+".join(sorted(set(tones))) or "nothing", "", 0.0
    return "unsure", "no verdict in time", CALL_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=list(SETS), default="held-out", help="voices and sentences")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of calls")
    parser.add_argument("--why", action="store_true", help="name each call that came out wrong, or unsure")
    asked = parser.parse_args()
    seed, words = SETS[asked.set]
    table: dict[str, Counter[str]] = {}
    right: Counter[str] = Counter()
    after: dict[str, list[float]] = {}
    items = 0
    for number, item in enumerate(corpus(seed, words, asked.share)):
        items += 1
        came, why, seconds = verdict(item, ProgressConfig())
        table.setdefault(item.kind, Counter())[came] += 1
        right[item.kind] += came in item.wanted
        after.setdefault(came, []).append(seconds)
        if asked.why and came != item.wanted[0]:
            print(f"  {number:4} {item.kind:28} {came:10} {seconds:5.1f} s  {why}")
    columns = sorted({came for row in table.values() for came in row})
    print("generated calls (synthetic: computed tones, espeak-ng's voices); kinds x verdicts")
    print(f"{'kind':30}" + "".join(f"{c[:20]:>13}" for c in columns))
    for kind, row in table.items():
        print(f"{kind:30}" + "".join(f"{row[c] or '.':>13}" for c in columns))
    people = sum(sum(row.values()) for kind, row in table.items() if kind.startswith("person"))
    machines = sum(sum(row.values()) for kind, row in table.items() if kind.startswith("machine"))
    harmed = sum(row["machine"] for kind, row in table.items() if kind.startswith("person"))
    found = sum(row["machine"] for kind, row in table.items() if kind.startswith("machine"))
    missed = sum(row["person"] for kind, row in table.items() if kind.startswith("machine"))
    early = sum(sum(row.values()) for kind, row in table.items() if kind.startswith("early"))
    early_right = sum(right[kind] for kind in table if kind.startswith("early"))
    figures = {
        "set": asked.set,
        "calls": items,
        "people": people, "people_taken_for_machines": harmed,
        "machines": machines, "machines_found": found, "machines_taken_for_people": missed,
        "early": early, "early_right": early_right,
        "seconds_to_person": round(float(np.median(after.get("person", [0]))), 2),
        "seconds_to_machine": round(float(np.median(after.get("machine", [0]))), 2),
        "table": {kind: dict(row) for kind, row in table.items()},
    }  # fmt: skip
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
