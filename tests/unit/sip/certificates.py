"""Certificates for tests, made by the openssl program."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_KEY_IDS = "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
"""RFC 5280 4.2.1: Python from 3.13 on insists on them, and on an authority's key usage."""
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


@dataclass(frozen=True)
class Authority:
    """Signs certificates; ``ca`` is what others must trust."""

    folder: Path
    ca: Path

    @classmethod
    def make(cls, folder: Path, name: str = "ca") -> Authority:
        folder.mkdir(parents=True, exist_ok=True)
        ca = folder / f"{name}.pem"
        _openssl(
            "req", "-x509", *_KEY, "-keyout", str(folder / f"{name}.key"), "-out", str(ca), "-days", "30",
            "-subj", f"/CN=Test authority {name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip
        return cls(folder, ca)

    def sign(self, name: str, alternatives: str, *, days: int = 30) -> tuple[Path, Path]:
        """Certificate and key for e.g. ``DNS:sip.test,IP:127.0.0.1``; negative ``days``: expired."""
        pem, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extension = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={alternatives}\n{_KEY_IDS}")
        _openssl("req", *_KEY, "-keyout", str(key), "-out", str(request), "-subj", f"/CN={name}")
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.ca),
            "-CAkey", str(self.ca.with_suffix(".key")), "-CAcreateserial",
            "-days", str(days), "-extfile", str(extension), "-out", str(pem),
        )  # fmt: skip
        return pem, key


def _openssl(*arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.fail("openssl is missing: apt-get install openssl", pytrace=False)
    subprocess.run([program, *arguments], check=True, capture_output=True)
