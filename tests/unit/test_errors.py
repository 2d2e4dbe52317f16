"""The tree in the module's docstring is the tree of the classes."""

from __future__ import annotations

import re

import pytest

from dialer import errors
from dialer.errors import ConfigError, DialerError, ScriptError


def test_the_docstring_is_the_tree() -> None:
    parents: list[str] = []
    told: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"^    ([│├└─ ]*)([A-Z]\w+)", line):
            depth = len(found[1]) // 4
            parents = [*parents[:depth], found[2]]
            told[found[2]] = parents[depth - 1] if depth else "Exception"
    classes = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, DialerError)
    ]
    assert told == {one.__name__: one.__bases__[0].__name__ for one in classes}
    assert all(one.__doc__ for one in classes)


@pytest.mark.parametrize(
    ("file", "line", "shown"),
    [("a.toml", 3, "a.toml:3: wrong"), ("a.toml", 0, "a.toml: wrong"), ("", 0, "wrong"), ("", 3, "wrong")],
)
def test_a_config_error_says_where(file: str, line: int, shown: str) -> None:
    error = ScriptError("wrong", file, line)
    assert str(error) == shown
    assert isinstance(error, ConfigError)
    assert (error.message, error.file, error.line) == ("wrong", file, line)
