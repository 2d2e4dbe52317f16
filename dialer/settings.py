"""Every setting: the rooms' own config values, composed and read from ``config/dialer.toml``.

Relative paths start at the installation's folder. Secrets are never in the file: it names the
environment variable or the file that holds them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path

from dialer.access.config import AccessConfig, QualityConfig
from dialer.access.quality import ScoreItem
from dialer.archive.config import ArchiveConfig
from dialer.archive.retention import RetentionClass
from dialer.asr.config import AsrConfig, Engine
from dialer.bus.config import MqttConfig
from dialer.errors import ConfigError
from dialer.handover import LetterConfig
from dialer.intake.config import IntakeConfig
from dialer.ivr.config import TurnSettings
from dialer.media.config import MediaConfig, ProgressConfig
from dialer.model import PhoneNumber
from dialer.policy.duedates import DeadlineType
from dialer.policy.settings import PolicySettings, Window
from dialer.policy.tiers import TierTable
from dialer.ports import ListenSpec
from dialer.reports.config import ReportConfig
from dialer.scheduler import SchedulerConfig
from dialer.sip.config import EndpointConfig, RegistrarConfig
from dialer.sip.trunkconfig import TrunkConfig
from dialer.store.config import StoreConfig
from dialer.tomlread import TomlFile, read_toml
from dialer.transfer import TransferConfig
from dialer.tts.config import PromptConfig
from dialer.web.config import WebConfig


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """``[site]``: this node."""

    node: str = "dialer-1"
    """Name of this node; unique among the nodes of one database."""
    database: Path = Path("dialer.sqlite")
    """SQLite file."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""
    drain_s: float = 600.0
    """On SIGTERM: how long live calls may take to end by themselves."""
    rehearsal_numbers: tuple[str, ...] = ()
    """Telephones of the house that ``campaign rehearse`` and ``script rehearse`` may ring, at any time; no
    customer's."""

    def __post_init__(self) -> None:
        if self.log_level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("log_level: write DEBUG, INFO, WARNING or ERROR")
        if self.drain_s < 0:
            raise ValueError("drain_s: write seconds, 0 ends calls at once")
        for number in self.rehearsal_numbers:
            try:
                PhoneNumber.parse(number)
            except ValueError as error:
                raise ValueError(f"rehearsal_numbers: {error}") from None


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """``[backup]``: copies of the database and what belongs to it (R93)."""

    folder: Path | None = None
    """Where backups go: another disk, or one that another machine keeps. None: none are made."""
    at: str = "21:30"
    """Local time at which the daemon makes the day's backup; empty: a timer of the house does."""
    keep: int = 30
    """So many of the newest stay."""
    max_age_hours: float = 26.0
    """An older last backup is an alarm, once a day."""

    def __post_init__(self) -> None:
        if self.at:
            _ = self.time_of_day
        if self.keep < 1:
            raise ValueError("keep: at least 1")
        if not self.max_age_hours > 0:
            raise ValueError("max_age_hours: write hours, above 0")

    @property
    def time_of_day(self) -> time:
        """``at``, where it isn't empty."""
        try:
            return time.fromisoformat(self.at)
        except ValueError:
            raise ValueError(f"at: {self.at!r} is no time of day: write e.g. 21:30") from None


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """``[listening]``: what counts as an utterance."""

    min_speech_s: float = 0.12
    """Shorter sounds aren't speech."""
    max_speech_s: float = 12.0
    """A longer answer is cut here."""

    def __post_init__(self) -> None:
        if not 0 < self.min_speech_s < self.max_speech_s:
            raise ValueError("min_speech_s: must be above 0 and below max_speech_s")


