"""The prompt book: whose clip wins, what is missing, and that the shipped set is whole."""

from __future__ import annotations

import struct
from decimal import Decimal
from pathlib import Path

import pytest

from dialer.errors import MissingPrompt
from dialer.ivr.prompt import HONORIFICS, Facts, render
from dialer.ivr.reader import read_script
from dialer.model import Say, SayKind
from dialer.transfer import WHISPER
from dialer.tts.audio import clip_fault, wav
from dialer.tts.book import PromptBook, clip_name
from dialer.tts.config import PromptConfig
from dialer.tts.stock import COMPOUND_SURNAMES, PRODUCTS, SURNAMES, stock_texts
from dialer.tts.tones import BEEP, HOLD, beep

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"
SCRIPTS = sorted((CONFIG / "scripts").glob("*.yaml"))


@pytest.fixture
def config(tmp_path: Path) -> PromptConfig:
    folders = [tmp_path / name for name in ("recorded", "synthetic", "built")]
    for folder in folders:
        folder.mkdir()
    return PromptConfig(*folders)


@pytest.fixture
def shipped(tmp_path: Path) -> PromptBook:
    prompts = CONFIG / "prompts"
    return PromptBook(PromptConfig(prompts / "recorded", prompts / "synthetic", tmp_path))


def put(folder: Path, text: str) -> Path:
    path = folder / clip_name(text)
    path.write_bytes(wav(beep()))
    return path


def test_a_recording_wins_and_the_own_synthesis_comes_last(config: PromptConfig) -> None:
    book, say = PromptBook(config), [Say(SayKind.TEXT, "您好。")]
    own = put(config.built, "您好。")
    assert book.clips(say) == [own]
    synthetic = put(config.synthetic, "您好。")
    assert book.clips(say) == [synthetic]
    recorded = put(config.recorded, "您好。")
    assert book.clips(say) == [recorded]


def test_clips_come_in_the_order_of_speech(config: PromptConfig) -> None:
    texts = ["保费", "一万", "二千", "元"]
    for text in ("保费", "一", "万", "二千", "元"):
        put(config.synthetic, text)
    found = PromptBook(config).clips([Say(SayKind.TEXT, "保费"), Say(SayKind.MONEY, "12000")])
    assert [path.name for path in found] == [clip_name(t) for t in ("保费", "一", "万", "二千", "元")], texts


def test_everything_missing_is_named_once(config: PromptConfig) -> None:
    put(config.synthetic, "元")
    say = [Say(SayKind.SURNAME, "纪"), Say(SayKind.MONEY, "5"), Say(SayKind.SURNAME, "纪")]
    with pytest.raises(MissingPrompt, match="prompts build") as caught:
        PromptBook(config).clips(say)
    message = str(caught.value)
    assert message.count(clip_name("纪")) == 1
    assert "'五'" in message
    assert "元" not in message.split("run")[0]


def test_an_unreadable_value_is_a_missing_prompt(config: PromptConfig) -> None:
    with pytest.raises(MissingPrompt, match="write digits"):
        PromptBook(config).clips([Say(SayKind.MONEY, "十二万")])


def test_changed_wording_has_another_file() -> None:
    assert clip_name("您好。") != clip_name("您好！")
    assert clip_name("../../etc/passwd").startswith("etcpasswd-")
    assert clip_name("？").startswith("clip-")
    assert len(clip_name("很" * 300).encode()) < 100


def test_a_recording_of_the_wrong_format_is_a_named_fault(config: PromptConfig) -> None:
    wide = bytearray(wav(beep()))
    wide[24:28] = struct.pack("<I", 44100)
    (config.recorded / "a.wav").write_bytes(wide)
    (config.recorded / "b.wav").write_bytes(b"ID3 not a wav")
    put(config.recorded, "您好。")
    first, second = PromptBook(config).recorded_faults()
    assert "a.wav" in first
    assert "44100 Hz" in first
    assert "b.wav: not a WAV file; make it 8000 Hz mono" in second


@pytest.mark.parametrize(
    ("body", "fault"),
    [(b"", "not a WAV file"), (b"hello", "not a WAV file"), (wav(beep())[:58], "holds no audio")],
)
def test_a_damaged_clip_of_any_folder_is_a_named_fault(config: PromptConfig, body: bytes, fault: str) -> None:
    put(config.synthetic, "您好。")
    broken = config.built / clip_name("再见。")
    broken.write_bytes(body)
    book = PromptBook(config)
    assert book.faults(["您好。", "没有的"]) == []
    (found,) = book.faults(["您好。", "再见。"])
    assert found.startswith(f"{broken}: ")
    assert fault in found
    assert "remove it and run `dialer prompts build`" in found


def test_the_shipped_set_has_every_stock_fragment(shipped: PromptBook) -> None:
    assert len(SURNAMES) >= 100
    assert len(set(SURNAMES)) == len(SURNAMES)
    assert shipped.missing(stock_texts()) == []
    assert len(shipped.clips(WHISPER)) == 1


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_prompt_of_every_shipped_script_has_its_clips(script: Path, shipped: PromptBook) -> None:
    read = read_script(script.read_text(encoding="utf-8"), str(script))
    assert shipped.missing(read.texts()) == []
    names = [*SURNAMES, *COMPOUND_SURNAMES]
    for place, honorific in enumerate(HONORIFICS):
        facts = Facts(names[place], honorific, PRODUCTS[place], Decimal("12345.67"), 2 + place, 15 + place)
        for template in read.templates():
            say = render(template, read.company, facts)
            assert not say or shipped.clips(say)


def test_the_studio_list_names_every_shipped_clip() -> None:
    rows = [
        line.split("\t")
        for line in (CONFIG / "prompts" / "prompts.tsv").read_text(encoding="utf-8").splitlines()[1:]
    ]
    assert all(clip_name(text) == name for name, text in rows)
    clips = {path.name for path in (CONFIG / "prompts" / "synthetic").glob("*.wav")}
    assert {name for name, _ in rows} == clips - {HOLD, BEEP}


def test_shipped_clips_are_playable_and_small() -> None:
    clips = sorted((CONFIG / "prompts" / "synthetic").glob("*.wav"))
    assert {HOLD, BEEP} <= {path.name for path in clips}
    assert [path.name for path in clips if clip_fault(path)] == []
    assert sum(path.stat().st_size for path in clips) < 8_000_000
