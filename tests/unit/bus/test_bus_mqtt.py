"""Events at a real broker: mosquitto, started here; away, back again, with passwords, over TLS."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from broker import HOST, DeafBroker, PrivateMosquitto

from dialer import app, proof
from dialer.archive.daily import sign_days
from dialer.bus.config import MqttConfig
from dialer.bus.local import Bus
from dialer.bus.mqtt import MqttSink, open_mqtt
from dialer.doctor import Check, examine
from dialer.errors import BusError, ConfigError, StoreError
from dialer.events import CallEnded, Event, TrunkDown, TrunkUp
from dialer.model import CallId, DayRoot, Disposition, TaskId
from dialer.site import Site
from dialer.testing.archives import house
from dialer.testing.store import MemoryStore

NOW = datetime(2026, 11, 10, 2, 0, tzinfo=UTC)


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[PrivateMosquitto]:
    server = PrivateMosquitto(tmp_path)
    await server.start()
    yield server
    server.stop()


async def no_roots() -> Sequence[DayRoot]:
    return ()


def config(server: PrivateMosquitto, **fields: Any) -> MqttConfig:
    return replace(MqttConfig(HOST, server.port, timeout_s=3.0, backoff_s=0.05, max_backoff_s=0.2), **fields)


@asynccontextmanager
async def connected(settings: MqttConfig, **more: Any) -> AsyncIterator[MqttSink]:
    async with sink_of(settings, **more) as sink:
        await until(lambda: sink.connected)
        yield sink


@asynccontextmanager
async def sink_of(
    settings: MqttConfig, roots: Any = no_roots, clock: Callable[[], datetime] = lambda: NOW, node: str = "n1"
) -> AsyncIterator[MqttSink]:
    async with open_mqtt(settings, node, roots, clock) as (sink,):
        yield sink


async def until(done: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def call(number: int, at: datetime = NOW) -> Event:
    return CallEnded(at, CallId(number), TaskId(number), Disposition.COMPLETED)


class Outbox(MemoryStore):
    def __init__(self, count: int, at: datetime = NOW) -> None:
        super().__init__()
        self.events: list[tuple[int, Event]] = [(n, call(n, at)) for n in range(1, count + 1)]

    async def outbox(self, limit: int, after: int = 0) -> list[tuple[int, Event]]:
        return [item for item in self.events if item[0] > after][:limit]

    async def outbox_done(self, ids: Sequence[int]) -> None:
        self.events = [item for item in self.events if item[0] not in ids]


# --- delivery -------------------------------------------------------------------------------


async def test_every_event_arrives_in_order_and_leaves_the_outbox(mosquitto: PrivateMosquitto) -> None:
    store = Outbox(450)
    async with connected(config(mosquitto)) as sink, mosquitto.listener("huifang/event/#") as ears:
        bus = Bus(store, [sink])
        while await bus.drain():
            pass
        got = [json.loads((await ears.next()).payload)["id"] for _ in range(450)]  # type: ignore[arg-type]
    assert got == list(range(1, 451))
    assert store.events == []


async def test_a_broker_that_is_away_at_the_start_gets_all_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, store = PrivateMosquitto(tmp_path), Outbox(5)
    async with sink_of(config(server)) as sink:
        bus = Bus(store, [sink])
        with caplog.at_level(logging.WARNING, "dialer.bus"):
            for _ in range(20):
                assert await bus.drain() == 0
                await asyncio.sleep(0.02)
        assert len(store.events) == 5
        told = [record.message for record in caplog.records]
        assert told.count("broker away") == 1, "said once, not at each try"
        assert told.count("events not published") <= 2
        await server.start()
        try:
            async with server.listener("huifang/event/#") as ears:
                await until(lambda: sink.connected)
                assert await bus.drain() == 5
                assert len(await ears.many(1)) == 1
        finally:
            server.stop()


async def test_what_a_broker_lost_in_a_restart_is_told_again(mosquitto: PrivateMosquitto) -> None:
    store = Outbox(3)
    async with connected(config(mosquitto)) as sink:
        bus = Bus(store, [sink])
        await sink.publish(0, TrunkDown(NOW, "unicom", "503"))
        mosquitto.stop()
        await until(lambda: not sink.connected)
        assert await bus.drain() == 0
        with pytest.raises(BusError, match=f"broker {HOST}:{mosquitto.port}"):
            await sink.publish(0, TrunkUp(NOW, "unicom"))
        await mosquitto.start()
        await until(lambda: sink.connected)
        assert await bus.drain() == 3
        async with mosquitto.listener("huifang/trunk/#") as ears:
            one = await ears.next()
        assert one.retain
        assert json.loads(one.payload)["event"] == "TrunkUp", "what changed meanwhile"  # type: ignore[arg-type]


async def test_an_event_that_was_not_confirmed_comes_again(mosquitto: PrivateMosquitto) -> None:
    store = Outbox(150)
    async with connected(config(mosquitto)) as sink:
        bus = Bus(store, [sink])
        publish = asyncio.create_task(bus.drain())
        await asyncio.sleep(0)
        mosquitto.stop()
        left = 150 - await publish
        assert len(store.events) == left
        await mosquitto.start()
        async with mosquitto.listener("huifang/event/#") as ears:
            await until(lambda: sink.connected)
            assert await bus.drain() == left
            got = [json.loads((await ears.next()).payload)["id"] for _ in range(left)]  # type: ignore[arg-type]
    assert got == list(range(151 - left, 151))


async def test_other_subscribers_hear_once_and_at_once_while_the_broker_is_away(tmp_path: Path) -> None:
    class Other:
        def __init__(self) -> None:
            self.got: list[int] = []

        async def publish(self, event_id: int, event: Event) -> None:
            self.got.append(event_id)

    server, store, other = PrivateMosquitto(tmp_path), Outbox(4), Other()
    async with sink_of(config(server)) as sink:
        bus = Bus(store, [sink, other])
        for _ in range(3):
            assert await bus.drain() == 0
        assert other.got == [1, 2, 3, 4]
        assert len(store.events) == 4


async def test_what_nobody_took_for_too_long_is_given_up(tmp_path: Path) -> None:
    server = PrivateMosquitto(tmp_path)
    for give_up_hours, left in ((2.0, 0), (4.0, 3)):
        store = Outbox(3, NOW - timedelta(hours=3))
        async with sink_of(config(server, give_up_hours=give_up_hours)) as sink:
            await Bus(store, [sink]).drain()
            assert len(store.events) == left


async def test_a_broker_that_confirms_nothing_any_more_is_left_and_met_again() -> None:
    """It holds the connection; what it had is given up when it is too old, and told anew when it isn't."""
    async with DeafBroker() as deaf:
        now = [NOW]
        store = Outbox(3)
        settings = MqttConfig(HOST, deaf.port, timeout_s=0.2, backoff_s=0.05, max_backoff_s=0.1)
        async with sink_of(settings, clock=lambda: now[0]) as sink:
            await until(lambda: sink.connected)
            deaf.to = "huifang/"
            bus = Bus(store, [sink])
            assert await bus.drain() == 0
            assert not sink.connected, "what it doesn't take would pile up in the connection"
            await until(lambda: deaf.connections > 2)
            assert len(store.events) == 3
            now[0] += timedelta(hours=49)
            assert await bus.drain() == 3
            store.events = [(4, call(4, now[0]))]
            deaf.to = ""
            await until(lambda: sink.connected)
            assert await bus.drain() == 1


