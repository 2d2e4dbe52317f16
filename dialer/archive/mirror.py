"""The log a second time, as files below the archive's root: what the database loses or changes is seen here.

``log/0000000001.jsonl`` holds the bodies of entries 1 to 100,000, one a line, the next file what follows.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dialer.errors import ArchiveError
from dialer.ports import ArchiveIndex

FOLDER = "log"
PER_FILE = 100_000
_PAGE = 2000
_SEQ = re.compile(r'"seq":(\d{1,18})\}$')
"""The end of a body: its keys are sorted."""


class LogMirror:
    def __init__(self, root: Path, index: ArchiveIndex) -> None:
        self._folder, self._index = root / FOLDER, index

    async def catch_up(self) -> int:
        """Append what isn't there yet. Returns how many entries. Raises ArchiveError, StoreError."""
        written = 0
        while True:
            last = await asyncio.to_thread(self.last)
            page = await self._index.log_page(last, _PAGE)
            if not page or page[0].seq != last + 1:
                return written
            bodies = [(one.seq, one.body) for one in page]
            written += await asyncio.to_thread(self._append, last, bodies)

    def last(self) -> int:
        """The number of the last whole line; a torn one is cut off. Raises ArchiveError."""
        files = sorted(self._folder.glob("*.jsonl"))
        if not files:
            return 0
        with self._locked():
            data = files[-1].read_bytes()
            whole = data.rfind(b"\n") + 1
            if whole != len(data):
                os.truncate(files[-1], whole)
            return _last_of(files[-1], data[:whole])

    def bodies(self) -> Iterator[tuple[int, str]]:
        """(number, body) by the place in the files, which is the number that the body should have; behind
        lines that were removed by the numbers that the bodies have."""
        for file in sorted(self._folder.glob("*.jsonl")):
            with file.open(encoding="utf-8", errors="replace") as lines:
                place, line = int(file.stem), next(lines, None)
                while line is not None:
                    after = next(lines, None)
                    number = _number(line)
                    # One line out of its place was changed; where the next is, too, some are gone.
                    if number > place and (after is None or _number(after) == number + 1):
                        place = number
                    yield place, line.rstrip("\n")
                    place, line = place + 1, after

    def _append(self, last: int, bodies: list[tuple[int, str]]) -> int:
        """Another process may have been faster: then nothing is written, and the caller looks again."""
        with self._locked():
            if self._unlocked_last() != last:
                return 0
            # A gap is an entry that the database lost: the files end before it, and the verifier names it.
            some = [one for n, one in enumerate(bodies, last + 1) if one[0] == n]
            for name in sorted({_file(seq) for seq, _ in some}):
                path = self._folder / name
                text = "".join(f"{body}\n" for seq, body in some if _file(seq) == name)
                with path.open("ab") as out:
                    out.write(text.encode())
                    out.flush()
                    os.fsync(out.fileno())
            return len(some)

    def _unlocked_last(self) -> int:
        files = sorted(self._folder.glob("*.jsonl"))
        return _last_of(files[-1], files[-1].read_bytes()) if files else 0

    def _locked(self) -> _Lock:
        try:
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            return _Lock(self._folder)
        except OSError as error:
            raise ArchiveError(f"{self._folder}: can't be written: {error.strerror}") from error


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


def _last_of(file: Path, data: bytes) -> int:
    """Of the last line, also where a line before it was removed."""
    place = int(file.stem) - 1 + data.count(b"\n")
    last = data[data.rfind(b"\n", 0, -1) + 1 :].decode(errors="replace")
    return max(place, _number(last))


def _file(seq: int) -> str:
    return f"{(seq - 1) // PER_FILE * PER_FILE + 1:010d}.jsonl"
