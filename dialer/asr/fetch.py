"""Fetch a model's archive over the network, for ``dialer models fetch`` alone; nothing else here goes there.

A fetch that was cut off goes on where it stopped. Nothing is unpacked before its checksum was right.
"""

from __future__ import annotations

import http.client
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from dialer.asr.known import KnownModel, sha256_of, write_sums
from dialer.asr.model import allow_telephone
from dialer.errors import MissingModel

_BLOCK = 1 << 16
_TIMEOUT_S = 30.0
_PART = ".part"

Progress = Callable[[int, int], None]
"""(bytes that are there, bytes in all; 0 unknown)"""


def fetch_model(model: KnownModel, into: Path, progress: Progress) -> Path:
    """The unpacked model's directory, ``into/name``. Raises MissingModel."""
    target = into / model.name
    if target.exists():
        raise MissingModel(f"{target}: is there already; delete it to fetch it anew")
    into.mkdir(parents=True, exist_ok=True)
    archive = into / (Path(urlsplit(model.url).path).name + _PART)
    download(model, archive, progress)
    found = sha256_of(archive)
    if found != model.sha256:
        archive.unlink()
        raise MissingModel(
            f"{model.url}: the checksum is {found} and not {model.sha256}: the file was changed or damaged "
            "on its way; it is deleted. Try again, or ask who gave you the checksum"
        )
    with tempfile.TemporaryDirectory(dir=into, prefix=".unpack-") as place:
        inside = _unpack(archive, Path(place) / "model")
        allow_telephone(inside)
        write_sums(inside)
        inside.rename(target)
    archive.unlink()
    return target


def download(model: KnownModel, archive: Path, progress: Progress) -> None:
    """All of it into ``archive``, after what is there. Raises MissingModel: cut off, refused."""
    have = archive.stat().st_size if archive.is_file() else 0
    if model.size and have >= model.size:
        return
    asked = urllib.request.Request(model.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(asked, timeout=_TIMEOUT_S) as answer:
            if answer.status != http.client.PARTIAL_CONTENT:
                have = 0  # a server that can't go on begins anew
            length = int(answer.headers.get("Content-Length") or 0)
            total = have + length if length else model.size
            with archive.open("ab" if have else "wb") as out:
                while block := answer.read(_BLOCK):
                    out.write(block)
                    have += len(block)
                    progress(have, total)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing was left to fetch
        raise MissingModel(f"{model.url}: the server answers {error.code} {error.reason}") from None
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", "") or error
        raise MissingModel(
            f"{model.url}: cut off after {have} bytes ({reason}); the same command goes on from there"
        ) from None
    if total and have < total:
        raise MissingModel(
            f"{model.url}: cut off after {have} of {total} bytes; the same command goes on from there"
        )


def _unpack(archive: Path, place: Path) -> Path:
    """The directory inside. Raises MissingModel: no archive, or one that would write elsewhere."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(place)  # drops absolute names and ..
        else:
            with tarfile.open(archive) as packed:
                _extract(packed, place)
    except (tarfile.TarError, zipfile.BadZipFile, shutil.ReadError) as error:
        raise MissingModel(f"{archive}: not an archive that can be unpacked ({error})") from None
    inside = list(place.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else place


def _extract(packed: tarfile.TarFile, place: Path) -> None:
    """Plain files alone; ``tarfile``'s own filters came with Python 3.11.4. Raises TarError."""
    place.mkdir()
    for member in packed:
        name = Path(member.name)
        if name.is_absolute() or ".." in name.parts or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name}: neither a file nor a folder inside")
        if (source := packed.extractfile(member)) is None:
            continue
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, target.open("wb") as made:
            shutil.copyfileobj(source, made)