async def test_one_message_that_a_broker_never_confirms_is_given_up_in_time() -> None:
    """Where it confirms others: the connection stands again each time."""
    async with DeafBroker() as deaf:
        now = [NOW]
        deaf.to = "huifang/event/"
        store = Outbox(3)
        settings = MqttConfig(HOST, deaf.port, timeout_s=0.2, backoff_s=0.05, max_backoff_s=0.1)
        async with sink_of(settings, clock=lambda: now[0]) as sink:
            bus = Bus(store, [sink])
            for hours, left in ((0, 3), (49, 0)):
                now[0] = NOW + timedelta(hours=hours)
                await until(lambda: sink.connected)
                assert await bus.drain() == 3 - left
                assert len(store.events) == left


async def test_a_message_that_a_broker_never_confirms_holds_up_no_other() -> None:
    """Those that it confirmed aren't sent again, those behind are sent, and so are new ones."""
    async with DeafBroker() as deaf:
        deaf.never = frozenset({100})
        store, stop = Outbox(300), asyncio.Event()
        settings = MqttConfig(HOST, deaf.port, timeout_s=0.2, backoff_s=0.05, max_backoff_s=0.1)
        async with sink_of(settings) as sink:
            running = asyncio.create_task(Bus(store, [sink]).run(stop, 0.02))
            await until(lambda: [one for one, _ in store.events] == [100])
            store.events.append((301, call(301)))
            await until(lambda: [one for one, _ in store.events] == [100])
            deaf.never = frozenset()
            await until(lambda: not store.events)
            stop.set()
            await running
    assert deaf.got.count(100) > 1, "at least once"
    assert [one for one in deaf.got if one != 100] == [n for n in range(1, 302) if n != 100]


