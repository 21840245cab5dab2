"""All benchmarks in one run: ``python -m bench [--messages N] [--large MIB] [--rows N] …``.

Times on a shared machine drift; compare the lines of one run, and the ratios.
"""

import argparse
from pathlib import Path

from bench import core, growth, scaling, traffic
from bench.figures import Report

_PARTS = ("core", "traffic", "scale", "growth")


def main() -> None:
    """Run the parts that are asked for, and write down what they gave."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--messages", type=int, default=1500, help="small messages to receive")
    parser.add_argument(
        "--large", type=int, default=1024, help="MiB of the large one; 5120 = 5 GiB"
    )
    parser.add_argument("--rows", type=int, default=50_000, help="stored messages; up to 1000000")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS, help="which to run")
    parser.add_argument("--json", type=Path, help="a file to write all figures to")
    options = parser.parse_args()
    report = Report()
    report.begin()
    if "core" in options.parts:
        report.title("the protocol core alone, processor time")
        core.measure(report)
    if "traffic" in options.parts:
        traffic.measure(report, options.messages, options.large)
    if "scale" in options.parts:
        scaling.measure(report, options.messages)
    if "growth" in options.parts:
        growth.measure(report, options.rows)
    for part in set(_PARTS) - set(options.parts):
        report.leave_out(part, "it was not asked for")
    if options.json:
        report.save(options.json)


if __name__ == "__main__":
    main()
