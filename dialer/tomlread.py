"""TOML text -> typed dataclasses, with file, line and what to write instead for every mistake."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from dialer.errors import ConfigError

T = TypeVar("T")

Converters = Mapping[type, Callable[[str], object]]
"""How a string becomes a value of a type of ours, e.g. ``{Window: Window.parse}``; ValueError refuses."""

_HEADER = re.compile(r"^\s*\[{1,2}\s*([^\]]+?)\s*\]{1,2}")
_KEY = re.compile(r'^\s*([A-Za-z0-9_.\-"]+)\s*=')
_SYNTAX_LINE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """tomllib with our error. Raises ConfigError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        line = int(found.group(1)) if found and found.group(1) else text.count("\n") + 1
        message = _SYNTAX_LINE.sub("", str(error)).strip()
        raise ConfigError(f"not TOML: {message}", file, line) from None


def _header_of(line: str) -> tuple[str, ...] | None:
    """The name of the table that begins here."""
    header = _HEADER.match(line)
    return None if header is None else tuple(part.strip().strip('"') for part in header.group(1).split("."))


def line_of(text: str, path: tuple[str, ...]) -> int:
    """The line where a key stands; its table's line, or 1, where it can't be told."""
    table: tuple[str, ...] = ()
    best = 1
    for number, line in enumerate(text.splitlines(), 1):
        if (header := _header_of(line)) is not None:
            table = header
            best = number if table == path[: len(table)] else best
        elif key := _KEY.match(line):
            here = table + tuple(part.strip('"') for part in key.group(1).split("."))
            if here == path or (len(here) < len(path) and here == path[: len(here)]):
                return number
    return best


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


@dataclasses.dataclass(frozen=True, slots=True)
class TomlFile:
    """One parsed file, for reading tables out of it."""

    file: str
    text: str
    data: dict[str, Any]
    converters: Converters

    def table(
        self,
        name: str,
        kind: type[T],
        hidden: tuple[str, ...] = (),
        given: Mapping[str, object] | None = None,
    ) -> T:
        """``[name]`` as ``kind``; a missing table means its defaults.

        ``hidden``: fields that a file may not set; ``given``: their values. Raises ConfigError.
        """
        data = self.data.get(name, {})
        if not isinstance(data, dict):
            raise self.error(f"{name} must be a table: write [{name}] on a line of its own", (name,))
        self._refuse_unknown(kind, data, (name,), hidden)
        values = {key: self._convert(kind, key, value, (name, key)) for key, value in data.items()}
        try:
            return cast(T, _adapter(cast(Any, kind)).validate_python({**values, **(given or {})}))
        except ValidationError as error:
            raise self._explain(error, name) from None
        except ConfigError as error:
            raise self.error(error.message, self._named_key(name, error.message)) from None

    def tables(self, name: str, kind: type[T], hidden: tuple[str, ...] = ()) -> list[tuple[TomlFile, T]]:
        """Every ``[[name]]`` as ``kind``, with the file as if it held that one only, for errors about it."""
        return [(one, one.table(name, kind, hidden)) for one in self._each(name)]

    def _each(self, name: str) -> list[TomlFile]:
        """The file with one ``[[name]]`` at a time; lines keep their numbers."""
        entries = self.data.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self.error(f"{name} must be tables: write [[{name}]] above each of them", (name,))
        lines = self.text.splitlines()
        starts = [at for at, line in enumerate(lines) if _header_of(line) == (name,)]
        if not entries or len(starts) != len(entries):  # inline: trunks = [{ ... }]
            return [dataclasses.replace(self, data={name: entry}) for entry in entries]
        found = []
        for entry, start, end in zip(entries, starts, [*starts[1:], len(lines)], strict=True):
            text = "\n" * start + "\n".join(lines[start:end])
            found.append(dataclasses.replace(self, text=text, data={name: entry}))
        return found

    def error(self, message: str, path: tuple[str, ...]) -> ConfigError:
        return ConfigError(message, self.file, line_of(self.text, path))

    def _explain(self, error: ValidationError, name: str) -> ConfigError:
        first = error.errors()[0]
        loc = tuple(str(part) for part in first["loc"] if isinstance(part, str))
        message = str(first["msg"]).removeprefix("Value error, ")
        if not loc:
            return self.error(f"[{name}] {message}", self._named_key(name, message))
        if first["type"] == "missing":
            return self.error(
                f"{'.'.join((name, *loc))} is missing: write {loc[-1]} = ... below [{name}]", (name,)
            )
        given = first.get("input")
        shown = f", not {given!r}" if isinstance(given, str | int | float | bool) else ""
        return self.error(f"{'.'.join((name, *loc))}: {message}{shown}", (name, *loc))

    def _named_key(self, name: str, message: str) -> tuple[str, ...]:
        """The key that a config value's own message starts with (``key: ...`` or ``table.key: ...``)."""
        key = message.split(":", 1)[0].split(".")[-1].strip()
        return (name, key)

    def _convert(self, kind: Any, key: str, value: object, path: tuple[str, ...]) -> object:
        hint = _hints(kind)[key]
        many = get_origin(hint) is tuple
        convert = self.converters.get(get_args(hint)[0] if many else hint)
        if convert is None:
            return value
        items = value if many and isinstance(value, list) else [value]
        made = []
        for item in items:
            if not isinstance(item, str):
                raise self.error(f"{'.'.join(path)}: write text in quotes, not {item!r}", path)
            try:
                made.append(convert(item))
            except ValueError as error:
                raise self.error(f"{'.'.join(path)}: {error}", path) from None
        return tuple(made) if many else made[0]

    def _refuse_unknown(
        self, kind: Any, data: dict[str, Any], path: tuple[str, ...], hidden: tuple[str, ...] = ()
    ) -> None:
        hints = _hints(kind)
        names = [field.name for field in dataclasses.fields(kind) if field.name not in hidden]
        for key, value in data.items():
            if key not in names:
                near = difflib.get_close_matches(key, names, 1)
                advice = f"write {near[0]!r}" if near else "known keys: " + ", ".join(names)
                raise self.error(f"unknown key {'.'.join((*path, key))!r}; {advice}", (*path, key))
            inner = get_args(hints[key])[0] if get_origin(hints[key]) is tuple else hints[key]
            if dataclasses.is_dataclass(inner) and isinstance(inner, type):
                for entry in value if isinstance(value, list) else [value]:
                    if isinstance(entry, dict):
                        self._refuse_unknown(inner, entry, (*path, key))


def read_toml(text: str, file: str, converters: Converters, tables: tuple[str, ...]) -> TomlFile:
    """Parse and refuse unknown tables. Raises ConfigError."""
    found = TomlFile(file, text, parse_toml(text, file), converters)
    for name in found.data:
        if name not in tables:
            near = difflib.get_close_matches(name, tables, 1)
            advice = f"write [{near[0]}]" if near else "known tables: " + ", ".join(tables)
            raise found.error(f"unknown table [{name}]; {advice}", (name,))
    return found