async def test_a_whole_page_that_is_never_confirmed_holds_up_no_other() -> None:
    async with DeafBroker() as deaf:
        deaf.never = frozenset(range(3, 3000, 3))
        store, stop = Outbox(1000), asyncio.Event()
        settings = MqttConfig(HOST, deaf.port, timeout_s=0.1, backoff_s=0.01, max_backoff_s=0.02)
        others = {n for n in range(1, 1001) if n % 3}
        async with sink_of(settings) as sink:
            running = asyncio.create_task(Bus(store, [sink]).run(stop, 0.01))
            await until(lambda: others <= set(deaf.got))
            deaf.never = frozenset()
            await until(lambda: not store.events)
            stop.set()
            await running


async def test_a_broker_that_confirms_no_event_is_tried_more_and_more_seldom() -> None:
    """However long it takes until that is known: such a connection doesn't stand."""
    async with DeafBroker() as deaf:
        deaf.to = "huifang/event/"
        store, stop = Outbox(3), asyncio.Event()
        settings = MqttConfig(HOST, deaf.port, timeout_s=0.2, backoff_s=0.1, max_backoff_s=9)
        async with sink_of(settings) as sink:
            running = asyncio.create_task(Bus(store, [sink]).run(stop, 0.01))
            await until(lambda: deaf.connections >= 4)
            waited = [after - before for before, after in pairwise(deaf.met)]
            stop.set()
            await running
    assert waited[1] >= 0.2 + 0.2
    assert waited[2] >= 0.2 + 0.4


