"""One product and one gateway of ours that know each other under many names.

Starting either takes seconds, so a whole file of tests shares a meeting: each *line* is a relation
of its own, with its own AS2 id on our side, and so nothing has to be configured anew in between.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests import factories
from tests.conftest import leave_out
from tests.functional.pair import apply, connection, records_of
from tests.functional.records import Records, Row
from tests.gateway_process import Gateway, wait_for
from tests.interop.peer import PEER, Ends, Event, Peer, PeerFailed, Product, Relation, install
from tests.services import ComponentMissing

#: Seconds for anything to happen: cold JVMs, one after the other, on a machine with other tests.
_PATIENCE = 120.0

#: Seconds more for each line, all of which may be sent at the same time.
_PATIENCE_PER_LINE = 2.0


@dataclass(frozen=True, slots=True)
class Line:
    """What both sides are told of one relation; ``None`` for a side that is not to know it."""

    as2_id: str
    #: of the connection, as ``apply`` takes it
    ours: Mapping[str, object] | None = field(default_factory=dict)
    #: of the peer's relation, by its field names
    theirs: Mapping[str, Any] | None = field(default_factory=dict)
    #: what stands between us: a proxy's URL in place of the peer's, or of ours
    via_out: str = ""
    via_in: str = ""


@dataclass(frozen=True, slots=True)
class Meeting:
    """Both, while they run."""

    peer: Peer
    gateway: Gateway
    records: Records
    #: seconds
    patience: float

    @property
    def product(self) -> Product:
        """Whose software the peer is."""
        return self.peer.product

    def send_out(self, as2_id: str, filename: str, payload: bytes) -> None:
        """Let our gateway send a document: written aside, then renamed."""
        folder = self.gateway.outbox / as2_id / PEER
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{filename}.tmp"
        draft.write_bytes(payload)
        draft.rename(folder / filename)

    def outbound(self, as2_id: str) -> list[Row]:
        """Our records of what we sent under this name."""
        return self.records.messages(direction="outbound", as2_from=as2_id)

    def inbound(self, as2_id: str) -> list[Row]:
        """Our records of what came for this name."""
        return self.records.messages(direction="inbound", as2_to=as2_id)

    def settled(self, as2_id: str) -> Row:
        """Wait until our one message from this name is over; the record of it."""
        ends = ("delivered", "failed")
        self.wait_for(
            lambda: any(m["state"] in ends for m in self.outbound(as2_id)),
            f"the message from {as2_id} to be settled",
        )
        (message,) = self.outbound(as2_id)
        return message

    def came(self, as2_id: str) -> Row:
        """Wait until one message for this name was judged; the record of it."""
        ends = ("accepted", "rejected")
        self.wait_for(
            lambda: any(m["state"] in ends for m in self.inbound(as2_id)), f"one for {as2_id}"
        )
        (message,) = self.inbound(as2_id)
        return message

    def handed_over(self, as2_id: str) -> list[bytes]:
        """Wait for a document in the inbox of this name; all that are there."""
        folder = self.gateway.inbox / as2_id / PEER
        self.wait_for(lambda: visible(folder), f"a document for {as2_id}")
        return [path.read_bytes() for path in visible(folder)]

    def verdict(self, message_id: str, *kinds: str) -> Event:
        """Wait for the first of the peer's events of one of these kinds for a message."""

        def found() -> list[Event]:
            return [e for e in self.peer.events(message_id) if e["event"] in kinds]

        self.wait_for(found, f"{self.product} to tell {' or '.join(kinds)} of {message_id}")
        return found()[0]

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until it holds; what both sides say is in the error if it never does."""

        def over() -> bool:
            self.peer.check()
            return bool(condition())

        try:
            wait_for(over, self.patience, what)
        except (TimeoutError, PeerFailed) as error:
            raise AssertionError(f"{error}\n{self._story()}") from error

    def _story(self) -> str:
        columns = "as2_from, as2_to, state, attempts, failure_text"
        query = f"SELECT {columns} FROM as2_messages_message ORDER BY id DESC LIMIT 10"
        rows = "\n".join(str(tuple(row.values())) for row in self.records.rows(query))
        events = "\n".join(map(str, self.peer.events()[-10:]))
        return "\n".join([rows, self.gateway.output(), events, self.peer.output()])


def visible(folder: Path) -> list[Path]:
    """Files that are finished: in an inbox, their names do not begin with a dot."""
    return [path for path in folder.glob("*") if not path.name.startswith(".")]


class Meetings:
    """The meeting with one product at a time: two are never up together.

    ``lines`` says what a product and we are set up for, ``begin`` what is done once both are there.
    """

    def __init__(
        self,
        folder: Path,
        lines: Callable[[Product], Iterable[Line]],
        begin: Callable[[Meeting], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._lines = lines
        self._begin = begin
        self._stack = ExitStack()
        self._now: Meeting | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, product: Product) -> Meeting:
        """Return the meeting with this product, which ends any other.

        Raises ComponentMissing if the product cannot be had.
        """
        if self._now is None or self._now.product is not product:
            self._stack.close()
            self._now = None
            install(product)
            folder = self._folder / product
            folder.mkdir()
            found = self._stack.enter_context(meeting(product, folder, self._lines(product)))
            self._begin(found)
            self._now = found
        return self._now


@contextmanager
def meeting(product: Product, folder: Path, lines: Iterable[Line]) -> Iterator[Meeting]:
    """Run both, in a folder of their own, set up for these lines."""
    lines = list(lines)
    gateway = Gateway(folder / "gateway", env={"AS2_MIN_RATE_GRACE": "300"})
    relations = [
        Relation(line.as2_id, line.via_in or f"{gateway.url}/as2", **line.theirs)
        for line in lines
        if line.theirs is not None
    ]
    peer = Peer(product, folder / "peer", _ends(folder, product), relations)
    with ExitStack() as stack:
        stack.enter_context(peer)
        stack.enter_context(gateway)
        known = [line for line in lines if line.ours is not None]
        connections = [
            connection(line.as2_id, PEER, line.via_out or peer.url, line.ours or {})
            for line in known
        ]
        names = [line.as2_id for line in known]
        theirs = factories.identity(f"{product}")
        apply(gateway, names, factories.identity("US"), connections, theirs)
        patience = _PATIENCE + _PATIENCE_PER_LINE * len(lines)
        yield Meeting(peer, gateway, records_of(gateway), patience)


def _ends(folder: Path, product: Product) -> Ends:
    """Write what the product needs in PEM."""
    theirs, ours = factories.identity(f"{product}"), factories.identity("US")
    ends = Ends(folder / "peer.key", folder / "peer.pem", folder / "us.pem")
    ends.key.write_bytes(theirs.key_pem)
    ends.certificate.write_text(theirs.certificate.pem())
    ends.partner.write_text(ours.certificate.pem())
    return ends


def met_or_left_out(meetings: Meetings, product: Product) -> Meeting:
    """Return the meeting; a test whose product cannot be had is left out, and in CI it fails."""
    try:
        return meetings.of(product)
    except ComponentMissing as error:
        leave_out(error)
