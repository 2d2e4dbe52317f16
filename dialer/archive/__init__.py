"""Where recordings rest: sealed, hashed and dated for deletion. ``LocalVault`` keeps them on a disk."""

from dialer.archive.config import ArchiveConfig
from dialer.archive.vault import LocalVault, Verification

__all__ = ["ArchiveConfig", "LocalVault", "Verification"]
