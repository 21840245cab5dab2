"""Roles: groups with permissions, the same in every installation.

They are made anew after every ``migrate``, when the permissions of all apps exist, so that a new
version's permissions reach them. Whoever needs another cut makes a group of their own. On which
rows a permission holds is not told here, but by scopes (``partners.access``).
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Final

from django.contrib.auth.models import Group, Permission

#: apps whose pages are the gateway's
_OURS: Final = frozenset({"partners", "as2_messages", "audit"})
#: of Django's and axes's models: who may log in, and who tried
_ACCESS: Final = frozenset({"user", "group", "accesslog", "accessattempt"})

_EVERYTHING: Final = "partners.see_everything"
_PAYLOAD: Final = "as2_messages.download_payload"
_RESEND: Final = "as2_messages.resend_message"
_SEND: Final = "as2_messages.send_message"
_RETRY: Final = "as2_messages.retry_delivery"
_ACKNOWLEDGE: Final = "as2_messages.acknowledge_delivery"
#: rights of an operator that are no model's own
_OPERATOR: Final = frozenset({_EVERYTHING, _PAYLOAD, _RESEND, _SEND, _RETRY, _ACKNOWLEDGE})
#: what only administrators may do with what is the gateway's own
_TAKE_KEYS_OUT: Final = "partners.export_private_key"

#: An EDI provider or VAN: settings and certificates of the connections in its scope, and what
#: happened on them. No payloads: those take the role *payload reader* besides.
_PROVIDER: Final = frozenset(
    {
        "partners.view_partner",
        "partners.view_organization",
        "partners.view_keypair",
        "partners.view_connection",
        "partners.change_connection",
        "partners.view_compliance",
        "partners.view_acknowledgement",
        "partners.view_partnercertificate",
        "partners.add_partnercertificate",
        "partners.change_partnercertificate",
        "partners.view_rollover",
        "partners.view_confirmation",
        "partners.view_certificaterequest",
        "partners.view_certificateoffer",
        "partners.view_renewal",
        "partners.view_suspension",
        "partners.view_apitoken",
        "partners.add_apitoken",
        "as2_messages.view_message",
        "as2_messages.view_mdn",
        "as2_messages.view_delivery",
        "as2_messages.view_attempt",
        "as2_messages.view_redelivery",
        "as2_messages.add_redelivery",
        "as2_messages.change_redelivery",
        _RESEND,
    }
)


#: A program of the business side, by the API: it brings documents and fetches those that came.
_BUSINESS_SYSTEM: Final = frozenset(
    {
        "partners.view_partner",
        "partners.view_organization",
        "partners.view_connection",
        "as2_messages.view_message",
        "as2_messages.view_mdn",
        "as2_messages.view_delivery",
        "as2_messages.view_attempt",
        _SEND,
        _ACKNOWLEDGE,
        _PAYLOAD,
    }
)


class Role(StrEnum):
    """What somebody is here; the value is the group's name."""

    OPERATOR = "operator"
    PROVIDER = "provider"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    PAYLOAD_READER = "payload reader"
    BUSINESS_SYSTEM = "business system"


def _operator(name: str, model: str) -> bool:
    app, _, code = name.partition(".")
    if name in _OPERATOR:
        return True
    if app not in _OURS or model == "scope" or name == _TAKE_KEYS_OUT:
        return False
    asks = model == "redelivery" and not code.startswith("delete_")
    return app == "partners" or asks or code.startswith("view_")


def _auditor(name: str, model: str) -> bool:
    app, _, code = name.partition(".")
    if name == _EVERYTHING:
        return True
    return code.startswith("view_") and (app in _OURS or model in _ACCESS)


def _administrator(name: str, model: str) -> bool:
    app, _, _code = name.partition(".")
    return app in _OURS or model in _ACCESS


_WANTED: Final[dict[Role, Callable[[str, str], bool]]] = {
    Role.OPERATOR: _operator,
    Role.PROVIDER: lambda name, _model: name in _PROVIDER,
    Role.AUDITOR: _auditor,
    Role.ADMINISTRATOR: _administrator,
    Role.PAYLOAD_READER: lambda name, _model: name == _PAYLOAD,
    Role.BUSINESS_SYSTEM: lambda name, _model: name in _BUSINESS_SYSTEM,
}


def ensure_roles(*, using: str, **_kwargs: Any) -> None:
    """Bring the groups to what this version says; called after ``migrate``, safe to repeat."""
    permissions = list(Permission.objects.using(using).select_related("content_type"))
    for role, wants in _WANTED.items():
        group, _created = Group.objects.using(using).get_or_create(name=role.value)
        _bring_to(group, [each for each in permissions if wants(*_names(each))])


def is_role(name: str) -> bool:
    """Tell whether a group's name is one of ours, whose permissions are not edited by hand."""
    return name in set(Role)


def _names(permission: Permission) -> tuple[str, str]:
    kind = permission.content_type
    return f"{kind.app_label}.{permission.codename}", kind.model


def _bring_to(group: Group, wanted: Iterable[Permission]) -> None:
    # Compared first: this runs after every flush of the tests, too, and mostly changes nothing.
    keys = {each.pk for each in wanted}
    if keys != set(group.permissions.values_list("pk", flat=True)):
        group.permissions.set(keys)
