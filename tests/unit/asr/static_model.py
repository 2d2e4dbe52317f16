"""The demonstration model with a static graph of three words: the other form of a Vosk model directory."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

DEMO = Path(__file__).parents[3] / "models" / "demo-cn"
WORDS = {"是的": "sh i d e", "不是": "b u sh i", "没有了": "m ei y ou l e"}
_MAGIC = 2125659606
_ACCEPTOR_FREE = 0x3
"""Expanded and mutable, and nothing more is promised."""
Arc = tuple[int, int, int, int]
"""From, to, transition-id, word."""


def make_static(folder: Path) -> Path:
    """``folder`` as a model directory with ``graph/HCLG.fst``."""
    for part in ("am", "conf"):
        shutil.copytree(DEMO / part, folder / part)
    graph = folder / "graph"
    graph.mkdir()
    lines = (DEMO / "graph" / "phones.txt").read_text(encoding="utf-8").splitlines()
    phones = {name: int(number) for name, number in (line.split() for line in lines)}
    (graph / "HCLG.fst").write_bytes(fst(arcs(phones)))
    names = ["<eps>", *WORDS]
    text = "".join(f"{word} {number}\n" for number, word in enumerate(names))
    (graph / "words.txt").write_text(text, encoding="utf-8")
    return folder


def arcs(phones: dict[str, int]) -> list[Arc]:
    """Sounds to words in a loop. State 0 is between words; phone p is entered by 2p and lasts by 2p - 1."""
    found: list[Arc] = []
    states = 0

    def sound(phone: int) -> int:
        nonlocal states
        states += 1
        found.append((states, states, 2 * phone - 1, 0))
        return states

    blank = phones["<blank>"]
    rest = sound(blank)
    found += [(0, rest, 2 * blank, 0), (rest, 0, 0, 0)]
    for word, spoken in enumerate(WORDS.values(), 1):
        ways, first = [0], True
        for name in spoken.split():
            state = sound(phones[name])
            found += [(way, state, 2 * phones[name], word if first else 0) for way in ways]
            pause = sound(blank)
            found.append((state, pause, 2 * blank, 0))
            ways, first = [state, pause], False
        found.append((ways[0], 0, 0, 0))
    return found


def fst(arcs: list[Arc]) -> bytes:
    """OpenFst's "vector" file of "standard" arcs without costs; state 0 is start and end."""
    states = 1 + max(arc[1] for arc in arcs)
    kind, arc_kind = b"vector", b"standard"
    data = struct.pack("<ii", _MAGIC, len(kind)) + kind + struct.pack("<i", len(arc_kind)) + arc_kind
    data += struct.pack("<iiQqqq", 2, 0, _ACCEPTOR_FREE, 0, states, len(arcs))
    for state in range(states):
        leaving = [arc for arc in arcs if arc[0] == state]
        data += struct.pack("<fq", 0.0 if state == 0 else float("inf"), len(leaving))
        for _, to, transition, word in leaving:
            data += struct.pack("<iifi", transition, word, 0.0, to)
    return data
