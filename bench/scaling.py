"""Scaling: what more processes are good for, on PostgreSQL and Redis as several hosts share them.

As many processes of the web server as of the worker, beside a database that waits for its disk, all
on this machine: beyond its cores, more of them only help where others wait.
"""

from pathlib import Path

from bench import cpu, gateway
from bench.figures import Figure, Report
from bench.gateway import Side
from bench.traffic import DONE, SENT, SMALL
from tests import services

_PROCESSES = (1, 2, 4)
_CONNECTIONS = 8


def measure(report: Report, messages: int) -> None:
    """Measure with one, two and four processes of each kind."""
    report.title("scale: 2 kB on PostgreSQL and Redis, by processes of web server and of worker")
    with services.postgres_server(durable=True) as database, services.redis_server() as broker:
        for number in _PROCESSES:
            env = {"AS2_WEB_WORKERS": str(number), "AS2_WORKER_CONCURRENCY": str(number)}
            own = [
                {
                    "DATABASE_URL": services.create_database(database),
                    "REDIS_URL": f"{broker.rpartition('/')[0]}/{2 * number + side}",
                }
                for side in range(2)
            ]
            with gateway.pair(env, own) as (folder, vendor, retailer):
                _receive(report, folder, vendor, number, messages)
                _send(report, folder, (vendor, retailer), number, messages // 2)


def _receive(report: Report, folder: Path, vendor: Side, number: int, messages: int) -> None:
    gateway.receive(vendor, gateway.prepare(folder, messages // 10, SMALL), _CONNECTIONS)  # warm up
    batch = gateway.prepare(folder, messages, SMALL)
    before, done = cpu.seconds(vendor.gateway), gateway.count(vendor, DONE)
    outcome = gateway.receive(vendor, batch, _CONNECTIONS)
    late = gateway.settled(vendor, DONE, done + messages, "the deliveries")
    used = (cpu.seconds(vendor.gateway) - before) / messages * 1e3
    note = f"{used:.1f} ms of processor each; handed over {late:.1f} s after the last answer"
    report.add(Figure(f"{number} + {number}: received", outcome.rate, "/s", note=note))


def _send(
    report: Report, folder: Path, sides: tuple[Side, Side], number: int, messages: int
) -> None:
    vendor, retailer = sides
    gateway.drop(folder, vendor, retailer, messages, SMALL)
    seconds = gateway.settled(vendor, SENT, messages, "the messages to be proved")
    note = "the receiving gateway shares the machine"
    report.add(Figure(f"{number} + {number}: sent", messages / seconds, "/s", note=note))
