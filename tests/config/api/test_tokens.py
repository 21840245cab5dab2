"""Tokens: shown once, kept as a digest, open to their time; made by whom they concern."""

import datetime as dt
import hashlib
import re
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from time_machine import travel

from audit.models import AuditEvent
from config.access.roles import Role
from messages import rates
from partners.access import tokens
from partners.models import APIToken
from partners.rollover.recording import By
from tests.config.access import world
from tests.config.api import calling

pytestmark = pytest.mark.django_db

PARTNERS = f"{calling.ROOT}partners"
ADD = "/admin/partners/apitoken/add/"
LIST = "/admin/partners/apitoken/"
SECRET = re.compile(r"as2_[\w-]{43}")


@pytest.fixture(autouse=True)
def fresh_rates() -> None:
    rates.get_limiter.cache_clear()


@pytest.fixture
def user() -> User:
    return world.user(Role.OPERATOR)


def status(program: Client) -> int:
    return program.get(PARTNERS).status_code


def test_only_a_digest_of_the_secret_is_kept(user: User) -> None:
    secret = calling.secret_of(user)
    row = APIToken.objects.get()
    assert row.digest == hashlib.sha256(secret.encode()).hexdigest()
    kept = [str(getattr(row, field.name)) for field in row._meta.concrete_fields]
    events = [f"{event.text} {event.data}" for event in AuditEvent.objects.all()]
    assert not any(secret[:16] in text for text in kept + events)


def test_a_token_opens_until_it_is_revoked(user: User) -> None:
    program = calling.client_of(user)
    assert status(program) == 200
    assert tokens.revoke(APIToken.objects.get(), timezone.now(), By("ann"))
    assert status(program) == 401
    assert not tokens.revoke(APIToken.objects.get(), timezone.now(), By("ann"))
    tags = AuditEvent.objects.values_list("tag", "actor")
    assert [*tags.order_by("pk")] == [("user:token:made", "ann"), ("user:token:revoked", "ann")]


def test_a_token_opens_until_its_time_is_over(user: User) -> None:
    now = timezone.now()
    program = calling.client_of(user, expires_at=now + dt.timedelta(days=1))
    with travel(now + dt.timedelta(hours=23), tick=False):
        assert status(program) == 200
    with travel(now + dt.timedelta(hours=25), tick=False):
        assert status(program) == 401


def test_a_user_who_is_not_active_comes_in_by_no_token(user: User) -> None:
    program = calling.client_of(user)
    user.is_active = False
    user.save()
    assert status(program) == 401


def test_the_token_of_a_deleted_user_stays_and_opens_nothing(user: User) -> None:
    program = calling.client_of(user)
    name = user.username
    user.delete()
    assert status(program) == 401
    assert APIToken.objects.get().user_name == name


def test_a_role_that_is_taken_away_is_missed_at_once(user: User) -> None:
    program = calling.client_of(user)
    user.groups.clear()
    assert status(program) == 403


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", "Bearer as2_wrong", "Bearer wrong", "Basic YWxhZGRpbjpvcGVuc2VzYW1l", "as2_x"],
)
def test_who_shows_no_good_token_is_asked_for_one(user: User, shown: str) -> None:
    answer = Client(headers={"Authorization": shown} if shown else {}).get(PARTNERS)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer ")
    assert answer["Content-Type"] == calling.PROBLEM


def test_a_session_is_no_token(client: Client, user: User) -> None:
    client.force_login(user)
    assert status(client) == 401


def test_who_guesses_has_to_wait_and_good_tokens_go_on(user: User, settings: Settings) -> None:
    settings.AS2_RATE_STRANGER = 3
    guesser = calling.with_secret("as2_guess")
    with travel(timezone.now(), tick=False):
        assert [status(guesser) for _ in range(4)] == [401, 401, 401, 429]
        assert int(guesser.get(PARTNERS)["Retry-After"]) > 0
        assert status(calling.client_of(user)) == 200


