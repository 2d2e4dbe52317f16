"""Events to an MQTT broker. Calls never wait for it: what it hasn't taken waits in the store's outbox.

A broker that is away is tried again with a pause that doubles. At each connection what stands is told anew
(``topics``), so that a broker that lost its retained messages has every signed root again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from aiomqtt import Client, MqttError, Will
from aiomqtt.exceptions import MqttConnectError

from dialer.bus import topics
from dialer.bus.config import MqttConfig
from dialer.errors import BusError, ConfigError, StoreError
from dialer.events import NOT_FROM_OUTBOX, Event, TrunkDown, TrunkUp
from dialer.model import DayRoot
from dialer.threads import beside

log = logging.getLogger("dialer.bus")

_IN_FLIGHT = 100
"""Messages that the broker may have without having confirmed them."""
_FAREWELL_S = 3.0
"""How long a broker has at the end to hear that we go."""
_NEVER = float("inf")

Roots = Callable[[], Awaitable[Sequence[DayRoot]]]


class MqttSink:
    """A ConfirmingSink. ``run`` keeps it connected."""

    def __init__(self, config: MqttConfig, node: str, roots: Roots, clock: Callable[[], datetime]) -> None:
        """``roots``: all signed days. Raises ConfigError: a certificate that can't be read."""
        self._config, self._node, self._roots, self._clock = config, node, roots, clock
        self._tls = _tls(config) if config.tls else None
        self._client: Client | None = None
        self._why = "not connected yet"
        self._stands_since = _NEVER
        """Loop time: when this connection took its first event."""
        self._deaf = asyncio.Event()
        """Set where a message of this connection wasn't taken."""
        self._sending: list[tuple[int, Event, Sequence[asyncio.Task[None]]]] = []
        self._trunks: dict[str, topics.Message] = {}
        """The last state of each, told again at each connection."""
        self._given_up = 0

    @property
    def connected(self) -> bool:
        return self._client is not None

    async def publish(self, event_id: int, event: Event) -> None:
        messages = topics.told(self._config.topic, self._node, event_id, event)
        if isinstance(event, TrunkDown | TrunkUp):
            self._trunks |= {one.topic: one for one in messages if one.retain}
        client = self._client
        if client is None:
            if self._too_old(event):
                self._given_up += 1
                self._sending.append((event_id, event, ()))
                return
            raise BusError(f"broker {self._config.place}: {self._why}")
        sending = [asyncio.create_task(self._send(client, one)) for one in messages]
        if event_id == NOT_FROM_OUTBOX:
            await _all(sending)
        else:
            self._sending.append((event_id, event, sending))

    async def confirmed(self) -> tuple[set[int], str]:
        sent, self._sending = self._sending, []
        taken, why = set[int](), ""
        for event_id, event, sending in sent:
            for result in await asyncio.gather(*sending, return_exceptions=True):
                if not isinstance(result, BaseException):
                    continue
                if not isinstance(result, BusError):
                    raise result
                if not self._too_old(event):
                    why = why or str(result)
                    break
                self._given_up += 1
            else:
                taken.add(event_id)
        return taken, why

    def _too_old(self, event: Event) -> bool:
        return self._clock() - event.at > timedelta(hours=self._config.give_up_hours)

    async def _send(self, client: Client, message: topics.Message) -> None:
        try:
            await client.publish(message.topic, message.payload, qos=self._config.qos, retain=message.retain)
        except MqttError as error:
            if client is self._client:
                # paho would keep this message and all that are sent again for it: begin anew.
                self._client, self._why = None, f"a message wasn't taken: {error}"
                self._deaf.set()
            raise BusError(f"broker {self._config.place}: {error}") from None
        if client is self._client:
            self._stands_since = min(self._stands_since, asyncio.get_running_loop().time())

    # --- the connection ------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``, or cancelled."""
        loop = asyncio.get_running_loop()
        pause, told = self._config.backoff_s, ""
        while not stop.is_set():
            self._stands_since = _NEVER
            try:
                await self._while_connected(stop)
                continue
            except MqttError as error:
                self._why = _explained(error)
            except BusError as error:
                self._why = str(error).removeprefix(f"broker {self._config.place}: ")
            finally:
                self._client = None
            if loop.time() - self._stands_since > pause:
                pause, told = self._config.backoff_s, ""
            if self._why != told:
                log.warning("broker away", extra={"broker": self._config.place, "why": self._why})
                told = self._why
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(2 * pause, self._config.max_backoff_s)

    async def _while_connected(self, stop: asyncio.Event) -> None:
        """Until ``stop``; raises MqttError where the connection ends before."""
        config = self._config
        will = topics.presence(config.topic, self._node, topics.OFFLINE)
        testament = Will(will.topic, will.payload, config.qos, will.retain)
        async with _client(config, self._tls, f"huifang-{self._node}", testament) as client:
            client.pending_calls_threshold = 10 * _IN_FLIGHT  # below it paho would warn of nothing unusual
            await self._tell_what_stands(client)
            self._client = client
            self._deaf.clear()
            log.info("broker connected", extra={"broker": config.place, "given_up": self._given_up})
            self._given_up = 0
            ended = asyncio.create_task(_until_it_ends(client))
            told = [asyncio.create_task(one.wait()) for one in (stop, self._deaf)]
            try:
                await asyncio.wait({ended, *told}, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    ended.result()
                if self._deaf.is_set():
                    raise MqttError(self._why)
                self._client = None
                await self._send(client, will)  # who leaves politely has no will
            finally:
                for one in (ended, *told):
                    one.cancel()

    async def _tell_what_stands(self, client: Client) -> None:
        prefix = self._config.topic
        standing = [*self._trunks.values()]
        try:
            standing += [
                topics.root(prefix, one.day.isoformat(), one.text, one.signature, one.public_key)
                for one in await self._roots()
            ]
        except StoreError as error:
            log.warning("signed roots not read", extra={"why": str(error)})
        standing.append(topics.presence(prefix, self._node, topics.ONLINE))
        await _all([asyncio.create_task(self._send(client, one)) for one in standing])


def _client(
    config: MqttConfig, tls: ssl.SSLContext | None, identifier: str, will: Will | None = None
) -> Client:
    return Client(
        config.host,
        int(config.place.rpartition(":")[2]),
        username=config.username or None,
        password=config.password or None,
        identifier=identifier,
        will=will,
        keepalive=config.keepalive_s,
        timeout=config.timeout_s,
        tls_context=tls,
        max_inflight_messages=_IN_FLIGHT,
    )


def _explained(error: MqttError) -> str:
    if isinstance(error, MqttConnectError):
        return f"refuses us: {error} (mqtt.username and its password)"
    return str(error) or type(error).__name__


async def probe(config: MqttConfig) -> None:
    """Connect and leave again. Raises BusError that says why it can't be, ConfigError."""
    try:
        async with _client(config, _tls(config) if config.tls else None, "huifang-doctor"):
            pass
    except MqttError as error:
        raise BusError(f"{config.place}: {_explained(error)}") from None


async def _until_it_ends(client: Client) -> None:
    """Nothing is subscribed to: this raises MqttError when the connection ends."""
    async for _ in client.messages:
        pass


async def _all(sending: Sequence[asyncio.Task[None]]) -> None:
    """Until each is sent or failed; then raises what the first failure was."""
    for result in await asyncio.gather(*sending, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _tls(config: MqttConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        if config.certificate_file:
            context.load_cert_chain(config.certificate_file, config.key_file)
    except OSError as error:  # also ssl.SSLError
        raise ConfigError(f"mqtt.ca_file, certificate_file, key_file: {error}") from None
    return context


@asynccontextmanager
async def open_mqtt(
    config: MqttConfig, node: str, roots: Roots, clock: Callable[[], datetime]
) -> AsyncIterator[Sequence[MqttSink]]:
    """The broker's sink, connecting in the background; none where no broker is set. Raises ConfigError."""
    if not config.host:
        yield ()
        return
    sink, stop = MqttSink(config, node, roots, clock), asyncio.Event()
    running = beside(sink.run(stop), log, "no events to the broker any more")
    try:
        yield (sink,)
    finally:
        stop.set()
        _, hanging = await asyncio.wait([running], timeout=_FAREWELL_S)
        if hanging:
            running.cancel()
            await asyncio.wait(hanging, timeout=_FAREWELL_S)
