"""The pages in a real browser: Debian's Chromium, by Playwright. Screenshots stay in build/screenshots."""

from __future__ import annotations

import asyncio
import shutil
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright, expect
from web_home import PASSWORD, Desk

from dialer.model import ArchiveEvent
from dialer.web import make_app

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"


@pytest.fixture
async def address(desk: Desk) -> AsyncIterator[str]:
    desk.app = make_app(replace(desk.house))
    server = uvicorn.Server(uvicorn.Config(desk.app, port=0, log_level="error"))
    serving = asyncio.create_task(server.serve())
    for _ in range(1000):
        if server.started or serving.done():
            break
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


@pytest.fixture
async def page(address: str) -> AsyncIterator[Page]:
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("Chromium is missing: apt-get install chromium", pytrace=False)
    SHOTS.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        made = await browser.new_page(base_url=address, viewport={"width": 1200, "height": 900})
        made.set_default_timeout(20_000)
        faults: list[str] = []
        made.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        made.on("pageerror", lambda error: faults.append(str(error)))
        yield made
        await browser.close()
    blocked = [fault for fault in faults if "403" not in fault]
    assert blocked == [], "nothing was blocked by our own policy, no script failed"


async def sign_in(page: Page, name: str) -> None:
    await page.context.clear_cookies()
    await page.goto("/calls")
    await page.get_by_label("账号").fill(name)
    await page.get_by_label("密码").fill(PASSWORD)
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("heading", name="查询录音")).to_be_visible()


async def until(page: Page, condition: str) -> None:
    """Playwright's own wait evaluates text inside the page, which the pages forbid."""
    for _ in range(400):
        if await page.evaluate(condition):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never: {condition}")


async def shot(page: Page, name: str) -> None:
    await page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


@pytest.mark.slow
async def test_from_the_search_to_the_score(desk: Desk, page: Page) -> None:
    await page.goto("/sign-in")
    await shot(page, "1-sign-in")
    await sign_in(page, "qa1")
    await page.get_by_label("客户原话").fill("没收到")
    await page.get_by_role("button", name="查询", exact=True).click()
    await expect(page.locator("table.calls tbody tr")).to_have_count(1)
    await shot(page, "2-found")
    await page.locator("table.calls a").first.click()
    await page.goto("/calls/1/replay")
    await expect(page.get_by_role("alert")).to_contain_text("须先申请并获批准")
    await shot(page, "3-refused")
    await page.goto("/calls/1")
    await page.get_by_label("调阅目的").fill("核实客户未收到合同")
    await page.get_by_role("button", name="提交申请").click()
    await expect(page.get_by_text("待审批")).to_be_visible()
    await sign_in(page, "chief")
    await page.get_by_role("link", name="调阅申请").click()
    await page.locator("tbody a").first.click()
    await shot(page, "4-approval")
    await page.get_by_role("button", name="批准", exact=True).click()
    await expect(page.locator(".s-approved")).to_be_visible()
    await sign_in(page, "qa1")
    await page.goto("/calls/1")
    await page.get_by_role("link", name="播放").click()
    await _play(page)
    assert [one.by for one in desk.log.entries if one.kind is ArchiveEvent.ACCESSED] == ["qa1"]
    await _score(page)


async def _play(page: Page) -> None:
    await expect(page.locator("#player[data-ready=yes]")).to_be_visible()
    await until(page, "document.getElementById('audio').readyState >= 1")
    assert await page.evaluate("Math.round(document.getElementById('audio').duration)") == 20
    assert await page.locator("#wave canvas").count() >= 2, "a waveform for each side"
    await page.locator("#toggle").click()
    await until(page, "document.getElementById('audio').currentTime > 0.2")
    await page.locator("#toggle").click()
    await page.locator(".answers tbody tr").nth(1).click()
    await until(page, "Math.abs(document.getElementById('audio').currentTime - 8) < 0.2")
    await expect(page.locator(".answers tr.now")).to_contain_text("没收到")
    await page.locator("h1").click()
    await page.keyboard.press("ArrowRight")
    await until(page, "Math.abs(document.getElementById('audio').currentTime - 13) < 0.2")
    await page.keyboard.press("ArrowUp")
    await until(page, "Math.abs(document.getElementById('audio').currentTime - 8) < 0.2")
    await page.locator("#speed").select_option("1.5")
    assert await page.evaluate("document.getElementById('audio').playbackRate") == 1.5
    await shot(page, "5-player")


async def _score(page: Page) -> None:
    for row in await page.locator("table.score tr").all():
        await row.get_by_label("达标", exact=True).check()
    courtesy = page.locator("table.score tr").nth(3)
    await courtesy.get_by_label("未达标", exact=True).check()
    await courtesy.get_by_label("严重程度").select_option("minor")
    await courtesy.get_by_placeholder("说明").fill("未致谢")
    await page.get_by_role("button", name="提交评分").click()
    await expect(page.locator("#cards")).to_contain_text("90.0")
    await page.goto("/quality?month=2026-11")
    await expect(page.locator("#scored")).to_have_text("1")
    await shot(page, "6-sample")
    await page.goto(f"/findings?month={datetime(2026, 11, 1, tzinfo=UTC):%Y-%m}")
    await expect(page.locator("tbody")).to_contain_text("未致谢")
    await shot(page, "7-findings")


@pytest.mark.slow
async def test_an_export_is_made_and_fetched_and_the_log_tells(desk: Desk, page: Page) -> None:
    made = await desk.granted("qa1", (1, 3), "regulator")
    assert made.csrf
    await sign_in(page, "qa1")
    await page.get_by_role("link", name="导出").click()
    await shot(page, "8-exports")
    await page.get_by_role("button", name="生成").click()
    link = page.get_by_role("link", name="下载")
    await expect(link).to_be_visible()  # fetched by the page itself
    async with page.expect_download() as fetching:
        await link.click()
    file = await (await fetching.value).path()
    with zipfile.ZipFile(file) as found:
        assert "export-1/verify.py" in found.namelist()
    await shot(page, "9-export-made")
    await sign_in(page, "auditor")
    desk.app.state.house = replace(desk.app.state.house, log=desk.store.archive)
    await page.get_by_role("link", name="审计日志").click()
    await page.get_by_label("事项").select_option("exported")
    await page.get_by_role("button", name="查询", exact=True).click()
    await expect(page.locator("table.log tbody tr")).to_have_count(2)
    await shot(page, "10-log")
