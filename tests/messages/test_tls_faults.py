"""A fault of TLS on the way out leads to the tester, which tells it better than an attempt can."""

import pytest
from django.test import Client

from messages import outcomes
from messages.lines import Facts
from messages.models import ErrorClass, State
from messages.transport import TransportError
from tests.messages import made_up


def test_a_fault_of_tls_names_the_tester() -> None:
    fault = TransportError(ErrorClass.TLS, "no TLS connection with x", Facts())
    assert "“Test TLS” on the connection's page" in outcomes.of_fault(fault).text


@pytest.mark.django_db
@pytest.mark.parametrize(("fault", "leads"), [("tls", True), ("connect", False), ("", False)])
def test_the_page_of_a_message_leads_to_the_tester(
    admin_client: Client, fault: str, leads: bool
) -> None:
    row = made_up.message(made_up.connection(), State.FAILED)
    made_up.attempt(row, error_class=fault)
    page = admin_client.get(f"/admin/as2_messages/message/{row.pk}/change/").content.decode()
    tester = f"/admin/partners/connection/{row.connection_id}/test-tls/"
    assert (f'href="{tester}">Test TLS</a>' in page) is leads
    assert admin_client.get(tester).status_code == 200