@dataclass(frozen=True, slots=True)
class SecretSettings:
    """``[secrets]``: where secrets are, never what they are."""

    trunk_password_env: str = "DIALER_TRUNK_PASSWORD"
    """Environment variable with the password of the only trunk; unset: the file below, or none."""
    trunk_password_file: Path | None = None
    """File whose first line is that password. One of several trunks names its own, never these."""
    database_url_env: str = "DIALER_DATABASE_URL"
    """Environment variable with the URL of a PostgreSQL database; unset: the file of [site] database."""
    agents_file: Path | None = None
    """File with one ``name:password`` a line: the agents' phones that may register here."""
    number_key_env: str = "DIALER_NUMBER_KEY"
    """Environment variable with the secret behind the hashes by which numbers are found. The same for every
    node of a database, and for its whole life."""
    number_key_file: Path | None = None
    """File whose first line is that secret, used where the variable is unset; none: the database's salt."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One installation's settings."""

    site: SiteSettings
    calling: PolicySettings
    scheduler: SchedulerConfig
    trunks: tuple[TrunkConfig, ...]
    sip: EndpointConfig
    registrar: RegistrarConfig
    media: MediaConfig
    progress: ProgressConfig
    recogniser: AsrConfig
    listening: ListenSettings
    turns: TurnSettings
    prompts: PromptConfig
    store: StoreConfig
    archive: ArchiveConfig
    backup: BackupSettings
    intake: IntakeConfig
    reports: ReportConfig
    letters: LetterConfig
    transfer: TransferConfig
    access: AccessConfig
    quality: QualityConfig
    web: WebConfig
    mqtt: MqttConfig


TABLES = (
    "site",
    "secrets",
    "calling",
    "scheduler",
    "trunks",
    "sip",
    "registrar",
    "media",
    "progress",
    "recogniser",
    "listening",
    "turns",
    "prompts",
    "store",
    "archive",
    "backup",
    "intake",
    "reports",
    "letters",
    "transfer",
    "access",
    "quality",
    "web",
    "mqtt",
)

ONE_TRUNK = "trunk"
"""A file may hold its only trunk as this table instead of [[trunks]]."""

HIDDEN: Mapping[str, tuple[str, ...]] = {
    "scheduler": ("node",),
    "trunks": ("password",),
    "registrar": ("users",),
    "sip": ("timers",),
    "media": ("progress",),
    "turns": ("agents_available",),
    "store": ("url", "number_secret"),
    "mqtt": ("password",),
}
"""Fields that no file sets: they come from another key, a secret or the call, or are for tests."""


_TEXTS = {
    Window: Window.parse,
    TierTable: TierTable.parse,
    DeadlineType: DeadlineType.parse,
    RetentionClass: RetentionClass.parse,
    ScoreItem: ScoreItem.parse,
}
"""Values that the file writes as text."""

_MODEL = Path("models") / "demo-cn"
_VOICE = Path("config") / "prompts" / "synthetic"
_LOOPBACK = "127.0.0.1"


def with_agents(turns: TurnSettings, agents_available: bool) -> TurnSettings:
    return replace(turns, agents_available=agents_available)


def listen_spec(settings: Settings) -> ListenSpec:
    """What counts as an utterance."""
    listening = settings.listening
    return ListenSpec(settings.turns.end_silence_s, listening.min_speech_s, listening.max_speech_s)


def shipped_dir() -> Path:
    """Where the shipped ``config/`` and ``models/`` are: in the wheel, or beside the package."""
    package = Path(__file__).resolve().parent
    inside = package / "_shipped"
    return inside if inside.is_dir() else package.parent


