"""A whole gateway over HTTP: small messages by the thousand, and one message of a gigabyte."""

import datetime as dt
import json
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from as2gateway.certificates import Certificate
from as2gateway.engine import Stamp
from as2gateway.engines import get_engine
from as2gateway.policy import MDNMode, OutboundPolicy, PayloadInfo, SigningKey
from bench.client import Outcome, drive
from bench.memory import Peak, peaks
from tests.gateway_process import Gateway, wait_for

#: Seconds that the large document may take at the most.
LARGE_WITHIN = 900
#: Seconds until all that was given to a gateway must be done.
SETTLED_WITHIN = 900

_SETTINGS = """\
organizations:
  - as2_id: {us}
    name: {us}
    keys:
      - {{name: {us}, private_key: {us}.key, certificate: {us}.pem, purposes: [sign, decrypt]}}
partners:
  - name: {them}
    connections:
      - organization: {us}
        as2_id: {them}
        url: {url}/as2
        sign: sha-256
        encrypt: aes-128-cbc
        mdn: sync
        mdn_signed: true
        response_timeout: 600
        certificates:
          - {{file: {them}.pem, roles: [verify, encrypt]}}
"""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two gateways: its AS2 name and its process."""

    as2_id: str
    gateway: Gateway


@contextmanager
def pair(
    env: dict[str, str], own: Sequence[dict[str, str]] = ({}, {})
) -> Iterator[tuple[Path, Side, Side]]:
    """Run two gateways that know each other; the folder with their keys, and both.

    ``env`` is what both are set to, ``own`` what each of them is besides.
    """
    with tempfile.TemporaryDirectory(prefix="as2-bench-") as name:
        folder = Path(name)
        sides = [
            Side(name, Gateway(folder / name.lower(), env={**env, **more}))
            for name, more in zip(("VENDOR", "RETAILER"), own, strict=True)
        ]
        for side in sides:
            make_key(folder, side.as2_id)
        for ours, theirs in (sides, sides[::-1]):
            settings = folder / f"{ours.as2_id}.yaml"
            settings.write_text(
                _SETTINGS.format(us=ours.as2_id, them=theirs.as2_id, url=theirs.gateway.url)
            )
            ours.gateway.manage("migrate", "--verbosity", "0")
            ours.gateway.manage("apply", str(settings))
        with sides[0].gateway, sides[1].gateway:
            yield folder, sides[0], sides[1]


def make_key(folder: Path, name: str) -> None:
    """Make an RSA-2048 key pair with a self-signed certificate."""
    subject, files = ("-subj", f"/CN={name}"), (f"{folder}/{name}.key", f"{folder}/{name}.pem")
    options = ("-x509", "-newkey", "rsa:2048", "-noenc", "-days", "30", *subject)
    subprocess.run(
        ["openssl", "req", *options, "-keyout", files[0], "-out", files[1]],
        check=True,
        capture_output=True,
    )


def document(number: str, size: int) -> bytes:
    """Write an order in X12, cut off at ``size`` bytes."""
    start = (
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{'RETAILER':15}*ZZ*{'VENDOR':15}*260102*0304*U*00401*"
        f"000000001*0*P*>~GS*PO*RETAILER*VENDOR*20260102*0304*1*X*004010~ST*850*0001~"
        f"BEG*00*SA*{number}**20260102~"
    ).encode()
    line = b"PO1*1*12*EA*9.95**VN*4711*UP*012345678905~"
    return (start + line * (size // len(line)))[:size]


def prepare(
    folder: Path, count: int, size: int, mdn_url: str = "", to: str = "VENDOR"
) -> list[bytes]:
    """Make so many signed and encrypted messages from RETAILER, as HTTP requests.

    With ``mdn_url`` they ask for async MDNs there.
    """
    key = serialization.load_pem_private_key((folder / "RETAILER.key").read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    policy = OutboundPolicy(
        as2_from="RETAILER",
        as2_to=to,
        mdn=MDNMode.ASYNC if mdn_url else MDNMode.SYNC,
        mdn_url=mdn_url,
        sign_with=SigningKey(key, Certificate.from_pem((folder / "RETAILER.pem").read_bytes())),
        encrypt_to=Certificate.from_pem((folder / f"{to}.pem").read_bytes()),
    )
    engine, made, run = get_engine("native"), [], uuid4().hex
    for number in range(count):
        # Each document is another one, as in life: the same signed bytes twice would be a replay.
        order = document(f"{run}-{number}", size)
        stamp = Stamp(f"<{number}-{run}@retailer.example>", dt.datetime.now(dt.UTC))
        composition = engine.compose([order], PayloadInfo(size), policy, stamp)
        body = b"".join(composition)
        head = composition.headers.encode() + b"Content-Length: %d\r\n\r\n" % len(body)
        made.append(b"POST /as2 HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + body)
    return made


def receive(
    side: Side, messages: list[bytes], connections: int, expected: bytes = b"; processed\r\n"
) -> Outcome:
    """Send prepared messages to a gateway and see that each one is accepted."""
    outcome = drive(("127.0.0.1", side.gateway.port), messages, connections)
    refused = [answer for answer in outcome.answers if expected not in answer]
    if refused:
        raise RuntimeError(f"{len(refused)} messages were refused: {refused[0][:2000]!r}")
    return outcome


def count(side: Side, query: str) -> int:
    """Ask a gateway's database for a number, beside the gateway."""
    url = side.gateway.env.get("DATABASE_URL")
    if url:
        with psycopg.connect(url) as server:
            row = server.execute(query).fetchone()
            return int(row[0]) if row else 0
    path = side.gateway.home / "db.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as database:
        return int(database.execute(query).fetchone()[0])


