"""Vosk model directories in both forms, loaded by libvosk in its worker; and every way one is broken."""

from __future__ import annotations

import shutil
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from static_model import DEMO, make_static

from dialer.asr import AsrConfig, Engine, WorkerRecogniser
from dialer.asr.known import SUMS, check_sums, write_sums
from dialer.errors import MissingModel

ROOT = Path(__file__).parents[3]
Break = Callable[[Path], object]


def speech(name: str) -> bytes:
    with wave.open(str(ROOT / "tests" / "data" / "asr" / f"{name}.wav")) as file:
        return file.readframes(file.getnframes())


def lookahead(folder: Path) -> Path:
    return shutil.copytree(DEMO, folder)


@pytest.mark.parametrize("make", [lookahead, make_static], ids=["HCLr+Gr", "HCLG"])
async def test_both_forms_hear_an_answer(make: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = make(tmp_path / "model")
    async with WorkerRecogniser(AsrConfig(folder, engine=Engine.VOSK, deadline_s=10)) as recogniser:
        for name, text in (("shi_de", "是的"), ("mei_you_le", "没有了")):
            stream = await recogniser.open(("是的", "不是", "没有了", "鸟语花香"))
            await stream.feed(speech(name))
            assert (await stream.finish()).text == text
        assert recogniser.dropped == {"鸟语花香"}


def remove(name: str) -> Break:
    return lambda folder: (folder / name).unlink()


def write(name: str, content: bytes) -> Break:
    return lambda folder: (folder / name).write_bytes(content)


def cut(name: str) -> Break:
    """A copy that broke off."""

    def half(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return half


def rename_unknown(folder: Path) -> None:
    words = folder / "graph/words.txt"
    words.write_text(words.read_text(encoding="utf-8").replace("[unk]", "[other]"), encoding="utf-8")


LOOKAHEAD = [
    (remove("am/final.mdl"), r"am/final\.mdl: missing"),
    (remove("conf/model.conf"), r"conf/model\.conf: missing"),
    (remove("conf/mfcc.conf"), r"conf/mfcc\.conf: missing"),
    (remove("graph/HCLr.fst"), r"graph/HCLr\.fst: missing"),
    (remove("graph/Gr.fst"), r"graph/Gr\.fst: missing"),
    (remove("graph/disambig_tid.int"), r"graph/disambig_tid\.int: missing"),
    (remove("graph/words.txt"), r"graph/words\.txt: missing, and Gr\.fst holds no word list"),
    (write("am/final.mdl", b""), r"am/final\.mdl: empty"),
    (write("graph/Gr.fst", b"version https://git-lfs.github.com/spec/v1"), r"Gr\.fst: not an OpenFst file"),
    (write("conf/mfcc.conf", b"--sample-frequency=16000\n"), r"Add the line --allow-upsample=true"),
    (write("am/final.mdl", b"not a network"), r"libvosk|the engine died of this model"),
    (cut("am/final.mdl"), r"libvosk|the engine died of this model"),
    (cut("graph/HCLr.fst"), r"libvosk|the engine died of this model"),
    (rename_unknown, r"no word \[unk\]"),
]
STATIC = [
    (remove("graph/HCLG.fst"), r"neither HCLr\.fst with Gr\.fst nor HCLG\.fst"),
    (write("graph/HCLG.fst", b""), r"graph/HCLG\.fst: empty"),
    (cut("graph/HCLG.fst"), r"libvosk|the engine died of this model"),
    (remove("graph/words.txt"), r"graph/words\.txt: missing, and HCLG\.fst holds no word list"),
]
CASES = [(lookahead, *case) for case in LOOKAHEAD] + [(make_static, *case) for case in STATIC]


@pytest.mark.parametrize(("make", "harm", "told"), CASES)
async def test_a_broken_directory_is_refused_with_what_is_wrong(
    make: Callable[[Path], Path], harm: Break, told: str, tmp_path: Path
) -> None:
    folder = make(tmp_path / "model")
    harm(folder)
    recogniser = WorkerRecogniser(AsrConfig(folder, engine=Engine.VOSK))
    with pytest.raises(MissingModel, match=told) as caught:
        await recogniser.start()
    assert str(folder) in str(caught.value)
    assert recogniser.pids == []


def test_checksums_name_the_file_that_changed(tmp_path: Path) -> None:
    folder = make_static(tmp_path / "model")
    assert check_sums(folder) == 0
    (folder / "README.md").write_text("First words.\n", encoding="utf-8")
    count = write_sums(folder)
    (folder / "README.md").write_text("Better words.\n", encoding="utf-8")
    assert check_sums(folder) == count == 5
    (folder / "graph/words.txt").write_text("<eps> 0\n", encoding="utf-8")
    with pytest.raises(MissingModel, match=r"words\.txt: not the file that SHA256SUMS lists"):
        check_sums(folder)
    (folder / "graph/words.txt").unlink()
    with pytest.raises(MissingModel, match=r"words\.txt: missing .* listed in SHA256SUMS"):
        check_sums(folder)


@pytest.mark.parametrize("line", ["words", f"{'0' * 64}  ../outside", f"{'0' * 64}  /etc/passwd"])
def test_a_list_of_checksums_that_is_none_is_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / SUMS).write_text(line + "\n", encoding="utf-8")
    with pytest.raises(MissingModel, match="line 1: not a checksum and a file"):
        check_sums(tmp_path)


def test_the_shipped_model_is_as_it_was_made() -> None:
    assert check_sums(DEMO) >= 8
