"""Header fields found by their name at once. ``sipmessage`` looks through all of them each time, and a call
asks some hundred times. Free of I/O.
"""

from __future__ import annotations

from sipmessage import URI, Request, Response
from sipmessage.message import Headers


class IndexedHeaders(Headers):
    """The same as ``Headers``: names in any case, fields in the order in which they came."""

    def __init__(self) -> None:
        self._fields: dict[str, tuple[str, list[str]]] = {}
        """Name in lower case -> name as it came, values."""

    def add(self, key: str, value: str) -> None:
        name = key.lower()
        field = self._fields.get(name)
        if field is None:
            self._fields[name] = key, [value]
        else:
            field[1].append(value)

    def get(self, key: str, default: str | None = None) -> str | None:
        field = self._fields.get(key.lower())
        return default if field is None else field[1][0]

    def getlist(self, key: str) -> list[str]:
        field = self._fields.get(key.lower())
        return [] if field is None else field[1]

    def keys(self) -> list[str]:
        return [name for name, _ in self._fields.values()]

    def remove(self, key: str) -> None:
        self._fields.pop(key.lower(), None)

    def set(self, key: str, value: str) -> None:
        self.setlist(key, [value])

    def setlist(self, key: str, values: list[str]) -> None:
        name = key.lower()
        field = self._fields.get(name)
        self._fields[name] = key if field is None else field[0], values

    def __getitem__(self, key: str) -> str:
        return self._fields[key.lower()][1][0]

    def __str__(self) -> str:
        lines = [f"{name}: {value}\r\n" for name, values in self._fields.values() for value in values]
        return "".join(lines) + "\r\n"


def new_request(method: str, uri: URI, body: bytes = b"") -> Request:
    request = Request(method, uri, body)
    request.headers = IndexedHeaders()
    return request


def new_response(code: int, phrase: str, body: bytes = b"") -> Response:
    response = Response(code, phrase, body)
    response.headers = IndexedHeaders()
    return response
