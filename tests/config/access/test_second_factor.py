"""The second factor: who has one is let in by password and code, and by nothing less."""

import re

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from audit.models import AuditEvent
from config.access.roles import Role
from tests.config.access import world

pytestmark = pytest.mark.django_db

ASK = "/admin/second-factor/"
SET_UP = "/admin/second-factor/set-up/"
MANAGE = "/admin/second-factor/manage/"


@pytest.fixture
def ann() -> User:
    return User.objects.create_superuser("ann", password="a long password")


@pytest.fixture
def device(ann: User) -> TOTPDevice:
    return TOTPDevice.objects.create(user=ann, name="app")


@pytest.fixture
def logged_in(client: Client, ann: User) -> Client:
    """Ann's browser, after the password."""
    client.force_login(ann)
    return client


def code_of(device: TOTPDevice) -> str:
    """The code that the app shows."""
    return f"{totp(device.bin_key):06d}"


def text(answer: HttpResponseBase) -> str:
    content: bytes = answer.content  # type: ignore[attr-defined]  # a page
    return content.decode()


def test_without_a_second_factor_the_password_is_enough(logged_in: Client) -> None:
    assert logged_in.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    "page",
    ["/admin/", "/admin/partners/connection/", MANAGE, "/admin/password_change/", "/admin/search/"],
)
def test_with_one_the_password_opens_no_page(
    logged_in: Client, device: TOTPDevice, page: str
) -> None:
    answer = logged_in.get(page, follow=True)
    assert answer.redirect_chain[-1][0].startswith(ASK)
    assert "nav-sidebar" not in text(answer)


def test_a_right_code_leads_to_the_page_that_was_wanted(
    logged_in: Client, device: TOTPDevice
) -> None:
    wanted = "/admin/partners/partner/"
    asked = logged_in.get(wanted, follow=True)
    data = {"code": code_of(device), "next": asked.context["next"]}
    answer = logged_in.post(ASK, data)
    assert (answer.status_code, answer.headers["Location"]) == (302, wanted)
    assert logged_in.get(wanted).status_code == 200


def test_a_code_leads_to_no_other_site(logged_in: Client, device: TOTPDevice) -> None:
    data = {"code": code_of(device), "next": "https://evil.example/"}
    assert logged_in.post(ASK, data).headers["Location"] == "/admin/"


@pytest.mark.parametrize("code", ["000000", "abcd-efgh", "", "12345", "٣٣٣٣٣٣"])
def test_a_wrong_code_opens_nothing(logged_in: Client, device: TOTPDevice, code: str) -> None:
    assert logged_in.post(ASK, {"code": code}).status_code == 200
    assert logged_in.get("/admin/").status_code == 302


def test_a_code_is_good_once(logged_in: Client, device: TOTPDevice, ann: User) -> None:
    code = code_of(device)
    logged_in.post(ASK, {"code": code})
    other = Client()
    other.force_login(ann)
    assert "used already" in text(other.post(ASK, {"code": code}))
    assert other.get("/admin/").status_code == 302


def test_wrong_codes_make_even_a_right_one_wait(logged_in: Client, device: TOTPDevice) -> None:
    for _ in range(4):
        logged_in.post(ASK, {"code": "000000"})
    answer = logged_in.post(ASK, {"code": code_of(device)})
    assert "Too many wrong codes" in text(answer)
    assert logged_in.get("/admin/").status_code == 302


def test_a_code_of_somebody_else_opens_nothing(logged_in: Client, device: TOTPDevice) -> None:
    other = User.objects.create_superuser("bob")
    theirs = TOTPDevice.objects.create(user=other, name="app")
    logged_in.post(ASK, {"code": code_of(theirs)})
    assert logged_in.get("/admin/").status_code == 302


def test_another_session_sets_up_another_secret(logged_in: Client, ann: User) -> None:
    seen = [logged_in.get(SET_UP).context["secret"] for _ in range(2)]
    first = TOTPDevice.objects.get(user=ann)
    other = Client()
    other.force_login(ann)
    assert seen[0] == seen[1] != other.get(SET_UP).context["secret"]
    assert "This code is wrong" in text(other.post(SET_UP, {"code": code_of(first)}))
    assert TOTPDevice.objects.filter(user=ann).count() == 1


def test_a_second_factor_is_set_up_by_its_first_code(logged_in: Client, ann: User) -> None:
    page = logged_in.get(SET_UP)
    device = TOTPDevice.objects.get(user=ann)
    assert "<svg" in text(page)
    assert logged_in.get("/admin/").status_code == 200  # not in use yet
    answer = logged_in.post(SET_UP, {"code": code_of(device)})
    codes = re.findall(r"<code>([a-z2-7]{4}-[a-z2-7]{4})</code>", text(answer))
    assert len(set(codes)) == 10
    assert logged_in.get("/admin/").status_code == 200
    fresh = Client()
    fresh.force_login(ann)
    assert fresh.get("/admin/").status_code == 302
    assert AuditEvent.objects.filter(tag="user:device:added", actor="ann").count() == 1


