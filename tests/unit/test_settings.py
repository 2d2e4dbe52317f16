"""The shipped file documents every setting, every setting is read, and mistakes are explained."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import dialer
from dialer.errors import ConfigError
from dialer.model import Segment
from dialer.settings import (
    HIDDEN,
    TABLES,
    ListenSettings,
    SecretSettings,
    Settings,
    SiteSettings,
    load_settings,
    read_settings,
    shipped_dir,
    with_agents,
)
from dialer.sip.trunkconfig import TrunkConfig, TrunkType
from dialer.transfer import Agent

SHIPPED = Path(__file__).parents[2] / "config" / "dialer.toml"
TEXT = SHIPPED.read_text(encoding="utf-8")
PACKAGE = Path(dialer.__file__).parent
KINDS: dict[str, type[Any]] = {
    **get_type_hints(Settings),
    "secrets": SecretSettings,
    "trunks": TrunkConfig,
}
FIELDS = [(table, f) for table, kind in KINDS.items() for f in fields(kind)]
SETTABLE = [(table, f) for table, f in FIELDS if f.name not in HIDDEN.get(table, ())]
FROM_THE_FILE = {("trunks", "name"), ("trunks", "host"), ("media", "host")}
"""No default, or one that the shipped file shows in its own way."""


def read(text: str, home: Path = Path("/srv/d"), environ: dict[str, str] | None = None) -> Settings:
    return read_settings(text, "x.toml", home, environ or {})


def name(one: tuple[str, Field[Any]]) -> str:
    return f"{one[0]}.{one[1].name}"


def plain(value: object) -> object:
    """A field's value as TOML would hold it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | frozenset):
        items = [plain(item) for item in value]
        return sorted(items, key=str) if isinstance(value, frozenset) else items
    return value if isinstance(value, bool | int | float | str) else str(value)


def header(table: str) -> str:
    return f"[[{table}]]" if table == "trunks" else f"[{table}]"


def shown(table: str) -> dict[str, Any]:
    """A table of the shipped file."""
    found = tomllib.loads(TEXT)[table]
    return found[0] if isinstance(found, list) else found


def part(settings: Settings, table: str) -> Any:
    """The value that a table became."""
    found = getattr(settings, table)
    return found[0] if table == "trunks" else found


def default_of(field: Field[Any]) -> object:
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else MISSING


# -- the shipped file -------------------------------------------------------------------------


def test_the_shipped_file_has_every_table_and_no_other() -> None:
    assert set(tomllib.loads(TEXT)) == set(TABLES) == set(KINDS)


@pytest.mark.parametrize("one", SETTABLE, ids=name)
def test_the_shipped_file_documents_every_setting_with_its_default(one: tuple[str, Field[Any]]) -> None:
    table, field = one
    data, default = shown(table), default_of(field)
    if field.name in data:
        if default is not MISSING:
            value = sorted(data[field.name]) if isinstance(default, frozenset) else data[field.name]
            assert value == plain(default)
        line = next(n for n, text in _lines(table) if re.match(rf"{field.name}\s*=", text))
    else:
        assert default in (None, MISSING) or (table, field.name) == ("prompts", "synthetic")
        line = next(n for n, text in _lines(table) if re.match(rf"# {field.name} = ", text))
    lines = TEXT.splitlines()
    assert lines[line - 2].startswith("# "), f"line {line}: say above it what it does"


@pytest.mark.parametrize("table", TABLES)
def test_the_shipped_file_has_no_other_key(table: str) -> None:
    known = {field.name for found, field in SETTABLE if found == table}
    assert set(shown(table)) <= known
    examples = {m[1] for _, text in _lines(table) if (m := re.match(r"# ([a-z_0-9]+) = ", text))}
    assert examples <= known


def _lines(table: str) -> list[tuple[int, str]]:
    """Numbered lines of a table of the shipped file."""
    found, here = [], False
    for number, text in enumerate(TEXT.splitlines(), 1):
        if text.startswith("["):
            here = text == header(table)
        elif here:
            found.append((number, text))
    return found


