"""The pages over an installation's own database, archive and log."""

from __future__ import annotations

import httpx
from web_home import PASSWORD, SOUND, Desk

from dialer import recordroom, webdesk
from dialer.model import ArchiveEvent, CallId
from dialer.site import Site


async def test_a_play_is_in_the_archives_own_log_and_the_archive_verifies(desk: Desk) -> None:
    home = desk.root.parent
    (home / "config").mkdir()
    (home / "config" / "dialer.toml").write_text(
        '[trunk]\nname = "t"\nhost = "127.0.0.1"\n[archive]\nmin_free_bytes = 0\n', encoding="utf-8"
    )
    async with webdesk.open_pages(Site(home), desk.clock) as pages:
        people = {}
        for name in ("qa1", "chief"):
            client = httpx.AsyncClient(transport=httpx.ASGITransport(pages), base_url="http://127.0.0.1")
            answer = await client.post("/sign-in", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303
            people[name] = client
        asked = {"purpose": "核实客户投诉", "calls": "1", "csrf": await _csrf(people["qa1"])}
        where = (await people["qa1"].post("/requests", data=asked)).headers["location"]
        yes = {"approve": "true", "csrf": await _csrf(people["chief"])}
        assert (await people["chief"].post(f"{where}/decision", data=yes)).status_code == 303
        page = (await people["qa1"].get("/calls/1/replay")).text
        play = page.split('data-play="')[1].split('"')[0]
        assert (await people["qa1"].get(f"/calls/1/audio?play={play}")).content == SOUND
    kinds = [one.kind for one in await desk.store.archive.log_of(CallId(1))]
    assert kinds == [
        ArchiveEvent.SEALED, ArchiveEvent.REQUESTED, ArchiveEvent.GRANTED, ArchiveEvent.ACCESSED
    ]  # fmt: skip
    found = await recordroom.verify(home, desk.clock(), day=None, calls=(), issue=False)
    assert found.findings == ()


async def _csrf(client: httpx.AsyncClient) -> str:
    return (await client.get("/calls")).text.split('name="csrf" value="')[1].split('"')[0]
