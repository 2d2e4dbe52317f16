"""The JSON Schema of the script language, for completion and checks in editors.

``config/scripts/script.schema.json`` is its copy; a script names it in its first line:
``# yaml-language-server: $schema=script.schema.json``.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from dialer.ivr.script import Script

FILE = "script.schema.json"
ADAPTER = TypeAdapter(Script)


class _Editors(GenerateJsonSchema):
    """Without titles made of names, and with versions as people write them."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        return {**super().function_before_schema(schema), "type": ["string", "number"]}


@cache
def script_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12."""
    made = ADAPTER.json_schema(schema_generator=_Editors)
    made["$defs"]["Question"]["allOf"] = _TICKETS
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "Call-back script"}


_TICKETS = [
    {
        "if": {"properties": {"kind": {"enum": ["POS", "KNOW", "BAD", "LEFT"]}}, "required": ["kind"]},
        "then": {"required": ["ask_again", "keys", "ticket"]},
    },
    {
        "if": {"properties": {"kind": {"enum": ["IDENTITY", "CONS"]}}, "required": ["kind"]},
        "then": {"required": ["ask_again", "keys"], "properties": {"ticket": False, "follow_up": False}},
    },
]
"""What the reader checks beyond single fields."""


def schema_text() -> str:
    return json.dumps(script_schema(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
