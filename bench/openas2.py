"""OpenAS2 under the same load, where Java and Maven are there to run it."""

from pathlib import Path

from bench import gateway
from bench.client import drive
from bench.figures import Figure, Report
from tests import services
from tests.interop.peer import PEER, Ends, Peer, PeerFailed, Product, Relation, install

_NAME = "OpenAS2 2.10.1"
#: Messages until its virtual machine has compiled what matters.
_WARM_UP = 3_000


def measure(report: Report, folder: Path, messages: int, ours: dict[int, float]) -> None:
    """Measure it, and give our own rates as multiples of its; or say why it is left out."""
    try:
        install(Product.OPENAS2)
    except services.ComponentMissing as error:
        report.leave_out(_NAME, str(error))
        return
    gateway.make_key(folder, PEER)
    ends = Ends(folder / f"{PEER}.key", folder / f"{PEER}.pem", folder / "RETAILER.pem")
    relation = Relation("RETAILER", "http://127.0.0.1:9/as2")
    peer = Peer(Product.OPENAS2, folder / "peer", ends, [relation], {"heap": "1g"})
    try:
        with peer:
            _receive(report, folder, peer, messages, ours)
    except (PeerFailed, ConnectionError) as error:
        report.leave_out(_NAME, str(error))


def _receive(
    report: Report, folder: Path, peer: Peer, messages: int, ours: dict[int, float]
) -> None:
    address = ("127.0.0.1", peer.port)
    # It closes each connection after one answer.
    drive(address, gateway.prepare(folder, _WARM_UP, 2_000, to=PEER), 8, kept_open=False)
    for connections, number in ((1, messages // 5), (8, messages)):
        batch = gateway.prepare(folder, number, 2_000, to=PEER)
        outcome = drive(address, batch, connections, kept_open=False)
        refused = [answer for answer in outcome.answers if b"processed" not in answer]
        if refused:
            raise PeerFailed(f"it refused {len(refused)} messages: {refused[0][:500]!r}")
        name = f"2 kB, {connections} connection{'s' * (connections > 1)}"
        theirs = report.add(Figure(f"{name}, not durable", outcome.rate, "/s"))
        ratio = ours[connections] / theirs.value
        report.add(Figure("  as2gateway", ours[connections], "/s", ratio, "OpenAS2", "1.30"))
