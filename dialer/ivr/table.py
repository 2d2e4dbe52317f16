"""A YAML mapping read key by key: every value knows its line, every mistake says what to write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from dialer.errors import ConfigError, ScriptError
from dialer.ivr.prompt import SLOTS, slots_of, stray_brace

_PUNCTUATION = " ，。、；：？！,.;:?!"
_E = TypeVar("_E", bound=StrEnum)


def compose(text: str, file: str) -> Table:
    """The file's top level. Raises ScriptError."""
    root = yaml_nodes(text, file, ScriptError, "id, version, title, company")
    return Table(root, file, "the script")


def yaml_nodes(text: str, file: str, kind: type[ConfigError], first: str) -> Any:
    """YAML as nodes that know their lines. Raises ``kind``; ``first``: the keys that a file begins with."""
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise kind(f"not YAML: {error.problem or error.context}", file, line) from error
    except RecursionError as error:
        raise kind("nested too deeply", file, 1) from error
    except YAMLError as error:
        raise kind(f"not YAML: {error}", file, 1) from error
    if root is None:
        raise kind(f"the file is empty: start with {first}", file, 1)
    return root


class Table:
    """A mapping node whose keys are taken one by one; what is left over in the end is a mistake."""

    def __init__(self, node: Any, file: str, name: str, line: int = 0) -> None:
        self.file, self.name, self.line = file, name, line or line_of(node)
        self._known: list[str] = []
        self._values: dict[str, Any] = {}
        self._key_lines: dict[str, int] = {}
        if not isinstance(node, MappingNode):
            self.fail(f"{name} must be a table of 'key: value' lines", self.line)
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.fail(f"{name}: a key must be a plain word", line_of(key))
            if key.value in self._values:
                self.fail(f"{name}: {key.value!r} is written twice: keep one", line_of(key))
            self._values[key.value] = value
            self._key_lines[key.value] = line_of(key)

    def fail(self, message: str, line: int | None = None) -> NoReturn:
        raise ScriptError(message, self.file, self.line if line is None else line)

    def line_of(self, key: str) -> int:
        return self._key_lines.get(key, self.line)

    def node(self, key: str, what: str) -> Any:
        found = self.optional(key)
        if found is None:
            self._check_unknown(key)
            self.fail(f"{self.name}: {key!r} is missing: write {key}: {what}")
        return found

    def optional(self, key: str) -> Any:
        self._known.append(key)
        return self._values.get(key)

    def text(self, key: str, what: str, *, number: bool = False) -> str:
        """A non-empty string; with ``number`` a plain number will do too."""
        node = self.node(key, what)
        kinds = ("str", "int", "float") if number else ("str",)
        if not isinstance(node, ScalarNode) or tag_of(node) not in kinds:
            self.fail(f"{self.name}: {key!r} must be text: write {key}: {what}", line_of(node))
        value = str(node.value).strip()
        if not value:
            self.fail(f"{self.name}: {key!r} is empty: write {key}: {what}", line_of(node))
        return value

    def flag(self, key: str, default: bool) -> bool:
        node = self.optional(key)
        if node is None:
            return default
        if not isinstance(node, ScalarNode) or tag_of(node) != "bool":
            self.fail(f"{self.name}: {key!r} must be true or false", line_of(node))
        return str(node.value).lower() == "true"

    def choice(self, key: str, kind: type[_E], default: _E | None = None) -> _E:
        if default is not None and key not in self._values:
            self._known.append(key)
            return default
        values = [str(member.value) for member in kind]
        value = self.text(key, "one of " + ", ".join(values))
        if value not in values:
            self.fail(
                f"{self.name}: unknown {key} {value!r}{did_you_mean(value, values)}: "
                f"write one of {', '.join(values)}",
                self.line_of(key),
            )
        return kind(value)

    def table(self, key: str, what: str) -> Table:
        node = self.node(key, what)
        return Table(node, self.file, f"{self.name}, {key}", self.line_of(key))

    def items(self, key: str, what: str) -> Iterator[Any]:
        node = self.node(key, what)
        if not isinstance(node, SequenceNode) or not node.value:
            self.fail(f"{self.name}: {key!r} must be a list with at least one item: {what}", line_of(node))
        yield from node.value

    def template(self, key: str, what: str) -> str:
        """Text to be spoken, with slots."""
        text = self.text(key, what)
        line = line_of(self._values[key])
        for slot in slots_of(text):
            if slot not in SLOTS:
                guess = did_you_mean(slot, SLOTS)
                self.fail(
                    f"{self.name}: {key!r} has an unknown slot {{{slot}}}{guess}: slots are "
                    + " ".join(f"{{{name}}}" for name in SLOTS),
                    line,
                )
        if stray_brace(text):
            self.fail(f"{self.name}: {key!r} has a brace that belongs to no slot, like {{surname}}", line)
        if "{premium}元" in text:
            self.fail(f"{self.name}: {key!r}: {{premium}} is read with its 元: leave out the 元", line)
        if not slots_of(text) and not text.strip(_PUNCTUATION):
            self.fail(f"{self.name}: {key!r} has no words to speak", line)
        return text

    def done(self) -> None:
        """Everything must have been asked for by now."""
        self._check_unknown()

    def _check_unknown(self, missing: str = "") -> None:
        for key in self._values:
            if key in self._known:
                continue
            if missing and not get_close_matches(key, [missing], cutoff=0.6):
                continue
            guess = did_you_mean(key, [missing] if missing else self._known)
            known = "" if guess else ": known are " + ", ".join(self._known)
            self.fail(f"{self.name}: unknown key {key!r}{guess}{known}", self._key_lines[key])


def line_of(node: Any) -> int:
    return int(node.start_mark.line) + 1


def tag_of(node: ScalarNode) -> str:
    return str(node.tag).rsplit(":", 1)[-1]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    match = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean {match[0]!r}?" if match else ""
