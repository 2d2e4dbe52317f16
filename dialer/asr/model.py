"""Is this a Vosk model directory that will work on a telephone line? Asked before libvosk is.

libvosk itself says no more than "Failed to create a model", and aborts the process on some of these faults.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from dialer.errors import MissingModel

LINE_RATE = 8000
"""G.711."""
KALDI_RATE = 16000
"""What Kaldi takes where ``mfcc.conf`` says nothing."""
_FST_MAGIC = 2125659606
_HAS_OUTPUT_SYMBOLS = 0x2
_HOW = (
    "Set recogniser.model_dir to an unpacked Vosk model such as vosk-model-small-cn-0.22, or to "
    "models/demo-cn, the demonstration model of this project"
)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    folder: Path
    rate: int
    """Hz, of the speech that the model was trained on."""
    takes_grammar: bool
    """False for a static ``HCLG.fst``: it always listens to its whole vocabulary."""


def check_model(folder: Path) -> ModelInfo:
    """Look for every file that libvosk needs. Raises MissingModel naming the file and what to do."""
    if not folder.is_dir():
        raise MissingModel(f"{folder}: there is no such model directory. {_HOW}.")
    for name in ("am/final.mdl", "conf/model.conf", "conf/mfcc.conf"):
        _need(folder, name)
    takes_grammar = not (folder / "graph/HCLG.fst").is_file()
    if takes_grammar:
        if not (folder / "graph/HCLr.fst").is_file() and not (folder / "graph/Gr.fst").is_file():
            raise MissingModel(
                f"{folder / 'graph'}: neither HCLr.fst with Gr.fst nor HCLG.fst is there. {_HOW}."
            )
        for name in ("graph/HCLr.fst", "graph/Gr.fst", "graph/disambig_tid.int"):
            _need(folder, name)
    else:
        _need(folder, "graph/HCLG.fst")
    words = folder / "graph/words.txt"
    graph = folder / ("graph/Gr.fst" if takes_grammar else "graph/HCLG.fst")
    if takes_grammar:
        has_symbols(folder / "graph/HCLr.fst")  # libvosk goes on without a graph that it can't read
    listed = has_symbols(graph)
    if not words.is_file() and not listed:
        raise MissingModel(f"{words}: missing, and {graph.name} holds no word list either. {_HOW}.")
    return ModelInfo(folder, _rate(folder / "conf/mfcc.conf"), takes_grammar)


def has_symbols(fst: Path) -> bool:
    """Whether an OpenFst file carries its output symbol table. Raises MissingModel: not an OpenFst file."""
    with fst.open("rb") as source:
        head = source.read(256)
    try:
        (magic, size) = struct.unpack_from("<ii", head)
        place = 8 + size
        (arc_size,) = struct.unpack_from("<i", head, place)
        (_version, flags) = struct.unpack_from("<ii", head, place + 4 + arc_size)
    except struct.error:
        magic, flags = 0, 0
    if magic != _FST_MAGIC:
        raise MissingModel(f"{fst}: not an OpenFst file, the copy is broken. {_HOW}.")
    return bool(flags & _HAS_OUTPUT_SYMBOLS)


def _need(folder: Path, name: str) -> None:
    file = folder / name
    if not file.is_file():
        raise MissingModel(f"{file}: missing from the model directory. {_HOW}.")
    if file.stat().st_size == 0:
        raise MissingModel(f"{file}: empty, the copy is broken. {_HOW}.")


def _rate(conf: Path) -> int:
    """Sample rate of the model; refuses one that wouldn't take 8 kHz speech."""
    options = _options(conf)
    written = options.get("sample-frequency", str(KALDI_RATE))
    try:
        rate = round(float(written))
    except ValueError:
        raise MissingModel(f"{conf}: --sample-frequency={written} is no number of Hz") from None
    wanted = "allow-upsample" if rate > LINE_RATE else "allow-downsample"
    if rate != LINE_RATE and options.get(wanted, "false") != "true":
        raise MissingModel(
            f"{conf}: this model is for {rate} Hz and telephone speech has {LINE_RATE} Hz. "
            f"Add the line --{wanted}=true to that file."
        )
    return rate


def allow_telephone(folder: Path) -> bool:
    """Let a wideband model take 8 kHz speech: one line more in its ``mfcc.conf``. Whether it was needed."""
    conf = folder / "conf/mfcc.conf"
    if not conf.is_file():
        return False
    try:
        _rate(conf)
    except MissingModel:
        with conf.open("a", encoding="utf-8") as out:
            out.write("\n--allow-upsample=true\n")
        return True
    return False


def _options(conf: Path) -> dict[str, str]:
    """Kaldi's ``--name=value`` lines; ``#`` starts a comment, ``--name`` alone means true."""
    found: dict[str, str] = {}
    for line in conf.read_text(encoding="utf-8", errors="replace").splitlines():
        text = line.split("#", 1)[0].strip()
        if text.startswith("--"):
            name, _, value = text[2:].partition("=")
            found[name.strip()] = value.strip() or "true"
    return found
