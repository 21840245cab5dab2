"""All benchmarks in one run: ``python -m bench [--messages N] [--large MIB]``.

Times on a shared machine drift; compare the lines of one run, and the ratios.
"""

import argparse
import os
import platform

from bench import core, gateway

#: bytes of a small document
SMALL = 2_000


def main() -> None:
    """Run the core's benchmarks, then a whole gateway's."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--messages", type=int, default=1500, help="small messages to receive")
    parser.add_argument("--large", type=int, default=1024, help="size of the large one in MiB")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    core.main()
    with gateway.pair({"AS2_WEB_WORKERS": "2"}) as (folder, vendor, retailer):
        # First, since the small ones leave the worker a queue of deliveries.
        size = options.large * 2**20
        seconds, peaks = gateway.send_large(folder, retailer, vendor, size)
        small(gateway.prepare(folder, options.messages, SMALL), vendor)
    print(f"\n{options.large} MiB sent, received, proved   {size / seconds / 1e6:7.0f} MB/s")
    for peak in peaks:
        print(f"  peak memory of {peak.name:<12}   {peak.megabytes:7.0f} MB    limit 200")


def small(messages: list[bytes], receiver: gateway.Side) -> None:
    """Print how many small messages a second are received, made durable, and answered."""
    alone, many = messages[: len(messages) // 5], messages[len(messages) // 5 :]
    print("\nreceive 2 kB, signed and encrypted, durable, signed MDN in the answer")
    for connections, batch in ((1, alone), (8, many)):
        outcome = gateway.receive(receiver, batch, connections)
        middle, slow = outcome.percentile(0.5) * 1e3, outcome.percentile(0.99) * 1e3
        print(
            f"  {connections} connections  {outcome.rate:7.0f} /s"
            f"    half within {middle:.0f} ms, 99 % within {slow:.0f} ms"
        )


if __name__ == "__main__":
    main()
