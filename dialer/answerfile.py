"""Phrases in a file -> their classes, line by line."""

from __future__ import annotations

from pathlib import Path

from dialer.errors import ConfigError
from dialer.ivr.answers import classify
from dialer.model import QuestionKind


def classify_file(file: Path) -> list[str]:
    """``kind<TAB>phrase`` lines -> ``kind<TAB>phrase<TAB>class``. Raises ConfigError with the line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't be read as UTF-8: {error}", str(file)) from None
    made = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        kind, tab, phrase = line.partition("\t")
        phrase = phrase.partition("\t")[0]
        try:
            found = classify(QuestionKind(kind.strip()), phrase)
        except ValueError:
            kinds = " ".join(item.value for item in QuestionKind)
            raise ConfigError(f"write KIND<TAB>PHRASE, KIND one of {kinds}", str(file), number) from None
        if not tab:
            raise ConfigError("write KIND<TAB>PHRASE with a tab between", str(file), number)
        made.append(f"{kind.strip()}\t{phrase}\t{found.answer_class.value}")
    return made