def test_a_wrong_first_code_sets_nothing_up(logged_in: Client, ann: User) -> None:
    logged_in.get(SET_UP)
    assert "This code is wrong" in text(logged_in.post(SET_UP, {"code": "000000"}))
    assert not TOTPDevice.objects.get(user=ann).confirmed


def test_a_password_alone_sets_up_no_other_device(logged_in: Client, device: TOTPDevice) -> None:
    answer = logged_in.get(SET_UP, follow=True)
    assert answer.redirect_chain[-1][0].startswith(ASK)
    assert TOTPDevice.objects.count() == 1


def test_a_backup_code_opens_once(client: Client, ann: User) -> None:
    client.force_login(ann)
    client.get(SET_UP)
    page = client.post(SET_UP, {"code": code_of(TOTPDevice.objects.get())})
    code = re.findall(r"<code>([a-z2-7]{4}-[a-z2-7]{4})</code>", text(page))[0]
    for opens in (True, False):
        fresh = Client()
        fresh.force_login(ann)
        fresh.post(ASK, {"code": code.upper()})
        assert (fresh.get("/admin/").status_code == 200) is opens
    assert StaticToken.objects.count() == 9


def test_new_backup_codes_end_the_old_ones(logged_in: Client, device: TOTPDevice) -> None:
    logged_in.post(ASK, {"code": code_of(device)})
    logged_in.post("/admin/second-factor/backup-codes/")
    before = set(StaticToken.objects.values_list("token", flat=True))
    logged_in.post("/admin/second-factor/backup-codes/")
    assert not before & set(StaticToken.objects.values_list("token", flat=True))


def test_the_owner_takes_it_off(logged_in: Client, device: TOTPDevice) -> None:
    logged_in.post(ASK, {"code": code_of(device)})
    logged_in.post("/admin/second-factor/remove/")
    assert not TOTPDevice.objects.exists()
    assert AuditEvent.objects.get(tag="user:device:reset").actor == "ann"


def test_who_has_none_is_told_and_led_to_it(logged_in: Client) -> None:
    assert "The second factor is off" in text(logged_in.get(MANAGE))
    assert logged_in.post("/admin/second-factor/backup-codes/").headers["Location"] == SET_UP
    assert logged_in.post("/admin/second-factor/remove/").headers["Location"] == MANAGE
    assert logged_in.get(ASK).headers["Location"] == "/admin/"
    assert not AuditEvent.objects.exists()


def test_who_has_one_is_told(logged_in: Client, device: TOTPDevice) -> None:
    logged_in.post(ASK, {"code": code_of(device)})
    assert "The second factor is on" in text(logged_in.get(MANAGE))


def test_where_it_is_required_everybody_sets_it_up(
    logged_in: Client, ann: User, settings: Settings
) -> None:
    settings.AS2_REQUIRE_2FA = True
    answer = logged_in.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == SET_UP
    logged_in.post(SET_UP, {"code": code_of(TOTPDevice.objects.get(user=ann))})
    assert logged_in.get("/admin/").status_code == 200
    logged_in.post("/admin/second-factor/remove/")
    assert TOTPDevice.objects.filter(user=ann, confirmed=True).exists()


def test_a_stranger_sees_no_page_of_the_second_factor(client: Client) -> None:
    for page in (ASK, SET_UP, MANAGE):
        assert client.get(page).headers["Location"].startswith("/admin/login/")


def test_somebody_without_a_code_can_leave(logged_in: Client, device: TOTPDevice) -> None:
    logged_in.post("/admin/second-factor/leave/")
    assert "_auth_user_id" not in logged_in.session


def test_an_administrator_takes_it_off_somebody_who_is_locked_out(
    client: Client, device: TOTPDevice, ann: User
) -> None:
    User.objects.filter(pk=ann.pk).update(is_superuser=False)
    client.force_login(world.user(Role.ADMINISTRATOR))
    data = {"action": "reset_second_factor", "_selected_action": [ann.pk]}
    client.post(reverse("admin:auth_user_changelist"), data)
    assert not TOTPDevice.objects.exists()
    assert AuditEvent.objects.get().tag == "user:device:reset"


def test_the_shell_takes_it_off(device: TOTPDevice) -> None:
    call_command("reset_second_factor", "ann")
    assert not TOTPDevice.objects.exists()
    for name in ("ann", "nobody"):
        with pytest.raises(CommandError):
            call_command("reset_second_factor", name)


def test_no_page_of_the_admin_lists_devices(logged_in: Client) -> None:
    assert logged_in.get("/admin/otp_totp/totpdevice/").status_code == 404
    assert logged_in.get("/admin/otp_static/staticdevice/").status_code == 404
