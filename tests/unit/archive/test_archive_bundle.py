"""An export is checked by its own ``verify.py``."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dialer import proof
from dialer.archive import bundle
from dialer.archive.bundle import write_bundle
from dialer.archive.daily import sign_days
from dialer.archive.keys import public_hex, signing_key
from dialer.errors import ArchiveError
from dialer.model import CallId
from dialer.testing.archives import copy, house


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")

    async def make() -> None:
        (folder / "key").write_text("ab" * 32)
        async with house(folder, key_file=folder / "key") as one:
            for _ in range(5):
                await one.call()
            await one.settle()
            one.now += timedelta(days=1)
            await sign_days(one.config, one.index, one.now)
            about = {"purpose": "检查", "filing": "2026-17"}
            real, read = bundle._leaves, list[int]()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(bundle, "_leaves", lambda page: read.append(len(page)) or real(page))
                await write_bundle(
                    one.config, one.index, one.room, [CallId(2), CallId(5)], folder / "out", one.now,
                    about=about, extra={"index.xlsx": b"x"},
                )  # fmt: skip
            assert len(read) == 1, "both calls are of one day: its log is read once"
            with pytest.raises(ArchiveError, match="isn't empty"):
                await write_bundle(one.config, one.index, one.room, [], folder / "out", one.now)
            with pytest.raises(ArchiveError, match="call 9 isn't sealed"):
                await write_bundle(one.config, one.index, one.room, [CallId(9)], folder / "o2", one.now)
            (folder / "public").write_text(public_hex(signing_key(one.config.sign_key_file)))

    asyncio.run(make())
    return folder


def verify(folder: Path, *words: str) -> tuple[int, str]:
    """As an auditor would, in the export's folder."""
    done = subprocess.run(
        [sys.executable, "-I", "verify.py", *words], capture_output=True, text=True, cwd=folder, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def test_it_proves_itself_without_our_software(export: Path) -> None:
    code, said = verify(export / "out", "--key", (export / "public").read_text())
    assert code == 0, said
    assert "2 calls" in said
    text = (export / "out/verify.py").read_text()
    assert "import dialer" not in text
    assert "from dialer" not in text
    manifest = json.loads((export / "out/manifest.json").read_text())
    assert manifest["about"] == {"purpose": "检查", "filing": "2026-17"}
    assert (export / "out/calls/00000002.wav").read_bytes()[:4] == b"RIFF", "in clear for who receives it"


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def swap(folder: Path) -> None:
    one, other = folder / "calls/00000002.wav", folder / "calls/00000005.wav"
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


@pytest.mark.parametrize(
    ("attack", "names"),
    [
        (lambda f: (f / "calls/00000002.wav").write_bytes(b"RIFF"), "calls/00000002.wav: changed"),
        (lambda f: (f / "calls/00000005.json").unlink(), "calls/00000005.json: missing"),
        (lambda f: (f / "calls/00000007.wav").write_bytes(b"x"), "calls/00000007.wav: added"),
        (swap, "calls/00000005.wav: changed"),
        (edit("index.json", "sealed", "seaIed"), "index.json: changed"),
        (edit("manifest.json", "2026-17", "2026-18"), "manifest.json: changed, its signature doesn't fit"),
        (edit("roots/2026-11-10.json", "2026", "2025"), "roots/2026-11-10.json: changed"),
        (lambda f: (f / "manifest.sig").unlink(), "missing or broken"),
    ],
)
def test_what_was_changed_is_named(
    export: Path, tmp_path: Path, attack: Callable[[Path], None], names: str
) -> None:
    folder = copy(export / "out", tmp_path / "out")
    attack(folder)
    found = list(proof.check_bundle(folder))
    assert any(names in line for line in found), found


def test_another_key_is_told(export: Path) -> None:
    code, said = verify(export / "out", "--key", "00" * 32)
    assert code == 1
    assert "signed by another key" in said


def test_a_forger_with_a_key_of_his_own_fails_against_the_published_one(export: Path, tmp_path: Path) -> None:
    """He changes the audio and makes everything fit again, signed by himself."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    folder = copy(export / "out", tmp_path / "out")
    audio = folder / "calls/00000002.wav"
    audio.write_bytes(audio.read_bytes()[:-1] + b"\x00")
    manifest = json.loads((folder / "manifest.json").read_text())
    for one in manifest["files"]:
        one["sha256"] = proof.file_sha256(folder / one["path"])
    text = proof.canonical(manifest)
    (folder / "manifest.json").write_text(text)
    key = Ed25519PrivateKey.generate()
    signed = {"signature": key.sign(text.encode()).hex(), "public_key": public_hex(key)}
    (folder / "manifest.sig").write_text(proof.canonical(signed))
    found = list(proof.check_bundle(folder, (export / "public").read_text()))
    assert any("signed by another key" in line for line in found)
    assert any("call 2: the audio isn't the one that was sealed" in line for line in found)
