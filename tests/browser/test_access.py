"""Access in a browser: each role finds its pages, and the second factor is set up and asked."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import BrowserContext, expect
from pytest_django.live_server_helper import LiveServer

from config.access.roles import Role
from tests.browser.conftest import Watch
from tests.browser.pages import PASSWORD, log_in, menu
from tests.config.access import world
from tests.config.access.world import SECRET

pytestmark = pytest.mark.django_db(transaction=True)

BOTH = pytest.mark.parametrize("scheme", ["light", "dark"])
LIGHT = pytest.mark.parametrize("scheme", ["light"])


@LIGHT
@pytest.mark.parametrize(
    ("role", "shown", "hidden"),
    [
        (Role.OPERATOR, {"Messages", "Connections", "Audit events"}, {"Users"}),
        (Role.PROVIDER, {"Messages", "Connections"}, {"Users", "Audit events", "Unknown senders"}),
        (Role.AUDITOR, {"Messages", "Audit events", "Users", "Logins"}, set()),
        (Role.ADMINISTRATOR, {"Users", "Groups", "Failed logins", "Messages"}, set()),
    ],
)
def test_each_role_finds_its_pages_and_no_others(
    browser: BrowserContext,
    live_server: LiveServer,
    role: Role,
    shown: set[str],
    hidden: set[str],
) -> None:
    rows = world.build()
    page = log_in(browser, live_server.url, world.user(role, scope=rows.own))
    watch = Watch(page, urlsplit(live_server.url).netloc)
    bar = set(menu(page))
    assert shown <= bar
    assert not hidden & bar
    page.locator("#nav-sidebar-apps").get_by_text("Connections", exact=True).click()
    table = page.locator("#result_list")
    expect(table.get_by_text("VENDOR → AMAZON")).to_be_visible()
    expect(table.get_by_text(SECRET).first).to_be_visible(visible=role is not Role.PROVIDER)
    assert watch.faults == []


@BOTH
def test_a_second_factor_is_set_up_and_then_asked_for(
    browser: BrowserContext, live_server: LiveServer, tmp_path: Path, scheme: str
) -> None:
    ann = User.objects.create_superuser("ann")
    page = log_in(browser, live_server.url, ann)
    watch = Watch(page, urlsplit(live_server.url).netloc)
    page.goto(f"{live_server.url}/admin/second-factor/manage/")
    page.get_by_role("link", name="Set it up").click()
    expect(page.get_by_role("img", name="QR code of the secret")).to_be_visible()
    page.screenshot(path=tmp_path / f"set-up-{scheme}.png")
    device = TOTPDevice.objects.get(user=ann)
    page.get_by_label("The six digits").fill(f"{totp(device.bin_key):06d}")
    page.get_by_role("button", name="Take it into use").click()
    codes = page.locator(".as2-codes code")
    expect(codes).to_have_count(10)
    code = codes.first.inner_text()
    page.get_by_role("link", name="I have kept them").click()
    page.context.clear_cookies()
    log_in(browser, live_server.url, ann)
    page.screenshot(path=tmp_path / f"ask-{scheme}.png")
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#nav-sidebar-apps")).to_be_visible()
    assert watch.faults == []


@LIGHT
def test_a_locked_name_is_told_how_long_to_wait(
    browser: BrowserContext, live_server: LiveServer
) -> None:
    User.objects.create_superuser("ann", password=PASSWORD)
    page = browser.pages[0]
    for _ in range(5):
        page.goto(f"{live_server.url}/admin/")
        page.fill("input[name=username]", "ann")
        page.fill("input[name=password]", "wrong")
        page.click("button[type=submit]")
    expect(page.get_by_role("alert")).to_contain_text("Wait 15 minutes")
