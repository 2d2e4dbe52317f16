"""Settings of the archive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dialer.archive.retention import RetentionClass
from dialer.policy.zones import find_zone


@dataclass(frozen=True, slots=True)
class ArchiveConfig:
    """Where recordings go and how long they stay. A wrong value raises ValueError."""

    root: Path
    """Folder below which the day folders lie; made where missing."""

    min_free_bytes: int = 1_000_000_000
    """No call is placed with less room than this: a call that can't be recorded isn't made (R75)."""

    retain_years: int = 3
    """Calendar years from the call's end during which its recording must be kept (R40). At least 3."""

    zone: str = "Asia/Shanghai"
    """IANA zone of the day folders and of the local date that retention counts from."""

    key_file: Path | None = None
    """File whose first line is the key that wraps each recording's own: 64 hexadecimal digits. None, and
    no command either: recordings rest in clear."""

    key_command: tuple[str, ...] = ()
    """Instead of a file: a program, and its arguments, that asks a key service (docs/archive.md)."""

    sign_key_file: Path = Path("keys/archive-signing.pem")
    """Ed25519 key in PEM that signs the root of each day's log; made where missing. Back it up."""

    longer: tuple[RetentionClass, ...] = ()
    """Kinds of calls that stay longer, e.g. ``major 10`` or ``campaign:VIP 5``: the longest counts."""

    expire_after_days: int = 0
    """Days after which what was listed goes without a second person's word; 0: never."""

    expire_cap: int = 1000
    """Recordings that one run may delete: a wrong clock or rule must not empty the archive."""

    audit_tolerance_s: float = 2.0
    """By how much a recording may be shorter than signalling and RTP say, before it is a gap."""

    s3_bucket: str = ""
    """Bucket, made with object lock, to which evidence moves; empty: it stays in the folder."""

    s3_endpoint: str = ""
    """URL of the object store; empty: Amazon's."""

    s3_region: str = "us-east-1"
    """Region, as the store wants it in its signatures."""

    s3_prefix: str = ""
    """What every key begins with, e.g. ``huifang/``."""

    s3_key_id_env: str = "DIALER_S3_KEY_ID"
    """Environment variable with the access key's id."""

    s3_key_env: str = "DIALER_S3_KEY"
    """Environment variable with the key itself."""

    def __post_init__(self) -> None:
        if self.key_file is not None and self.key_command:
            raise ValueError("key_file: beside key_command; write one of them")
        if self.expire_after_days < 0:
            raise ValueError("expire_after_days: write days, 0 for never")
        if self.expire_cap < 1:
            raise ValueError("expire_cap: at least 1")
        if self.audit_tolerance_s < 0:
            raise ValueError("audit_tolerance_s: write seconds, not below 0")
        if self.min_free_bytes < 0:
            raise ValueError(f"min_free_bytes: {self.min_free_bytes} is below 0")
        if self.retain_years < 3:
            raise ValueError(f"retain_years: {self.retain_years} is below the 3 years that must be kept")
        if find_zone(self.zone) is None:
            raise ValueError(f"zone: {self.zone!r} is not an IANA zone: write e.g. Asia/Shanghai")
