"""Special needs of a partner's software on the connection's page, in a real browser."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, expect
from pytest_django.live_server_helper import LiveServer

from partners.models import Connection
from tests import factories
from tests.browser.conftest import Watch
from tests.browser.pages import log_in

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("scheme", ["light", "dark"]),
]


def test_special_needs_are_folded_away_until_somebody_has_them(
    browser: BrowserContext, live_server: LiveServer, tmp_path: Path, scheme: str
) -> None:
    row = factories.connection()
    page = log_in(browser, live_server.url, User.objects.create_superuser("ann"))
    watch = Watch(page, urlsplit(live_server.url).netloc)
    page.goto(f"{live_server.url}/admin/partners/connection/{row.pk}/change/")
    box = page.locator("#id_quirk_chunked")
    expect(box).to_be_hidden()
    page.get_by_text("Special needs of the partner's software").click()
    expect(box).to_be_visible()
    page.screenshot(path=tmp_path / f"needs-{scheme}.png", full_page=True)
    box.check()
    page.get_by_label("User name").fill("vendor")
    page.locator("#id_new_password").fill("s3cret")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    saved = Connection.objects.get()
    assert saved.quirks == {"chunked": True}
    assert saved.credentials is not None
    assert watch.faults == []
