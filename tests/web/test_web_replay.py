"""Hearing: what a grant opens, by ranges; what is refused, and that it is in the archive's log."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta

import pytest
from web_home import SECONDS, SOUND, Browser, Desk

from dialer.model import ArchiveEvent, CallId
from dialer.web.ranges import read_range


def tried(desk: Desk, kind: ArchiveEvent) -> list[tuple[str, CallId | None]]:
    return [(one.by, one.call_id) for one in desk.log.entries if one.kind is kind]


async def test_sound_by_ranges_and_one_play_in_the_log(desk: Desk) -> None:
    browser = await desk.granted()
    url = f"/calls/1/audio?play={await browser.player()}"
    assert tried(desk, ArchiveEvent.ACCESSED) == [], "an open page isn't a play yet"
    whole = await browser.get(url)
    assert (whole.status_code, whole.content) == (200, SOUND)
    assert whole.headers["content-type"] == "audio/wav"
    part = await browser.get(url, range="bytes=100-199")
    assert (part.status_code, part.content) == (206, SOUND[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(SOUND)}"
    end = await browser.get(url, range="bytes=-10")
    assert end.content == SOUND[-10:]
    assert (await browser.get(url, range=f"bytes={len(SOUND) - 5}-")).content == SOUND[-5:]
    assert tried(desk, ArchiveEvent.ACCESSED) == [("qa1", 1)]
    url = f"/calls/1/audio?play={await browser.player()}"
    await browser.get(url, range="bytes=0-1")
    assert len(tried(desk, ArchiveEvent.ACCESSED)) == 2, "each opened player is a play of its own"


def marked(page: str) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads(
        page.split('id="markers">')[1].split("</script>")[0]
    )
    return found


async def test_the_markers_come_from_what_was_sealed(desk: Desk) -> None:
    browser = await desk.granted(calls=(1, 3))
    with sqlite3.connect(desk.root.parent / "dialer.sqlite") as database:
        database.execute("UPDATE answers SET words = '收到了', answer_class = 'Y', asked_offset_s = 2")
    page = (await browser.get("/calls/1/replay")).text
    assert [(one["at"], one["words"], one["class"]) for one in marked(page)["answers"]] == [
        (1, "是我", "是"), (8, "没收到", "否"),
    ]  # fmt: skip
    assert "没收到" in page.split("</script>")[-1], "the table, too"
    assert "unsealed" not in page
    (agent,) = marked((await browser.get("/calls/3/replay")).text)["agents"]
    assert agent == {"agent": "agent1", "start": 13, "end": 19, "held": [[15, 16.5]]}


@pytest.mark.parametrize("how", ["changed", "missing", "not JSON"])
async def test_markers_from_the_index_are_said_to_be(desk: Desk, how: str) -> None:
    browser = await desk.granted()
    (sidecar,) = desk.root.rglob("00000001-*.json")
    text = sidecar.read_text(encoding="utf-8")
    if how == "missing":
        sidecar.unlink()
    else:
        sidecar.write_text(
            text.replace("没收到", "收到了") if how == "changed" else text[:50], encoding="utf-8"
        )
    page = (await browser.get("/calls/1/replay")).text
    assert [one["words"] for one in marked(page)["answers"]] == ["是我", "没收到"]
    assert 'id="unsealed"' in page
    assert "封存的说明文件无法读取或与封存时不一致" in page


async def test_the_waveform_has_both_sides(desk: Desk) -> None:
    browser = await desk.granted()
    answer = await browser.get(f"/calls/1/peaks?play={await browser.player()}")
    found = answer.json()
    assert found["seconds"] == SECONDS
    prompt, customer = found["sides"]
    assert len(prompt) == len(customer) <= 1200
    assert max(customer) > max(prompt) > 0.3


async def test_a_log_that_cant_be_written_keeps_the_sound_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dialer.errors import StoreError

    browser = await desk.granted(use="download")
    url = f"/calls/1/audio?play={await browser.player()}"

    async def broken(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(desk.log, "append", broken)
    for path in (url, "/calls/1/download", url.replace("audio", "peaks")):
        answer = await browser.get(path)
        assert answer.status_code == 503
        assert SOUND[58:90] not in answer.content


async def test_a_download_needs_its_own_grant(desk: Desk) -> None:
    browser = await desk.granted(use="listen")
    assert (await browser.get("/calls/1/download")).status_code == 403
    other = await desk.granted("qa2", (2,), "download")
    answer = await other.get("/calls/2/download")
    assert answer.content == SOUND
    assert "call-00000002.wav" in answer.headers["content-disposition"]
    assert tried(desk, ArchiveEvent.ACCESSED) == [("qa2", 2)]
    assert (await other.get("/calls/2/replay")).status_code == 200, "who may take it away may hear it"


FORGED = (
    "/calls/0/audio", "/calls/-1/audio", "/calls/99/audio", "/calls/2147483648/audio", "/calls/1e3/audio",
    "/calls/99/replay", "/calls/99/download", "/calls/99/peaks", "/calls/%2e%2e/%2e%2e/etc/passwd",
    "/calls/..%2f..%2fdialer.sqlite/audio", "/static/../web_home.py", "/static/%2e%2e/%2e%2e/app.py",
    "/static/..%5c..%5capp.py", "/requests/0", "/requests/99",
)  # fmt: skip


@pytest.mark.parametrize("path", FORGED)
async def test_forged_ids_and_paths_lead_nowhere(
    desk: Desk, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = await desk.granted()
    answer = await browser.get(path)
    assert 400 <= answer.status_code < 500, (path, answer.status_code)
    assert b"root:" not in answer.content
    assert b"import" not in answer.content
    assert any(line.message == "request refused" for line in caplog.records)


async def test_a_grant_ends_while_somebody_listens(desk: Desk) -> None:
    browser = await desk.granted()
    url = f"/calls/1/audio?play={await browser.player()}"
    assert (await browser.get(url, range="bytes=0-99")).status_code == 206
    made = await desk.house.access.request(1)
    assert made is not None
    assert made.expires_at is not None
    desk.clock.move_to(made.expires_at - timedelta(minutes=1))
    browser = await desk.signed_in("qa1")
    url = f"/calls/1/audio?play={await browser.player()}"
    assert (await browser.get(url, range="bytes=0-99")).status_code == 206
    desk.clock.move_to(made.expires_at)
    before = len(tried(desk, ArchiveEvent.DENIED))
    assert (await browser.get(url, range="bytes=100-199")).status_code == 403
    assert tried(desk, ArchiveEvent.DENIED)[before:] == [("qa1", 1)]


async def test_a_revoked_grant_stops_the_sound_at_the_next_range(desk: Desk) -> None:
    browser = await desk.granted()
    url = f"/calls/1/audio?play={await browser.player()}"
    assert (await browser.get(url, range="bytes=0-99")).status_code == 206
    assert (await browser.post("/requests/1/revocation", why="想撤销")).status_code == 403, "no right"
    chief = await desk.signed_in("chief")
    assert "撤销授权" in (await chief.get("/requests/1")).text
    assert (await chief.post("/requests/1/revocation", why=" ")).status_code == 422
    assert (await chief.post("/requests/1/revocation", why="客户撤回同意")).status_code == 303
    for path in (url, url.replace("audio", "peaks"), "/calls/1/replay"):
        answer = await browser.get(path, range="bytes=100-199")
        assert answer.status_code == 403
        assert "调阅授权已被撤销" in answer.text
    (entry,) = [one for one in desk.log.entries if one.kind is ArchiveEvent.REVOKED]
    assert (entry.by, entry.call_id, entry.details["why"]) == ("chief", 1, "客户撤回同意")
    page = (await chief.get("/requests/1")).text
    assert "客户撤回同意" in page
    assert "撤销授权" not in page
    assert (await chief.post("/requests/1/revocation", why="再次")).status_code == 403
    assert "已撤销" in (await browser.get("/requests?state=revoked")).text


async def test_grants_and_players_of_others_open_nothing(desk: Desk) -> None:
    owner = await desk.granted("qa1")
    play = await owner.player()
    thief = await desk.signed_in("qa2")
    paths = (
        f"/calls/1/audio?play={play}",
        f"/calls/1/peaks?play={play}",
        "/calls/1/replay",
        "/calls/1/download",
    )
    for path in paths:
        answer = await thief.get(path)
        assert answer.status_code == 403
        assert SOUND[58:90] not in answer.content
    assert tried(desk, ArchiveEvent.DENIED) == [("qa2", 1)] * len(paths)
    assert (await thief.get("/requests/1")).status_code == 404, "others' requests aren't there"
    other = await desk.granted("qa2", (1, 2))
    assert (await other.get(f"/calls/1/audio?play={play}")).status_code == 403, "somebody else's player"
    own = await other.player(2)
    assert (await other.get(f"/calls/1/audio?play={own}")).status_code == 403, "another call's player"
    assert (await other.get("/calls/1/audio?play=forged")).status_code == 403


@pytest.mark.parametrize(
    "header",
    [
        "bytes=320058-", "bytes=99999999999999-", "bytes=5-4", "bytes=-0", "bytes=-", "bytes=0-1,5-6",
        "items=0-1", "bytes=" + "9" * 400 + "-", "bytes=0-" + "9" * 16, "bytes=a-b", "0-1",
    ],
)  # fmt: skip
async def test_oversized_and_broken_ranges(desk: Desk, header: str) -> None:
    browser = await desk.granted()
    answer = await browser.get(f"/calls/1/audio?play={await browser.player()}", range=header)
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(SOUND)}"
    assert answer.content == b""
    assert tried(desk, ArchiveEvent.DENIED) == [("qa1", 1)]
    assert tried(desk, ArchiveEvent.ACCESSED) == []


async def test_a_missing_file_is_said_and_not_a_fault_of_ours(desk: Desk) -> None:
    browser = await desk.granted()
    play = await browser.player()
    for path in desk.root.rglob("*.wav"):
        path.unlink()
    assert (await browser.get(f"/calls/1/audio?play={play}")).status_code == 404


def test_a_range_within_bounds() -> None:
    found = read_range("bytes=10-999", 100)
    assert found is not None
    assert (found.start, found.last, found.length) == (10, 99, 90)
    assert read_range(None, 100) is None


async def test_oversized_bodies_are_not_read(desk: Desk) -> None:
    browser: Browser = await desk.signed_in("qa1")
    answer = await browser.post("/requests", purpose="x" * 2_000_000)
    assert answer.status_code == 413
