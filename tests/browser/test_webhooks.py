"""Setting a webhook up and trying it out, in a real browser."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from partners import webhook_secrets
from partners.models import Webhook
from tests.browser.conftest import Watch
from tests.browser.pages import log_in
from tests.messages.servers import Peer, answer, serve
from tests.messages.webhooks.hooks import signature_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("scheme", ["light"]),
]


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Peer]:
    settings.AS2_WEBHOOK_ALLOW_PRIVATE = True
    with serve(answer(status="204 No Content")) as peer:
        yield peer


def test_a_webhook_is_made_with_the_proposed_secret_and_takes_a_test(
    browser: BrowserContext, live_server: LiveServer, receiver: Peer
) -> None:
    page = log_in(browser, live_server.url, User.objects.create_superuser("ann"))
    watch = Watch(page, urlsplit(live_server.url).netloc)
    page.goto(f"{live_server.url}/admin/partners/webhook/add/")
    secret = page.get_by_label("Secret").input_value()
    page.get_by_label("Name").fill("ERP")
    page.get_by_label("URL").fill(receiver.url)
    page.get_by_label("Events").fill("message.*\ncertificate.*")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("Nothing was posted yet.")).to_be_visible()
    assert secret not in page.content()
    page.get_by_role("button", name="Send a test event").click()
    expect(page.get_by_text("ERP answered 204.")).to_be_visible()
    key = webhook_secrets.read(secret)
    assert receiver.header("webhook-signature") == signature_of(receiver, key)
    page.get_by_role("link", name="Its events").click()
    expect(page.get_by_role("link", name="webhook.test")).to_be_visible()
    assert Webhook.objects.get().name == "ERP"
    assert watch.faults == []
