"""Traffic of whole gateways: what they take and what they send in a second, beside OpenAS2."""

from pathlib import Path

from bench import cpu, gateway, openas2
from bench.client import Outcome
from bench.figures import Figure, Report
from bench.gateway import Side

#: bytes of a small, a middling and a large document
SMALL, MIDDLING, LARGE = 2_000, 1_000_000, 50_000_000
#: how many deliveries are done, messages delivered, documents taken over, MDNs posted
DONE = "SELECT count(*) FROM as2_messages_delivery WHERE state = 'done'"
SENT = "SELECT count(*) FROM as2_messages_message WHERE state = 'delivered'"
TAKEN = "SELECT count(*) FROM as2_messages_message WHERE direction = 'outbound'"
POSTED = "SELECT count(*) FROM as2_messages_mdn WHERE state = 'sent'"


def measure(report: Report, messages: int, large: int) -> None:
    """Measure two gateways that talk with each other; ``large`` is in MiB."""
    with gateway.pair({"AS2_WEB_WORKERS": "2", "AS2_WORKER_CONCURRENCY": "2"}) as sides:
        folder, vendor, retailer = sides
        report.title("memory, of a message that is sent, received and proved")
        _memory(report, folder, vendor, retailer, large)
        report.title("receive, signed and encrypted, durable, signed MDN in the answer")
        gateway.receive(vendor, gateway.prepare(folder, messages // 10, SMALL), 8)  # warm up
        ours = _small(report, folder, vendor, messages)
        _sizes(report, folder, vendor)
        report.title("other ways")
        _async(report, folder, vendor, retailer, messages // 2)
        _send(report, folder, vendor, retailer, messages // 2)
        report.title("OpenAS2 2.10.1, tracking off, by the same client")
        openas2.measure(report, folder, messages, ours)


def _small(report: Report, folder: Path, vendor: Side, messages: int) -> dict[int, float]:
    """Receive small messages on one connection and on eight; the rates."""
    rates = {}
    for connections, number in ((1, messages // 5), (8, messages)):
        batch = gateway.prepare(folder, number, SMALL)
        before, done = cpu.seconds(vendor.gateway), gateway.count(vendor, DONE)
        outcome = gateway.receive(vendor, batch, connections)
        late = gateway.settled(vendor, DONE, done + number, "the deliveries")
        used = (cpu.seconds(vendor.gateway) - before) / number * 1e3
        rates[connections] = outcome.rate
        goal = "1.3 x OpenAS2" if connections > 1 else ""
        name = f"2 kB, {connections} connection{'s' * (connections > 1)}"
        report.add(Figure(name, outcome.rate, "/s", goal=goal, note=_latency(outcome)))
        note = f"all handed over {late:.1f} s after the last answer"
        report.add(Figure("  processor, with delivery, of all programs", used, "ms", note=note))
    return rates


def _latency(outcome: Outcome) -> str:
    middle, slow = outcome.percentile(0.5) * 1e3, outcome.percentile(0.99) * 1e3
    return f"half within {middle:.0f} ms, 99 % within {slow:.0f} ms"


def _sizes(report: Report, folder: Path, vendor: Side) -> None:
    for size, number, connections, goal in ((MIDDLING, 60, 4, ""), (LARGE, 3, 1, "300")):
        outcome = gateway.receive(vendor, gateway.prepare(folder, number, size), connections)
        name = f"{size // 1_000_000} MB, {connections} connection{'s' * (connections > 1)}"
        report.add(Figure(name, outcome.rate * size / 1e6, "MB/s", goal=goal))


def _async(report: Report, folder: Path, vendor: Side, retailer: Side, number: int) -> None:
    batch = gateway.prepare(folder, number, SMALL, f"{retailer.gateway.url}/as2")
    outcome = gateway.receive(vendor, batch, 8, expected=b" 200 OK\r\n")
    seconds = outcome.seconds + gateway.settled(vendor, POSTED, number, "the async MDNs")
    note = f"requests answered at {outcome.rate:.0f} /s"
    report.add(Figure("2 kB, async MDN posted", number / seconds, "/s", note=note))


def _send(report: Report, folder: Path, vendor: Side, retailer: Side, number: int) -> None:
    before, used = gateway.count(vendor, SENT), cpu.seconds(vendor.gateway)
    taken = gateway.count(vendor, TAKEN)
    gateway.drop(folder, vendor, retailer, number, SMALL)
    quiet = gateway.settled(vendor, TAKEN, taken + 1, "the first file to be taken")
    seconds = quiet + gateway.settled(vendor, SENT, before + number, "the messages to be proved")
    note = "the receiving gateway shares the machine"
    report.add(Figure("2 kB sent, MDN verified", number / seconds, "/s", goal="200", note=note))
    note = f"that was after {quiet:.1f} s: files have to be quiet first"
    report.add(
        Figure("  from the first file taken on", number / (seconds - quiet), "/s", note=note)
    )
    used = (cpu.seconds(vendor.gateway) - used) / number * 1e3
    report.add(Figure("  processor of the sender's programs", used, "ms"))


def _memory(report: Report, folder: Path, vendor: Side, retailer: Side, large: int) -> None:
    size = large * 2**20
    seconds, peaks = gateway.send_large(folder, retailer, vendor, size)
    report.add(Figure(f"{large} MiB", size / seconds / 1e6, "MB/s"))
    for peak in peaks:
        report.add(Figure(f"  peak of {peak.name}", peak.megabytes, "MB", goal="150"))
