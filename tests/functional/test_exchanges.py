"""Certificates exchanged between two whole gateways: asked, accepted, acknowledged, used.

What operators do on pages is done by the functions behind them.
"""

from collections.abc import Iterator

import pytest

from tests import factories
from tests.functional.pair import Pair, Relation, Side, running_pair

RELATION = Relation("cem", {"certificate_exchange": True})

#: Plan the key pair in the folder of settings, to sign in ten days.
PLAN = """
import datetime as dt
from pathlib import Path
from django.conf import settings
from django.utils import timezone
from partners.importing import read_material
from partners.models import Organization
from partners.rollover.planning import plan_ours
from partners.rollover.recording import By
pem = (Path(settings.AS2_HOME) / "settings" / "next.pem").read_bytes()
now = timezone.now()
start = now + dt.timedelta(days=10)
owner = Organization.objects.get(as2_id="A-cem")
plan_ours(owner, "next", read_material(pem), start=start, now=now, by=By("alice"))
"""
ACCEPT = """
from django.utils import timezone
from partners import exchanging
from partners.models import CertificateOffer
from partners.rollover.recording import By
exchanging.accept(CertificateOffer.objects.get(), timezone.now(), By("bob"))
"""
#: Let the new key pair sign from now on, as the clock would.
START = """
from partners.models import KeyPair, Rollover
from partners.models.certificates import this_second
from partners.rollover.advancing import move
from partners.rollover.recording import By
now = this_second()
move(Rollover.objects.get(), now, now, By("alice"))
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("cem"), [RELATION]) as pair:
        yield pair


def one(side: Side, table: str, column: str) -> object:
    """A column of the only row of a table of ``partners``; None if there is no row."""
    rows = side.records.rows(f"SELECT {column} FROM partners_{table}")
    return rows[0][column] if rows else None


def test_a_new_key_is_asked_for_accepted_and_used(pair: Pair) -> None:
    new = factories.identity("A-next")
    pem = new.key_pem + new.certificate.pem().encode()
    (pair.a.gateway.home / "settings" / "next.pem").write_bytes(pem)
    pair.a.gateway.manage("shell", "-c", PLAN)
    assert "a message goes out" in pair.a.gateway.manage("send_certificates", "A-cem")
    pair.wait_for(lambda: one(pair.b, "certificateoffer", "state") == "pending", "the request")
    assert one(pair.b, "certificateoffer", "fingerprint") == new.certificate.fingerprint
    assert [*pair.b.inbox("cem").glob("*")] == []
    pair.b.gateway.manage("shell", "-c", ACCEPT)
    pair.wait_for(lambda: one(pair.a, "confirmation", "acknowledged_at"), "their answer")
    assert one(pair.a, "certificateannouncement", "answer") == "accepted"
    assert one(pair.a, "confirmation", "acknowledged_by") == "certificate exchange"

    pair.a.gateway.manage("shell", "-c", START)
    pair.a.drop("cem", "order.edi", b"ISA*00*~")
    message = pair.wait_until_sent(pair.a, "order.edi")
    assert (message["state"], message["failure_text"]) == ("delivered", "")
    assert message["settings"]["sign_with"] == new.certificate.fingerprint
    assert pair.wait_until_handed_over(pair.b, "cem", "order.edi") == [b"ISA*00*~"]
    assert one(pair.a, "confirmation", "confirmed_at") is not None
