"""YAML read as a node tree, so that each value still knows its line, and a model's complaints put into words.

A file that a person wrote is checked by pydantic; what it finds wrong is told with file, line and what to
write. Nothing here knows what the file is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from dialer.errors import ConfigError

Place = tuple[str | int, ...]
"""Where a value stands: ``("questions", 3, "ask")``."""
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_A_TABLE = ("dataclass_type", "model_type", "dict_type", "mapping_type", "model_attributes_type")


def yaml_nodes(text: str, file: str, kind: type[ConfigError], first: str) -> Any:
    """YAML as nodes that know their lines. Raises ``kind``; ``first``: the keys that a file begins with."""
    return _parse(text, file, kind, first)[1]


def read_yaml(text: str, file: str, kind: type[ConfigError], first: str) -> tuple[Any, Any]:
    """Plain values, and the nodes that they came from. Raises ``kind``."""
    yaml, root = _parse(text, file, kind, first)
    _check_keys(root, file, kind, set())
    try:
        return yaml.constructor.construct_document(root), root
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise kind(f"{error.problem or error.context}", file, mark.line + 1 if mark else 1) from error
    except (ValueError, RecursionError) as error:
        raise kind(f"a value can't be read: {error}", file, 1) from error


def _parse(text: str, file: str, kind: type[ConfigError], first: str) -> tuple[YAML, Any]:
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
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
    return yaml, root


def _check_keys(node: Any, file: str, kind: type[ConfigError], above: set[int]) -> None:
    """Keys are plain words, written once; nothing contains itself."""
    if id(node) in above:
        raise kind("a value contains itself", file, line_of(node))
    inside = above | {id(node)}
    if isinstance(node, SequenceNode):
        for item in node.value:
            _check_keys(item, file, kind, inside)
    elif isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise kind("a key must be a plain word", file, line_of(key))
            if key.value in seen:
                raise kind(f"{key.value!r} is written twice: keep one", file, line_of(key))
            seen.add(key.value)
            _check_keys(value, file, kind, inside)


def line_of(node: Any) -> int:
    return int(node.start_mark.line) + 1


def line_at(root: Any, place: Place) -> int:
    """The line of the key or item there; of the nearest one above it that is written."""
    node, line = root, line_of(root)
    for step in place:
        if isinstance(node, MappingNode):
            found = next(
                ((k, v) for k, v in node.value if isinstance(k, ScalarNode) and k.value == str(step)), None
            )
            if found is None:
                return line
            line, node = line_of(found[0]), found[1]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = line_of(node)
        else:
            return line
    return line


def did_you_mean(word: str, known: Iterable[str]) -> str:
    match = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean {match[0]!r}?" if match else ""


def complaint(error: ValidationError, schema: Mapping[str, Any]) -> tuple[str, Place]:
    """The first thing that is wrong: what to write, and where. ``schema``: the model's JSON Schema."""
    found = error.errors()
    # A key that was misspelt is missing, too: the misspelling says more.
    first = next((one for one in found if one["type"] in _UNKNOWN), found[0])
    place: Place = tuple(step for step in first["loc"] if step != "[key]")
    key = next((str(step) for step in reversed(place) if isinstance(step, str)), "")
    given = first.get("input")
    match first["type"]:
        case "missing":
            return f"{key!r} is missing: write {key}: {_example(schema, place)}", place[:-1]
        case unknown if unknown in _UNKNOWN:
            known = _found(schema, place[:-1], "properties")
            guess = did_you_mean(key, known) or ": known are " + ", ".join(known)
            return f"unknown key {key!r}{guess}", place
        case "string_type" if isinstance(place[-1], int):
            return f"{_named(place)} must be text", place
        case "string_type":
            return f"{key!r} must be text: write {key}: {_example(schema, place)}", place
        case "string_too_short":
            return f"{key!r} is empty: write {key}: {_example(schema, place)}", place
        case "enum":
            values = _found(schema, place, "enum")
            guess = did_you_mean(str(given), values)
            return f"unknown {key} {given!r}{guess}: write one of {', '.join(values)}", place
        case "bool_type" | "bool_parsing":
            return f"{key!r} must be true or false", place
        case "tuple_type" | "list_type" | "too_short":
            return f"{key!r} must be a list with at least one item", place
        case table if table in _A_TABLE:
            return f"{_named(place)} must be a table of 'key: value' lines", place
        case "string_pattern_mismatch":
            return f"{key!r} must be one word of letters, digits, - and _, not {given!r}", place
    return f"{key!r}: {_plain(first)}" if key else _plain(first), place


def _plain(found: ErrorDetails) -> str:
    return str(found["msg"]).removeprefix("Value error, ")


def _named(place: Place) -> str:
    if place and isinstance(place[-1], int):
        return f"item {place[-1] + 1} of {_named(place[:-1])}"
    return repr(place[-1]) if place else "the file"


# --- looking things up in a JSON Schema --------------------------------------------------------


def _branches(schema: Mapping[str, Any], node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """``node`` with references followed and alternatives opened."""
    if "$ref" in node:
        return _branches(schema, schema["$defs"][str(node["$ref"]).rsplit("/", 1)[-1]])
    alternatives = node.get("anyOf")
    if alternatives:
        return [branch for one in alternatives for branch in _branches(schema, one)]
    return [node]


def _at(schema: Mapping[str, Any], place: Place) -> list[Mapping[str, Any]]:
    nodes: list[Mapping[str, Any]] = [schema]
    for step in place:
        following: list[Mapping[str, Any]] = []
        for branch in (one for node in nodes for one in _branches(schema, node)):
            inner = branch.get("items") if isinstance(step, int) else branch.get("properties", {}).get(step)
            if inner is None and isinstance(branch.get("additionalProperties"), dict):
                inner = branch["additionalProperties"]
            if inner is not None:
                following.append(inner)
        nodes = following
    return nodes


def _found(schema: Mapping[str, Any], place: Place, key: str) -> list[str]:
    """What the schema lists there under ``properties`` or ``enum``."""
    nodes = _at(schema, place)
    return [name for node in nodes for one in _branches(schema, node) for name in one.get(key, ())]


def _example(schema: Mapping[str, Any], place: Place) -> str:
    """What could stand there."""
    for node in _at(schema, place):
        if node.get("examples"):
            return _flow(node["examples"][0])
        branches = _branches(schema, node)
        if any("properties" in one for one in branches):
            return "a table with " + ", ".join(branches[0].get("required", branches[0]["properties"]))
        if any("items" in one for one in branches):
            return "a list"
        if values := _found(schema, place, "enum"):
            return "one of " + ", ".join(values)
    return "..."


def _flow(value: object) -> str:
    """An example as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
