"""A property that is worked out once: ``functools.cached_property`` without the lock of Python 3.11."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):
    """For values that don't change, also frozen ones with a ``__dict__``; the value hides this descriptor."""

    def __init__(self, work_out: Callable[[Any], T]) -> None:
        self._work_out = work_out
        self.__doc__ = work_out.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, value: None, owner: type) -> once[T]: ...

    @overload
    def __get__(self, value: object, owner: type) -> T: ...

    def __get__(self, value: object | None, owner: type) -> T | once[T]:
        if value is None:
            return self
        found = value.__dict__[self._name] = self._work_out(value)
        return found
