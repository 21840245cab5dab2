"""Webhooks by ``manage.py apply``: as the form takes them, and no secret is printed."""

import pytest
from cryptography.fernet import Fernet
from django.db import connection as database
from django.utils import timezone
from pytest_django import Settings

from audit.acting import Denied
from audit.models import AuditEvent
from config.access.roles import Role
from partners import webhook_secrets
from partners.applying.apply import Options, apply
from partners.encryption import KeyRing
from partners.models import Partner, Webhook
from tests import factories
from tests.config.access import world
from tests.partners.applying import GOOD, Folder

pytestmark = pytest.mark.django_db

SECRET = webhook_secrets.written(b"k" * 32)
OTHER = webhook_secrets.written(b"o" * 32)
ONE = f"""\
webhooks:
  - name: tickets
    url: https://tickets.example/hooks
    events: [message.failed, certificate.*]
    partner: Amazon
    secret: {SECRET}
"""


def with_hook(folder: Folder, *changes: tuple[str, str]) -> None:
    """Write the good file and a webhook, with some of its text replaced."""
    text = ONE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    folder.write(GOOD + text)


def without(line: str) -> tuple[str, str]:
    """Leave a line of the webhook out."""
    return next(f"{each}\n" for each in ONE.splitlines() if line in each), ""


def test_a_webhook_is_set_up_with_its_partner(folder: Folder) -> None:
    with_hook(folder)
    lines = folder.apply()
    at = lines.index("webhook tickets: created")
    assert lines[at + 1 : at + 4] == [
        "  name: tickets",
        "  url: https://tickets.example/hooks",
        "  events: message.failed certificate.*",
    ]
    row = Webhook.objects.get()
    assert (row.partner, row.active) == (Partner.objects.get(), True)
    assert row.wants("certificate.expired")
    assert not row.wants("message.received")
    assert [*row.secrets(timezone.now())] == [b"k" * 32]


def test_what_the_file_leaves_out_is_as_on_a_new_form(folder: Folder) -> None:
    with_hook(folder, without("events:"), without("partner:"))
    folder.apply()
    row = Webhook.objects.get()
    assert (row.events, row.partner, row.active, row.tls_ca) == ("*", None, True, "")


def test_a_second_run_changes_nothing(folder: Folder) -> None:
    with_hook(folder)
    folder.apply()
    before = AuditEvent.objects.count()
    assert folder.apply()[-1] == "0 created, 0 changed, 6 unchanged."
    assert AuditEvent.objects.count() == before


def test_a_dry_run_shows_a_webhook_and_makes_none(folder: Folder) -> None:
    with_hook(folder)
    lines = folder.apply("--dry-run")
    assert "webhook tickets: created" in lines
    assert SECRET not in "\n".join(lines)
    assert not Webhook.objects.exists()


def test_a_change_is_told_old_and_new(folder: Folder) -> None:
    with_hook(folder)
    folder.apply()
    with_hook(folder, ("secret:", "active: off\n    secret:"), ("partner: Amazon", "partner:"))
    lines = folder.apply()
    at = lines.index("webhook tickets: changed")
    assert {*lines[at + 1 : -1]} == {"  active: true → false", "  partner: Amazon → (empty)"}
    event = AuditEvent.objects.get(tag="webhook:settings:changed", text__contains="changed")
    assert event.data["active"] == {"old": True, "new": False}
    assert Webhook.objects.get().partner is None


