from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

sys.path.append(str(Path(__file__).parent / "asr"))

from static_model import DEMO, make_static

from dialer.cli import main


def dialer(*words: str) -> Result:
    return CliRunner().invoke(main, ["--lang", "en", *words])


def test_the_shipped_model_passes_every_check() -> None:
    done = dialer("models", "check", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["unheard"] == []
    assert found["phrases"] > 1500
    assert found["checked_sums"] >= 8
    assert 0 < found["memory_mb"] <= 150


def test_a_model_that_cannot_hear_some_answers_is_named_with_them(tmp_path: Path) -> None:
    done = dialer("models", "check", str(make_static(tmp_path / "small")))
    assert done.exit_code == 1
    assert "8000 Hz" in done.output
    assert "checksums: the directory has no SHA256SUMS" in done.output
    assert "清楚" in done.output.split()
    assert "是的" not in done.output.split()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("am/final.mdl", "final.mdl: missing"),
        ("graph/Gr.fst", "Gr.fst: missing"),
        ("graph/words.txt", "words.txt"),
    ],
)
def test_a_broken_model_is_one_line_and_no_traceback(tmp_path: Path, harm: str, told: str) -> None:
    folder = shutil.copytree(DEMO, tmp_path / "broken")
    (folder / harm).unlink()
    done = dialer("models", "check", str(folder))
    assert done.exit_code == 2
    assert told in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("none-such",), "known are vosk-model-small-cn-0.22"),
        (("x", "--url", "https://example.org/x.zip"), "--url and --sha256 belong together"),
        (("x", "--url", "ftp://example.org/x.zip", "--sha256", "0" * 64), "--url and --sha256"),
    ],
)
def test_what_cannot_be_fetched_is_said_before_anything_is_asked_for(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    done = dialer("models", "fetch", *words, "--to", str(tmp_path))
    assert done.exit_code == 2
    assert told in done.output
    assert list(tmp_path.iterdir()) == []