async def test_a_fault_that_ends_the_connections_task_is_told(
    mosquitto: PrivateMosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> Sequence[DayRoot]:
        raise RuntimeError("a fault of the program")

    with caplog.at_level(logging.ERROR, "dialer.bus"):
        async with sink_of(config(mosquitto), roots=broken):
            await until(lambda: bool(caplog.records))
    assert caplog.records[0].message == "no events to the broker any more"
    assert "a fault of the program" in caplog.text


# --- signed roots ---------------------------------------------------------------------------


async def test_the_signed_root_arrives_retained_and_verifies(
    tmp_path: Path, mosquitto: PrivateMosquitto
) -> None:
    async with house(tmp_path) as one, connected(config(mosquitto)) as sink:
        await one.call()
        await one.settle()
        (root,) = await sign_days(one.config, one.index, one.now + timedelta(days=1))
        bus = Bus(one.store, [sink])
        while await bus.drain():
            pass
        async with mosquitto.listener("huifang/root/+") as late:
            message = await late.next()
        assert message.retain, "whoever subscribes later gets it"
        assert str(message.topic) == "huifang/root/2026-11-10"
        told = json.loads(message.payload)  # type: ignore[arg-type]
        assert told == json.loads((one.config.root / "roots/2026-11-10.json").read_text())
        assert told["public_key"] == root.public_key
        assert proof.signature_fits(told["text"], told["signature"], root.public_key)
        assert not proof.signature_fits(told["text"] + " ", told["signature"], root.public_key)
        assert json.loads(told["text"])["root"] == root.root


async def test_a_new_broker_gets_the_roots_of_all_days(tmp_path: Path, mosquitto: PrivateMosquitto) -> None:
    async with house(tmp_path) as one:
        for _ in range(3):
            await one.call()
            await one.settle()
            one.now += timedelta(days=1)
        roots = await sign_days(one.config, one.index, one.now)
        async with (
            connected(config(mosquitto), roots=one.index.roots),
            mosquitto.listener("huifang/root/+") as late,
        ):
            found = await late.many(3)
    assert sorted(found) == [f"huifang/root/{root.day}" for root in roots]


async def test_roots_that_cannot_be_read_stop_nothing(mosquitto: PrivateMosquitto) -> None:
    async def away() -> Sequence[DayRoot]:
        raise StoreError("the database is locked")

    async with connected(config(mosquitto), roots=away) as sink:
        await sink.publish(1, call(1))
        await sink.confirmed()


# --- settings -------------------------------------------------------------------------------


async def test_presence_stands_at_the_broker_also_after_a_crash(mosquitto: PrivateMosquitto) -> None:
    async with mosquitto.listener("huifang/node/#") as ears:
        async with connected(config(mosquitto)):
            assert (await ears.next()).payload == b"online"
        assert (await ears.next()).payload == b"offline"
        async with connected(config(mosquitto, timeout_s=1.0)) as sink:
            assert (await ears.next()).payload == b"online"
            client = sink._client
            assert client is not None
            client._client.socket().close()  # type: ignore[union-attr]  # as if the process had died
            assert (await ears.next()).payload == b"offline"


async def test_user_and_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = PrivateMosquitto(tmp_path, users={"dialer": "right"})
    await server.start()
    try:
        async with connected(config(server, username="dialer", password="right")):
            pass
        for wrong in ({"username": "dialer", "password": "wrong"}, {}):
            with caplog.at_level(logging.WARNING, "dialer.bus"):
                caplog.clear()
                async with sink_of(config(server, **wrong)) as sink:
                    await until(lambda: bool(caplog.records))
                    assert not sink.connected
                    assert "refuses us" in vars(caplog.records[0])["why"]
                    assert "mqtt.username" in vars(caplog.records[0])["why"]
                    assert "wrong" not in caplog.text
                    with pytest.raises(BusError, match="refuses us"):
                        await sink.publish(1, call(1))
    finally:
        server.stop()


async def test_tls_and_whom_it_trusts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = PrivateMosquitto(tmp_path, tls=True)
    await server.start()
    try:
        async with connected(config(server, tls=True, ca_file=server.certificate)) as sink:
            await sink.publish(1, call(1))
            await sink.confirmed()
        with caplog.at_level(logging.WARNING, "dialer.bus"):
            async with sink_of(config(server, tls=True)):
                await until(lambda: bool(caplog.records))
        assert "certificate verify failed" in vars(caplog.records[0])["why"]
    finally:
        server.stop()
    for name in ("ca_file", "certificate_file"):
        with pytest.raises(ConfigError, match=r"mqtt\.ca_file, certificate_file, key_file"):
            async with sink_of(config(server, tls=True, **{name: tmp_path / "nowhere.pem"})):
                pass


async def test_a_broker_that_asks_for_a_certificate_gets_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = PrivateMosquitto(tmp_path, tls=True, asks=True)
    await server.start()
    both = config(server, tls=True, ca_file=server.certificate)
    try:
        ours = replace(both, certificate_file=server.certificate, key_file=tmp_path / "broker.key")
        async with connected(ours):
            pass
        with caplog.at_level(logging.WARNING, "dialer.bus"):
            async with sink_of(both) as sink:
                await until(lambda: bool(caplog.records))
                assert not sink.connected
    finally:
        server.stop()


async def test_topic_and_quality_of_service(mosquitto: PrivateMosquitto) -> None:
    for topic, qos in (("huifang", 1), ("acme/calls", 0), ("acme/calls", 2)):
        async with mosquitto.listener(f"{topic}/event/#") as ears:
            await ears._client.subscribe(f"{topic}/event/#", qos=2)
            async with connected(config(mosquitto, topic=topic, qos=qos)) as sink:
                await sink.publish(1, call(1))
                await sink.confirmed()
                message = await ears.next()
                assert (str(message.topic), message.qos) == (f"{topic}/event/call-ended", qos)


async def test_how_long_a_silent_broker_is_waited_for() -> None:
    """Something that takes connections and says nothing."""
    server = await asyncio.start_server(lambda *_: None, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    waited = {}
    for timeout_s in (0.2, 0.8):
        began = loop.time()
        settings = MqttConfig(HOST, port, timeout_s=timeout_s, backoff_s=60)
        async with sink_of(settings) as sink:
            await until(lambda sink=sink: sink._why != "not connected yet")  # type: ignore[misc]
        waited[timeout_s] = loop.time() - began
    server.close()
    assert waited[0.2] >= 0.2
    assert waited[0.8] >= 0.8
    assert waited[0.2] < 0.8


async def test_a_silent_broker_is_tried_more_and_more_seldom() -> None:
    """A try that takes longer than the pause is no connection that stood."""
    tries: list[float] = []
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(lambda *_: tries.append(loop.time()), HOST, 0)
    port = server.sockets[0].getsockname()[1]
    async with sink_of(MqttConfig(HOST, port, timeout_s=0.2, backoff_s=0.1)):
        await until(lambda: len(tries) >= 4)
    server.close()
    waited = [after - before for before, after in pairwise(tries)]
    assert waited[1] >= 0.2 + 0.2
    assert waited[2] >= 0.2 + 0.4


async def test_how_soon_it_is_tried_again() -> None:
    tries: list[float] = []
    loop = asyncio.get_running_loop()

    def refused(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries.append(loop.time())
        writer.close()

    server = await asyncio.start_server(refused, HOST, 0)
    port = server.sockets[0].getsockname()[1]

    async def pauses(backoff_s: float, max_backoff_s: float) -> list[float]:
        tries.clear()
        settings = MqttConfig(HOST, port, timeout_s=0.05, backoff_s=backoff_s, max_backoff_s=max_backoff_s)
        async with sink_of(settings):
            await until(lambda: len(tries) >= 4)
        return [after - before for before, after in pairwise(tries)]

    doubling, flat = await pauses(0.1, 60.0), await pauses(0.1, 0.1)
    server.close()
    assert doubling[0] >= 0.1
    assert doubling[1] >= 0.2
    assert doubling[2] >= 0.4
    assert flat[2] >= 0.1
    assert sum(flat) < sum(doubling)


async def test_keepalive_reaches_the_broker(tmp_path: Path) -> None:
    server = PrivateMosquitto(tmp_path)
    await server.start()
    for keepalive_s in (30, 77):
        async with connected(config(server, keepalive_s=keepalive_s)):
            pass
        assert f"k{keepalive_s})" in (tmp_path / "mosquitto.log").read_text()
    server.stop()


async def test_the_daemon_is_online_at_its_broker(tmp_path: Path, mosquitto: PrivateMosquitto) -> None:
    text = (Path(__file__).parents[3] / "config/dialer.toml").read_text(encoding="utf-8")
    (tmp_path / "config").mkdir()
    (tmp_path / "config/dialer.toml").write_text(
        text.replace('host = ""\n', f'host = "{HOST}"\n')
        .replace("\nport = 0\n# Speak", f"\nport = {mosquitto.port}\n# Speak")
        .replace('engine = "bundled"', 'engine = "dtmf"')
        .replace("bind_port = 5060", "bind_port = 0"),
        encoding="utf-8",
    )
    async with mosquitto.listener("huifang/node/+") as ears:
        async with app.open_daemon(Site(tmp_path), lambda: NOW):
            assert (await ears.next()).payload == b"online"
        message = await ears.next()
        assert (str(message.topic), message.payload) == ("huifang/node/dialer-1", b"offline")


async def test_doctor_tries_the_broker(tmp_path: Path, mosquitto: PrivateMosquitto) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/dialer.toml").write_text(
        "[trunk]\nname = 't'\nhost = '127.0.0.1'\nno_response_s = 0.1\n"
        f"[mqtt]\nhost = '{HOST}'\nport = {mosquitto.port}\n",
        encoding="utf-8",
    )

    async def found() -> list[Check]:
        return [one for one in await examine(tmp_path, NOW) if one.name == "broker"]

    place = f"{HOST}:{mosquitto.port}"
    assert await found() == [Check("broker", True, f"{place} takes connections")]
    mosquitto.stop()
    (gone,) = await found()
    assert (gone.ok, gone.detail.startswith(f"{place}: ")) == (False, True)


async def test_no_host_means_no_broker_and_the_port_follows_tls() -> None:
    async with open_mqtt(MqttConfig(host=""), "n1", no_roots, lambda: NOW) as sinks:
        assert sinks == ()
    assert MqttConfig(host="mq").place == "mq:1883"
    assert MqttConfig(host="mq", tls=True).place == "mq:8883"
    assert MqttConfig(host="mq", port=99).place == "mq:99"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"host": "mqtt..example"}, "host: 'mqtt..example' is no name"),
        ({"host": "mqtt://mq.example"}, "host: 'mqtt://mq.example' is no name"),
        ({"host": f"{'m' * 64}.example"}, "is no name and no address: write"),
        ({"port": 70000}, "port: 70000"),
        ({"qos": 3}, "qos: write 0, 1 or 2"),
        ({"topic": "a//b"}, "topic: write names"),
        ({"topic": "a/#"}, "topic: write names"),
        ({"topic": "$SYS"}, "topic: write names"),
        ({"keepalive_s": 0}, "keepalive_s"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"backoff_s": 9.0, "max_backoff_s": 1.0}, "max_backoff_s: must not be below"),
        ({"give_up_hours": 0.0}, "give_up_hours"),
        ({"host": "mq", "ca_file": Path("x")}, "tls: certificates are for TLS"),
        ({"host": "mq", "tls": True, "key_file": Path("x")}, "key_file: goes with"),
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MqttConfig(**wrong)