def settled(side: Side, query: str, number: int, what: str) -> float:
    """Wait until a number is reached; the seconds that it took."""
    started = time.perf_counter()
    wait_for(lambda: count(side, query) >= number, SETTLED_WITHIN, what)
    return time.perf_counter() - started


def drop(folder: Path, side: Side, to: Side, number: int, size: int) -> None:
    """Put documents into an outbox, all at the same moment."""
    drafts, outbox = folder / "drafts", side.gateway.outbox / side.as2_id / to.as2_id
    drafts.mkdir()
    outbox.mkdir(parents=True, exist_ok=True)
    for each in range(number):
        (drafts / f"{each}.x12").write_bytes(document(f"{each}", size))
    for draft in drafts.iterdir():
        draft.rename(outbox / draft.name)


def send_large(folder: Path, sender: Side, receiver: Side, size: int) -> tuple[float, list[Peak]]:
    """Send one large document; seconds until it was proved, and both gateways' peaks of memory."""
    document = folder / "large.bin"
    with document.open("wb") as file:
        for number in range(size // 2**20):
            file.write((b"%016d" % number) * (2**20 // 16))
    started = time.perf_counter()
    printed = sender.gateway.manage(
        *("send", str(document), "--from", sender.as2_id, "--to", receiver.as2_id),
        *("--wait", str(LARGE_WITHIN), "--content-type", "application/octet-stream"),
        timeout=LARGE_WITHIN,
    )
    seconds = time.perf_counter() - started
    newest = json.loads(sender.gateway.manage("messages", "--json", "--limit", "1"))[0]
    if newest["state"] != "delivered":
        raise RuntimeError(f"the large document was not delivered: {printed}")
    inbox = receiver.gateway.inbox / receiver.as2_id / sender.as2_id
    wait_for(lambda: any(f.stat().st_size == size for f in inbox.glob("[!.]*")), 60, "the inbox")
    return seconds, [peak for side in (sender, receiver) for peak in _peaks(side.gateway)]


def _peaks(gateway: Gateway) -> list[Peak]:
    return [*peaks(gateway.pid("web")), *peaks(gateway.pid("worker")), *peaks(gateway.pid("beat"))]