def test_the_examples_in_comments_can_be_used() -> None:
    plain = re.sub(r"(?m)^(agents|campaigns|numbers) = \[\]\n", "", TEXT)
    text = re.sub(r"(?m)^# ([a-z_]+ = .*)$", r"\1", plain)
    text = re.sub(r"(?m)^(trunk_password_file|password_file|agents_file|number_key_file) = .*$", "", text)
    found = read(text.replace('engine = "bundled"', 'engine = "vosk"'))
    (trunk,) = found.trunks
    assert trunk.caller("2026-11") == ("4008001234", "Callback")
    assert [rule.format for rule in trunk.numbers] == ["{national}", "0{national}", "{local}"]
    assert found.transfer.agents == (Agent("1001"), Agent("1002", "sip:1002@192.0.2.20", team="2"))
    assert found.recogniser.model_dir == Path("/srv/d/models/vosk-model-small-cn-0.22")


@pytest.mark.parametrize(
    ("lines", "engine", "told"),
    [
        ('model_dir = "models/x"', "vosk", ""),
        ('engine = "sherpa-onnx"\nmodel_dir = "models/x"', "sherpa-onnx", ""),
        ("", "bundled", ""),
        ('engine = "vosk"', "", "toml:2: vosk needs the key model_dir"),
        ('engine = "sherpa-onnx"', "", "toml:2: sherpa-onnx needs the key model_dir"),
        ('engine = "bundled"\nmodel_dir = "models/x"', "", "toml:2: bundled has its own model"),
    ],
)
def test_a_model_directory_goes_with_the_engines_that_need_one(lines: str, engine: str, told: str) -> None:
    text = f"[recogniser]\n{lines}\n"
    if told:
        with pytest.raises(ConfigError, match=told):
            read(text)
        return
    found = read(text).recogniser
    assert found.engine.value == engine
    assert (found.model_dir == Path("/srv/d/models/x")) is ("model_dir" in lines)


def test_an_empty_file_means_the_same_as_the_shipped_one_where_it_has_a_default() -> None:
    assert read(TEXT) == read("")


# -- every setting is read --------------------------------------------------------------------


def _attributes() -> dict[str, set[str]]:
    """Attribute name -> files of the package that read it, other than by assigning it."""
    found: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        checks = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name == "__post_init__"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and id(node) not in checks:
                found.setdefault(node.attr, set()).add(str(file.relative_to(PACKAGE)))
    return found


ATTRIBUTES = _attributes()


@pytest.mark.parametrize("one", FIELDS, ids=name)
def test_every_setting_is_read_somewhere(one: tuple[str, Field[Any]]) -> None:
    assert ATTRIBUTES.get(one[1].name), f"{name(one)} is stored and never read"


@pytest.mark.parametrize("table", list(KINDS))
def test_every_field_of_every_config_value_has_a_docstring(table: str) -> None:
    kind = KINDS[table]
    source = PACKAGE.joinpath(*kind.__module__.split(".")[1:]).with_suffix(".py").read_text(encoding="utf-8")
    body = next(
        node.body
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign):
            told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            assert told, f"{kind.__name__}.{ast.unparse(node.target)} has no docstring"


def beside(table: str, text: str, key: str = "") -> str:
    """``text`` about one table, with what a trunk must have."""
    must = "".join(f"{name} = '127.0.0.1'\n" for name in ("name", "host") if (table, name) != ("trunks", key))
    return f"{text}{must}" if table in ("trunk", "trunks") else f"{text}[[trunks]]\n{must}"


# -- mistakes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("one", SETTABLE, ids=name)
def test_a_value_of_the_wrong_type_names_file_line_and_key(one: tuple[str, Field[Any]]) -> None:
    table, field = one
    with pytest.raises(ConfigError, match=field.name) as found:
        read(beside(table, f"\n{header(table)}\n{field.name} = {{ wrong = 1 }}\n", field.name))
    assert (found.value.file, found.value.line) == ("x.toml", 3)


