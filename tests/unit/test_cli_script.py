"""``dialer script`` and ``dialer prompts``, as an author at a terminal sees them."""

from __future__ import annotations

import json
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from office_home import dialer, told

from dialer.cli import main
from dialer.office import all_prompt_texts
from dialer.site import Site
from dialer.tts.audio import clip_wave, wav
from dialer.tts.book import clip_name
from dialer.tts.sherpa import spelling
from dialer.tts.tones import beep

sys.path.append(str(Path(__file__).parent / "tts"))

from tone_voices import vits

SCRIPTS = Path(__file__).parents[2] / "config" / "scripts"
SVG = "{http://www.w3.org/2000/svg}"


def run(*words: object, says: str = "") -> Result:
    """Without an installation: the shipped scripts and clips."""
    return CliRunner().invoke(main, [str(word) for word in words], input=says)


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = (SCRIPTS / "complaint.yaml").read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


# -- lint -------------------------------------------------------------------------------------


def test_the_shipped_scripts_keep_the_rules() -> None:
    names = sorted(file.stem for file in SCRIPTS.glob("*.yaml"))
    done = run("script", "lint", *names)
    assert (done.exit_code, told(done)) == (0, f"{len(names)} 份话术符合规则 ")


def test_a_finding_names_file_line_rule_and_what_to_do(tmp_path: Path) -> None:
    file = changed(tmp_path, "请问您对处理结果满意吗？", "请问您是不是满意？")
    done = run("script", "lint", file)
    assert done.exit_code == 1
    line = file.read_text(encoding="utf-8").splitlines().index("    ask: 请问您是不是满意？") + 1
    first, *clips = done.output.splitlines()
    assert first.startswith(f"{file}:{line}: R74 satisfied.ask: ")
    assert any("no clip speaks" in clip and "dialer prompts build" in clip for clip in clips)
    found = json.loads(run("script", "lint", file, "--json").output)
    assert [(one["rule"], one["place"], one["line"]) for one in found] == [
        ("R74", "satisfied.ask", line),
        ("R21", "satisfied.ask", line),
    ]


def test_a_mistake_in_the_file_is_one_line(tmp_path: Path) -> None:
    file = changed(tmp_path, "kind: POS", "kind: POSS")
    done = run("script", "lint", file)
    assert done.exit_code == 2
    assert "did you mean 'POS'" in done.stderr
    assert f"{file}:" in done.stderr
    assert "没有话术 nowhere" in run("script", "lint", "nowhere").stderr
    file.write_bytes("名".encode("gbk"))
    assert "UTF-8" in run("script", "lint", file).stderr


# -- show, list, graph ------------------------------------------------------------------------


def test_the_list_names_version_and_title() -> None:
    assert "complaint@1" in run("script", "list").output
    found = json.loads(run("script", "list", "--json").output)
    assert {"id": "satisfaction", "version": "1", "title": "满意度回访", "questions": 7} in found


def test_a_script_is_shown_question_by_question() -> None:
    shown = told(run("script", "show", "new-policy"))
    for words in ("代签名 → 合规 (重大)", "另有被保险人", "12000元", "犹豫期内"):
        assert words in shown.replace(" ", "").replace("→", " → ").replace("(", " (") or words in shown
    assert "another insured" in told(run("--lang", "en", "script", "show", "new-policy"))
    whole = json.loads(run("script", "show", "new-policy", "--json").output)
    assert whole["questions"][5]["when"]["insured_differs"] is True


def test_a_form_that_is_not_there(tmp_path: Path) -> None:
    text = (SCRIPTS / "complaint.yaml").read_text(encoding="utf-8").replace("    short: true\n", "")
    file = tmp_path / "full.yaml"
    file.write_text(text, encoding="utf-8")
    for words in (("show",), ("graph",), ("rehearse",)):
        done = run("script", *words, file, "--form", "short")
        assert (done.exit_code, "no short form" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", sorted(file.stem for file in SCRIPTS.glob("*.yaml")))
def test_the_picture_holds_every_question_and_ticket(name: str, tmp_path: Path) -> None:
    file = tmp_path / "flow.svg"
    assert run("script", "graph", name, "-o", file).exit_code == 0
    root = ElementTree.fromstring(file.read_text(encoding="utf-8"))
    words = "".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    script = json.loads(run("script", "show", name, "--json").output)
    for question in script["questions"]:
        assert question["id"] in words
        if question["ticket"]:
            assert question["ticket"]["category"] in words
    height = float(root.get("height", "0"))
    boxes = [box for box in root.iter(f"{SVG}rect") if box.get("class")]
    assert all(float(box.get("y", "0")) + float(box.get("height", "0")) < height for box in boxes)
    same = [(box.get("x"), float(box.get("y", "0")), float(box.get("height", "0"))) for box in boxes]
    for column in {x for x, _, _ in same}:
        spans = sorted((y, y + h) for x, y, h in same if x == column)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans)), "they overlap"


