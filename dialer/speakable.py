"""Whether a script can be spoken to a customer: every fragment of it has a clip that plays."""

from __future__ import annotations

from dialer.ivr.prompt import Facts, render
from dialer.ivr.script import Script
from dialer.model import Reason, Say
from dialer.tts.book import PromptBook
from dialer.tts.reading import fragments

_AT_ONCE = 4096


class Speakable:
    """A call asks three times, so what was found to be whole is remembered: clips don't vanish in a run."""

    def __init__(self, prompts: PromptBook) -> None:
        self._prompts = prompts
        self._whole: dict[int, tuple[Script, set[tuple[str, Facts]]]] = {}
        """By the script object, which is kept, so that its id isn't used again."""
        self._spoken: set[Say] = set()

    def why_not(self, script: Script, form: str, facts: Facts) -> str:
        """Empty where each prompt can be spoken, else why not."""
        _, whole = self._whole.setdefault(id(script), (script, set()))
        if (form, facts) in whole:
            return ""
        try:
            values = {
                say
                for question in script.form(form, facts)
                for template in question.templates()
                for say in render(template, script.company, facts)
            }
            texts = fragments([say for say in values if say not in self._spoken])
        except (ValueError, ArithmeticError) as error:
            return str(error)
        if missing := self._prompts.missing(texts):
            return Reason(
                f"缺少提示音:{'、'.join(missing)}(运行 dialer prompts build)",
                f"{len(missing)} prompt clips are missing: `dialer prompts missing` lists them",
            )
        if faults := self._prompts.faults(texts):
            return Reason(f"提示音无法播放:{faults[0]}", f"a prompt clip can't be played: {faults[0]}")
        self._spoken.update(values)
        if len(whole) >= _AT_ONCE:
            whole.clear()
        whole.add((form, facts))
        return ""
