"""Make a small Vosk model directory from synthetic speech: ``python models/train.py``.

Steps: espeak-ng speaks the phrases -> telephone lines damage them -> Kaldi MFCCs -> a small TDNN learns
the sounds with CTC -> network and word graph are written in Kaldi's formats -> libvosk itself is tested on
voices that training never heard. models/README.md says what to install and what to expect.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from evaluate import evaluate, report
from features import MFCC_CONF, examples
from kaldi import read_units, write_graph, write_network
from network import Plan, train
from phrases import HERE, Phrase, read_phrases, word_costs
from pronounce import BLANK, sounds
from synth import HELD_OUT_VOICES, TRAINING_VOICES, Utterance, jobs_for, random_texts, require, speak_all

VOICES_PER_FAMILY = {"YES": 26, "NO": 26, "BUSY": 14, "HUMAN": 18, "WRONG": 18, "WORD": 6}
OTHER_VOICES = 12
HELD_OUT_PER_PHRASE = 2


def training_speech(phrases: list[Phrase], cache: Path, loose: int, threads: int) -> list[Utterance]:
    heard = [phrase for phrase in phrases if not phrase.held_out]
    bundles = [
        jobs_for(phrase.text, TRAINING_VOICES, VOICES_PER_FAMILY.get(phrase.family, OTHER_VOICES))
        for phrase in heard
    ]
    texts = random_texts(loose, [phrase.text for phrase in heard])
    bundles += [jobs_for(text, TRAINING_VOICES, 1) for text in texts]
    return speak_all(bundles, cache, threads)


def test_speech(phrases: list[Phrase], cache: Path, threads: int) -> list[Utterance]:
    asked = [phrase for phrase in phrases if phrase.tested]
    bundles = [jobs_for(one.text, HELD_OUT_VOICES, HELD_OUT_PER_PHRASE, "test") for one in asked]
    return speak_all(bundles, cache, threads)


def units_of(texts: list[str]) -> dict[str, int]:
    """Unit numbers of all sounds; 0 is CTC's blank."""
    heard = sorted({sound for text in texts for sound in sounds(text)})
    return {BLANK: 0} | {sound: number for number, sound in enumerate(heard, 1)}


def main() -> int:
    options = arguments()
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {text}", flush=True)

    require([*TRAINING_VOICES, *HELD_OUT_VOICES])
    phrases = read_phrases()
    say(f"{len(phrases)} phrases: {dict(Counter(phrase.family for phrase in phrases))}")
    spoken = training_speech(phrases, options.work / "audio", options.loose, options.threads)
    tests = test_speech(phrases, options.work / "audio", options.threads)
    say(f"{len(spoken)} training utterances, {len(tests)} test utterances")
    if options.only_speech:
        return 0

    if not options.only_graph:
        learn(options, spoken, phrases, say)
    graph(options.out, phrases)
    size = sum(file.stat().st_size for file in options.out.rglob("*") if file.is_file())
    say(f"{options.out}: {size} bytes; now the test")
    text = report(evaluate(options.out, phrases, tests), size)
    (options.out / "README.md").write_text(text, encoding="utf-8")
    say("\n" + text)
    return 0


def learn(
    options: argparse.Namespace, spoken: list[Utterance], phrases: list[Phrase], say: Callable[[str], None]
) -> None:
    """Speech -> ``am/`` and ``conf/``."""
    units = units_of([one.text for one in spoken] + [phrase.text for phrase in phrases])
    labelled = [(one.audio, tuple(units[sound] for sound in sounds(one.text))) for one in spoken]
    data = examples(labelled, options.copies, options.silent, options.threads)
    say(f"{len(data)} examples, {len(units)} units")
    # So small a network gains little from threads, and loses much where others use the processor too.
    plan = Plan(options.steps, max(1, options.threads // 2), options.bfloat16)
    write_network(options.out, train(data, len(units), plan, say), units, MFCC_CONF)


def graph(out: Path, phrases: list[Phrase]) -> None:
    """Phrases -> ``graph/``, for a network that is there already."""
    units = read_units(out)
    words = [phrase for phrase in phrases if not phrase.spoken_only]
    pronounced = {phrase.text: sounds(phrase.text) for phrase in words}
    lexicon = {word: [units[sound] for sound in said] for word, said in pronounced.items()}
    write_graph(out / "graph", len(units), lexicon, word_costs(words, pronounced))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make a small Vosk model from synthetic speech.")
    parser.add_argument("--out", type=Path, default=HERE / "demo-cn", help="the model directory to write")
    parser.add_argument("--work", type=Path, default=HERE.parent / "build" / "train", help="cache folder")
    parser.add_argument("--steps", type=int, default=4000, help="batches that the network learns from")
    parser.add_argument("--bfloat16", action="store_true", help="twice as quick with AMX")
    parser.add_argument("--loose", type=int, default=3600, help="texts of random characters")
    parser.add_argument("--copies", type=int, default=2, help="telephone lines per utterance")
    parser.add_argument("--silent", type=int, default=2500, help="examples in which nobody speaks")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only-graph", action="store_true", help="keep the network; take new phrases in")
    parser.add_argument("--only-speech", action="store_true", help="stop after the speech is made")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
