"""How the phrases sound: initials and finals, the units of the network."""

from __future__ import annotations

from pypinyin import Style, pinyin

BLANK = "<blank>"


def sounds(text: str) -> list[str]:
    """Initials and finals without tones: 不是 -> b u sh i. Punctuation makes no sound."""
    found: list[str] = []
    initials = pinyin(text, style=Style.INITIALS, strict=False, errors="ignore")
    finals = pinyin(text, style=Style.FINALS, strict=False, errors="ignore")
    for (initial,), (final,) in zip(initials, finals, strict=True):
        found += [sound for sound in (initial, final) if sound]
    return found
