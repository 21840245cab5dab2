"""The look of the pages, and what stands in their side bar."""

from typing import Any, Final

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _style(_request: HttpRequest) -> str:
    return static("as2_messages/pages.css")


def _icon(_request: HttpRequest) -> str:
    return static("as2_messages/icon.svg")


def _page(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    """Name a list in the side bar, for those who may see it."""

    def permitted(request: HttpRequest) -> bool:
        return request.user.has_perm(f"{app}.view_{model}")

    link = reverse_lazy(f"admin:{app}_{model}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": permitted}


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
    "STYLES": [_style],
    "COLORS": {"primary": _BLUE},
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "messages.admin.start.start_page",
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            {
                "items": [
                    {"title": "Start", "icon": "home", "link": reverse_lazy("admin:index")},
                ],
            },
            {
                "title": "Traffic",
                "items": [
                    _page("Messages", "mail", "as2_messages", "message"),
                    _page("MDNs", "verified", "as2_messages", "mdn"),
                    _page("Deliveries", "move_to_inbox", "as2_messages", "delivery"),
                    _page("Unknown senders", "help", "as2_messages", "unknownsender"),
                ],
            },
            {
                "title": "Who with whom",
                "items": [
                    _page("Connections", "swap_horiz", "partners", "connection"),
                    _page("Partners", "storefront", "partners", "partner"),
                    _page("Organizations", "apartment", "partners", "organization"),
                    _page("Key pairs", "key", "partners", "keypair"),
                    _page("Certificates", "badge", "partners", "partnercertificate"),
                ],
            },
            {
                "title": "Record",
                "items": [
                    _page("Audit events", "history", "audit", "auditevent"),
                    _page("Seals", "lock", "audit", "auditseal"),
                ],
            },
            {
                "title": "Access",
                "items": [
                    _page("Users", "person", "auth", "user"),
                    _page("Groups", "group", "auth", "group"),
                ],
            },
        ],
    },
}
