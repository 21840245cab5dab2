"""Settings that could only do harm are refused, by the page, by the wizard and by ``apply``."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from partners.models import Connection, Organization
from partners.models.validators import validate_content_type, validate_domain
from tests import factories
from tests.partners.applying import Folder
from tests.partners.onboarding.test_wizard import filled, post, texts, vendor  # noqa: F401 a fixture
from tests.partners.test_admin import address, form_data

pytestmark = pytest.mark.django_db

PASSWORD = "A URL is no place for a password"
TYPE = "This is no content type"
DOMAIN = "This is no domain name"
#: column, value, words of the refusal
WRONG = [
    ("url", "https://evil.example\\@partner.example/as2", "no backslashes"),
    ("url", "https://erp:hunter2@partner.example/as2", PASSWORD),
    ("url", "https://erp@partner.example/as2", PASSWORD),
    ("keep_days", "999999", "36500"),
    ("duplicate_days", "1000000000", "36500"),
    ("silent_days", "1000000000", "32767"),
    ("connect_timeout", "1000000000000", "32767"),
    ("response_timeout", "1000000000000", "32767"),
    ("content_type", "application EDI-X12", TYPE),
    ("content_type", "application/edi-x12; name=“orders”", TYPE),
]
DOMAINS = ["https://as2.x/", "a@b", "bücher.example", "a..b", "a.example\nX: y"]


@pytest.mark.parametrize(("column", "value", "words"), WRONG)
def test_the_page_refuses_it(admin_client: Client, column: str, value: str, words: str) -> None:
    row = factories.connection()
    data = form_data(admin_client, row) | {column: value}
    answer = admin_client.post(address(row), data)
    assert words in " ".join(answer.context["adminform"].form.errors[column])


@pytest.mark.parametrize(("column", "value", "words"), WRONG)
def test_apply_refuses_it(folder: Folder, column: str, value: str, words: str) -> None:
    old = "url: http://127.0.0.1:8001/as2" if column == "url" else "mdn: sync"
    more = "" if column == "url" else "mdn: sync\n        "
    folder.change((old, f"{more}{column}: '{value}'"))
    assert any(words in mistake for mistake in folder.mistakes())
    assert not Connection.objects.exists()


@pytest.mark.parametrize(("column", "value", "words"), [*WRONG[:3], *WRONG[-2:]])
def test_the_wizard_refuses_it(
    admin_client: Client,
    vendor: Organization,  # noqa: F811 the fixture
    column: str,
    value: str,
    words: str,
) -> None:
    name = "test-url" if column == "url" else column
    answer = post(admin_client, filled(admin_client, "amazon-vendor") | {name: value})
    assert words in texts(answer)
    assert not Connection.objects.exists()


@pytest.mark.parametrize("value", DOMAINS)
def test_a_message_id_domain_is_a_name(admin_client: Client, value: str) -> None:
    row = factories.organization()
    data = form_data(admin_client, row) | {"message_id_domain": value}
    answer = admin_client.post(address(row), data)
    assert DOMAIN in str(answer.context["adminform"].form.errors["message_id_domain"])


def test_apply_refuses_a_message_id_domain_that_is_none(folder: Folder) -> None:
    folder.change(("name: Vendor Inc", "name: Vendor Inc\n    message_id_domain: https://as2.x/"))
    (mistake,) = folder.mistakes()
    assert DOMAIN in mistake


@pytest.mark.parametrize("value", ["as2.example.com", "gateway", "as2_1.example", "AS2.Example"])
def test_domain_names_are_taken(value: str) -> None:
    validate_domain(value)


@pytest.mark.parametrize(
    "value", ["application/EDI-X12", 'text/plain; charset="utf-8"', "application/vnd.x+xml"]
)
def test_content_types_are_taken(value: str) -> None:
    validate_content_type(value)


def test_the_wire_s_own_line_ends_are_no_content_type() -> None:
    with pytest.raises(ValidationError, match=TYPE):
        validate_content_type("text/plain\r\nX-Evil: yes")
