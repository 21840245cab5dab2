"""The look of the pages, and what stands in their side bar."""

from typing import Any, Final

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy

from audit.links import list_of


def _style(_request: HttpRequest) -> str:
    return static("as2_messages/pages.css")


def _access_style(_request: HttpRequest) -> str:
    return static("as2_access/access.css")


def _icon(_request: HttpRequest) -> str:
    return static("as2_messages/icon.svg")


_MENU: Final = {
    "Traffic": [
        ("Messages", "mail", "as2_messages", "message"),
        ("MDNs", "verified", "as2_messages", "mdn"),
        ("Deliveries", "move_to_inbox", "as2_messages", "delivery"),
        ("Redeliveries", "move_up", "as2_messages", "redelivery"),
        ("Unknown senders", "help", "as2_messages", "unknownsender"),
        ("Failed handshakes", "lock_open", "partners", "failedhandshake"),
    ],
    "Who with whom": [
        ("Connections", "swap_horiz", "partners", "connection"),
        ("Partners", "storefront", "partners", "partner"),
        ("Organizations", "apartment", "partners", "organization"),
        ("Key pairs", "key", "partners", "keypair"),
        ("Certificates", "badge", "partners", "partnercertificate"),
        ("Rollovers", "autorenew", "partners", "rollover"),
        ("Certificate requests", "approval", "partners", "certificaterequest"),
        ("Announced renewals", "mark_email_unread", "partners", "renewal"),
        ("Proposed suspensions", "pause_circle", "partners", "suspension"),
        ("API keys", "vpn_key", "partners", "apikeypair"),
        ("Notices", "notifications", "partners", "notice"),
        ("TLS tests", "network_check", "partners", "tlsprobe"),
        ("Webhooks", "webhook", "partners", "webhook"),
        ("Webhook events", "outgoing_mail", "as2_messages", "webhookevent"),
    ],
    "Record": [
        ("Audit events", "history", "audit", "auditevent"),
        ("Seals", "lock", "audit", "auditseal"),
    ],
    "Access": [
        ("Users", "person", "auth", "user"),
        ("Groups", "group", "auth", "group"),
        ("API tokens", "token", "partners", "apitoken"),
        ("Logins", "login", "axes", "accesslog"),
        ("Failed logins", "lock_clock", "axes", "accessattempt"),
    ],
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Build the side bar from the lists that this user may see."""
    start = {"title": "Start", "icon": "home", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [start]}]
    for title, pages in _MENU.items():
        items = [
            {"title": name, "icon": icon, "link": list_of(app, model)}
            for name, icon, app, model in pages
            if request.user.has_perm(f"{app}.view_{model}")
        ]
        groups.append({"title": title, "items": items})
    return groups


# A calm blue: no state of a message is shown in it.
_BLUE: Final = {
    "50": "oklch(97% .014 254.6)",
    "100": "oklch(93.2% .032 255.6)",
    "200": "oklch(88.2% .059 254.1)",
    "300": "oklch(80.9% .105 251.8)",
    "400": "oklch(70.7% .165 254.6)",
    "500": "oklch(60% .19 257)",
    "600": "oklch(51% .19 259)",
    "700": "oklch(45% .17 261)",
    "800": "oklch(40% .14 263)",
    "900": "oklch(36% .11 264)",
    "950": "oklch(28% .09 268)",
}

UNFOLD: Final[dict[str, Any]] = {
    "SITE_TITLE": "AS2 gateway",
    "SITE_HEADER": "AS2 gateway",
    "SITE_SYMBOL": "swap_horiz",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "STYLES": [_style, _access_style],
    "COLORS": {"primary": _BLUE},
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "messages.admin.start.start_page",
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
            {"title": "Second factor", "link": reverse_lazy("admin:second_factor_manage")},
        ]
    },
    "SIDEBAR": {"show_search": False, "navigation": navigation},
}
