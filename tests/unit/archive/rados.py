"""A Ceph object store of our own for tests: monitor, one OSD in memory and radosgw, as loopback processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "ceph-authtool", "monmaptool")
ACCESS, SECRET = "AK", "SK"
_START_S = 90.0


def missing_programs() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name) is None]


class PrivateRados:
    """``start`` takes some ten seconds; ``endpoint`` then answers S3."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rados-"))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._mon, self._gate = _free_port(), _free_port()
        self.endpoint = f"http://127.0.0.1:{self._gate}"

    def start(self) -> None:
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        place = self._folder
        for name in ("mon", "osd", "rgw"):
            (place / name).mkdir()
        (place / "ceph.conf").write_text(self._settings(fsid))
        self._run(
            "ceph-authtool",
            "--create-keyring",
            "keyring",
            "--gen-key",
            "-n",
            "mon.",
            "--cap",
            "mon",
            "allow *",
        )
        caps = [word for who in ("mon", "osd", "mgr") for word in ("--cap", who, "allow *")]
        self._run("ceph-authtool", "keyring", "--gen-key", "-n", "client.admin", *caps)
        at = f"[v2:127.0.0.1:{self._mon}]"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", at, "monmap")
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "keyring")
        self._launch("ceph-mon", "-i", "a", "-f")
        self._run("ceph", "osd", "new", osd)
        self._run("ceph-authtool", "keyring", "--gen-key", "-n", "osd.0")
        self._run(
            "ceph", "auth", "add", "osd.0", "mon", "allow profile osd", "osd", "allow *", "-i", "keyring"
        )
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._launch("ceph-osd", "-i", "0", "-f")
        self.start_gateway()
        keys = ("--access-key", ACCESS, "--secret-key", SECRET)
        self._run("radosgw-admin", "user", "create", "--uid", "t", "--display-name", "t", *keys)

    def start_gateway(self) -> None:
        self._launch("radosgw", "-n", "client.admin", "-f")
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(self.endpoint, timeout=2).close()
                return
            except (OSError, urllib.error.URLError):
                time.sleep(0.2)
        raise AssertionError(f"radosgw doesn't answer; see {self._folder}")

    def stop_gateway(self) -> None:
        self._end("radosgw")

    def stop(self) -> None:
        for name in reversed(list(self._processes)):
            self._end(name)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def make_bucket(self, name: str, *, lock: bool = True) -> None:
        import aioboto3

        session = aioboto3.Session(ACCESS, SECRET, region_name="us-east-1")
        async with session.client("s3", endpoint_url=self.endpoint) as client:
            await client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)

    # --- inside ---

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [program, *words],
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            timeout=_START_S,
        )
        assert done.returncode == 0, f"{program} {words}: {done.stderr.decode()[-2000:]}"

    def _launch(self, program: str, *words: str) -> None:
        log = (self._folder / f"{program}.out").open("wb")
        with log:
            self._processes[program] = subprocess.Popen(
                [program, *words], cwd=self._folder, env=self._environment(), stdout=log, stderr=log,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def _end(self, program: str) -> None:
        process = self._processes.pop(program, None)
        if process is not None:
            process.kill()
            process.wait(20)

    def _environment(self) -> dict[str, str]:
        return os.environ | {"CEPH_CONF": str(self._folder / "ceph.conf")}

    def _settings(self, fsid: str) -> str:
        place = self._folder
        return f"""[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{self._mon}]
mon initial members = a
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {place}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
run dir = {place}
log file = {place}/$name.log
admin socket = {place}/$name.$pid.asok
pid file = {place}/$name.pid
osd objectstore = memstore
memstore device bytes = 134217728
osd class load list = *
osd class default list = *
mon data = {place}/mon
osd data = {place}/osd
rgw data = {place}/rgw
rgw frontends = beast endpoint=127.0.0.1:{self._gate}
rgw thread pool size = 16
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    began = time.monotonic()
    one = PrivateRados()
    try:
        one.start()
        asyncio.run(one.make_bucket("recordings"))
        print(f"{one.endpoint} after {time.monotonic() - began:.1f} s")
    finally:
        one.stop()