def test_the_last_use_is_noted_to_the_minute(
    user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    secret, now = calling.secret_of(user), timezone.now()
    found = tokens.find(secret, now)
    assert found is not None
    tokens.note_use(found, now, "192.0.2.7")
    row = APIToken.objects.get()
    assert (row.last_used_at, row.last_used_from) == (now, "192.0.2.7")
    with django_assert_num_queries(0):
        tokens.note_use(row, now + dt.timedelta(seconds=59), "192.0.2.8")
    tokens.note_use(row, now + dt.timedelta(seconds=61), "192.0.2.8")
    assert APIToken.objects.get().last_used_from == "192.0.2.8"


# ------------------------------------------------------------------------- the page


def form(user: User, **fields: str) -> dict[str, str]:
    return {"user": str(user.pk), "name": "SAP", "days": "30", **fields}


def test_the_page_shows_a_secret_once(client: Client, user: User) -> None:
    client.force_login(user)
    answer = client.post(ADD, form(user, read_only="on"))
    (secret,) = set(SECRET.findall(answer.content.decode()))
    assert "no-store" in answer["Cache-Control"]
    assert status(calling.with_secret(secret)) == 200
    row = APIToken.objects.get()
    assert (row.read_only, row.created_by) == (True, user.username)
    for page in (LIST, f"{LIST}{row.pk}/change/", ADD):
        text = client.get(page).content.decode()
        assert row.name in text or page == ADD
        assert not SECRET.search(text)


@pytest.mark.parametrize(
    ("role", "code"),
    [
        (Role.OPERATOR, 200),
        (Role.PROVIDER, 200),
        (Role.AUDITOR, 403),
        (Role.ADMINISTRATOR, 200),
        (Role.BUSINESS_SYSTEM, 403),
    ],
)
def test_who_may_make_tokens(client: Client, role: Role, code: int) -> None:
    client.force_login(world.user(role))
    assert client.get(ADD).status_code == code


def test_an_operator_makes_none_for_somebody_else(client: Client, user: User) -> None:
    somebody = world.user(Role.ADMINISTRATOR)
    client.force_login(user)
    assert client.post(ADD, form(somebody)).status_code == 200
    assert not APIToken.objects.exists()


def test_an_administrator_makes_them_for_others_but_for_no_superuser(client: Client) -> None:
    somebody, root = world.user(Role.OPERATOR), User.objects.create_superuser("root")
    client.force_login(world.user(Role.ADMINISTRATOR))
    client.post(ADD, form(somebody))
    client.post(ADD, form(root))
    assert [row.user for row in APIToken.objects.all()] == [somebody]


def test_everybody_sees_and_revokes_their_own(client: Client, user: User) -> None:
    calling.secret_of(user)
    calling.secret_of(world.user(Role.ADMINISTRATOR))
    mine = user.api_tokens.get()
    client.force_login(user)
    listed = client.get(LIST).context["cl"].queryset
    assert [*listed] == [mine]
    keys = [str(row.pk) for row in APIToken.objects.all()]
    client.post(LIST, {"action": "revoke_selected", "_selected_action": keys})
    assert [*APIToken.objects.exclude(revoked_at=None)] == [mine]


def test_an_auditor_sees_all_of_them_and_revokes_none(client: Client, user: User) -> None:
    calling.secret_of(user)
    client.force_login(world.user(Role.AUDITOR))
    assert client.get(LIST).context["cl"].queryset.count() == 1
    key = str(APIToken.objects.get().pk)
    client.post(LIST, {"action": "revoke_selected", "_selected_action": [key]})
    assert APIToken.objects.get().revoked_at is None


# ------------------------------------------------------------------------- the command


def run(*args: str) -> str:
    out = StringIO()
    call_command("api_token", *args, stdout=out)
    return out.getvalue().strip()


def test_the_command_prints_a_token_that_opens(user: User) -> None:
    secret = run(user.username, "SAP", "--days", "7", "--read-only")
    assert status(calling.with_secret(secret)) == 200
    row = APIToken.objects.get()
    assert row.read_only
    assert row.expires_at is not None
    assert (row.expires_at - row.created_at).days == 7
    assert AuditEvent.objects.get().actor.startswith("shell:")
    assert run(user.username, "SAP", "--revoke") == "1 revoked"
    assert status(calling.with_secret(secret)) == 401


def test_the_command_revokes_tokens_of_who_is_not_active(user: User) -> None:
    run(user.username, "SAP")
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="is not active: a token would open nothing"):
        run(user.username, "SAP")
    assert run(user.username, "SAP", "--revoke") == "1 revoked"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("nobody", "SAP"), "There is no user nobody"),
        (("user0", "SAP", "--days", "-1"), "--days is 0 to 3650"),
        (("user0", ""), "NAME has at most 100 characters"),
        (("user0", "SAP", "--revoke"), "has no open token named SAP"),
    ],
)
def test_the_command_refuses(user: User, args: tuple[str, ...], words: str) -> None:
    user.username = "user0"
    user.save()
    with pytest.raises(CommandError, match=words):
        run(*args)
