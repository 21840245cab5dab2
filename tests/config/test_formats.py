"""Days and moments on the pages: as in the logs, in UTC."""

import pytest
from django.test import Client

from audit.links import list_of, page_of
from tests import factories

pytestmark = pytest.mark.django_db


def test_pages_write_moments_as_the_logs_do(admin_client: Client) -> None:
    pair = factories.key_pair(factories.organization())
    text = admin_client.get(page_of(pair)).content.decode()
    assert f"{pair.not_after:%Y-%m-%d %H:%M} UTC" in text
    assert "p.m." not in text
    assert "a.m." not in text


def test_lists_write_them_alike(admin_client: Client) -> None:
    row = factories.partner()
    text = admin_client.get(list_of("partners", "partner")).content.decode()
    assert "p.m." not in text
    assert "a.m." not in text
    assert str(row) in text


def test_labels_spell_acronyms_in_capitals(admin_client: Client) -> None:
    text = admin_client.get(page_of(factories.bare_connection())).content.decode()
    assert "MDN wait minutes" in text
    assert "Mdn" not in text
