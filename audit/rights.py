"""Rights: which permissions each command takes, as the pages of the same deed do.

One table for all packages; a test walks over the commands and finds each of them in one of the two.
Which rows a command shows or touches is not told here, but by scopes (``partners.access``).
"""

from collections.abc import Mapping
from typing import Final

#: The exit code of a command that was not run: its user is not known, or may not.
DENIED: Final = 2

_EVERYTHING: Final = "partners.see_everything"
_KEYS: Final = "partners.export_private_key"
_MESSAGES: Final = "as2_messages.view_message"

#: Commands that show or change business data: what a user has to have, all of it.
PERMISSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "add_loopback": (
        _EVERYTHING,
        "partners.add_organization",
        "partners.add_keypair",
        "partners.add_partner",
        "partners.add_connection",
    ),
    # Besides, one's own user, or the right to change users.
    "api_token": ("partners.add_apitoken",),
    # Besides, each row of the file takes the permission to add or to change such a row.
    "apply": ("partners.change_connection",),
    # The copy holds the secrets that open every private key.
    "backup": (_EVERYTHING, _KEYS),
    "check_compliance": ("partners.view_connection", "partners.view_compliance"),
    "doctor": (_MESSAGES,),
    "evidence": (_MESSAGES, "as2_messages.download_payload"),
    "export_key": (_KEYS,),
    "messages": (_MESSAGES,),
    "note_key_use": ("partners.change_apikeypair",),
    # How long documents are kept is a setting of their connection.
    "purge": ("partners.change_connection",),
    "reset_second_factor": ("auth.change_user",),
    "rotate_keys": (_EVERYTHING, "partners.change_keypair", "partners.change_apikeypair"),
    "send": (_MESSAGES, "as2_messages.send_message"),
    # Events may be about every partner.
    "send_test_event": (_EVERYTHING, "partners.change_webhook"),
    # Our next key pair concerns every partner.
    "send_certificates": (_EVERYTHING, "partners.change_keypair"),
    "tls_probe": ("partners.add_tlsprobe",),
    "verify_audit": ("audit.view_auditevent",),
    "verify_store": (_EVERYTHING, _MESSAGES),
}

#: Commands that ask for no user, and why; Django's own that are not here know no users.
WITHOUT_USER: Final[Mapping[str, str]] = {
    "check": "looks at the settings; needs no database",
    "check_environment": "looks at this host; no business data",
    "createsuperuser": "makes the first user",
    "ensure_admin": "makes the first user",
    "generate_keypair": "makes two files; nothing of them is kept",
    "inspect_key": "looks at a file that is not the gateway's",
    "makemigrations": "writes source code; for developers",
    "migrate": "makes the tables that users are in",
    "runserver": "runs the pages; whoever opens them logs in",
    "serve": "runs the gateway; whoever opens its pages logs in",
    "showmigrations": "shows which migrations there are",
}
