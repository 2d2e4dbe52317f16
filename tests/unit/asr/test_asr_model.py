from __future__ import annotations

import struct
from pathlib import Path

import pytest

from dialer.asr.model import check_model, has_symbols
from dialer.errors import MissingModel

DEMO = Path(__file__).parents[3] / "models" / "demo-cn"


def fst(symbols: bool) -> bytes:
    """The head of an OpenFst file: magic, type, arc type, version, flags."""
    kind, arc = b"const", b"standard"
    flags = 0x2 if symbols else 0
    return (
        struct.pack("<ii", 2125659606, len(kind)) + kind + struct.pack("<i", len(arc)) + arc
        + struct.pack("<ii", 2, flags) + bytes(32)
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory of the look-ahead form in which all files are there."""
    for name, content in {
        "am/final.mdl": b"model",
        "conf/model.conf": b"--beam=13\n",
        "conf/mfcc.conf": b"--sample-frequency=8000\n",
        "graph/HCLr.fst": fst(False),
        "graph/Gr.fst": fst(False),
        "graph/disambig_tid.int": b"7\n",
        "graph/words.txt": "<eps> 0\n是 1\n[unk] 2\n".encode(),
    }.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    return tmp_path


def to_static(folder: Path) -> None:
    for name in ("HCLr.fst", "Gr.fst", "disambig_tid.int"):
        (folder / "graph" / name).unlink()
    (folder / "graph/HCLG.fst").write_bytes(fst(False))


def test_the_shipped_model_is_complete() -> None:
    info = check_model(DEMO)
    assert (info.rate, info.takes_grammar) == (8000, True)


def test_both_forms_of_the_graph_are_taken(folder: Path) -> None:
    assert check_model(folder).takes_grammar
    to_static(folder)
    assert not check_model(folder).takes_grammar


def test_a_missing_directory_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        MissingModel, match=r"no-model: there is no such model directory.*recogniser\.model_dir"
    ):
        check_model(tmp_path / "no-model")


@pytest.mark.parametrize(
    "name",
    [
        "am/final.mdl",
        "conf/model.conf",
        "conf/mfcc.conf",
        "graph/HCLr.fst",
        "graph/Gr.fst",
        "graph/disambig_tid.int",
        "graph/words.txt",
    ],
)
def test_each_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(MissingModel, match=name) as caught:
        check_model(folder)
    assert "vosk-model-small-cn-0.22" in str(caught.value)


def test_no_graph_at_all_names_both_forms(folder: Path) -> None:
    to_static(folder)
    (folder / "graph/HCLG.fst").unlink()
    with pytest.raises(MissingModel, match=r"neither HCLr\.fst with Gr\.fst nor HCLG\.fst"):
        check_model(folder)


def test_an_empty_file_is_a_broken_copy(folder: Path) -> None:
    (folder / "am/final.mdl").write_bytes(b"")
    with pytest.raises(MissingModel, match=r"am/final\.mdl: empty"):
        check_model(folder)


def test_words_inside_the_graph_replace_the_list(folder: Path) -> None:
    (folder / "graph/words.txt").unlink()
    (folder / "graph/Gr.fst").write_bytes(fst(True))
    assert check_model(folder).takes_grammar


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs", struct.pack("<ii", 2125659606, 10**9)])
def test_a_graph_that_is_no_openfst_file_is_a_broken_copy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "Gr.fst").write_bytes(content)
    with pytest.raises(MissingModel, match="not an OpenFst file"):
        has_symbols(tmp_path / "Gr.fst")


def test_a_wideband_model_must_allow_telephone_speech(folder: Path) -> None:
    conf = folder / "conf/mfcc.conf"
    for text in ("--sample-frequency=16000\n", "# Kaldi's default rate\n--use-energy=false\n"):
        conf.write_text(text)
        with pytest.raises(MissingModel, match=r"mfcc\.conf.*16000 Hz.*Add the line --allow-upsample=true"):
            check_model(folder)
        conf.write_text(text + "--allow-upsample=true  # telephone\n")
        assert check_model(folder).rate == 16000


def test_a_rate_that_is_no_number_is_named(folder: Path) -> None:
    (folder / "conf/mfcc.conf").write_text("--sample-frequency=wide\n")
    with pytest.raises(MissingModel, match="--sample-frequency=wide is no number"):
        check_model(folder)
