from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import dialer.media
from dialer.errors import ConfigError
from dialer.media.config import MediaConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "sip.example"}, {"advertised_host": "::1"}, {"port_low": 80}, {"port_high": 20000},
        {"port_rest_s": -1}, {"rtp_timeout_s": -1}, {"dscp": 64}, {"niceness": 20},
        {"realtime_priority": 100}, {"vad_mode": 4},
        {"speech_floor_dbov": 1}, {"pre_roll_s": 3}, {"bridge_delay_frames": 0}, {"key_s": 0},
        {"key_gap_s": 0},
        {"clip_cache_mb": 0}, {"record_flush_s": 0}, {"start_timeout_s": 0}, {"reply_timeout_s": 0},
        {"disk_timeout_s": 0}, {"watchdog_s": 1},
    ],
)  # fmt: skip
def test_a_value_out_of_range_names_its_key(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"media.{next(iter(wrong))}: "):
        MediaConfig(**wrong)


def test_every_field_is_read() -> None:
    room = Path(dialer.media.__file__).parent
    code = "".join(path.read_text() for path in room.glob("*.py") if path.name != "config.py")
    unread = [f.name for f in fields(MediaConfig) if not re.search(rf"config\.{f.name}\b", code)]
    assert unread == []
