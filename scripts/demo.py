"""Show the gateway at work: two of them on this machine exchange real documents.

VENDOR and a retailer, each a whole gateway with its own folder, database and keys. The retailer
sends a purchase order (850); VENDOR answers with an acknowledgement (855) and a ship notice (856),
the last one proved by an asynchronous MDN. Everything is signed SHA-256 and encrypted AES-128. The
two sides run different engines, so that two implementations check each other.

Run it by ``make demo``. ``DEMO_EXIT=1`` ends it after the exchange, with exit code 0 only when all
three documents were delivered, verified and found byte for byte in the other side's inbox.
``DEMO_HOME`` is where its two gateways live (default ``var/demo``); a second run uses them again.
"""

import datetime as dt
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENTS = PROJECT / "scripts" / "documents"

#: Seconds until a gateway must answer, and until a document must be proved.
READY_WITHIN = 60
PROVED_WITHIN = 60

SETTINGS = """\
organizations:
{organizations}
partners:
  - name: {partner}
    connections:
{connections}
"""
ORGANIZATION = """\
  - as2_id: {as2_id}
    name: {name}
    keys:
      - {{name: {key}, private_key: {key}.key, certificate: {key}.pem, purposes: [sign, decrypt]}}
"""
CONNECTION = """\
      - organization: {organization}
        as2_id: {as2_id}
        environment: test
        url: {url}
        sign: sha-256
        encrypt: aes-128-cbc
        mdn: {mdn}
        mdn_signed: true
        certificates:
          - {{file: {certificate}, roles: [verify, encrypt]}}
"""


@dataclass(frozen=True)
class Document:
    """One document of the exchange, and who sends it to whom."""

    file: str
    title: str
    sender: str
    receiver: str


EXCHANGE = (
    Document("850-purchase-order.x12", "850 purchase order", "RETAILER", "VENDOR"),
    Document("855-acknowledgement.x12", "855 acknowledgement", "VENDOR", "RETAILER"),
    Document("856-ship-notice.x12", "856 ship notice", "VENDOR", "RETAILER-ASN"),
)


class DemoError(Exception):
    """What went wrong, in words for whoever watches."""


@dataclass(frozen=True)
class Site:
    """One gateway: its AS2 names, the folder it lives in and the port it listens on."""

    name: str
    as2_ids: tuple[str, ...]
    engine: str
    home: Path
    port: int

    @property
    def url(self) -> str:
        """Its address on this machine."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def key_name(self) -> str:
        """The name of its key pair, also of the files."""
        return self.name.lower()

    def environment(self) -> dict[str, str]:
        """What tells ``manage.py`` which gateway this is."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("AS2_", "DATABASE_", "REDIS_"))
        }
        return kept | {
            "AS2_HOME": str(self.home),
            "AS2_BIND": f"127.0.0.1:{self.port}",
            "AS2_BASE_URL": self.url,
            "AS2_ENGINE": self.engine,
            "AS2_WEB_WORKERS": "1",
            # A .env file of the place is meant for another gateway's users.
            "AS2_USER": "",
            "AS2_COMMANDS_NEED_USER": "0",
        }

    def manage(self, *arguments: str, **extra: str) -> str:
        """Run a management command; what it prints. DemoError with its own words if it fails."""
        done = subprocess.run(  # noqa: S603  our own command with our own arguments
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.environment() | extra,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoError(f"{self.name}: manage.py {arguments[0]}:\n{done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run the gateway in the background, its output in ``serve.log``; stop it in the end."""
        with (self.home / "serve.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "serve"],
                cwd=PROJECT,
                env=self.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C comes to us, and we stop it in order
            )
        try:
            self._wait(process)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=40)

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        """Return when the gateway is ready to exchange documents."""
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2):  # noqa: S310  http, ours
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise DemoError(f"{self.name} did not come up; see {self.home / 'serve.log'}")


def make_key(site: Site) -> None:
    """Make a key pair and a self-signed certificate, unless an earlier run has."""
    key_file, certificate_file = (site.home / f"{site.key_name}.{end}" for end in ("key", "pem"))
    if key_file.exists() and certificate_file.exists():
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{site.name} demonstration")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=730))
        .sign(key, hashes.SHA256())
    )
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def settings_of(site: Site, peer: Site) -> str:
    """Write the ``apply`` file that makes ``peer`` a partner of ``site``."""
    organizations = "".join(
        ORGANIZATION.format(as2_id=as2_id, name=site.name, key=site.key_name)
        for as2_id in site.as2_ids
    )
    connections = "".join(
        CONNECTION.format(
            organization=ours,
            as2_id=theirs,
            url=f"{peer.url}/as2",
            mdn="async" if "ASN" in f"{ours}{theirs}" else "sync",
            certificate=peer.home / f"{peer.key_name}.pem",
        )
        for ours in site.as2_ids
        for theirs in peer.as2_ids
    )
    return SETTINGS.format(organizations=organizations, partner=peer.name, connections=connections)


def set_up(site: Site, peer: Site) -> None:
    """Make database and settings; running it again changes nothing."""
    file = site.home / "settings.yaml"
    file.write_text(settings_of(site, peer))
    site.manage("migrate", "--verbosity", "0")
    site.manage("apply", str(file))


