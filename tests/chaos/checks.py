"""Checks: what is in the products and on their disks, held against the ledger."""

import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path

from messages.store import Store
from tests.chaos.ledger import Document, Ledger
from tests.functional.pair import Pair, Side
from tests.functional.records import Row
from tests.gateway_process import GatewayFailed

#: Columns that name files, and the column with the digest of that file, if there is one.
_KEYS = (
    ("message", "raw_key", "wire_sha256"),
    ("message", "wire_key", "wire_sha256"),
    ("message", "payload_key", "payload_sha256"),
    ("mdn", "body_key", None),
)
_OPEN = (
    "message WHERE due_at IS NOT NULL",
    "mdn WHERE due_at IS NOT NULL",
    "delivery WHERE state <> 'done'",
)


def open_work(pair: Pair) -> list[str]:
    """What is still to be done, in the gateways and in their folders."""
    found = []
    for side in (pair.a, pair.b):
        for what in _OPEN:
            [row] = side.records.rows(f"SELECT count(*) AS n FROM as2_messages_{what}")
            if row["n"]:
                found.append(f"{side.letter}: {row['n']} of {what}")
        left = [p for p in side.gateway.outbox.rglob("*") if p.is_file()]
        found += [f"{side.letter}: {path.name} in the outbox" for path in left[:3]]
    return found


def differences(pair: Pair, ledger: Ledger) -> Iterator[str]:
    """Everything that is not as it has to be."""
    yield from _contents(ledger)
    for direction in ("a to b", "b to a"):
        sender, receiver = pair.ends(direction)
        yield from _rows(
            sender, receiver, [d for d in ledger.sent.values() if d.direction == direction]
        )
    for side in (pair.a, pair.b):
        yield from _files(side)
        yield from _leftovers(side)
        try:
            side.gateway.manage("verify_audit", timeout=1200)
        except GatewayFailed as error:
            yield f"{side.letter}: {error}"
    yield from open_work(pair)


def _contents(ledger: Ledger) -> Iterator[str]:
    known = {(d.direction, d.sha256): d for d in ledger.sent.values()}
    for document in ledger.sent.values():
        times = ledger.times(document)
        if times == 0:
            yield f"lost: {document}"
        elif times > 1:
            yield f"doubled: {document} came {times} times"
    for key in ledger.arrived:
        if key not in known:
            yield f"torn or made up: {key[0]}, SHA-256 {key[1]}"


def _rows(sender: Side, receiver: Side, documents: list[Document]) -> Iterator[str]:
    ours = _by_name(sender.records.messages(direction="outbound"))
    theirs = receiver.records.messages(direction="inbound")
    accepted = _by_name([row for row in theirs if row["state"] == "accepted"])
    for row in theirs:
        if row["state"] != "accepted":
            yield f"{receiver.letter}: {row['message_id']} is {row['state']}: {row['failure_text']}"
    for document in documents:
        for fault in _fates(document, ours.pop(document.name, []), accepted.pop(document.name, [])):
            yield f"{document}: {fault}"
    for name in [*ours, *accepted]:
        yield f"{sender.letter} to {receiver.letter}: nobody gave {name!r}"


def _by_name(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["filename"], []).append(row)
    return found


def _fates(document: Document, ours: list[Row], theirs: list[Row]) -> Iterator[str]:
    if len(ours) != 1 or len(theirs) != 1:
        yield f"{len(ours)} messages of the sender, {len(theirs)} of the receiver"
        return
    [sent], [taken] = ours, theirs
    if sent["state"] != "delivered":
        yield f"the sender says {sent['state']}: {sent['failure_text']}"
    if sent["message_id"] != taken["message_id"]:
        yield "it was accepted under another Message-ID"
    if {sent["payload_sha256"], taken["payload_sha256"]} != {document.sha256}:
        yield "the payload's digest is another one"
    proofs = [m for m in sent["mdns"] if m["state"] == "verified" and m["mic_matched"]]
    made = [m for m in taken["mdns"] if m["direction"] == "outbound"]
    if len(made) != 1 or not proofs or {m["mic"] for m in proofs} != {made[0]["mic"]}:
        yield f"{len(made)} MDNs were made and {len(proofs)} proved it"
    elif made[0]["state"] not in {"answered", "sent"}:
        yield f"its MDN is {made[0]['state']}"
    if [m for m in sent["mdns"] if m["state"] == "refused"]:
        yield "an MDN was refused"


def _files(side: Side) -> Iterator[str]:
    """Each file that a row names is there and whole; once swept, no other is."""
    root = side.gateway.home / "store"
    named: set[str] = set()
    for table, column, digest in _KEYS:
        columns = f"{column} AS key, {digest or 'NULL'} AS sha256"
        query = f"SELECT {columns} FROM as2_messages_{table} WHERE {column} <> ''"
        for row in side.records.rows(query):
            named.add(row["key"])
            if fault := _file_fault(root / row["key"], row["sha256"]):
                yield f"{side.letter}: {row['key']} {fault}"
    # What crashes left, by the gateway's own sweeping, though it is young.
    store, any_age = Store(root), dt.timedelta(days=-1)
    store.sweep_quarantine(any_age)
    store.sweep_orphans(any_age, lambda start: [key for key in named if key.startswith(start)])
    files = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    for key in sorted(files - named):
        if not key.endswith("/swept"):
            yield f"{side.letter}: {key} of the store is in no row"


def _file_fault(path: Path, sha256: str | None) -> str:
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        return "is named by a row and not there"
    if sha256 and hashlib.sha256(octets).hexdigest() != sha256:
        return "has changed"
    return ""


def _leftovers(side: Side) -> Iterator[str]:
    for path in side.gateway.inbox.rglob("*"):
        if path.is_file():
            yield f"{side.letter}: {path.name} is left in the inbox"
