"""Commands as somebody types them: their arguments in the small world, and how they ended."""

from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command

from config.access.roles import Role
from partners import api_keys
from partners.access.visibility import SEE_EVERYTHING
from partners.models import APIKeyPair, Connection
from tests import factories
from tests.config.access import world
from tests.config.access.world import SECRET, World

#: A name of nothing, as long as the secret one.
NOBODY = "NOBODY"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command printed, and its exit code."""

    code: int
    text: str

    @property
    def denied(self) -> bool:
        """Whether a permission was missing."""
        return self.code == 2 and ": it takes the permission " in self.text

    def without(self, name: str) -> "Ended":
        """The same with a name taken out of it."""
        return Ended(self.code, self.text.replace(name, "…"))


def run(command: str, *args: str, user: str | None = None) -> Ended:
    """Run a command, as a user if one is given."""
    out = StringIO()
    as_user = () if user is None else ("--as", user)
    try:
        call_command(command, *args, *as_user, stdout=out, stderr=out)
    except CommandError as error:
        return Ended(error.returncode, f"{out.getvalue()}{error}")
    except SystemExit as end:
        return Ended(int(str(end.code)), out.getvalue())
    return Ended(0, out.getvalue())


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder, and a side of the small world: what somebody there would type."""

    folder: Path
    theirs: str
    message: str

    @property
    def ours(self) -> str:
        """The AS2 id of the organization on this side."""
        return "VENDOR" if self.theirs == "AMAZON" else f"{self.theirs}-VENDOR"

    def arguments(self) -> dict[str, tuple[str, ...]]:
        """The arguments of each command that takes a user."""
        ours, company = self.ours, f"{self.theirs} company"
        document, out = str(self.folder / "order.edi"), str(self.folder / "out")
        return {
            "add_loopback": (ours,),
            "api_token": ("boss", "erp"),
            "apply": (str(self.folder / "settings.yaml"),),
            # Refused, and so without a copy: a backup does not belong into the home.
            "backup": (str(settings.AS2_HOME / "copy"),),
            "check_compliance": ("--partner", company, "--profile", "as2-modern"),
            "doctor": (self.message,),
            "evidence": (self.message, "--output", out),
            "export_key": ("--organization", ours, "--name", "key-1", "--out", out, "--yes"),
            "messages": (),
            "note_key_use": (f"{self.theirs}-pay",),
            "purge": (),
            "reset_second_factor": ("boss",),
            "rotate_keys": ("--report",),
            "send": (document, "--from", ours, "--to", self.theirs, "--wait", "0"),
            "send_certificates": (ours,),
            "send_test_event": ("nothing",),
            "tls_probe": ("127.0.0.1:1", "--no-store"),
            "verify_audit": (),
            "verify_store": ("--quick",),
        }

    def prepared(self) -> "Desk":
        """The same with the files that the arguments name."""
        url = f"https://{self.theirs.lower()}.example/as2"
        names = f"organization: {self.ours}, as2_id: {self.theirs}, url: '{url}', subject: Orders"
        partner = f"partners: [{{name: {self.theirs} company, connections: [{{{names}}}]}}]"
        (self.folder / "settings.yaml").write_text(partner)
        (self.folder / "order.edi").write_bytes(b"UNB+order")
        return self


def own(rows: World, folder: Path) -> Desk:
    """The side that a provider manages."""
    return Desk(folder, rows.own.as2_id, rows.own_message.message_id).prepared()


def other(rows: World, folder: Path) -> Desk:
    """The side that it must not even hear of."""
    return Desk(folder, SECRET, rows.other_message.message_id).prepared()


def nowhere(rows: World, folder: Path) -> Desk:
    """No side at all: the same names, of nothing."""
    return Desk(folder, NOBODY, rows.other_message.message_id.replace(SECRET, NOBODY)).prepared()


def build() -> World:
    """The small world with an API key on both sides."""
    rows = world.build()
    for link in (rows.own, rows.other):
        key = APIKeyPair(partner=link.partner, name=f"{link.as2_id}-pay", owner="Shop", purpose="-")
        api_keys.fill(key, factories.rsa_key(f"{link.as2_id}-pay"))
        key.save()
    User.objects.create_user("boss")
    return rows


def limited(link: Connection, *, whole_partner: bool) -> str:
    """Somebody who may do whatever there is, within a scope."""
    user = world.user(Role.ADMINISTRATOR, scope=link, whole_partner=whole_partner)
    user.groups.clear()
    app, _, code = SEE_EVERYTHING.partition(".")
    everything = Permission.objects.exclude(content_type__app_label=app, codename=code)
    user.user_permissions.set(everything)
    return user.username