def exchange(document: Document, sites: dict[str, Site]) -> str:
    """Send one document, wait for its proof, and return its Message-ID."""
    printed = sites[document.sender].manage(
        "send",
        str(DOCUMENTS / document.file),
        "--from",
        document.sender,
        "--to",
        document.receiver,
        "--wait",
        str(PROVED_WITHIN),
    )
    return printed.split(maxsplit=2)[1]


def found(document: Document, message_id: str, sites: dict[str, Site]) -> dict[str, Any]:
    """Tell what the sender's gateway knows of a message, and whether the receiver's has it."""
    sender, receiver = sites[document.sender], sites[document.receiver]
    listed = json.loads(sender.manage("messages", "--json", "--direction", "outbound"))
    message: dict[str, Any] = next(m for m in listed if m["message_id"] == message_id)
    inbox = receiver.home / "inbox" / document.receiver / document.sender
    return message | {"arrived": wait_for(inbox, DOCUMENTS / document.file)}


def wait_for(inbox: Path, document: Path) -> bool:
    """Tell whether the inbox gets a file with the very bytes of the document within ten seconds."""
    wanted = document.read_bytes()
    since = time.time() - PROVED_WITHIN
    end = time.monotonic() + 10
    while time.monotonic() < end:
        files = [f for f in inbox.glob("[!.]*") if f.stat().st_mtime >= since]
        if any(f.read_bytes() == wanted for f in files):
            return True
        time.sleep(0.1)
    return False


def last_mdn(message: dict[str, Any]) -> dict[str, Any]:
    """The newest MDN of a message; empty without one."""
    return message["mdns"][-1] if message["mdns"] else {}


def row(document: Document, message: dict[str, Any]) -> tuple[str, ...]:
    """One line of the table."""
    mdn = last_mdn(message)
    return (
        document.title,
        f"{document.sender} → {document.receiver}",
        f"{message['signed']}, {message['encrypted']}",
        f"{message['mdn_mode']}, {'signature valid' if mdn.get('signer') else 'NOT VERIFIED'}",
        "matched" if mdn.get("mic_matched") else "NOT MATCHED",
        "in the inbox" if message["arrived"] else "NOT IN THE INBOX",
        message["state"],
        f"{seconds(message):.2f} s",
    )


def seconds(message: dict[str, Any]) -> float:
    """How long it took from the sender's queue to its proof, by the gateway's own record."""
    began = dt.datetime.fromisoformat(message["created_at"])
    ended = dt.datetime.fromisoformat(message["finished_at"] or message["created_at"])
    return (ended - began).total_seconds()


def proved(message: dict[str, Any]) -> bool:
    """Whether a document is delivered, proved by a verified MDN, and in the other inbox."""
    mdn = last_mdn(message)
    return bool(
        message["state"] == "delivered"
        and mdn.get("signer")
        and mdn.get("mic_matched")
        and message["arrived"]
    )


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under a heading, columns aligned."""
    heading = ("what", "who", "algorithms", "MDN", "MIC", "document", "state", "time")
    table = [heading, *rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(heading))]
    for line in table:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def free_port(wanted: int) -> int:
    """Return the wanted port, or any free one if something listens there."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("no free port on this machine")


def make_sites() -> tuple[Site, Site]:
    """Choose folders and ports of both gateways, and make their keys."""
    home = Path(os.environ.get("DEMO_HOME", PROJECT / "var" / "demo")).resolve()
    vendor = Site("VENDOR", ("VENDOR",), "native", home / "vendor", free_port(8000))
    # Another implementation on the other side: each run checks one against the other.
    ids = ("RETAILER", "RETAILER-ASN")
    retailer = Site("RETAILER", ids, "pyas2lib", home / "retailer", free_port(8001))
    for site in (vendor, retailer):
        site.home.mkdir(parents=True, exist_ok=True)
        make_key(site)
    return vendor, retailer


def run() -> bool:
    """Run the demonstration; whether everything was delivered and verified."""
    vendor, retailer = make_sites()
    sites = {as2_id: site for site in (vendor, retailer) for as2_id in site.as2_ids}
    say("Setting up two gateways …")
    set_up(vendor, retailer)
    set_up(retailer, vendor)
    with ExitStack() as running:
        running.enter_context(vendor.serving())
        running.enter_context(retailer.serving())
        for site in (vendor, retailer):
            say(f"{site.name} listens on {site.url} (engine: {site.engine}).")
        say("Exchanging documents …\n")
        sent = [(document, exchange(document, sites)) for document in EXCHANGE]
        outcome = [(document, found(document, sent_as, sites)) for document, sent_as in sent]
        print_table([row(document, message) for document, message in outcome])
        well = all(proved(message) for _, message in outcome)
        say("\nAll three documents were delivered and proved." if well else "\nNOT all is well.")
        if os.environ.get("DEMO_EXIT", "") in {"", "0"}:
            stay_open(vendor)
    return well


def stay_open(vendor: Site) -> None:
    """Show where to look, and serve until Ctrl-C."""
    password = secrets.token_urlsafe(12)
    vendor.manage("ensure_admin", "admin", AS2_ADMIN_PASSWORD=password)
    say(f"\nVENDOR's pages: {vendor.url}/admin/   user: admin   password: {password}")
    say(f"Drop a file into {vendor.home / 'outbox' / 'VENDOR' / 'RETAILER'} to send it.")
    say("Ctrl-C ends both gateways.")
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        say("\nStopping …")


def main() -> int:
    """Run and say how it went."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # TERM ends it as Ctrl-C does
    try:
        return 0 if run() else 1
    except DemoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
