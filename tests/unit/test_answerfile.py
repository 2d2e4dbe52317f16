"""A file of phrases, classed line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.answerfile import classify_file
from dialer.errors import ConfigError


def test_each_phrase_gets_its_class(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text("POS\t收到了\tY\n\nBAD\t没有\n", encoding="utf-8")
    assert classify_file(file) == ["POS\t收到了\tY", "BAD\t没有\tN"]


@pytest.mark.parametrize("bad", ["WHAT\t是", "POS", "", "\t是"])
def test_a_bad_line_is_named(tmp_path: Path, bad: str) -> None:
    file = tmp_path / "a.tsv"
    file.write_text(f"POS\t是\n\n{bad or 'POS 是'}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="write KIND<TAB>PHRASE") as found:
        classify_file(file)
    assert (found.value.file, found.value.line) == (str(file), 3)


def test_a_folder_is_no_file_of_answers(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        classify_file(tmp_path)
