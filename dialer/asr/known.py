"""Models that can be fetched by name, and checksums of what a model directory holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dialer.errors import MissingModel

SUMS = "SHA256SUMS"
"""In a model directory: a checksum and a file in each line, as ``sha256sum`` writes and checks it."""
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class KnownModel:
    name: str
    url: str
    size: int
    """Bytes of the archive."""
    sha256: str


KNOWN = (
    KnownModel(
        "vosk-model-small-cn-0.22",
        "https://alphacephei.com/vosk/models/vosk-model-small-cn-0.22.zip",
        43_898_754,
        "3af8b0e7e0f835ae9d414ce5df580237a3cfb08d586c9fbbb0f7ff29ad5b14ba",
    ),
)


def sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while block := source.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_sums(folder: Path) -> int:
    """Of every file in it but the words about the model, which may be put better later. Returns how many."""
    about = (SUMS, "README.md", "README")
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name not in about)
    lines = [f"{sha256_of(file)}  {file.relative_to(folder).as_posix()}\n" for file in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return len(files)


def check_sums(folder: Path) -> int:
    """How many files are as they were; 0 where the directory has no list.

    Raises MissingModel naming the file that is missing or changed.
    """
    listed = folder / SUMS
    if not listed.is_file():
        return 0
    lines = listed.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        digest, _, name = line.partition("  ")
        file = folder / name
        if len(digest) != 64 or not name or ".." in Path(name).parts or Path(name).is_absolute():
            raise MissingModel(f"{listed}, line {number}: not a checksum and a file")
        if not file.is_file():
            raise MissingModel(f"{file}: missing from the model directory, but listed in {SUMS}")
        if sha256_of(file) != digest:
            raise MissingModel(
                f"{file}: not the file that {SUMS} lists: fetch or unpack the model again; if you changed it "
                f"on purpose, delete {listed}"
            )
    return len(lines)
