"""An installation: what it approves, what it refuses to start with, and who holds it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from call_house import TUESDAY, task

from dialer.errors import CalendarError, ConfigError, MissingPrompt, NodeRunning
from dialer.model import Policyholder
from dialer.site import Site, node_lock

SCRIPT = (Path(__file__).parents[2] / "config" / "scripts" / "new-policy.yaml").read_text(encoding="utf-8")
KNOWN = replace(task(), holder=Policyholder("王芳", "女士"), product="安心相伴终身寿险")


def with_script(home: Path, text: str, name: str = "own.yaml") -> Site:
    folder = home / "config" / "scripts"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return Site(home)


def test_a_task_with_an_approved_script_and_all_clips_may_be_called(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.approval(KNOWN) == ""
    assert site.approval(KNOWN) == ""
    site.require_prompts()


def test_an_unknown_script_is_not_approved(tmp_path: Path) -> None:
    why = Site(tmp_path).approval(replace(KNOWN, script="summer-sale"))
    assert "summer-sale" in why
    assert "未审批" in why


def test_an_unknown_form_is_not_approved(tmp_path: Path) -> None:
    assert Site(tmp_path).approval(replace(KNOWN, script="new-policy/endless"))


@pytest.mark.parametrize(
    ("changes", "missing"),
    [({"holder": Policyholder("犇犇", "先生")}, "犇"), ({"product": "从未录过的产品"}, "从未录过的产品")],
)
def test_what_cannot_be_said_is_named(tmp_path: Path, changes: dict[str, object], missing: str) -> None:
    site = Site(tmp_path)
    for _ in range(2):
        why = site.approval(replace(KNOWN, **changes))  # type: ignore[arg-type]
        assert missing in why
        assert "dialer prompts build" in why
    assert site.approval(KNOWN) == ""


def test_a_clip_made_later_approves_the_task(tmp_path: Path) -> None:
    from dialer.tts.audio import wav
    from dialer.tts.book import clip_name
    from dialer.tts.tones import beep

    site = Site(tmp_path)
    odd = replace(KNOWN, product="从未录过的产品")
    assert site.approval(odd)
    folder = site.settings.prompts.built
    folder.mkdir(parents=True)
    clip = folder / clip_name("从未录过的产品")
    clip.write_bytes(b"RIFF")
    assert str(clip) in site.approval(odd)
    clip.write_bytes(wav(beep()))
    assert site.approval(odd) == ""


def test_a_script_that_breaks_a_rule_is_refused_with_its_file(tmp_path: Path) -> None:
    site = with_script(tmp_path, SCRIPT.replace("感谢您的配合，祝您生活愉快，再见。", "再见。"))
    with pytest.raises(ConfigError, match=r"breaks R47 at prompts.closing") as found:
        _ = site.scripts
    assert found.value.file == str(tmp_path / "config" / "scripts" / "own.yaml")
    assert SCRIPT.splitlines()[found.value.line - 1].strip().startswith("closing:")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("请问您收到并签收保险合同了吗", "请问您没收到保险合同吗", "ask: 请问您没收到"),
        ("kind: POS", "kind: NEG", "- id: received"),
        ("kind: CONS", "kind: LEFT\n    ticket: {category: 其他, departments: [客服]}", "questions:"),
    ],
)
def test_a_broken_rule_is_shown_with_its_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    text = SCRIPT.replace(old, new, 1)
    with pytest.raises(ConfigError, match="breaks R") as found:
        _ = with_script(tmp_path, text).scripts
    assert text.splitlines()[found.value.line - 1].strip().startswith(line)


def test_an_empty_folder_of_scripts_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "config" / "scripts").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"config/scripts: no script .* remove the folder"):
        _ = Site(tmp_path).scripts


def test_a_damaged_shipped_clip_is_found_before_a_call(tmp_path: Path) -> None:
    shutil.copytree(Site(tmp_path).settings.prompts.synthetic, tmp_path / "clips")
    (tmp_path / "config").mkdir()
    settings = Path(__file__).parents[2] / "config" / "dialer.toml"
    text = settings.read_text(encoding="utf-8").replace("# synthetic = ", "synthetic = ")
    (tmp_path / "config" / "dialer.toml").write_text(
        text.replace('synthetic = "config/prompts/synthetic"', 'synthetic = "clips"'), encoding="utf-8"
    )
    broken = next((tmp_path / "clips").glob("抱歉没有听清*.wav"))
    broken.write_bytes(b"")
    with pytest.raises(MissingPrompt, match=f"{broken}: not a WAV file"):
        Site(tmp_path).require_prompts()
    broken.unlink()
    with pytest.raises(MissingPrompt, match=broken.name):
        Site(tmp_path).require_prompts()


def test_a_turn_setting_that_breaks_a_rule_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    shipped = Path(__file__).parents[2] / "config" / "dialer.toml"
    text = shipped.read_text(encoding="utf-8").replace("long_stop_s = 8.0", "long_stop_s = 0.5")
    (tmp_path / "config" / "dialer.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="R65"):
        _ = Site(tmp_path).scripts


def test_a_broken_script_is_refused_with_its_line(tmp_path: Path) -> None:
    site = with_script(tmp_path, SCRIPT.replace("kind: CONS", "kind: MAYBE"))
    with pytest.raises(ConfigError, match=r"own.yaml") as found:
        _ = site.scripts
    assert found.value.line > 1


def test_two_scripts_with_one_id_are_refused(tmp_path: Path) -> None:
    with_script(tmp_path, SCRIPT, "a.yaml")
    site = with_script(tmp_path, SCRIPT, "b.yaml")
    with pytest.raises(ConfigError, match="second script with the id 'new-policy'") as found:
        _ = site.scripts
    assert found.value.file.endswith("b.yaml")


def test_a_script_in_another_encoding_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "scripts"
    folder.mkdir(parents=True)
    (folder / "old.yaml").write_bytes(SCRIPT.encode("gb18030"))
    with pytest.raises(ConfigError, match=r"old.yaml: is not UTF-8"):
        _ = Site(tmp_path).scripts


def test_the_installations_own_calendar_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "calendar"
    folder.mkdir(parents=True)
    (folder / "CN-2026.toml").write_text("year = \n", encoding="utf-8")
    with pytest.raises(CalendarError, match=r"CN-2026.toml"):
        _ = Site(tmp_path).calendar


def test_the_conversation_is_the_scripts_form_with_the_customers_facts(tmp_path: Path) -> None:
    site = Site(tmp_path)
    long = site.session(replace(KNOWN, script="new-policy"), False, TUESDAY)
    short = site.session(KNOWN, True, TUESDAY)
    assert long.result.script_version != short.result.script_version
    opening = "".join(say.text for action in short.start(0.0) for say in getattr(action, "say", ()))
    assert "王" in opening
    assert "安心相伴终身寿险" not in opening  # R2: nothing of the policy before the identity
    with pytest.raises(ConfigError, match="gone"):
        site.session(replace(KNOWN, script="gone"), False, TUESDAY)


def test_no_daemon_starts_without_its_clips(tmp_path: Path) -> None:
    site = with_script(tmp_path, SCRIPT.replace("抱歉，没有听清。", "抱歉，这句话还没有录音。"))
    with pytest.raises(MissingPrompt, match=r"这句话还没有录音.*run `dialer prompts build`"):
        site.require_prompts()


def test_a_damaged_recording_of_a_prompt_is_found_before_a_call(tmp_path: Path) -> None:
    site = Site(tmp_path)
    folder = site.settings.prompts.recorded
    folder.mkdir(parents=True)
    (folder / "broken.wav").write_bytes(b"not audio")
    with pytest.raises(MissingPrompt, match=r"broken.wav.*8000 Hz mono"):
        site.require_prompts()


def test_one_daemon_per_installation(tmp_path: Path) -> None:
    with (
        node_lock(tmp_path / "home"),
        pytest.raises(NodeRunning, match=r"process \d+.*stop it first"),
        node_lock(tmp_path / "home"),
    ):
        pytest.fail("two daemons")
    with node_lock(tmp_path / "home"), node_lock(tmp_path / "other"):
        pass


def test_a_killed_daemon_leaves_no_lock(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from dialer.site import node_lock\n"
        f"with node_lock(Path({str(tmp_path)!r})):\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(NodeRunning, match=f"process {other.pid}"), node_lock(tmp_path):
            pytest.fail("two daemons")
    finally:
        other.kill()
        other.wait(10)
        for pipe in (other.stdin, other.stdout):
            assert pipe is not None
            pipe.close()
    with node_lock(tmp_path):
        pass