@pytest.mark.parametrize("one", SETTABLE, ids=name)
def test_a_misspelt_key_is_not_ignored(one: tuple[str, Field[Any]]) -> None:
    table, field = one
    with pytest.raises(
        ConfigError, match=f"unknown key '{table}.{field.name}_x'; write '{field.name}"
    ) as found:
        read(beside(table, f"\n{header(table)}\n{field.name}_x = 1\n"))
    assert found.value.line == 3


@pytest.mark.parametrize(("table", "key"), [(t, k) for t, keys in HIDDEN.items() for k in keys])
def test_what_no_file_may_set(table: str, key: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown key '{table}.{key}'"):
        read(beside(table, f"{header(table)}\n{key} = 1\n"))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[calling]\nwindows = ["10:00-25:00"]\n', 2, "10:00-11:00"),
        ('[calling]\nwindows = ["10-11"]\n', 2, "calling.windows: '10-11' is not a window"),
        ('[calling]\nwindows = ["11:00-10:00"]\n', 2, "ends before it starts"),
        ('[calling]\n\nwindows = ["14:00-16:00", "10:00-11:00"]\n', 3, "out of order"),
        ("[calling]\nwindows = []\n", 2, "nobody could ever be called"),
        ('[calling]\ngovernment_windows = ["09:00-11:00"]\n', 2, "R45"),
        ("[calling]\nzone = 'Peking'\nring_s = 30\n", 2, "Asia/Shanghai"),
        ("[calling]\nmax_passes = 2\nring_s = 19.5\n", 3, "R41"),
        ("[calling]\nattempts_per_pass = 2\n", 2, "R43"),
        ("[site]\nnode = 'a'\nlog_level = 'LOUD'\n", 3, "log_level: write DEBUG, INFO"),
        ("[site]\ndrain_s = -1\n", 2, "drain_s"),
        ("[listening]\nmin_speech_s = 20.0\n", 2, "min_speech_s"),
        ("[trunk]\ntype = 'peer'\n", 2, "trunk.type"),
        ("[trunks]\ntype = 'peer'\n", 1, r"write \[\[trunks\]\] above each of them"),
        ("[archive]\nretain_years = 2\n", 2, "retain_years"),
        ("[archive]\nzone = 'Mars'\n", 2, "zone"),
        ("[recogniser]\nengine = 'kaldi'\n", 2, "recogniser.engine"),
        ("[recogniser]\nworkers = 0\n", 2, "workers"),
        ("[scheduler]\nlines = 0\n", 2, "lines"),
        ("[media]\nport_low = 100\nport_high = 90\n", 2, "port"),
        ("[calling]\nwindows = [\n", 3, "not TOML"),
        ("[turns]\nmin_confidence = 2\n", 2, "min_confidence: write a share from 0 to 1"),
        ("[turns]\nyes_min_confidence = 0.1\n", 2, "yes_min_confidence: must not be below"),
        ("[turns]\nyes_max_unknown_ratio = 0.9\n", 2, "yes_max_unknown_ratio: must not be above"),
        ("[turns]\nno_input_s = 0\n", 2, "no_input_s: write seconds above 0"),
        ("[turns]\nbarge_guard_s = -1\n", 2, "barge_guard_s: write seconds"),
        ("[turns]\nmax_unclear = 0\n", 2, "max_unclear: write 1 or more"),
        ("[turns]\nmin_level_dbov = 50\n", 2, "min_level_dbov: write dB below"),
        ("[transfer]\nring_s = -1\n", 2, "ring_s: write seconds above 0"),
        ("[transfer]\naccept_key = '12'\n", 2, "accept_key: write one key"),
        ("[transfer]\nmax_agents = 0\n", 2, "max_agents: write 1 or more"),
        ("[transfer]\nagents = [{ name = 'a' }, { name = 'a' }]\n", 2, "agents: each agent needs a name"),
        ("[registrar]\nmin_expires_s = 7200\n", 2, "min_expires_s: must be above 0"),
        ("[registrar]\nmax_contacts = 0\n", 2, "max_contacts: must be 1 or more"),
        ('[registrar]\nalgorithms = ["SHA1"]\n', 2, "algorithms: write SHA-256, MD5 or both"),
        ("[prompts]\nwords_per_minute = 0\n", 2, "words_per_minute: write 80 to 450"),
        ("[prompts]\nvoice = ''\n", 2, "voice: empty"),
        ("[prompts]\nsynthesiser = 'festival'\n", 2, "synthesiser: .*espeak-ng.*sherpa-onnx"),
        ("[prompts]\nspeaker = -1\n", 2, "speaker: must be 0 or more"),
        ("[prompts]\nspeed = 3.0\n", 2, "speed: write 0.5 to 2.0"),
    ],
)  # fmt: skip
def test_wrong_values_are_explained_where_they_stand(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as found:
        read(beside(text.partition("]")[0].strip("["), text))
    assert found.value.line == line


def test_what_must_be_written_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"trunk.host is missing: write host = ... below \[trunk\]"):
        read("[trunk]\nname = 't'\n")


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    file = tmp_path / "config" / "dialer.toml"
    file.parent.mkdir()
    file.write_bytes("[site]\n# 节点\nnode = 'n'\n".encode("gbk"))
    with pytest.raises(ConfigError, match="is not UTF-8: save it as UTF-8") as found:
        load_settings(tmp_path, {})
    assert found.value.file == str(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(ConfigError, match="can't be read"):
        load_settings(tmp_path, {})


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "config" / "dialer.toml"
    file.parent.mkdir()
    file.write_text("[site]\nnode = 'n7'\n[trunk]\nname='t'\nhost='127.0.0.1'\n", encoding="utf-8-sig")
    found = load_settings(tmp_path, {})
    assert found.site.node == found.scheduler.node == "n7"


def test_without_an_own_file_the_shipped_one_holds(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}) == read(TEXT, tmp_path)
    assert (shipped_dir() / "config" / "dialer.toml").is_file()


