"""What tests of compliance share: connections that fall short, and sheets of partners."""

from typing import Any

from django.utils import timezone

from partners.compliance.verdicts import reevaluate
from partners.models import Compliance, Connection
from tests import factories

VENDOR = "amazon-vendor-as2"
#: settings that satisfy every rule of Amazon's that is about settings
GOOD: dict[str, Any] = {"profile": VENDOR, "environment": "production"}
WEAK: dict[str, Any] = {**GOOD, "encrypt": "des-ede3-cbc"}

SHEET = """\
name = "{name}"
version = "{version}"
title = "A partner's sheet"
effective_on = {date}
sources = [{{ id = "mail", title = "a mail of theirs" }}]

[[rules]]
id = "as2.sign.min"
why = "They say so."
sources = ["mail"]
fix = {{ sign = "{minimum}" }}
tiers = [{{ severity = "error", wanted = "{minimum} or stronger", minimum = "{minimum}" }}]
"""


def sheet(**values: str) -> str:
    """Write a profile with one rule: version 1 of acme, in force, asking for SHA-256."""
    given = {"name": "acme", "version": "1", "date": "2020-01-01", "minimum": "sha-256"}
    return SHEET.format(**{**given, **values})


def amazon(**fields: Any) -> Connection:
    """Make a test and a production connection that comply, unless told otherwise; production."""
    owner = factories.organization()
    company = factories.partner(email="edi@amazon.test")
    test = {"as2_id": "AMAZON-TEST", "environment": "test", "profile": VENDOR}
    factories.connection(owner, company, **test)
    return factories.connection(owner, company, **{**GOOD, **fields})


def judged(connection: Connection) -> Compliance:
    """Judge all of the connection's kind anew; what is kept of it."""
    reevaluate(Connection.objects.filter(partner=connection.partner), timezone.now())
    return Compliance.objects.get(connection=connection)
