from __future__ import annotations

from pathlib import Path

import pytest

from dialer.asr import AsrConfig


def test_the_defaults_hold_together() -> None:
    assert AsrConfig(Path("m")).deadline_s > AsrConfig(Path("m")).restart_delay_s


@pytest.mark.parametrize(
    ("name", "value"),
    [("workers", 0), ("chunk_s", 0.0), ("chunk_s", 2.0), ("deadline_s", 0.0), ("restart_delay_s", -1.0)],
)
def test_a_senseless_value_is_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"recogniser.{name}"):
        AsrConfig(Path("m"), **{name: value})  # type: ignore[arg-type]
