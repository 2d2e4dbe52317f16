"""TOML mistakes: where, what, and what to write instead."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.errors import ConfigError
from dialer.tomlread import line_of, parse_toml, read_toml


@dataclass(frozen=True, slots=True)
class Colour:
    name: str

    @classmethod
    def parse(cls, text: str) -> Colour:
        if text not in ("red", "blue"):
            raise ValueError(f"{text!r} is no colour: write red or blue")
        return cls(text)


@dataclass(frozen=True, slots=True)
class Door:
    name: str = ""
    width_cm: int = 80


@dataclass(frozen=True, slots=True)
class Room:
    size: float = 10.0
    colour: Colour = field(default_factory=lambda: Colour("red"))
    stripes: tuple[Colour, ...] = ()
    doors: tuple[Door, ...] = ()
    photo: Path | None = None
    key: str = ""

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise ValueError("size: must be above 0")


def read(text: str) -> Room:
    toml = read_toml(text, "x.toml", {Colour: Colour.parse}, ("room", "garden"))
    return toml.table("room", Room, hidden=("key",))


def test_what_is_not_written_has_its_default() -> None:
    assert read("") == read("[room]") == Room()


def test_values_are_read_into_their_types() -> None:
    found = read(
        '[room]\nsize = 3\ncolour = "blue"\nstripes = ["red", "blue"]\nphoto = "a/b.png"\n'
        '[[room.doors]]\nname = "front"\nwidth_cm = 90\n[[room.doors]]\nname = "back"\n'
    )
    assert (found.size, found.colour, found.stripes) == (3.0, Colour("blue"), (Colour("red"), Colour("blue")))
    assert found.photo == Path("a/b.png")
    assert found.doors == (Door("front", 90), Door("back", 80))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[room]\nsize = ", 2, "not TOML"),
        ("# ok\n[room\n", 2, "not TOML"),
        ('[room]\n\nname = "unclosed', 3, "not TOML"),
        ("[room]\nsize = 1\nsize = 2\n", 3, "not TOML"),
        ("[rom]\nsize = 1\n", 1, r"unknown table \[rom\]; write \[room\]"),
        ("\n[zzz]\n", 2, "unknown table.*known tables: room, garden"),
        ("room = 3\n", 1, r"room must be a table: write \[room\]"),
        ("[room]\n\nsixe = 1\n", 3, "unknown key 'room.sixe'; write 'size'"),
        ("[room]\nqqqq = 1\n", 2, "unknown key 'room.qqqq'; known keys: size, colour"),
        ('[room]\nkey = "secret"\n', 2, "unknown key 'room.key'"),
        ('[room]\nsize = "wide"\n', 2, "room.size: .*not 'wide'"),
        ("[room]\n# size\nsize = -1\n", 3, "size: must be above 0"),
        ('[room]\nsize = 1\ncolour = "green"\n', 3, "room.colour: 'green' is no colour: write red or blue"),
        ("[room]\ncolour = 3\n", 2, "room.colour: write text in quotes, not 3"),
        ('[room]\nstripes = ["red", "green"]\n', 2, "room.stripes: 'green' is no colour"),
        ('[[room.doors]]\nname = "a"\nwith_cm = 3\n', 3, "with_cm'; write 'width_cm'"),
    ],
)
def test_mistakes_are_shown_with_their_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as found:
        read(text)
    assert (found.value.file, found.value.line) == ("x.toml", line)
    assert str(found.value).startswith(f"x.toml:{line}: ")


def test_the_line_of_a_key_is_the_one_in_its_own_table() -> None:
    text = "[garden]\nsize = 1\n\n[room]\ncolour = 2\nsize = 3\n"
    assert line_of(text, ("room", "size")) == 6
    assert line_of(text, ("garden", "size")) == 2
    assert line_of(text, ("room", "photo")) == 4
    assert line_of("room.size = 1\n", ("room", "size")) == 1


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(ConfigError) as found:
            parse_toml(text, "f.toml")
        assert found.value.file == "f.toml"
        assert 1 <= found.value.line <= text.count("\n") + 1
    else:
        assert parse_toml(text, "f.toml") == expected
