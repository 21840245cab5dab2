"""Coverage-guided fuzzing with atheris: ``python -m tests.fuzz TARGET MINUTES``.

New ground is kept in ``.fuzz/<target>``, outside the repository; a finding is written there too,
as ``crash-…``, and ends the run with an exit code that is not 0.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["as2gateway"]):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.seeds import seeds

#: octets of an input; every limit of the targets can be met with it
_LARGEST = 32 * 1024
_WORK = Path(".fuzz")


def main() -> None:
    """Fuzz one target for some minutes."""
    target, minutes = sys.argv[1], float(sys.argv[2])
    folder = _WORK / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate(seeds(target)):
        (folder / f"seed-{number}").write_bytes(octets)
    options = [
        f"-max_total_time={round(minutes * 60)}",
        f"-max_len={_LARGEST}",
        "-timeout=20",
        "-rss_limit_mb=2048",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
