"""A script as a picture (SVG): the questions downwards, problem answers to the right, detours to the left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap
from xml.sax.saxutils import escape

from dialer.forms import spelled
from dialer.ivr.script import Question, Script
from dialer.model import QuestionKind
from dialer.scripttext import SAMPLE, condition_text, kind_text, ticket_text
from dialer.views import ZH

_WIDE = 1080
_X, _W = 270, 400
"""The questions' column."""
_SIDE_X, _SIDE_W = 770, 280
"""Where problem answers lead."""
_LINE, _PAD, _GAP = 20, 12, 46
_CHARS, _SIDE_CHARS = 26, 18
_STYLE = (
    "text{font:14px 'Noto Sans CJK SC','Microsoft YaHei',sans-serif;fill:#1b1f24}"
    ".small{font-size:12px;fill:#57606a}.box{fill:#fff;stroke:#57606a}.gate{fill:#ddf4ff;stroke:#0969da}"
    ".risk{fill:#fff8c5;stroke:#9a6700}.ticket{fill:#fff1e5;stroke:#bc4c00}.major{fill:#ffebe9;stroke:#cf222e}"
    ".exit{fill:#f6f8fa;stroke:#57606a}path{fill:none;stroke:#57606a}.skip{stroke-dasharray:5 4}"
)
_WORDS = {
    "start": ("接通", "answered"),
    "end": ("致谢，客户先挂机", "thanks; the customer hangs up first"),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
    "said": ("已陈述", "said"),
    "other": ("否则跳过", "else skipped"),
    "why": ("追问：", "asks why: "),
    "wrong": ("非本人：致歉，不透露产品", "somebody else: apology, no product word"),
    "busy": ("不方便：预约时间", "no time: an appointment"),
}


@dataclass(frozen=True, slots=True)
class _Box:
    lines: tuple[tuple[str, bool], ...]
    """Text and whether it is small."""
    kind: str

    @property
    def height(self) -> int:
        return 2 * _PAD + _LINE * len(self.lines)


def svg(script: Script, form: str = "full", lang: str = ZH) -> str:
    """The whole picture. Raises ValueError for a form that the script doesn't have."""
    word = {key: pair[lang != ZH] for key, pair in _WORDS.items()}
    title = f"{script.title} {script.label(form)}"
    y, parts = 60, [f'<text x="{_X}" y="30" font-weight="bold">{escape(title)}</text>']
    parts += _draw(_X, y, _W, _Box(((word["start"], False),), "exit"))
    y += 2 * _PAD + _LINE
    bottom = y
    for question in script.form(form):
        box, side = _question(script, question, lang, word), _side(question, lang, word)
        condition = condition_text(question.when, lang)
        parts += _arrow(_X + _W // 2, bottom, y + _GAP)
        if condition:
            parts.append(_skip(y + _GAP // 3, y + 2 * _GAP + box.height - _GAP // 2))
            parts.append(_note(_X - 46, y + _GAP + _LINE, word["other"], "end"))
        y += _GAP
        parts += _draw(_X, y, _W, box)
        if side is not None:
            middle = y + box.height // 2
            parts += [_right(middle), _note(_X + _W + 10, middle - 6, _problem_word(question, word))]
            parts += _draw(_SIDE_X, middle - side.height // 2, _SIDE_W, side)
        bottom = y + box.height
        y += max(box.height, side.height // 2 + box.height // 2 if side else 0)
        good = "" if question.free else word["no" if _risky(question) else "yes"]
        parts.append(_note(_X + _W // 2 + 8, bottom + 18, good))
    parts += _arrow(_X + _W // 2, bottom, y + _GAP)
    parts += _draw(_X, y + _GAP, _W, _Box(((word["end"], False),), "exit"))
    height = y + _GAP + 2 * _PAD + _LINE + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDE}" height="{height}" '
        f'viewBox="0 0 {_WIDE} {height}" role="img"><title>{escape(title)}</title>'
        f'<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'orient="auto"><path d="M0 0L8 4L0 8"/></marker></defs><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _risky(question: Question) -> bool:
    return question.kind in (QuestionKind.BAD, QuestionKind.LEFT)


def _problem_word(question: Question, word: dict[str, str]) -> str:
    return word["said" if question.free else "yes" if _risky(question) else "no"]


def _question(script: Script, question: Question, lang: str, word: dict[str, str]) -> _Box:
    condition = condition_text(question.when, lang)
    head = f"{question.id} · {kind_text(question.kind, lang)}" + (f" · {condition}" if condition else "")
    lines = [(part, True) for part in wrap(head, 54)]
    lines += [(part, False) for part in wrap(spelled(question.ask, script.company, SAMPLE), _CHARS)]
    gate = question.kind in (QuestionKind.IDENTITY, QuestionKind.CONS)
    kind = "gate" if gate else "risk" if question.kind is QuestionKind.BAD else "box"
    return _Box(tuple(lines), kind)


def _side(question: Question, lang: str, word: dict[str, str]) -> _Box | None:
    """Where the answer that isn't the good one leads."""
    if question.kind is QuestionKind.IDENTITY:
        return _Box(((word["wrong"], False),), "exit")
    if question.kind is QuestionKind.CONS:
        return _Box(((word["busy"], False),), "exit")
    if question.ticket is None:
        return None
    lines = [(part, False) for part in wrap(ticket_text(question.ticket, lang), _SIDE_CHARS)]
    if question.follow_up is not None:
        lines += [(part, True) for part in wrap(word["why"] + question.follow_up.ask, _SIDE_CHARS + 3)]
    return _Box(tuple(lines), "major" if question.ticket.major else "ticket")


def _draw(x: int, y: int, width: int, box: _Box) -> Iterator[str]:
    yield f'<rect class="{box.kind}" x="{x}" y="{y}" width="{width}" height="{box.height}" rx="8"/>'
    for number, (text, small) in enumerate(box.lines):
        style = ' class="small"' if small else ""
        at = y + _PAD + 15 + number * _LINE
        yield f'<text{style} x="{x + 14}" y="{at}">{escape(text)}</text>'


def _arrow(x: int, top: int, bottom: int) -> Iterator[str]:
    yield f'<path marker-end="url(#a)" d="M{x} {top}V{bottom}"/>'


def _right(y: int) -> str:
    return f'<path marker-end="url(#a)" d="M{_X + _W} {y}H{_SIDE_X}"/>'


def _skip(top: int, bottom: int) -> str:
    x, left = _X + _W // 2, _X - 40
    return f'<path class="skip" marker-end="url(#a)" d="M{x} {top}H{left}V{bottom}H{x}"/>'


def _note(x: int, y: int, text: str, anchor: str = "start") -> str:
    return f'<text class="small" text-anchor="{anchor}" x="{x}" y="{y}">{escape(text)}</text>'
