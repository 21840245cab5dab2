"""The wizard judges while it is filled in: at the fields, and without making anything."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from partners.models import Connection, Organization, Partner
from tests import factories
from tests.partners.onboarding.test_wizard import filled

pytestmark = pytest.mark.django_db
JUDGE = reverse("admin:partners_connection_wizard_judge")


@pytest.fixture(autouse=True)
def vendor() -> Organization:
    row = factories.organization()
    factories.key_pair(row)
    return row


def judged(client: Client, **changes: Any) -> dict[str, Any]:
    """What the page would show; files are not sent."""
    data = filled(client, "amazon-vendor", **changes)
    answer = client.post(
        JUDGE, {name: v for name, v in data.items() if not name.endswith("-files")}
    )
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_good_settings_are_not_marked(admin_client: Client) -> None:
    found = judged(admin_client, email="edi@amazon.test")
    assert [name for name, marks in found["fields"].items() if "as2-bad" in marks] == []
    assert found["summary"].count("as2-badge") == 2


def test_a_weak_setting_is_marked_at_its_field(admin_client: Client) -> None:
    found = judged(admin_client, encrypt="des-ede3-cbc")
    assert 'data-rule="as2.encrypt.min"' in found["fields"]["encrypt"]
    assert found["fields"]["encrypt"].count('data-rule="as2.encrypt.min"') == 1
    assert "error" in found["summary"]
    assert not Connection.objects.exists()
    assert not Partner.objects.exists()


def test_what_each_connection_has_is_marked_in_its_section(admin_client: Client) -> None:
    found = judged(admin_client, **{"test-url": "http://as2.amazon.example/"})
    assert 'data-rule="url.scheme"' in found["fields"]["test-url"]
    assert "production-url" not in found["fields"]


def test_what_is_not_filled_in_is_no_fault(admin_client: Client) -> None:
    nothing = {"test-as2_id": "", "test-url": "", "production-as2_id": "", "production-url": ""}
    found = judged(admin_client, name="", **nothing)
    assert not {name for name in found["fields"] if "-" in name}


def test_certificates_are_not_asked_for_before_they_can_be_there(admin_client: Client) -> None:
    assert "cert." not in str(judged(admin_client))


def test_a_section_that_is_not_wanted_is_not_judged(admin_client: Client) -> None:
    found = judged(admin_client, **{"test-wanted": ""})
    assert "Production" in found["summary"]
    assert "Test" not in found["summary"]


def test_without_a_profile_nothing_is_judged(admin_client: Client) -> None:
    found = judged(admin_client, profile="", encrypt="none")
    assert found["fields"] == {}
    assert "Choose the profile" in found["summary"]


def test_only_who_may_onboard_is_answered(admin_client: Client, client: Client) -> None:
    assert admin_client.get(JUDGE).status_code == 405
    client.force_login(User.objects.create_user("eve", is_staff=True))
    assert client.post(JUDGE, {}).status_code == 403
