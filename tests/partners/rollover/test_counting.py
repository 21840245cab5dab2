"""A list counts what its reader may see, and no more."""

import pytest
from django.test import Client
from django.urls import reverse

from config.access.roles import Role
from partners.models import Confirmation
from tests import factories
from tests.config.access import world
from tests.config.api import calling

pytestmark = pytest.mark.django_db


def test_who_has_confirmed_a_rollover_is_counted_within_the_scope(client: Client) -> None:
    own = factories.connection()
    factories.connection(own.organization, factories.partner("Another"), as2_id="ANOTHER")
    row = calling.ours(own.organization)
    assert Confirmation.objects.filter(rollover=row).count() == 2
    page = reverse("admin:partners_rollover_changelist")
    for role, scope, counted in ((Role.PROVIDER, own, "0 of 1"), (Role.AUDITOR, None, "0 of 2")):
        client.force_login(world.user(role, scope=scope))
        assert counted in client.get(page).content.decode()