# -- rehearse ---------------------------------------------------------------------------------


def test_a_rehearsal_shows_what_is_made_of_each_reply() -> None:
    done = run("script", "rehearse", "complaint", says="是我\n方便\n没告诉我\n一般\n等了很久\n没有了\n挂机\n")
    assert done.exit_code == 0
    for words in (
        "请问是王先生本人吗？",
        "[proposed: N (没告诉我)]",
        "请问您不满意的主要原因是什么？",
        "结果: 回访完成",
        "处理方案未告知 → 投诉 [proposed] 没告诉我",
        "一般；等了很久",
    ):
        assert words in done.stdout


def test_keys_silence_and_the_end_of_input() -> None:
    done = run("script", "rehearse", "complaint", "--json", says="\n\n1\n1\n")
    result = json.loads(done.stdout)
    assert result["identified"] is True
    assert [answer["answer_class"] for answer in result["answers"]] == ["U", "U", "Y", "Y"]
    assert (result["outcome"], result["hung_up_by"]) == ("answered_incomplete", "customer")


@pytest.mark.parametrize(
    ("agent", "outcome"), [("--agent", "transferred"), ("--no-agent", "answered_incomplete")]
)
def test_a_transfer_is_rehearsed_with_and_without_an_agent(agent: str, outcome: str) -> None:
    done = run("script", "rehearse", "complaint", "--json", agent, says="是我\n方便\n转人工\n挂机\n")
    assert json.loads(done.stdout)["outcome"] == outcome


def test_a_rehearsal_of_another_customer() -> None:
    words = ("script", "rehearse", "new-policy", "--json", "--insured-differs", "--product-type", "linked")
    result = json.loads(run(*words, says="1\n" * 30).stdout)
    asked = {answer["question"] for answer in result["answers"]}
    assert {"signed_insured", "risk_statement", "uncertain"} <= asked


def test_only_telephones_of_the_house_are_rung(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    toml = tmp_path / "config" / "dialer.toml"
    toml.write_text('[site]\nrehearsal_numbers = ["01082345678"]\n', encoding="utf-8")
    done = dialer(tmp_path, "script", "rehearse", "complaint", "--call", "13812345678")
    assert done.exit_code == 2
    assert "138****5678 isn't a telephone of the house" in done.stderr
    assert "13812345678" not in done.stderr
    assert not (tmp_path / "dialer.sqlite").exists()


# -- prompts ----------------------------------------------------------------------------------


def test_a_prompt_with_values_is_joined_into_one_file(tmp_path: Path) -> None:
    file, values = tmp_path / "a.wav", ("money:12000.50", "date:2026-11-03", "digits:0138")
    done = run("prompts", "play", "您每年需要缴纳保费", *values, "-o", file)
    assert (done.exit_code, done.output.strip()) == (0, str(file))
    usual = len(clip_wave(file))
    assert usual > 5 * 8000
    run("prompts", "play", "您每年需要缴纳保费", "-o", file)
    short = len(clip_wave(file))
    assert short < usual


def test_what_has_no_clip_is_named() -> None:
    done = run("prompts", "play", "从来没有的话", "-o", "/dev/null")
    assert done.exit_code == 2
    assert "从来没有的话" in done.stderr


def test_a_voice_of_the_installation_speaks_every_prompt(tmp_path: Path) -> None:
    """The real command, the real library, a whistling voice that knows every character but one."""
    texts = all_prompt_texts(Site(tmp_path))
    known = sorted({letter for text in texts for letter in spelling(text) if letter.isalnum()} - {"亿"})
    vits(tmp_path / "voice", words=dict.fromkeys(known, "a"), sample_rate=8000)
    config = tmp_path / "config" / "dialer.toml"
    config.parent.mkdir()
    config.write_text('[prompts]\nsynthesiser = "sherpa-onnx"\nspeed = 2.0\n', encoding="utf-8")
    assert len(run("--home", tmp_path, "prompts", "missing").output.splitlines()) == len(texts)
    done = run("--home", tmp_path, "prompts", "build")
    assert done.exit_code == 2
    assert "1 prompts can't be spoken: '亿'" in done.stderr
    assert run("--home", tmp_path, "prompts", "missing").output.splitlines() == ["亿"]
    (tmp_path / "config" / "prompts" / "recorded").mkdir(parents=True)
    (tmp_path / "config" / "prompts" / "recorded" / clip_name("亿")).write_bytes(wav(beep()))
    assert run("--home", tmp_path, "prompts", "missing").exit_code == 0
    assert run("--home", tmp_path, "prompts", "build").output == "合成 0 条\n"
    shutil.rmtree(tmp_path / "voice")
    done = run("--home", tmp_path, "prompts", "build", "--all")
    assert done.exit_code == 2
    assert "there is no such voice directory" in done.stderr
