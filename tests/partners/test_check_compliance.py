"""``manage.py check_compliance``: exit codes, and what it prints."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.utils import timezone

from partners.models import Acknowledgement, Compliance
from tests import factories
from tests.partners.profiles import VENDOR, WEAK, amazon, sheet

pytestmark = pytest.mark.django_db


def run(*options: str) -> tuple[int, str, str]:
    """Run the command; its exit code, what it prints and what it complains of."""
    out = StringIO()
    try:
        call_command("check_compliance", *options, stdout=out)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), ""


def test_nothing_open_is_0() -> None:
    amazon()
    code, out, _error = run()
    assert code == 0
    assert "Amazon, production: VENDOR → AMAZON [amazon-vendor-as2 2019-10-15]: ok" in out
    assert "2 connections judged." in out


def test_an_error_is_1_and_says_why() -> None:
    amazon(**WEAK)
    code, out, error = run()
    assert (code, error) == (1, "1 of 2 connections do not comply.")
    assert "  error: as2.encrypt.min: des-ede3-cbc; wanted: AES-128 or stronger" in out
    assert "Source: Amazon required AS2 connection security setting update" in out


@pytest.mark.parametrize(("level", "code"), [("error", 0), ("warning", 1)])
def test_a_warning_fails_where_that_is_asked(level: str, code: int) -> None:
    amazon(mdn_signed=False)
    assert run("--fail-on", level)[0] == code


def test_an_acknowledged_warning_does_not_fail() -> None:
    connection = amazon(mdn_signed=False)
    today = timezone.now().date()
    Acknowledgement.objects.create(connection=connection, rule="mdn.signed", until=today)
    assert run("--fail-on", "warning")[0] == 0


def test_connections_without_a_profile_are_left_out() -> None:
    factories.connection(encrypt="des-ede3-cbc")
    assert run() == (0, "0 connections judged.\n", "")


def test_another_profile_is_asked_of_every_connection() -> None:
    factories.connection(encrypt="des-ede3-cbc")
    code, out, _error = run("--profile", VENDOR)
    assert code == 1
    assert "as2.encrypt.min" in out
    assert not Compliance.objects.exists()


def test_a_partner_can_be_picked() -> None:
    connection = amazon()
    walmart = factories.partner("Walmart")
    factories.connection(
        connection.organization, walmart, as2_id="W", profile="walmart-as2", encrypt="none"
    )
    assert run("--partner", "Amazon")[0] == 0
    assert run("--partner", "Walmart")[0] == 1


def test_json_holds_every_finding() -> None:
    amazon(**WEAK)
    code, out, _error = run("--json")
    assert code == 1
    found = {each["connection"]: each for each in json.loads(out)}
    assert found["VENDOR → AMAZON-TEST"]["verdict"] == "warning"
    weak = found["VENDOR → AMAZON"]
    assert (weak["verdict"], weak["environment"], len(weak["findings"])) == (
        "error",
        "production",
        25,
    )
    finding = next(each for each in weak["findings"] if each["rule"] == "as2.encrypt.min")
    assert finding["present"] == ["des-ede3-cbc"]
    assert (finding["status"], finding["severity"]) == ("violated", "error")


def test_an_unknown_profile_of_a_connection_fails() -> None:
    amazon(profile="gone")
    code, out, _error = run()
    assert code == 1
    assert "[gone (not found)]: unknown" in out
    assert json.loads(run("--json")[1])[0]["profile"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--profile", "amazon"], "There is no profile amazon; there are amazon-pay-tls, "),
        (["--partner", "Target"], "There is no connection of a partner Target."),
    ],
)
def test_what_cannot_be_asked_is_2(options: list[str], text: str) -> None:
    code, _out, error = run(*options)
    assert code == 2
    assert error.startswith(text)


def test_a_sheet_that_cannot_be_read_is_2(sheets: Path) -> None:
    (sheets / "acme.toml").write_text(sheet().replace("as2.sign", "as2.sing"))
    code, _out, error = run()
    assert (code, error) == (2, "acme.toml: there is no rule as2.sing.min")


def test_a_database_that_cannot_be_asked_is_2() -> None:
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE partners_connection RENAME TO elsewhere")
    assert run()[0] == 2
