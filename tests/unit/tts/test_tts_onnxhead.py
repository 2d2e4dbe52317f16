"""What an ONNX file says of itself, whole and cut off."""

from __future__ import annotations

from pathlib import Path

import pytest
from tone_voices import vits

from dialer.tts.onnxhead import read_head


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vits(tmp_path_factory.mktemp("voice"), comment="icefall 中文") / "model.onnx"


def test_metadata_is_read_without_the_model(whole: Path) -> None:
    head = read_head(whole)
    assert head["sample_rate"] == "22050"
    assert head["comment"] == "icefall 中文"


def test_wherever_it_is_cut_off_it_is_refused_or_lacks_only_metadata(whole: Path, tmp_path: Path) -> None:
    data, all_of_it = whole.read_bytes(), read_head(whole)
    part = tmp_path / "part.onnx"
    for length in range(len(data)):
        part.write_bytes(data[:length])
        try:
            head = read_head(part)
        except ValueError:
            continue
        assert head.items() <= all_of_it.items()


@pytest.mark.parametrize("data", [b"", b"onnx", b"\xff" * 40, b"<html>not found</html>", b"\x08\x08"])
def test_other_files_are_not_taken_for_one(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(ValueError, match=r"not an ONNX model|cut off"):
        read_head(tmp_path / "model.onnx")
