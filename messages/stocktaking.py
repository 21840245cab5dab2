"""Stock-taking: whether the store and the rows agree, file by file.

Missing: a row names it and it is not there. Changed: its size or SHA-256 is not the row's. Orphan:
no row names it, an hour after it was written; a crash leaves a few, which are swept after a week.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from messages.models import MDN, Direction, Message
from messages.store import Store
from messages.sweeping import named_keys

#: Files younger than that may belong to a transaction that has not been committed yet.
_FRESH = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Named:
    """A file as a row names it; what the row does not know is None or empty."""

    key: str
    owner: str
    size: int | None = None
    sha256: str = ""


@dataclass(slots=True)
class Stock:
    """What was found."""

    files: int = 0
    bytes: int = 0
    #: keys, each with a sentence
    missing: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether every file that rows name is there, as it was. Orphans harm nobody."""
        return not (self.missing or self.changed)


def take_stock(store: Store, now: dt.datetime, *, digests: bool = True) -> Stock:
    """Compare everything; with ``digests`` every file is read once."""
    stock = Stock()
    for named in named_files():
        _check(store, named, stock, digests=digests)
    limit = (now - _FRESH).timestamp()
    for day in store.days():
        known = {*named_keys(f"{day}/")}
        files = store.files_of(day)
        stock.orphans += sorted(
            key for key, file in files.items() if key not in known and file.modified < limit
        )
    return stock


def named_files() -> Iterator[Named]:
    """Every file that a row names."""
    columns = ("pk", "direction", "raw_key", "wire_key", "payload_key")
    digests = ("wire_size", "wire_sha256", "payload_size", "payload_sha256", "message_id")
    for row in Message.objects.order_by("pk").only(*columns, *digests).iterator(2000):
        owner = f"message {row.message_id}"
        request = row.raw_key if row.direction == Direction.INBOUND else row.wire_key
        if request:
            yield Named(request, owner, row.wire_size, row.wire_sha256)
        if row.payload_key:
            yield Named(row.payload_key, owner, row.payload_size, row.payload_sha256)
    mdns = MDN.objects.exclude(body_key="").order_by("pk")
    for key, name in mdns.values_list("body_key", "original_message_id").iterator(2000):
        yield Named(key, f"the MDN for {name}")


def _check(store: Store, named: Named, stock: Stock, *, digests: bool) -> None:
    stock.files += 1
    try:
        size = store.size(named.key)
        stock.bytes += size
        if named.size is not None and size != named.size:
            stock.changed[named.key] = f"{named.owner}: {size} bytes, {named.size} were stored"
        elif digests and named.sha256 and _sha256(store, named.key) != named.sha256:
            stock.changed[named.key] = f"{named.owner}: its SHA-256 is not the one that was stored"
    except FileNotFoundError:
        stock.missing[named.key] = f"{named.owner}: the file is gone"


def _sha256(store: Store, key: str) -> str:
    digest = hashlib.sha256()
    for chunk in store.chunks(key):
        digest.update(chunk)
    return digest.hexdigest()
