"""Fetching a model from a server of ours: whole, cut off, changed on the way, hostile archives."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dialer.asr.fetch import fetch_model
from dialer.asr.known import KNOWN, KnownModel, check_sums
from dialer.errors import MissingModel

FILES = {"am/final.mdl": b"network" * 30000, "conf/mfcc.conf": b"--sample-frequency=16000\n"}


class Server:
    """Serves one file; ``cut_at``: breaks off there once; ``ranges``: whether it can go on."""

    def __init__(self, content: bytes) -> None:
        self.content, self.cut_at, self.ranges, self.asked = content, 0, True, list[str]()
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.answer(self)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/model.zip"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range", "")
        self.asked.append(wanted)
        found = re.fullmatch(r"bytes=(\d+)-", wanted) if self.ranges else None
        start = int(found[1]) if found else 0
        body = self.content[start:]
        request.send_response(206 if found else 200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: self.cut_at] if self.cut_at else body)
        self.cut_at = 0

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def zipped(files: dict[str, bytes], folder: str = "some-model/") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
    return out.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:bz2") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def linked(target: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:bz2") as packed:
        link = tarfile.TarInfo("m/words.txt")
        link.type, link.linkname = tarfile.SYMTYPE, target
        packed.addfile(link)
    return made.getvalue()


@pytest.fixture
def server() -> Iterator[Server]:
    serving = Server(zipped(FILES))
    yield serving
    serving.close()


def model(server: Server) -> KnownModel:
    return KnownModel("m", server.url, 0, hashlib.sha256(server.content).hexdigest())


def fetch(server: Server, into: Path, wanted: KnownModel | None = None) -> Path:
    return fetch_model(wanted or model(server), into, lambda have, total: None)


@pytest.mark.parametrize(
    "content", [zipped(FILES), zipped(FILES, ""), tarred(FILES)], ids=["zip", "flat", "tar"]
)
def test_a_model_is_unpacked_with_checksums_and_takes_telephone_speech(
    server: Server, tmp_path: Path, content: bytes
) -> None:
    server.content = content
    folder = fetch(server, tmp_path / "models")
    assert folder == tmp_path / "models" / "m"
    assert (folder / "am/final.mdl").read_bytes() == FILES["am/final.mdl"]
    assert "--allow-upsample=true" in (folder / "conf/mfcc.conf").read_text().splitlines()
    assert check_sums(folder) == len(FILES)
    assert list((tmp_path / "models").iterdir()) == [folder], "nothing else is left behind"


@pytest.mark.parametrize("ranges", [True, False])
def test_what_was_cut_off_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    server.cut_at, server.ranges = 200, ranges
    with pytest.raises(MissingModel, match=r"cut off after 200 of \d+ bytes; the same command goes on"):
        fetch(server, tmp_path)
    assert (fetch(server, tmp_path) / "am/final.mdl").is_file()
    assert server.asked == ["", "bytes=200-"]


def test_a_changed_file_is_not_unpacked_and_not_kept(server: Server, tmp_path: Path) -> None:
    wanted = model(server)
    server.content = server.content[:-1] + b"x"
    with pytest.raises(MissingModel, match=r"the checksum is [0-9a-f]{64} and not"):
        fetch(server, tmp_path, wanted)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"<html>not found</html>",
        tarred({"../../outside": b"x"}),
        linked("../../outside"),
        zipped({"a": b"x"})[:40],
    ],
    ids=[
        "page",
        "outside",
        "link",
        "cut",
    ],  # an archive holds the time: as a name it would differ between workers
)
def test_no_archive_and_one_that_writes_elsewhere_are_refused(
    server: Server, tmp_path: Path, content: bytes
) -> None:
    server.content = content
    with pytest.raises(MissingModel, match="not an archive that can be unpacked"):
        fetch(server, tmp_path / "models")
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "models" / "m").exists()


def test_a_model_that_is_there_is_not_overwritten(server: Server, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(MissingModel, match="is there already"):
        fetch(server, tmp_path)
    assert server.asked == []


def test_no_server_is_a_plain_error(server: Server, tmp_path: Path) -> None:
    gone = KnownModel("m", server.url.replace("model.zip", ""), 0, "0" * 64)
    server.close()
    with pytest.raises(MissingModel, match="cut off after 0 bytes"):
        fetch(server, tmp_path, gone)


def test_known_models_have_what_is_needed_to_trust_them() -> None:
    for known in KNOWN:
        assert known.url.startswith("https://")
        assert len(known.sha256) == 64
        assert known.size > 0