def test_relative_paths_start_at_the_installation() -> None:
    found = read(TEXT, Path("/srv/d"))
    assert found.site.database == Path("/srv/d/dialer.sqlite")
    assert found.archive.root == Path("/srv/d/recordings")
    assert found.prompts.recorded == Path("/srv/d/config/prompts/recorded")
    assert found.prompts.voice_dir == Path("/srv/d/voice")
    absolute = read(TEXT.replace('database = "dialer.sqlite"', 'database = "/var/d.sqlite"'))
    assert absolute.site.database == Path("/var/d.sqlite")


# -- secrets ----------------------------------------------------------------------------------

TRUNK = "[trunk]\nname='t'\nhost='127.0.0.1'\n"


def test_the_trunks_password_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    assert password(TRUNK, tmp_path) == ""
    assert password(TRUNK, tmp_path, {"DIALER_TRUNK_PASSWORD": "p1"}) == "p1"
    named = TRUNK + "[secrets]\ntrunk_password_env='OTHER'\ntrunk_password_file='pw'\n"
    (tmp_path / "pw").write_text("p2\n", encoding="utf-8")
    assert password(named, tmp_path, {"DIALER_TRUNK_PASSWORD": "p1"}) == "p2"
    assert password(named, tmp_path, {"OTHER": "p3"}) == "p3"
    (tmp_path / "pw").write_text("", encoding="utf-8")
    assert password(named, tmp_path) == ""


def password(text: str, home: Path, environ: dict[str, str] | None = None) -> str:
    """The first trunk's."""
    return read(text, home, environ).trunks[0].password


