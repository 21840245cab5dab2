"""``tls_probe`` and ``check_environment`` as an operator and CI run them."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import trustme
from django.core.management import CommandError, call_command

from audit.acting import shell_name
from audit.models import AuditEvent
from partners.models import TLSProbe
from tests.partners.tls.servers import LAX, STRICT, Credentials, common_name_only, s_server
from tests.services import free_port

pytestmark = pytest.mark.django_db
GOOGLE = "google-otpc-tls"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.RSA)


@pytest.fixture
def cafile(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def issue(authority: trustme.CA) -> Credentials:
    return Credentials.issued(authority.issue_cert("localhost", key_type=trustme.KeyType.RSA))


def run(*args: str) -> tuple[int, str]:
    """Run ``tls_probe``; its exit code and what it printed."""
    out = StringIO()
    try:
        call_command("tls_probe", *args, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()


def test_a_strict_server_is_passed(authority: trustme.CA, cafile: str) -> None:
    with s_server(issue(authority), *STRICT) as port:
        code, text = run(f"localhost:{port}", "--profile", GOOGLE, "--cafile", cafile)
    assert code == 0
    for line in (
        "TLSv1.1                refused",
        "TLSv1.2                accepted, 2 suites",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (ECDHE-RSA-AES128-GCM-SHA256)",
        "chain, by custom-ca    trusted",
        "host name              named by SAN",
        f"{GOOGLE} 2024-12-03: WARNING",
        "openssl s_client -connect localhost:",
        "ssllabs.com/ssltest",
    ):
        assert line in text


@pytest.mark.parametrize(("level", "code"), [("error", 0), ("warning", 1)])
def test_the_level_says_what_counts(
    authority: trustme.CA, cafile: str, level: str, code: int
) -> None:
    with s_server(issue(authority), *STRICT) as port:
        target = f"localhost:{port}"
        args = ("--profile", GOOGLE, "--cafile", cafile, "--fail-on", level)
        assert run(target, *args)[0] == code


def test_a_lax_server_is_failed_by_every_payment_profile(authority: trustme.CA) -> None:
    with s_server(issue(authority), *LAX) as port:
        code, text = run(f"localhost:{port}")
    assert code == 1
    assert f"{GOOGLE} 2024-12-03: ERROR" in text
    assert "MUST be refused today" in text
    assert "BROKEN" in text


def test_an_old_server_s_people_are_told_what_does_tls_1_2(authority: trustme.CA) -> None:
    with s_server(issue(authority), "-tls1", "-cipher", "ALL:@SECLEVEL=0") as port:
        code, text = run(f"localhost:{port}", "--profile", "amazon-pay-tls")
    assert code == 1
    assert ".NET: since 4.6 by itself" in text
    assert "sent by our gateway    refused:" in text


def test_a_pinned_certificate_without_san_passes_with_a_warning() -> None:
    credentials = common_name_only("localhost")
    with s_server(credentials, *STRICT) as port:
        pin = credentials.certificate.fingerprint
        code, text = run(f"localhost:{port}", "--profile", GOOGLE, "--pin", pin)
    assert code == 0
    assert "named by CN only" in text
    assert "warning  tls.host.match: cn" in text


def test_json_holds_facts_and_verdicts(authority: trustme.CA, cafile: str) -> None:
    with s_server(issue(authority), *STRICT) as port:
        args = ("--json", "--no-store", "--profile", "multisafepay-tls", "--cafile", cafile)
        code, text = run(f"localhost:{port}", *args)
    printed: dict[str, Any] = json.loads(text)
    assert (code, printed["facts"]["host_match"]) == (0, "san")
    assert [each["verdict"] for each in printed["verdicts"]] == ["ok"]
    assert not TLSProbe.objects.exists()


def test_a_test_is_kept_and_audited(authority: trustme.CA) -> None:
    with s_server(issue(authority), *STRICT) as port:
        run(f"localhost:{port}")
    row = TLSProbe.objects.get()
    assert (str(row), row.requested_by, row.error) == (f"localhost:{port}", shell_name(), "")
    assert row.ended_at is not None
    assert AuditEvent.objects.get().tag == "endpoint:tls:tested"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("a b",), "names no host"),
        (("localhost", "--profile", "nobody"), "There is no profile nobody"),
        (("localhost", "--pin", "ab"), "is no SHA-256 fingerprint"),
        (("localhost", "--cafile", "no/such/file"), "No such file"),
    ],
)
def test_what_cannot_run_says_why(args: tuple[str, ...], says: str) -> None:
    code, text = run(*args)
    assert code == 2
    assert says in text


def test_a_host_that_does_not_answer_cannot_be_tested() -> None:
    code, text = run(f"localhost:{free_port()}")
    assert (code, "No connection to localhost" in text) == (2, True)
    assert TLSProbe.objects.get().error == text


def test_this_host_is_looked_at() -> None:
    out = StringIO()
    call_command("check_environment", stdout=out)
    assert "ok       TLS library: OpenSSL" in out.getvalue()
    assert "TLS security level: 2" in out.getvalue()


def test_what_was_looked_at_is_json_on_demand() -> None:
    out = StringIO()
    call_command("check_environment", "--json", stdout=out)
    assert [point["name"] for point in json.loads(out.getvalue())] == [
        "TLS library",
        "TLS security level",
        "operating system",
        "Python",
        "certificate authorities",
    ]
