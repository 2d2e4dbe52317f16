"""Campaign file (YAML) -> Plan. Every mistake is a CampaignError with file, line and what to write."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode

from dialer.campaigns.plan import Plan
from dialer.errors import CampaignError
from dialer.ivr.yamlread import Place, did_you_mean, line_at, line_of, yaml_nodes


def read_plan(text: str, file: str) -> Plan:
    """Parse and check ``text``; ``file`` only names it in errors. Raises CampaignError."""
    root = yaml_nodes(text, file, CampaignError, "id, title, author, content")
    if not isinstance(root, MappingNode):
        raise CampaignError("the campaign must be a table of 'key: value' lines", file, line_of(root))
    try:
        data = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise CampaignError(f"{error.problem}", file, mark.line + 1 if mark else 1) from error
    except (ValueError, RecursionError) as error:
        raise CampaignError(f"a value can't be read: {error}", file, 1) from error
    try:
        return Plan.model_validate(_days(data))
    except RecursionError:
        raise CampaignError("a value contains itself", file, 1) from None
    except ValidationError as error:
        raise _explain(error, root, file) from None


def line_of_place(text: str, place: str) -> int:
    """The line of a place such as ``content.filing``; of what is above it where it isn't written."""
    root = yaml_nodes(text, "", CampaignError, "id")
    return line_at(root, tuple(place.split(".")) if place else ())


def _days(value: Any) -> Any:
    """YAML's timestamps at midnight are days."""
    if isinstance(value, dict):
        return {key: _days(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_days(item) for item in value]
    return value.date() if isinstance(value, datetime) and not value.time() else value


def _explain(error: ValidationError, root: Any, file: str) -> CampaignError:
    found = error.errors()
    # A key that was misspelt is missing, too: the misspelling says more.
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    place: Place = first["loc"]
    name = ".".join(str(step) for step in place)
    line = line_at(root, place)
    message = str(first["msg"]).removeprefix("Value error, ")
    match first["type"]:
        case "missing":
            return CampaignError(f"{name} is missing: write {place[-1]}: ...", file, line)
        case "extra_forbidden":
            known = _keys_at(place[:-1])
            guess = did_you_mean(str(place[-1]), known) or ": known are " + ", ".join(known)
            return CampaignError(f"unknown key {name!r}{guess}", file, line)
        case "string_pattern_mismatch":
            message = "must be one word of letters, digits, -, _ and . (at most 64)"
        case "model_type":
            message = "must be a table of 'key: value' lines"
    given = first.get("input")
    shown = f", not {given!r}" if isinstance(given, str | int | float | bool) else ""
    return CampaignError(f"{name}: {message}{shown}", file, line)


def _keys_at(place: Place) -> list[str]:
    """The keys that a part of a campaign may have."""
    part: type[BaseModel] = Plan
    for step in place:
        kinds = getattr(part.model_fields[str(step)].annotation, "__args__", None)
        found = [*(kinds or ()), part.model_fields[str(step)].annotation]
        part = next(kind for kind in found if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(part.model_fields)
