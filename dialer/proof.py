"""Proof that archived calls are unchanged: a hash chain, daily Merkle roots, signatures, export bundles.

This file needs Python 3.11 and the package ``cryptography`` and nothing of the dialer: a copy of it, named
``verify.py``, lies in every export. Run it there::

    python verify.py [--key PUBLIC_KEY] [FOLDER]

It exits 0 where everything fits together, 1 where something was changed, is missing or was added, and names
it.
``--key``: the public key that the company published, 64 hexadecimal digits; without it the bundle is only
shown to agree with itself.

Every text that is hashed or signed is JSON in one form (``canonical``). Hashes are SHA-256, trees are those
of RFC 6962 section 2.1, signatures are Ed25519 (RFC 8032).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GENESIS = "0" * 64
"""What the first entry has before it."""
BUNDLE, ROOT = "huifang-bundle/1", "huifang-root/1"
MANIFEST, SIGNATURE, INDEX = "manifest.json", "manifest.sig", "index.json"
Document = Mapping[str, Any]
"""One JSON object."""

_BLOCK = 1 << 20


def canonical(value: object) -> str:
    """JSON with sorted keys, no blanks, UTF-8 as it is: the same value gives the same text everywhere."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def entry_body(
    seq: int, at: str, kind: str, call: int | None, by: str, detail: Mapping[str, object], prev: str
) -> str:
    """One entry of the log as it is hashed. ``at``: ISO 8601 in UTC; ``prev``: hash of the entry before."""
    return canonical(
        {"seq": seq, "at": at, "kind": kind, "call": call, "by": by, "detail": dict(detail), "prev": prev}
    )


def statement(day: str, leaves: Sequence[str], first: int, head: str, before: str, key: str) -> str:
    """What is signed of a day: its entries ``first``... with these leaf hashes, and what came before.

    ``head``: hash of the last entry; ``before``: SHA-256 of the statement before, or GENESIS.
    """
    return canonical(
        {
            "format": ROOT, "day": day, "first": first, "last": first + len(leaves) - 1,
            "root": merkle_root(leaves), "head": head, "before": before, "key": key_id(key),
        }
    )  # fmt: skip


def text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def leaf_hash(body: str) -> str:
    """Of one entry of the log, and of one leaf of a tree: SHA-256 of a zero byte and the text."""
    return hashlib.sha256(b"\x00" + body.encode()).hexdigest()


def merkle_root(leaves: Sequence[str]) -> str:
    """Root over leaf hashes in hexadecimal, in order. Of nothing: the hash of nothing."""
    if not leaves:
        return hashlib.sha256(b"").hexdigest()
    level = [bytes.fromhex(leaf) for leaf in leaves]
    while len(level) > 1:
        level = _above(level)
    return level[0].hex()


def merkle_path(leaves: Sequence[str], index: int) -> tuple[str, ...]:
    """The hashes beside the way from leaf ``index`` up to the root, lowest first. Raises IndexError."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} among {len(leaves)}")
    level = [bytes.fromhex(leaf) for leaf in leaves]
    found: list[str] = []
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            found.append(level[beside].hex())
        level, index = _above(level), index // 2
    return tuple(found)


def root_by_path(leaf: str, index: int, size: int, path: Sequence[str]) -> str:
    """The root of a tree of ``size`` leaves with ``leaf`` at ``index``. Raises ValueError: no such path."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} among {size}")
    node, left = bytes.fromhex(leaf), list(path)
    while size > 1:
        if index % 2 or index + 1 < size:
            if not left:
                raise ValueError("the path is too short")
            beside = bytes.fromhex(left.pop(0))
            node = _node(beside, node) if index % 2 else _node(node, beside)
        index, size = index // 2, (size + 1) // 2
    if left:
        raise ValueError("the path is too long")
    return node.hex()


