"""Run all checks within a time limit; exit code 0 only if all checks of correctness passed."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile

import torch

from gpu import agreement, sharing, speed
from gpu.findings import MARKDOWN, Report
from tlbench.base.errors import TlbenchError
from tlbench.study.loading import load_suite


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the device that the command line names, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m gpu",
        description="Does tlbench compute on this GPU what it computes on a CPU, and how fast? "
        "Ten minutes of checks say so. Exit code 0: all checks of correctness were done and "
        "passed; 1: not all; 2: the command line cannot be carried out.",
        epilog="What is compared, within which tolerances: benchmarks/gpu/README.md.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--device", default="cuda", help="cuda or cpu")
    parser.add_argument("--seconds", type=float, default=560, help="time for all checks, s")
    parser.add_argument(
        "--out", type=Path, required=True, default=argparse.SUPPRESS, help="folder of the results"
    )
    parser.add_argument("--quick", action="store_true", help="small networks, for a CPU")
    parser.add_argument("--suite", default="smoke", help="suite that is run; none for none")
    given = parser.parse_args(arguments)
    if given.device not in ("cpu", "cuda"):
        parser.error(f"--device {given.device}: use cuda or cpu")
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: no usable GPU was found; --device cpu --quick runs anywhere")
    suite = None if given.suite == "none" else given.suite
    try:
        if suite is not None:
            load_suite(suite)
        given.out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=given.out):
            pass
    except TlbenchError as error:
        parser.error(f"--suite {suite}: {error}")
    except OSError as error:
        parser.error(f"--out {given.out}: {error.strerror}")
    torch.set_num_threads(1)
    # Of packages that are imported; waits are counted where warnings are caught.
    warnings.simplefilter("ignore")
    report = Report(given.out, given.device, given.seconds)
    for name, check in agreement.sections(given.quick, suite):
        report.section(name, check, is_correctness=True)
    for name, check in [*speed.sections(given.quick), *sharing.sections(given.quick)]:
        report.section(name, check, is_correctness=False, need=10.0)
    print(f"\n{report.markdown()}\n{given.out / MARKDOWN}")  # noqa: T201
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
