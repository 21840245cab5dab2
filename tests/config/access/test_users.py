"""Pages of users: nobody gets above oneself, and each change of access is written down."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from config.access.roles import Role
from partners.access.visibility import visible_partners
from partners.models import Partner, Scope
from tests import factories
from tests.config.access import world

pytestmark = pytest.mark.django_db


def page_of(row: User | Group) -> str:
    return reverse(f"admin:auth_{row._meta.model_name}_change", args=(row.pk,))


def form_of(user: User, partner: Partner | None = None, **fields: object) -> dict[str, object]:
    """What the page of a user sends."""
    joined = user.date_joined
    scope = Scope.objects.filter(user=user).first()
    return {
        "username": user.username,
        "is_active": "on",
        "is_staff": "on",
        "date_joined_0": f"{joined:%Y-%m-%d}",
        "date_joined_1": f"{joined:%H:%M:%S}",
        "groups": [group.pk for group in user.groups.all()],
        "scope-TOTAL_FORMS": 1,
        "scope-INITIAL_FORMS": int(scope is not None),
        "scope-0-id": scope.pk if scope else "",
        "scope-0-user": user.pk,
        "scope-0-partners": [partner.pk] if partner else [],
        **fields,
    }


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(world.user(Role.ADMINISTRATOR))
    return client


def test_an_administrator_gives_a_provider_its_scope(administrator: Client) -> None:
    amazon = factories.partner("Amazon")
    user = world.user(Role.PROVIDER)
    answer = administrator.post(page_of(user), form_of(user, amazon))
    assert answer.status_code == 302, answer.context["errors"]
    assert list(visible_partners(user)) == [amazon]
    event = AuditEvent.objects.get(tag="user:access:changed")
    assert event.data == {"partners": {"old": [], "new": ["Amazon"]}}
    assert event.subject_name == user.username


def test_a_change_of_roles_is_written_down(administrator: Client) -> None:
    user = world.user(Role.AUDITOR)
    roles = [Group.objects.get(name=Role.OPERATOR).pk]
    administrator.post(page_of(user), form_of(user, groups=roles))
    event = AuditEvent.objects.get(tag="user:access:changed")
    assert event.data["roles"] == {"old": ["auditor"], "new": ["operator"]}


def test_an_edit_that_changes_no_access_is_no_event(administrator: Client) -> None:
    user = world.user(Role.AUDITOR)
    administrator.post(page_of(user), form_of(user, first_name="Ann"))
    user.refresh_from_db()
    assert user.first_name == "Ann"
    assert not AuditEvent.objects.filter(tag="user:access:changed").exists()


def test_an_administrator_makes_nobody_a_superuser(administrator: Client) -> None:
    user = world.user(Role.AUDITOR)
    administrator.post(page_of(user), form_of(user, is_superuser="on"))
    user.refresh_from_db()
    assert not user.is_superuser


def test_an_administrator_does_not_take_over_a_superuser(administrator: Client) -> None:
    root = User.objects.create_superuser("root", password="a long password")
    password = reverse("admin:auth_user_password_change", args=(root.pk,))
    assert administrator.post(page_of(root), form_of(root, username="mine")).status_code == 403
    data = {"password1": "an even longer one", "password2": "an even longer one"}
    assert administrator.post(password, data).status_code == 403
    root.refresh_from_db()
    assert root.username == "root"
    assert root.check_password("a long password")


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.PROVIDER, Role.AUDITOR])
def test_nobody_else_changes_users(client: Client, role: Role) -> None:
    user = world.user(role)
    client.force_login(user)
    assert client.post(page_of(user), form_of(user)).status_code == 403
    assert client.get(reverse("admin:auth_user_add")).status_code == 403


def test_roles_are_not_edited_and_own_groups_are(admin_client: Client) -> None:
    role = Group.objects.get(name=Role.OPERATOR)
    own = Group.objects.create(name="night shift")
    any_permission = Permission.objects.all()[0]
    for row, status in ((role, 403), (own, 302)):
        data = {"name": row.name, "permissions": [any_permission.pk]}
        assert admin_client.post(page_of(row), data).status_code == status
    event = AuditEvent.objects.get(tag="user:access:changed")
    assert event.subject_name == "night shift"