@pytest.mark.parametrize("way", ["secret", "secret_env", "secret_file"])
def test_a_secret_comes_as_passwords_do_and_is_told_to_nobody(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    (folder.path / "hook.txt").write_text(f"{SECRET}\n")
    value = {"secret": SECRET, "secret_env": "HOOK_SECRET", "secret_file": "hook.txt"}[way]
    with_hook(folder, (f"secret: {SECRET}", f"{way}: {value}"))
    printed = folder.apply()
    assert [*Webhook.objects.get().secrets(timezone.now())] == [b"k" * 32]
    told = f"{printed} {[*AuditEvent.objects.values()]} {Webhook.objects.get().secret!r}"
    assert SECRET.removeprefix("whsec_") not in told
    with database.cursor() as cursor:
        cursor.execute("SELECT secret FROM partners_webhook")
        assert b"k" * 32 not in bytes(cursor.fetchone()[0])


def test_another_secret_leaves_the_one_before_it_for_a_day(folder: Folder) -> None:
    with_hook(folder)
    folder.apply()
    with_hook(folder, (SECRET, OTHER))
    lines = folder.apply()
    assert any(line.startswith("  secret_set_at: ") for line in lines)
    assert [*Webhook.objects.get().secrets(timezone.now())] == [b"o" * 32, b"k" * 32]
    with_hook(folder, without("secret:"))
    assert folder.apply()[-1] == "0 created, 0 changed, 6 unchanged."


def test_a_secret_whose_key_is_gone_is_sealed_anew(folder: Folder, settings: Settings) -> None:
    with_hook(folder)
    folder.apply()
    settings.AS2_KEY_RING = [Fernet.generate_key().decode()]
    folder.write(ONE)
    assert folder.apply()[-1] == "0 created, 1 changed, 0 unchanged."
    assert KeyRing(settings.AS2_KEY_RING).open(Webhook.objects.get().secret.sealed) == b"k" * 32


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (without("secret:"), "[0]", 'takes "secret", "secret_env" or "secret_file"'),
        ((SECRET, "hello"), "[0].secret", "whsec_ and base64"),
        ((SECRET, "whsec_aGVsbG8="), "[0].secret", "24 to 64 bytes"),
        ((f": {SECRET}", "_env: AS2_NONE"), "[0].secret_env", "has no variable"),
        ((f": {SECRET}", "_file: none.txt"), "[0].secret_file", "No such file"),
        (("secret: ", "secret_env: "), "[0].secret_env", "has no variable"),
        (("secret: ", "secret_file: "), "[0].secret_file", "the file named here: No such file"),
        (("secret: ", "secret_env: A\n    secret: "), "[0].secret_env", "give only one of"),
        (without("url:"), "[0]", 'the key "url" is missing'),
        (("https:", "http:"), "[0].url", "It has to begin with https://."),
        (("//tickets", "//me:pw@tickets"), "[0].url", "no place for a password"),
        (("https://tickets.example", "tickets"), "[0].url", "valid URL"),
        (("certificate.*", "mesage.*"), "[0].events", "No event is called mesage"),
        (("[message.failed, certificate.*]", "[]"), "[0].events", "at least one event"),
        (("partner: Amazon", "partner: Walmart"), "[0].partner", 'no partner "Walmart"'),
        (("partner:", "tls_ca: none\n    partner:"), "[0].tls_ca", ""),
        (("partner:", "partnr:"), "[0].partnr", 'did you mean "partner"?'),
    ],
)
def test_what_the_form_refuses_is_a_mistake_with_its_place(
    folder: Folder, settings: Settings, change: tuple[str, str], place: str, words: str
) -> None:
    settings.AS2_WEBHOOK_ALLOW_PRIVATE = False
    with_hook(folder, change)
    (mistake,) = folder.mistakes()
    assert mistake.split(": ")[1] == f"webhooks{place}"
    assert words in mistake
    assert SECRET not in mistake
    assert not Webhook.objects.exists()


def test_the_same_name_twice_is_refused(folder: Folder) -> None:
    folder.write(GOOD + ONE + ONE.removeprefix("webhooks:\n"))
    (mistake,) = folder.mistakes()
    assert "webhooks[1].name: the same is already in line" in mistake


def test_a_partner_of_the_database_may_be_named(folder: Folder) -> None:
    company = factories.partner("Amazon")
    folder.write(ONE)
    assert folder.apply()[-1] == "1 created, 0 changed, 0 unchanged."
    assert Webhook.objects.get().partner == company


def test_only_who_sees_everything_and_may_add_webhooks_does(folder: Folder) -> None:
    link = factories.connection()
    folder.write(ONE)
    for role, scope in ((Role.PROVIDER, link), (Role.AUDITOR, None)):
        with pytest.raises(Denied):
            apply(folder.path / "amazon.yaml", Options(world.user(role, scope=scope)))
    assert not Webhook.objects.exists()
    apply(folder.path / "amazon.yaml", Options(world.user(Role.OPERATOR)))
    assert Webhook.objects.get().name == "tickets"
