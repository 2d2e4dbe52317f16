"""The keys of the archive: what wraps each recording's data key, and what signs the days' roots."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dialer.archive.cipher import KEY_SIZE
from dialer.archive.config import ArchiveConfig
from dialer.errors import ArchiveError

_NONCE = 12
_COMMAND_S = 20.0


@dataclass(frozen=True, slots=True)
class FileKey:
    """The archive's key from a file: 32 bytes as 64 hexadecimal digits in its first line.

    A file that is retired stays readable: each further line is an older key.
    """

    keys: tuple[bytes, ...]

    @classmethod
    def read(cls, file: Path) -> FileKey:
        """Raises ArchiveError."""
        try:
            lines = [line.strip() for line in file.read_text(encoding="ascii").splitlines() if line.strip()]
            keys = tuple(bytes.fromhex(line) for line in lines)
        except OSError as error:
            raise ArchiveError(f"archive.key_file: {file} can't be read: {error.strerror}") from None
        except (ValueError, UnicodeDecodeError):
            keys = ()
        if not keys or any(len(key) != KEY_SIZE for key in keys):
            what = "write 64 hexadecimal digits a line, e.g. of `openssl rand -hex 32`"
            raise ArchiveError(f"archive.key_file: {file}: {what}")
        return cls(keys)

    def wrap(self, key: bytes, about: bytes) -> str:
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + AESGCM(self.keys[0]).encrypt(nonce, key, about)).decode()

    def unwrap(self, wrapped: str, about: bytes) -> bytes:
        """Raises ArchiveError: wrapped by another key, or changed."""
        with contextlib.suppress(ValueError):
            raw = base64.b64decode(wrapped, validate=True)
            for key in self.keys:
                with contextlib.suppress(InvalidTag):
                    return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], about)
        raise ArchiveError("the data key isn't wrapped by any key of archive.key_file")


@dataclass(frozen=True, slots=True)
class CommandKey:
    """A key service behind a command: ``COMMAND wrap`` and ``COMMAND unwrap`` read one line of base64 on
    standard input and write one line; what is wrapped has no blanks."""

    command: tuple[str, ...]

    def wrap(self, key: bytes, about: bytes) -> str:
        return self._run("wrap", base64.b64encode(key).decode())

    def unwrap(self, wrapped: str, about: bytes) -> bytes:
        try:
            key = base64.b64decode(self._run("unwrap", wrapped), validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY_SIZE:
            raise ArchiveError("archive.key_command: unwrap didn't give 32 bytes in base64")
        return key

    def _run(self, what: str, line: str) -> str:
        try:
            done = subprocess.run(
                [*self.command, what], input=line + "\n", capture_output=True, text=True, timeout=_COMMAND_S,
                check=True,
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip().splitlines()[-1:] or ["nothing"]
            raise ArchiveError(
                f"archive.key_command: {what} failed with {error.returncode}: {said[0]}"
            ) from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ArchiveError(f"archive.key_command: {what} failed: {error}") from None
        return done.stdout.strip()


Wrapping = FileKey | CommandKey


def wrapping(config: ArchiveConfig) -> Wrapping | None:
    """None: recordings rest in clear. Raises ArchiveError."""
    if config.key_command:
        return CommandKey(config.key_command)
    return FileKey.read(config.key_file) if config.key_file else None


def signing_key(file: Path) -> Ed25519PrivateKey:
    """The key that signs the days' roots; made where missing, readable for its owner only.

    Raises ArchiveError.
    """
    try:
        if not file.exists():
            _make(file)
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except OSError as error:
        raise ArchiveError(f"archive.sign_key_file: {file}: {error.strerror}") from None
    except (ValueError, TypeError) as error:
        raise ArchiveError(f"archive.sign_key_file: {file}: not a private key in PEM: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ArchiveError(f"archive.sign_key_file: {file}: not an Ed25519 key")
    return key


def public_hex(key: Ed25519PrivateKey) -> str:
    raw = serialization.Encoding.Raw
    return key.public_key().public_bytes(raw, serialization.PublicFormat.Raw).hex()


def _make(file: Path) -> None:
    """Whole or not at all: a torn key would be a lost one."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made = file.with_name(f"{file.name}.{os.getpid()}.new")
    handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "wb") as out:
        out.write(pem)
        out.flush()
        os.fsync(handle)
    with contextlib.suppress(FileExistsError):
        os.link(made, file)
    made.unlink()
