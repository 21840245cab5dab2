"""Who calls, and about whom, in most tests of the API."""

import pytest
from django.test import Client

from config.access.roles import Role
from partners.models import Connection
from tests import factories
from tests.config.access import world
from tests.config.api import calling


@pytest.fixture
def link() -> Connection:
    """A connection that can send and receive."""
    return factories.connection()


@pytest.fixture
def operator() -> Client:
    """A program with the token of an operator."""
    return calling.client_of(world.user(Role.OPERATOR))
