from __future__ import annotations

import base64
import os
import re
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.archive import ArchiveConfig, cipher
from dialer.archive.keys import CommandKey, FileKey, signing_key, wrapping
from dialer.archive.wav import HEADER_SIZE
from dialer.errors import ArchiveError
from dialer.testing.archives import house

KEY = bytes(range(32))


def enciphered(clear: bytes, chunk: int = 16, call: int = 7) -> bytes:
    head = cipher.Head(call, "a.wav", len(clear), "w", chunk)
    return b"".join(cipher.encipher(clear, head, KEY))


@given(st.binary(max_size=200), st.integers(0, 220), st.integers(1, 220))
def test_any_range_is_what_was_enciphered(clear: bytes, offset: int, length: int) -> None:
    stored = enciphered(clear)
    where = cipher.layout(stored)
    assert where.size == len(stored)
    length = min(length, len(clear) - offset)
    if length <= 0:
        return
    first, begin, size = where.stored(offset, length)
    read = cipher.decipher(where, KEY, first, stored[begin : begin + size])
    assert read[offset - first * 16 :][:length] == clear[offset : offset + length]
    assert size <= length + 2 * 16 + 16 * (length // 16 + 2), "not the whole file for a range"


@given(st.data())
def test_no_changed_bit_is_read(data: st.DataObject) -> None:
    clear = bytes(100)
    stored = bytearray(enciphered(clear))
    at = data.draw(st.integers(0, len(stored) - 1))
    stored[at] ^= 1 << data.draw(st.integers(0, 7))
    read: bytes | str = b""
    try:
        where = cipher.layout(bytes(stored))
        _, begin, size = where.stored(0, max(1, where.head.size))
        read = cipher.decipher(where, KEY, 0, bytes(stored[begin : begin + size]))
    except ValueError as error:
        read = str(error)
    # A head that says 0 bytes gives none: the index has its size.
    assert read == b"" or (isinstance(read, str) and re.search("changed|enciphered|head", read))


def test_chunks_fit_no_other_place_and_no_other_file() -> None:
    one, other = enciphered(bytes(64)), enciphered(bytes(64), call=8)
    where = cipher.layout(one)
    step = 16 + 16
    with pytest.raises(ValueError, match="changed"):
        cipher.decipher(where, KEY, 0, one[where.start + step : where.start + 2 * step])
    with pytest.raises(ValueError, match="changed"):
        cipher.decipher(where, KEY, 0, other[-4 * step :])


# --- keys ------------------------------------------------------------------------------------------


def test_a_key_file_wraps_and_older_keys_still_open(tmp_path: Path) -> None:
    old, new = "11" * 32, "22" * 32
    file = tmp_path / "key"
    file.write_text(old + "\n")
    wrapped = FileKey.read(file).wrap(KEY, b"about")
    file.write_text(f"{new}\n{old}\n")
    keys = FileKey.read(file)
    assert keys.unwrap(wrapped, b"about") == KEY
    assert keys.wrap(KEY, b"about") != keys.wrap(KEY, b"about")
    for spoilt, about in (
        (wrapped, b"other"),
        (wrapped[:-4] + "AAA=", b"about"),
        ("?", b"about"),
        ("", b"about"),
    ):
        with pytest.raises(ArchiveError, match="isn't wrapped by any key"):
            keys.unwrap(spoilt, about)


@pytest.mark.parametrize("text", ["", "zz" * 32, "11" * 31])
def test_a_wrong_key_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(ArchiveError, match="64 hexadecimal digits"):
        wrapping(ArchiveConfig(tmp_path, key_file=tmp_path / "key"))
    with pytest.raises(ArchiveError, match="can't be read"):
        wrapping(ArchiveConfig(tmp_path, key_file=tmp_path / "none"))


SERVICE = """
import base64, sys
line = sys.stdin.readline().strip()
if sys.argv[1] == "wrap":
    print("kms:" + line[::-1])
elif line.startswith("kms:"):
    print(line[4:][::-1])
else:
    sys.exit("no such key")
"""


def command(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "kms.py").write_text(SERVICE)
    return (sys.executable, str(tmp_path / "kms.py"))


def test_a_key_service_is_asked_by_a_command(tmp_path: Path) -> None:
    key = wrapping(ArchiveConfig(tmp_path, key_command=command(tmp_path)))
    assert isinstance(key, CommandKey)
    wrapped = key.wrap(KEY, b"")
    assert wrapped == "kms:" + base64.b64encode(KEY).decode()[::-1]
    assert key.unwrap(wrapped, b"") == KEY
    with pytest.raises(ArchiveError, match="unwrap failed with 1: no such key"):
        key.unwrap("other", b"")
    with pytest.raises(ArchiveError, match="key_command"):
        CommandKey(("/no/such/program",)).wrap(KEY, b"")


async def test_recordings_rest_enciphered_by_the_service(tmp_path: Path) -> None:
    async with house(tmp_path, key_command=command(tmp_path)) as one:
        call = await one.call()
        await one.settle()
        audio, sidecar = await one.path(call), await one.path(call, sidecar=True)
        assert sorted(path.name for path in audio.parent.iterdir()) == [sidecar.name, audio.name]
        assert "收到了".encode() not in sidecar.read_bytes()
        assert b"WAVE" not in audio.read_bytes()
        assert "收到了" in await one.room.sidecar(call)
        reader = await one.room.open(call)
        assert (await reader.read(0, 4), await reader.read(reader.size, 9)) == (b"RIFF", b"")
        data = bytearray(audio.read_bytes())
        data[-1] ^= 1
        audio.write_bytes(data)
        with pytest.raises(ArchiveError, match="chunk 1 was changed"):
            await reader.read(HEADER_SIZE, reader.size)
        assert len(await reader.read(HEADER_SIZE, 1000)) == 1000, "other chunks can still be heard"


def test_a_signing_key_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "sign.pem"
    first = signing_key(file).private_bytes_raw()
    assert signing_key(file).private_bytes_raw() == first
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["sign.pem"]
    file.write_text("no key")
    with pytest.raises(ArchiveError, match="not a private key"):
        signing_key(file)
