"""Whatever the pages' description allows, and what it doesn't: no fault of ours (schemathesis)."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from web_home import Desk, open_desk

from dialer.access.accounts import Account, Role

EXAMPLES = 8


@dataclass
class Served:
    address: str
    schema: dict[str, object]
    cookie: str
    csrf: str
    play: str


@pytest.fixture(scope="module")
def served(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The pages on a real socket, in a thread with a loop of their own; somebody with every role."""
    folder = tmp_path_factory.mktemp("schema") / "home"
    shutil.copytree(prepared, folder)
    ready, found, stop = threading.Event(), list[Served](), list[uvicorn.Server]()

    async def serve() -> None:
        desk: Desk = await open_desk(folder)
        await desk.house.access.put_account(Account("all", tuple(Role)))
        browser = await desk.granted("all", (1, 2), "download")
        server = uvicorn.Server(uvicorn.Config(desk.app, port=0, log_level="critical"))
        stop.append(server)
        serving = asyncio.create_task(server.serve())
        for _ in range(1000):
            if server.started or serving.done():
                break
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        token = browser.client.cookies["huifang_session"]
        found.append(
            Served(
                f"http://127.0.0.1:{port}", desk.app.openapi(), token, browser.csrf, await browser.player()
            )
        )
        ready.set()
        await serving
        await desk.store.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(60)
        yield found[0]
    finally:
        if stop:
            stop[0].should_exit = True
        thread.join(30)


@pytest.mark.slow
def test_no_request_makes_a_fault_of_ours(served: Served) -> None:
    schema = schemathesis.openapi.from_dict(served.schema)
    seen: dict[str, set[int]] = {}
    with httpx.Client(base_url=served.address, cookies={"huifang_session": served.cookie}) as client:
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path in ("/sign-in", "/sign-out") and operation.method == "post":
                continue  # passwords take their time; a sign-out would end the test
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @settings(
                    max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )  # fmt: skip
                @given(case=operation.as_strategy(generation_mode=mode), known=st.integers(0, 3))
                def ask(case: schemathesis.Case, known: int) -> None:
                    _ask(client, served, case, known, seen)

                try:
                    ask()
                except Unsatisfiable:
                    assert mode is GenerationMode.NEGATIVE, "only what takes nothing can't be asked wrongly"
    assert len(seen) > 12
    reached = set().union(*seen.values())
    assert {200, 303, 403, 404, 422} <= reached, "requests get behind the first check"


def _ask(
    client: httpx.Client, served: Served, case: schemathesis.Case, known: int, seen: dict[str, set[int]]
) -> None:
    if known:
        for name in case.path_parameters or {}:
            case.path_parameters[name] = known
        if "play" in (case.query or {}):
            case.query["play"] = served.play
        if isinstance(case.body, dict):
            case.body["csrf"] = served.csrf
    arguments = case.as_transport_kwargs(base_url=served.address)
    arguments.pop("cookies", None)
    headers = {
        name: value for name, value in dict(arguments.pop("headers", {})).items() if value.isascii() and value
    }
    answer = client.request(
        arguments.pop("method"), arguments.pop("url"), headers=headers,
        **{key: value for key, value in arguments.items() if key in ("params", "data", "json", "content")},
    )  # fmt: skip
    seen.setdefault(f"{case.method} {case.operation.path}", set()).add(answer.status_code)
    assert answer.status_code < 500, (case.method, case.formatted_path, answer.status_code)