def test_each_trunk_has_a_password_of_its_own_and_never_another_ones(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("p-file\n", encoding="utf-8")
    first, second = "[[trunks]]\nname='a'\nhost='127.0.0.1'\n", "[[trunks]]\nname='b'\nhost='127.0.0.2'\n"
    keys = "password_env='B_PASSWORD'\npassword_file='pw'\n"
    environ = {"DIALER_TRUNK_PASSWORD": "p-shared", "B_PASSWORD": "p-b"}
    found = read(first + second + keys, tmp_path, environ)
    assert [trunk.password for trunk in found.trunks] == ["", "p-b"]
    del environ["B_PASSWORD"]
    found = read(first + second + keys, tmp_path, environ)
    assert [trunk.password for trunk in found.trunks] == ["", "p-file"]
    assert password(first + keys, tmp_path, environ) == "p-file", "what it names itself comes first"
    with pytest.raises(ConfigError, match=r"trunks.password_file: .*nowhere") as wrong:
        read(first + second + "password_file='nowhere'\n", tmp_path)
    assert wrong.value.line == 7


def test_several_trunks_are_read_in_their_order_and_mistakes_have_their_own_line() -> None:
    two = (
        "[site]\nnode='n'\n[[trunks]]\nname='a'\nhost='127.0.0.1'\n\n[[trunks]]\nname='b'\nhost='127.0.0.2'\n"
    )
    assert [trunk.name for trunk in read(two).trunks] == ["a", "b"]
    for more, line, words in (
        ("lines = 0\n", 10, r"lines: must be 1 or more \(trunk b\)"),
        ("linse = 3\n", 10, "unknown key 'trunks.linse'; write 'lines'"),
        ("allow = ['mobiles']\n", 10, "allow: 'mobiles' is no kind of number"),
        ("deny = ['1*3']\n", 10, "deny: '1.3' is no number pattern"),
        ("number_format = '{name}'\n", 10, "number_format: '{name}' can't write a number"),
        ("numbers = [{ match = '13?' }]\n", 10, "'13.' is no number pattern"),
        ("[trunks.numbers]\n", 10, "trunks.numbers"),
        ("[trunk]\nname='c'\nhost='h'\n", 10, r"write every trunk as \[\[trunks\]\]"),
        ("[[trunks]]\nname='a'\nhost='h'\n", 11, "a second trunk 'a'"),
    ):
        with pytest.raises(ConfigError, match=words) as found:
            read(two + more)
        assert found.value.line == line, more
    with pytest.raises(ConfigError, match="no trunk"):
        read("trunks = []\n")
    inline = read("trunks = [{ name = 'a', host = 'h' }, { name = 'b', host = 'h', port = 5080 }]\n")
    assert [trunk.port for trunk in inline.trunks] == [0, 5080]


def test_the_agents_phones_come_from_a_file(tmp_path: Path) -> None:
    text = TRUNK + "[secrets]\nagents_file = 'agents'\n"
    (tmp_path / "agents").write_text("1001:a:b\n\n1002:c\n", encoding="utf-8")
    assert read(text, tmp_path).registrar.users == {"1001": "a:b", "1002": "c"}
    (tmp_path / "agents").write_text("1001:a\nnonsense\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="write name:password") as found:
        read(text, tmp_path)
    assert (found.value.file, found.value.line) == (str(tmp_path / "agents"), 2)
    assert "nonsense" not in str(found.value)


def test_the_databases_url_comes_from_the_environment(tmp_path: Path) -> None:
    text = TRUNK + "[secrets]\ndatabase_url_env = 'OUR_DATABASE'\n"
    url = "postgresql://dialer:secret@db.example/dialer"
    found = read(text, tmp_path, {"OUR_DATABASE": url, "DIALER_DATABASE_URL": "no"})
    assert found.store.url == url
    assert "secret" not in repr(found)
    assert read(text, tmp_path, {}).store.url == ""


def test_the_secret_of_numbers_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hush-hush\n", encoding="utf-8")
    text = TRUNK + "[secrets]\nnumber_key_env = 'OUR_KEY'\nnumber_key_file = 'key'\n"
    assert read(text, tmp_path, {"OUR_KEY": "ours"}).store.number_secret == b"ours"
    found = read(text, tmp_path, {"DIALER_NUMBER_KEY": "no"})
    assert found.store.number_secret == b"hush-hush"
    assert "hush-hush" not in repr(found)
    assert read("", tmp_path).store.number_secret == b""


def test_the_brokers_password_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hush-hush\n", encoding="utf-8")
    text = TRUNK + "[mqtt]\nhost = 'localhost'\nusername = 'dialer'\npassword_file = 'pw'\n"
    found = read(text, tmp_path)
    assert found.mqtt.password == "hush-hush"
    assert "hush-hush" not in repr(found)
    assert read(text, tmp_path, {"DIALER_MQTT_PASSWORD": "p1"}).mqtt.password == "p1"
    named = text + "password_env = 'OURS'\n"
    assert read(named, tmp_path, {"DIALER_MQTT_PASSWORD": "p1", "OURS": "p2"}).mqtt.password == "p2"
    afar = text.replace("localhost", "mq.example")
    with pytest.raises(ConfigError, match="the password would travel in clear: write tls = true") as wrong:
        read(afar, tmp_path)
    assert wrong.value.line == 5
    assert read(afar + "tls = true\n", tmp_path).mqtt.password == "hush-hush"
    with pytest.raises(ConfigError, match=r"mqtt\.password_file: .*nowhere.* can't be read"):
        read(text.replace("'pw'", "'nowhere'"), tmp_path)


@pytest.mark.parametrize("key", ["trunk_password_file", "agents_file", "number_key_file"])
def test_a_missing_secret_file_is_named(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"secrets.{key}: .*nowhere.* can't be read") as found:
        read(f"{TRUNK}[secrets]\n{key} = 'nowhere'\n", tmp_path)
    assert found.value.line == 5


def test_settings_can_be_printed_without_their_secrets(tmp_path: Path) -> None:
    (tmp_path / "agents").write_text("1001:hush-hush\n", encoding="utf-8")
    text = TRUNK + "[secrets]\nagents_file = 'agents'\n"
    found = read(text, tmp_path, {"DIALER_TRUNK_PASSWORD": "top-secret"})
    assert "top-secret" not in repr(found)
    assert "hush-hush" not in repr(found)


# -- values that reach their users ------------------------------------------------------------


@pytest.mark.parametrize("one", SETTABLE, ids=name)
def test_every_setting_reaches_its_value(one: tuple[str, Field[Any]]) -> None:
    """A changed line of the file changes exactly this field."""
    table, field = one
    if table == "secrets" or field.name == "password_file":
        return  # see the tests of secrets
    shipped = TEXT
    for key, needed in (("username", "u"), ("identity", "asserted"), ("transport", "tls")):
        # What a register trunk, a hidden caller id and SRTP need.
        shipped = re.sub(rf'(?m)^{key} = "\w*"$', f'{key} = "{needed}"', shipped)
    if field.name == "driver":
        shipped = shipped.replace('transport = "tls"', 'transport = "udp"')  # PJSIP's are UDP and TCP
    if field.name == "model_dir":
        shipped = re.sub(r"(?m)^# (?=model_dir = )", "", shipped.replace('"bundled"', '"vosk"'))
    if field.name in ("tls_key_file", "tls_client_key_file"):
        certificate = field.name.replace("key", "certificate")
        shipped = re.sub(rf"(?m)^# (?={certificate} = )", "", shipped)
    before = read(shipped)
    data = shown(table)
    wanted = _another(table, field.name, data.get(field.name))
    text = re.sub(
        rf"(?ms)^(\[+{table}\]+\n.*?^)(?:# )?{field.name} = [^\n]*$",
        rf"\g<1>{field.name} = {wanted}",
        shipped,
        count=1,
    )
    after = read(text)
    changed = {
        f"{found}.{inner.name}"
        for found, kind in KINDS.items()
        if found != "secrets"
        for inner in fields(kind)
        if inner.name not in HIDDEN.get(found, ()) or (found, inner.name) == ("scheduler", "node")
        if getattr(part(before, found), inner.name) != getattr(part(after, found), inner.name)
    }
    expected = {f"{table}.{field.name}"}
    if (table, field.name) == ("site", "node"):
        expected.add("scheduler.node")
    assert changed == expected


_OTHERS = {
    ("quality", "items"): '["courtesy R47 10: 敬语 / polite"]',
    ("web", "host"): '"::1"',
    ("calling", "windows"): '["09:30-11:30", "14:00-17:00"]',
    ("calling", "government_windows"): '["15:00-15:30"]',
    ("calling", "zone"): '"Asia/Urumqi"',
    ("calling", "appointment_hours"): '"10:00-19:00"',
    ("calling", "deadline_types"): '["R30: 3 workdays"]',
    ("calling", "tier_tables"): '["R77: A 2 months"]',
    ("calling", "tier_table"): '"R78"',
    ("site", "log_level"): '"DEBUG"',
    ("trunks", "driver"): '"pjsua2"',
    ("trunks", "type"): '"register"',
    ("trunks", "transport"): '"tcp"',
    ("trunks", "identity"): '"preferred"',
    ("trunks", "campaigns"): '[{ campaign = "c", caller_id = "4008001234" }]',
    ("trunks", "number_format"): '"9{national}"',
    ("trunks", "numbers"): '[{ match = "1[3-9]X*", format = "0{national}" }]',
    ("trunks", "allow"): '["mobile", "4008*"]',
    ("trunks", "deny"): '["170*"]',
    ("trunks", "srtp"): '"required"',
    ("trunks", "dtmf"): '"info"',
    ("recogniser", "engine"): '"dtmf"',
    ("store", "excluding_rules"): '["R19"]',
    ("backup", "at"): '"22:15"',
    ("archive", "zone"): '"Asia/Urumqi"',
    ("archive", "retain_years"): "5",
    ("archive", "key_command"): '["kms", "-x"]',
    ("archive", "longer"): '["major 10"]',
    ("transfer", "agents"): '[{ name = "x", uri = "sip:x@192.0.2.1" }]',
    ("transfer", "accept_key"): '"2"',
    ("media", "advertised_host"): '"192.0.2.4"',
    ("media", "vad_mode"): "3",
    ("media", "host"): '"127.0.0.2"',
    ("media", "port_low"): "20002",
    ("media", "port_high"): "23001",
    ("sip", "bind_host"): '"127.0.0.2"',
    ("sip", "nameservers"): '["192.0.2.53"]',
    ("registrar", "algorithms"): '["MD5"]',
    ("sip", "srtp"): '"required"',
    ("progress", "use"): '"note"',
    ("turns", "min_level_dbov"): "-40.0",
    ("media", "speech_floor_dbov"): "-40.0",
    ("media", "speech_drop_db"): "12.0",
    ("media", "realtime_priority"): "0",
    ("media", "niceness"): "-5",
    ("recogniser", "model_dir"): '"other"',
    ("prompts", "synthetic"): '"other"',
    ("prompts", "synthesiser"): '"sherpa-onnx"',
    ("prompts", "speed"): "1.25",
    ("intake", "country"): '"852"',
}


def _another(table: str, key: str, value: object) -> str:
    """Another permitted value, as TOML."""
    if found := _OTHERS.get((table, key)):
        return found
    if isinstance(value, bool):
        return str(not value).lower()
    if value == []:
        return '["01082345678"]'
    if isinstance(value, int):
        return str(value + 1)
    if isinstance(value, float):
        return f"{value * 1.05:.4f}" if value else "1.0"
    return f'"{value}x"'


def test_small_settings_do_what_they_say() -> None:
    found = read(TEXT)
    assert with_agents(found.turns, True).agents_available is True
    assert found.turns.agents_available is False
    assert found.trunks[0].type is TrunkType.STATIC
    assert found.calling.windows_for(Segment.GOVERNMENT) != found.calling.windows_for(Segment.GENERAL)
    assert SiteSettings(log_level="debug").log_level == "debug"
    assert ListenSettings().max_speech_s == 12.0
    assert all(is_dataclass(kind) for kind in KINDS.values())
    assert get_origin(get_type_hints(type(found.transfer))["agents"]) is tuple
    assert get_args(get_type_hints(type(found.transfer))["agents"])[0] is Agent