def _above(level: list[bytes]) -> list[bytes]:
    """The next level: pairs joined, a last one without a partner as it is (the tree of RFC 6962)."""
    pairs = [_node(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
    return pairs + level[-1:] if len(level) % 2 else pairs


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def signature_fits(text: str, signature: str, public_key: str) -> bool:
    """Whether the holder of ``public_key`` signed ``text``; both in hexadecimal. False for garbage."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), text.encode())
    except (ValueError, InvalidSignature):
        return False
    return True


def key_id(public_key: str) -> str:
    """How statements name a key: the first 16 digits of its SHA-256."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def listed(folder: Path) -> list[dict[str, object]]:
    """Every file below it, as a manifest names it in ``files`` and ``check_files`` looks for it."""
    return [
        {
            "path": path.relative_to(folder).as_posix(),
            "size": path.stat().st_size,
            "sha256": file_sha256(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


# --- a bundle -------------------------------------------------------------------------------------


def check_bundle(folder: Path, trusted: str = "") -> Iterator[str]:
    """Everything that doesn't fit in an export, one line each; nothing where it is whole.

    ``trusted``: public key in hexadecimal that must have signed; empty: the bundle's own.
    """
    try:
        signed = json.loads((folder / SIGNATURE).read_text(encoding="utf-8"))
        text = (folder / MANIFEST).read_text(encoding="utf-8")
        manifest = json.loads(text)
        key = str(signed["public_key"])
        if manifest.get("format") != BUNDLE:
            yield f"{MANIFEST}: not a manifest of this format ({BUNDLE})"
            return
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield f"{MANIFEST} or {SIGNATURE}: missing or broken ({error})"
        return
    if trusted and key != trusted.lower():
        yield f"{SIGNATURE}: signed by another key than the given one: {key}"
    if not signature_fits(text, str(signed.get("signature", "")), key):
        yield f"{MANIFEST}: changed, its signature doesn't fit"
        return
    yield from check_files(folder, manifest)
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        for call in index["calls"]:
            yield from _check_call(folder, call, manifest["files"], trusted or key)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield f"{INDEX}: missing or broken ({error!r})"


def check_files(folder: Path, manifest: Document) -> Iterator[str]:
    """Files of ``manifest["files"]`` that were changed or are missing, and what no manifest names."""
    listed = {str(one["path"]): one for one in manifest["files"]}
    for name, one in listed.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            yield f"{name}: leads out of the bundle"
        elif not path.is_file():
            yield f"{name}: missing"
        elif path.stat().st_size != one["size"] or file_sha256(path) != one["sha256"]:
            yield f"{name}: changed"
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in listed and name not in (MANIFEST, SIGNATURE):
            yield f"{name}: added, no manifest names it"


def _check_call(folder: Path, call: Document, files: Sequence[Document], key: str) -> Iterator[str]:
    """The audio is what the log says was sealed, and the log's entry is under a signed day's root."""
    name, entry = f"call {call['call']}", call["entry"]
    body = json.loads(entry["body"])
    sealed, sums = body["detail"], {one["path"]: one["sha256"] for one in files}
    if body["call"] != call["call"] or body["kind"] != "sealed":
        yield f"{name}: its entry of the log is about something else"
    if sums.get(call["audio"]) != sealed["sha256"]:
        yield f"{name}: the audio isn't the one that was sealed"
    if sealed.get("sidecar_sha256") and sums.get(call["sidecar"]) != sealed["sidecar_sha256"]:
        yield f"{name}: the sidecar isn't the one that was sealed"
    root = entry.get("root")
    if root is None:
        yield f"{name}: sealed on a day whose root isn't signed yet"
        return
    try:
        signed = json.loads((folder / root).read_text(encoding="utf-8"))
        statement = json.loads(signed["text"])
        first, last = int(statement["first"]), int(statement["last"])
        found = root_by_path(leaf_hash(entry["body"]), body["seq"] - first, last - first + 1, entry["path"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"{name}: no proof that its entry is in the log ({error})"
        return
    if signed.get("public_key") != key and not call.get("older_key"):
        yield f"{root}: signed by another key than the bundle"
    if not signature_fits(
        signed["text"], str(signed.get("signature", "")), str(signed.get("public_key", ""))
    ):
        yield f"{root}: changed, its signature doesn't fit"
    if found != statement["root"]:
        yield f"{name}: its entry isn't in the log of {statement['day']}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check an export of recorded calls / 校验录音导出包")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--key", default="", help="published public key, 64 hex digits / 公司公布的公钥")
    asked = parser.parse_args(arguments)
    faults = list(check_bundle(asked.folder, asked.key))
    for line in faults:
        print(f"✗ {line}")
    if faults:
        print(f"{len(faults)} faults / 处不符")
        return 1
    signed = json.loads((asked.folder / SIGNATURE).read_text(encoding="utf-8"))
    manifest = json.loads((asked.folder / MANIFEST).read_text(encoding="utf-8"))
    print(f"✓ {manifest['calls']} calls, {len(manifest['files'])} files: unchanged / 未被改动")
    if not asked.key:
        print(f"Compare the key with the published one / 请与公布的公钥核对: {signed['public_key']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
