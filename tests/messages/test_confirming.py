"""A message or an MDN that uses a new certificate confirms its rollover, in either direction."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from as2gateway.errors import DecryptionFailed
from messages.sending import enqueue, send
from partners.models import Confirmation, Connection, Rollover
from tests import factories
from tests.factories import DAY, YEAR
from tests.messages.partner import Partner, refusing
from tests.messages.sender import message
from tests.messages.servers import serve

Change = Callable[[Connection], Confirmation]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


def partner_changed(connection: Connection) -> Confirmation:
    """Let the connection's certificate be the successor of another one."""
    now = timezone.now()
    former = factories.certificate("FORMER", start=now - YEAR, lifetime=YEAR + DAY)
    old = factories.partner_certificate(connection, former, activates_at=now - YEAR)
    new = connection.certificates.exclude(pk=old.pk).get()
    plan = Rollover.objects.create(old_certificate=old, new_certificate=new, created_at=now)
    return Confirmation.objects.create(rollover=plan, connection=connection)


def we_changed(connection: Connection) -> Confirmation:
    """Let our key pair be the successor of another one."""
    now = timezone.now()
    ours = connection.organization
    former = factories.identity("FORMER")
    new = ours.keys.get()
    old = factories.key_pair(ours, former, name="former", activates_at=now - YEAR)
    plan = Rollover.objects.create(old_pair=old, new_pair=new, created_at=now)
    return Confirmation.objects.create(rollover=plan, connection=connection)


def is_confirmed(row: Confirmation) -> bool:
    row.refresh_from_db()
    return row.confirmed_at is not None


def test_a_message_signed_with_the_partners_new_key_confirms_it(connection: Connection) -> None:
    planned = partner_changed(connection)
    message().send()
    assert is_confirmed(planned)


def test_a_message_encrypted_to_our_new_key_confirms_it(connection: Connection) -> None:
    planned = we_changed(connection)
    message().send()
    assert is_confirmed(planned)


def test_a_refused_message_confirms_nothing(connection: Connection) -> None:
    planned = we_changed(connection)
    message(sign=None).send()
    assert not is_confirmed(planned)


@pytest.mark.parametrize("change", [partner_changed, we_changed])
def test_a_positive_mdn_confirms_what_its_message_used(change: Change) -> None:
    with serve(Partner().answers) as peer:
        connection = factories.connection(url=peer.url)
        planned = change(connection)
        send(enqueue(connection, [b"order"]).pk)
    assert is_confirmed(planned)


def test_a_refusal_confirms_no_certificate_of_ours() -> None:
    with serve(Partner(change=refusing(DecryptionFailed)).answers) as peer:
        connection = factories.connection(url=peer.url)
        planned = we_changed(connection)
        send(enqueue(connection, [b"order"]).pk)
    assert not is_confirmed(planned)
