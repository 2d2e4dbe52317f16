"""A trunk that can't work says so when it is configured."""

from __future__ import annotations

import pytest

from dialer.errors import ConfigError
from dialer.sip.config import TrunkConfig, TrunkType


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"host": ""}, "host"),
        ({"port": 70000}, "port"),
        ({"number_format": "0"}, "number_format"),
        ({"number_format": "{name}"}, "number_format"),
        ({"lines": 0}, "lines"),
        ({"type": TrunkType.REGISTER}, "username"),
        ({"register_expires_s": 1}, "register_expires_s"),
        ({"no_response_s": 0.0}, "no_response_s"),
    ],
)
def test_wrong_values_are_named(values: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        TrunkConfig(**{"name": "main", "host": "192.0.2.1", **values})  # type: ignore[arg-type]


def test_the_password_is_not_in_the_repr() -> None:
    assert "pa55" not in repr(TrunkConfig("main", "192.0.2.1", username="u", password="pa55"))
