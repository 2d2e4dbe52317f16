"""The log a second time, as files below the archive's root: what the database loses or changes is seen here.

``log/0000000001.jsonl`` holds the bodies of entries 1 to 100,000, one a line, the next file what follows.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from dialer.errors import ArchiveError
from dialer.ports import ArchiveIndex

FOLDER = "log"
PER_FILE = 100_000
_PAGE = 2000
_BLOCK = 65_536
"""Bytes that are read of a file's end at once."""
_SEQ = re.compile(r'"seq":(\d{1,18})\}$')
"""The end of a body: its keys are sorted."""


def names_of(last: int) -> set[str]:
    """The files of entries 1 to ``last``, below the archive's root."""
    return {f"{FOLDER}/{_file(seq)}" for seq in range(1, last + 1, PER_FILE)}


class LogMirror:
    def __init__(self, root: Path, index: ArchiveIndex) -> None:
        self._folder, self._index = root / FOLDER, index

    async def catch_up(self) -> int:
        """Append what isn't there yet. Returns how many entries. Raises ArchiveError, StoreError."""
        written, before = 0, -1
        try:
            while True:
                sizes = await asyncio.to_thread(self._sizes)
                last = await self._last()
                if written and last <= before:
                    raise ArchiveError(
                        f"{self._folder}: doesn't end with what was written: verify the archive"
                    )
                before = last
                page = await self._index.log_page(last, _PAGE)
                if not page or page[0].seq != last + 1:
                    return written
                bodies = [(one.seq, one.body) for one in page]
                written += await asyncio.to_thread(self._append, sizes, bodies)
        except OSError as error:
            raise ArchiveError(f"{self._folder}: can't be read or written: {error.strerror}") from error

    async def _last(self) -> int:
        """The number of the last whole line, counted on from the last one that the database has just so, in
        its own file and right behind the entry before it: what others say of themselves may have been
        changed, and a true line may have been copied."""
        behind: Counter[int] = Counter()
        """Lines behind the one that is looked at, by the first number of their file."""
        later: tuple[int, int, Counter[int]] | None = None
        """File and number of a line that the database has, and what is behind it: it counts where the line
        before it is the entry before, or where it is the first of its file."""
        back, at_once = self._backwards(), 2  # as a rule the last two lines are the database's
        while some := await asyncio.to_thread(list, islice(back, at_once)):
            known = await self._entries([_number(line) for _, line in some])
            for first, line in some:
                number = _number(line)
                own = first <= number < first + PER_FILE and known.get(number) == line
                if later is not None:
                    follows = own and later[:2] == (first, number + 1)
                    if follows or (later[0] != first and later[0] == later[1]):
                        return _counted(*later)
                later = (first, number, Counter(behind)) if own else None
                behind[first] += 1
            at_once = _PAGE
        if later is not None and later[0] == later[1]:
            return _counted(*later)
        return _counted(0, 0, behind)

    async def _entries(self, numbers: Sequence[int]) -> dict[int, str]:
        """Bodies by number, these among them as far as the database has them."""
        known: dict[int, str] = {}
        upto = 0
        for number in sorted(numbers):
            if number > upto:
                page = await self._index.log_page(number - 1, len(numbers))
                if not page:
                    break
                known.update((one.seq, one.body) for one in page)
                upto = page[-1].seq
        return known

    async def bodies(self) -> AsyncIterator[tuple[int, str]]:
        """(number, body) by the place in the files, which is the number that the body should have. A line and
        the next that the database has just so tell the place, where lines were removed or put between."""
        for file in self._files():
            place = first = int(file.stem)
            end = first + PER_FILE - 1
            with file.open(encoding="utf-8", errors="replace", newline="\n") as lines:
                some = await asyncio.to_thread(_lines, lines, _PAGE)
                while some:
                    after = await asyncio.to_thread(_lines, lines, _PAGE)
                    here = [*some, *after[:1]]
                    numbers = [_number(line) for line in here]
                    in_place = numbers == [*range(place, place + len(here))]  # as a rule: nothing to ask
                    known = {} if in_place else await self._entries(numbers)
                    told = [n if known.get(n) == line else 0 for n, line in zip(numbers, here, strict=True)]
                    for line, number, then in zip(some, told, [*told[1:], None], strict=False):
                        follows = then == number + 1 or (then is None and number > place)
                        if first <= number <= end and follows:
                            place = number
                        yield min(place, end), line
                        place += 1
                    some = after

    def _append(self, sizes: dict[str, int], bodies: list[tuple[int, str]]) -> int:
        """Another process may have been faster: then nothing is written, and the caller looks again."""
        with self._locked():
            if self._sizes() != sizes:
                return 0
            # A gap is an entry that the database lost: the files end before it, and the verifier names it.
            some = [one for n, one in enumerate(bodies, bodies[0][0]) if one[0] == n]
            for name in sorted({_file(seq) for seq, _ in some}):
                path = self._folder / name
                text = "".join(f"{body}\n" for seq, body in some if _file(seq) == name)
                if torn := len(next(_lines_back(path), b"")) if path.exists() else 0:
                    os.truncate(path, path.stat().st_size - torn)
                with path.open("ab") as out:
                    out.write(text.encode())
                    out.flush()
                    os.fsync(out.fileno())
            return len(some)

    def _files(self) -> list[Path]:
        """Those that entries lie in: one that begins elsewhere is of others."""
        there = self._folder.glob("[0-9]" * 10 + ".jsonl")
        return sorted(file for file in there if _file(int(file.stem)) == file.name)

    def _sizes(self) -> dict[str, int]:
        return {file.name: file.stat().st_size for file in self._files()}

    def _backwards(self) -> Iterator[tuple[int, str]]:
        """The first number of its file, and the line; the last whole line first."""
        for file in reversed(self._files()):
            for line in islice(_lines_back(file), 1, None):
                yield int(file.stem), line.decode(errors="replace")

    def _locked(self) -> _Lock:
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        return _Lock(self._folder)


class _Lock:
    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def __enter__(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _number(line: str) -> int:
    """What its body says; 0 where that can't be read."""
    found = _SEQ.search(line)
    return int(found[1]) if found else 0


def _lines(file: Iterable[str], count: int) -> list[str]:
    return [line.rstrip("\n") for line in islice(file, count)]


def _counted(file: int, last: int, behind: Counter[int]) -> int:
    """On from an entry with the lines behind it, and those of the files that go on where that one is full; a
    file that doesn't was made by others."""
    last = min(last + behind.pop(file, 0), file + PER_FILE - 1)
    for first, lines in sorted(behind.items()):
        if first == last + 1:
            last += min(lines, PER_FILE)
    return last


def _lines_back(file: Path) -> Iterator[bytes]:
    """What is behind the last line's end, which is nothing unless it is torn; then the lines, the last one
    first."""
    with file.open("rb") as read:
        start, rest = read.seek(0, os.SEEK_END), b""
        while start:
            end, start = start, max(0, start - _BLOCK)
            read.seek(start)
            rest, *lines = (read.read(end - start) + rest).split(b"\n")
            yield from reversed(lines)
        yield rest


def _file(seq: int) -> str:
    return f"{(seq - 1) // PER_FILE * PER_FILE + 1:010d}.jsonl"
