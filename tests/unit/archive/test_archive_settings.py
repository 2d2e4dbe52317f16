"""Settings of ``[archive]`` that no other test changes: what each of them does."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.archive.config import ArchiveConfig
from dialer.archive.coverage import audit
from dialer.archive.daily import sign_days
from dialer.archive.retention import RetentionClass
from dialer.archive.s3 import S3Shelf
from dialer.errors import ConfigError
from dialer.settings import read_settings
from dialer.testing.archives import TUESDAY, house

FILE = """
[archive]
key_file = "keys/archive.key"
sign_key_file = "elsewhere/sign.pem"
longer = ["major 10", "campaign:VIP 5"]
key_command = []
"""


def test_the_file_sets_them_and_paths_start_at_the_home() -> None:
    found = read_settings(FILE, "dialer.toml", Path("/srv/huifang"), {}).archive
    assert found.key_file == Path("/srv/huifang/keys/archive.key")
    assert found.sign_key_file == Path("/srv/huifang/elsewhere/sign.pem")
    assert found.longer == (RetentionClass("major", 10), RetentionClass("campaign:VIP", 5))
    command = read_settings('[archive]\nkey_command = ["kms", "-x"]', "f", Path("/"), {}).archive
    assert command.key_command == ("kms", "-x")
    with pytest.raises(ConfigError, match=r"f:2: .*years \(3 to 100\)"):
        read_settings('[archive]\nlonger = ["major 2"]', "f", Path("/"), {})


@pytest.mark.parametrize(
    "wrong",
    [
        {"key_file": Path("x"), "key_command": ("y",)},
        {"expire_after_days": -1},
        {"expire_cap": 0},
        {"audit_tolerance_s": -0.1},
    ],
)
def test_a_wrong_value_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ArchiveConfig(Path("x"), **wrong)


@pytest.mark.parametrize(("audit_tolerance_s", "gaps"), [(2.0, 1), (4.0, 0)])
async def test_how_much_shorter_a_recording_may_be(
    tmp_path: Path, audit_tolerance_s: float, gaps: int
) -> None:
    async with house(tmp_path, audit_tolerance_s=audit_tolerance_s) as one:
        await one.call(ended_at=one.now + timedelta(seconds=5 + 6 + 3))
        await one.settle()
        one.now += timedelta(days=1)
        found = await audit(one.config, one.index, one.room, TUESDAY.date(), one.now, lambda at: at, "n1")
        assert len(found.gaps) == gaps


async def test_which_key_signs(tmp_path: Path) -> None:
    async with house(tmp_path, sign_key_file=tmp_path / "elsewhere" / "sign.pem") as one:
        await one.call()
        await one.settle()
        await sign_days(one.config, one.index, one.now + timedelta(days=1))
    assert (tmp_path / "elsewhere" / "sign.pem").exists()


class Bucket:
    """Takes what S3Shelf sends and notes it."""

    def __init__(self) -> None:
        self.session: dict[str, Any] = {}
        self.client_: dict[str, Any] = {}
        self.put: dict[str, Any] = {}
        self.exceptions = SimpleNamespace()

    async def __aenter__(self) -> Bucket:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def get_object_lock_configuration(self, **_: Any) -> Any:
        return {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}

    async def put_object(self, **asked: Any) -> Any:
        self.put = asked
        return {"VersionId": "v1"}

    async def get_object_retention(self, **_: Any) -> Any:
        return {"Retention": {"Mode": "COMPLIANCE", "RetainUntilDate": self.put["ObjectLockRetainUntilDate"]}}

    async def get_object(self, **_: Any) -> Any:
        async def chunks(_size: int) -> Any:
            yield self.put["Body"]

        return {"Body": SimpleNamespace(iter_chunks=chunks)}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = Bucket()

    class Session:
        def __init__(self, **asked: Any) -> None:
            made.session = asked

        def client(self, _kind: str, **asked: Any) -> Bucket:
            made.client_ = asked
            return made

    monkeypatch.setitem(sys.modules, "aioboto3", SimpleNamespace(Session=Session))
    return made


async def test_where_and_as_whom_it_stores(bucket: Bucket, tmp_path: Path) -> None:
    config = ArchiveConfig(
        tmp_path, s3_bucket="b", s3_endpoint="https://s3.example", s3_region="cn-north-1", s3_prefix="p/",
        s3_key_id_env="MY_ID", s3_key_env="MY_SECRET",
    )  # fmt: skip
    (tmp_path / "x.wav").write_bytes(b"abc")
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    async with S3Shelf.open(config, {"MY_ID": "id", "MY_SECRET": "secret"}) as shelf:
        assert await shelf.put("x.wav", tmp_path / "x.wav", sha256, TUESDAY.date()) == "v1"
    assert bucket.session == {
        "aws_access_key_id": "id", "aws_secret_access_key": "secret", "region_name": "cn-north-1",
    }  # fmt: skip
    assert bucket.client_["endpoint_url"] == "https://s3.example"
    assert (bucket.put["Bucket"], bucket.put["Key"]) == ("b", "p/x.wav")
    assert bucket.put["ObjectLockMode"] == "COMPLIANCE"
    usual = ArchiveConfig(tmp_path, s3_bucket="b")
    async with S3Shelf.open(usual, {"DIALER_S3_KEY_ID": "a", "DIALER_S3_KEY": "s"}):
        pass
    assert bucket.client_["endpoint_url"] is None, "Amazon's own"
    assert bucket.session["aws_access_key_id"] == "a"