def load_settings(home: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """``home/config/dialer.toml``, or the shipped file where there is none. Raises ConfigError."""
    own = home / "config" / "dialer.toml"
    file = own if own.exists() else shipped_dir() / "config" / "dialer.toml"
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", str(file)) from None
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8: save it as UTF-8", str(file)) from None
    return read_settings(text, str(file), home, os.environ if environ is None else environ)


def read_settings(text: str, file: str, home: Path, environ: Mapping[str, str]) -> Settings:
    """The file's text as Settings. Raises ConfigError with file and line."""
    toml = read_toml(text, file, _TEXTS, (*TABLES, ONE_TRUNK))
    site = toml.table("site", SiteSettings)
    secrets = toml.table("secrets", SecretSettings)
    shipped = shipped_dir()
    progress = toml.table("progress", ProgressConfig)
    asr = _recogniser(toml, home, shipped / _MODEL)
    archive = toml.table(
        "archive", ArchiveConfig, given=_unless_set(toml, "archive", "root", Path("recordings"))
    )
    prompts = toml.table(
        "prompts", PromptConfig, given=_unless_set(toml, "prompts", "synthetic", shipped / _VOICE)
    )
    web = toml.table("web", WebConfig)
    backup = toml.table("backup", BackupSettings)
    return Settings(
        site=replace(site, database=home / site.database),
        calling=toml.table("calling", PolicySettings),
        scheduler=toml.table("scheduler", SchedulerConfig, HIDDEN["scheduler"], {"node": site.node}),
        trunks=_trunks(toml, secrets, home, environ),
        sip=_sip(toml, home),
        registrar=toml.table(
            "registrar", RegistrarConfig, HIDDEN["registrar"], {"users": _agents(toml, secrets, home)}
        ),
        media=toml.table("media", MediaConfig, HIDDEN["media"], {"progress": progress}),
        progress=progress,
        recogniser=asr,
        listening=toml.table("listening", ListenSettings),
        turns=toml.table("turns", TurnSettings, HIDDEN["turns"]),
        prompts=replace(
            prompts,
            recorded=home / prompts.recorded,
            synthetic=home / prompts.synthetic,
            built=home / prompts.built,
            voice_dir=home / prompts.voice_dir,
        ),
        store=toml.table(
            "store",
            StoreConfig,
            HIDDEN["store"],
            {
                "url": environ.get(secrets.database_url_env, ""),
                "number_secret": _number_secret(toml, secrets, home, environ),
            },
        ),
        archive=replace(
            archive,
            root=home / archive.root,
            key_file=home / archive.key_file if archive.key_file else None,
            sign_key_file=home / archive.sign_key_file,
        ),
        backup=replace(backup, folder=_place(home, backup.folder)),
        intake=toml.table("intake", IntakeConfig),
        reports=toml.table("reports", ReportConfig),
        letters=toml.table("letters", LetterConfig),
        transfer=toml.table("transfer", TransferConfig),
        access=toml.table("access", AccessConfig),
        quality=toml.table("quality", QualityConfig),
        web=replace(
            web, certificate_file=_place(home, web.certificate_file), key_file=_place(home, web.key_file)
        ),
        mqtt=_mqtt(toml, home, environ),
    )


def _place(home: Path, file: Path | None) -> Path | None:
    return None if file is None else home / file


def _number_secret(toml: TomlFile, secrets: SecretSettings, home: Path, environ: Mapping[str, str]) -> bytes:
    env, file = secrets.number_key_env, secrets.number_key_file
    return _secret(toml, home, environ, env, file, "secrets.number_key_file").encode()


def _sip(toml: TomlFile, home: Path) -> EndpointConfig:
    """``[sip]``, its files found from the installation's folder."""
    sip = toml.table("sip", EndpointConfig, HIDDEN["sip"], _unless_set(toml, "sip", "bind_host", _LOOPBACK))
    return replace(
        sip,
        tls_certificate_file=_place(home, sip.tls_certificate_file),
        tls_key_file=_place(home, sip.tls_key_file),
        tls_ca_file=_place(home, sip.tls_ca_file),
        tls_client_certificate_file=_place(home, sip.tls_client_certificate_file),
        tls_client_key_file=_place(home, sip.tls_client_key_file),
    )


def _mqtt(toml: TomlFile, home: Path, environ: Mapping[str, str]) -> MqttConfig:
    mqtt = toml.table("mqtt", MqttConfig, HIDDEN["mqtt"])
    secret = (mqtt.password_env, mqtt.password_file, "mqtt.password_file")
    password = _secret(toml, home, environ, *secret) if mqtt.host and mqtt.username else ""
    if password and mqtt.in_clear:
        raise toml.error("mqtt.tls: the password would travel in clear: write tls = true", ("mqtt", "host"))
    return replace(
        mqtt,
        password=password,
        ca_file=_place(home, mqtt.ca_file),
        certificate_file=_place(home, mqtt.certificate_file),
        key_file=_place(home, mqtt.key_file),
    )


def _recogniser(toml: TomlFile, home: Path, bundled: Path) -> AsrConfig:
    """``model_dir`` belongs to the engines that need one, and only to them."""
    given = _unless_set(toml, "recogniser", "model_dir", bundled)
    if not given:  # whoever names a directory means it
        given = _unless_set(toml, "recogniser", "engine", Engine.VOSK)
    asr = toml.table("recogniser", AsrConfig, given=given)
    where = ("recogniser", "engine")
    own = asr.engine in (Engine.VOSK, Engine.SHERPA)
    if own and asr.model_dir == bundled:
        raise toml.error(f"{asr.engine.value} needs the key model_dir, or write bundled", where)
    if asr.engine is Engine.BUNDLED and asr.model_dir != bundled:
        raise toml.error("bundled has its own model: write vosk or sherpa-onnx for model_dir", where)
    return replace(asr, model_dir=home / asr.model_dir)


def _unless_set(toml: TomlFile, table: str, key: str, default: object) -> dict[str, object]:
    found = toml.data.get(table)
    return {} if isinstance(found, dict) and key in found else {key: default}


def _trunks(
    toml: TomlFile, secrets: SecretSettings, home: Path, environ: Mapping[str, str]
) -> tuple[TrunkConfig, ...]:
    """Every ``[[trunks]]``, or the only one as ``[trunk]``; a file without one keeps the shipped trunk."""
    if ONE_TRUNK in toml.data and "trunks" in toml.data:
        raise toml.error("[trunk] beside [[trunks]]: write every trunk as [[trunks]]", (ONE_TRUNK,))
    hidden = HIDDEN["trunks"]
    if "trunks" in toml.data:
        found = toml.tables("trunks", TrunkConfig, hidden)
    else:
        shipped = {} if ONE_TRUNK in toml.data else {"name": "trunk-1", "host": _LOOPBACK}
        found = [(toml, toml.table(ONE_TRUNK, TrunkConfig, hidden, shipped))]
    if not found:
        raise toml.error("trunks: no trunk; write [[trunks]] with name and host below it", ("trunks",))
    for number, (one, trunk) in enumerate(found):
        if trunk.name in [other.name for _, other in found[:number]]:
            raise one.error(f"trunks.name: a second trunk {trunk.name!r}", ("trunks", "name"))
    only = len(found) == 1
    return tuple(
        replace(trunk, password=_password(one, trunk, secrets if only else None, home, environ))
        for one, trunk in found
    )


def _password(
    toml: TomlFile,
    trunk: TrunkConfig,
    secrets: SecretSettings | None,
    home: Path,
    environ: Mapping[str, str],
) -> str:
    """The trunk's own, else that of ``secrets``: a second carrier must never see the first one's."""
    env, file, key = trunk.password_env, trunk.password_file, "trunks.password_file"
    if not env and file is None and secrets is not None:
        env, file = secrets.trunk_password_env, secrets.trunk_password_file
        key = "secrets.trunk_password_file"
    return _secret(toml, home, environ, env, file, key)


def _secret(
    toml: TomlFile, home: Path, environ: Mapping[str, str], env: str, file: Path | None, key: str
) -> str:
    """From the environment, else the first line of the file that ``key`` names, else empty."""
    if found := environ.get(env):
        return found
    if file is None:
        return ""
    lines = _secret_lines(toml, home / file, key)
    return lines[0] if lines else ""


def _agents(toml: TomlFile, secrets: SecretSettings, home: Path) -> dict[str, str]:
    if secrets.agents_file is None:
        return {}
    users: dict[str, str] = {}
    for number, line in enumerate(_secret_lines(toml, home / secrets.agents_file, "secrets.agents_file"), 1):
        name, colon, password = line.partition(":")
        if not (name and colon and password):
            raise ConfigError("write name:password", str(home / secrets.agents_file), number)
        users[name] = password
    return users


def _secret_lines(toml: TomlFile, file: Path, key: str) -> list[str]:
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise toml.error(f"{key}: {file} can't be read: {error}", tuple(key.split("."))) from None
