"""Whether one source tree is slower than another: ``interleaved.py BASE HEAD``.

Each tree's own ``benchmarks/test_quick.py`` is run in a process of its own, in the order base,
head, head, base, base, … so that a machine that becomes slower or faster meets both alike. What
counts is CPU time, on one thread, and of each process the fastest of some calls: other work on the
machine can only slow a call down, so the fastest is the least disturbed.

Of each benchmark that both trees have, the ratio head/base is that of Hodges and Lehmann: the
median of all quotients of a process of head and one of base. Its bounds are those of the test of
Mann and Whitney (Hollander, Wolfe & Chicken, *Nonparametric Statistical Methods*, 2014, ch. 4):
they are quotients themselves, so that one disturbed process cannot move them far, and need no
assumption on noise. Each holds with 95 % for all benchmarks together (Bonferroni). A benchmark is
slower if its ratio is above the margin and its lower bound above 1.

Exit code: 0 if none is slower, 1 if one is, 2 if the trees cannot be measured.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

QUICK = Path("benchmarks") / "test_quick.py"
LEVEL = 0.05
TITLES = ["step", "base (ms)", "head (ms)", "head / base", "bounds", ""]


class UnmeasuredError(Exception):
    """A tree cannot be measured; the message says why."""


@dataclass(frozen=True)
class Row:
    """One benchmark: the median over rounds of either tree's seconds, and the ratio with bounds."""

    name: str
    base: float
    head: float
    ratio: float
    low: float
    high: float

    def slower(self, margin):
        """Return whether it is slower beyond margin and noise."""
        return self.ratio > margin and self.low > 1

    def cells(self, margin):
        """Return its line of the table."""
        return [
            self.name, f"{1e3 * self.base:.2f}", f"{1e3 * self.head:.2f}", f"{self.ratio:.3f}",
            f"[{self.low:.3f}, {self.high:.3f}]", "slower" if self.slower(margin) else "",
        ]  # fmt: skip


def measure(tree, select=None):
    """Return benchmark → least CPU seconds of a call, in a process of its own.

    Raises
    ------
    UnmeasuredError
        If the tree has no benchmarks, they fail, or another tlbench than the tree's was timed.
    """
    if not (tree / QUICK).is_file():
        raise UnmeasuredError(f"{tree}: there is no {QUICK}.")
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "times.json"
        command = [
            sys.executable, "-m", "pytest", str(QUICK), "-q", "-p", "no:cacheprovider",
            f"--benchmark-json={saved}", "--benchmark-timer=time.process_time",
            "--benchmark-disable-gc", *(["-k", select] if select else []),
        ]  # fmt: skip
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        done = subprocess.run(
            command, cwd=tree, capture_output=True, text=True,
            env={**os.environ, **one_thread, "PYTHONPATH": str(tree)},
        )  # fmt: skip
        if done.returncode:
            raise UnmeasuredError(f"{tree}: the benchmarks fail.\n{done.stdout}{done.stderr}")
        found = json.loads(saved.read_text())["benchmarks"]
    for each in found:
        if Path(each["extra_info"]["tlbench"]) != tree / "tlbench":
            raise UnmeasuredError(f"{tree}: {each['extra_info']['tlbench']} was timed instead.")
    return {each["name"].removeprefix("test_"): each["stats"]["min"] for each in found}


def in_turn(base, head, rounds, select=None):
    """Return the times of either tree, round by round."""
    trees, times = (base, head), ([], [])
    for number in range(rounds):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            times[side].append(measure(trees[side], select))
    return times


@cache
def ways(first, second, below):
    """Return in how many orders of two samples so many pairs have the second value below."""
    if not first or not second:
        return int(below == 0)
    if below < 0:
        return 0
    return ways(first - 1, second, below - second) + ways(first, second - 1, below)


def rank_of_bound(rounds, level):
    """Return the how-manieth smallest of all quotients is their lower bound; 0 if none is."""
    rank, chance = 0, ways(rounds, rounds, 0) / math.comb(2 * rounds, rounds)
    while chance <= level:
        rank += 1
        chance += ways(rounds, rounds, rank) / math.comb(2 * rounds, rounds)
    return rank


def rows_of(base, head):
    """Return a row for each benchmark that both have.

    Raises
    ------
    UnmeasuredError
        If there is none, or there are too few rounds to tell anything of so many.
    """
    names = [name for name in base[0] if name in head[0]]
    if not names:
        raise UnmeasuredError("The two trees have no benchmark in common.")
    rank = rank_of_bound(len(base), LEVEL / len(names))
    if not rank:
        raise UnmeasuredError(f"{len(base)} rounds tell nothing of {len(names)} steps; take more.")
    found = []
    for name in names:
        before, after = ([times[name] for times in tree] for tree in (base, head))
        quotients = sorted(ours / theirs for ours in after for theirs in before)
        medians = map(statistics.median, (before, after))
        bounds = quotients[rank - 1], quotients[-rank]
        found.append(Row(name, *medians, statistics.median(quotients), *bounds))
    return found


def summary(rows, margin, rounds):
    """Return what was found, in Markdown."""
    slow = [row.name for row in rows if row.slower(margin)]
    verdict = f"Slower: {', '.join(slow)}." if slow else "No step is slower."
    lines = [TITLES, ["---", *["--:"] * (len(TITLES) - 1)], *(row.cells(margin) for row in rows)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return (
        f"**Speed of steps.** {verdict}\n\n{table}\nCPU time on one thread, the least of each "
        f"process; {rounds} rounds in turn; margin {margin:g}.\n"
    )


def arguments():
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("base", type=Path, help="source tree to compare with")
    parser.add_argument("head", type=Path, help="source tree that is judged")
    parser.add_argument("--rounds", type=int, default=6, help="processes of each tree")
    parser.add_argument("--margin", type=float, default=1.25, help="ratio that is let pass (≥ 1)")
    parser.add_argument("--select", metavar="EXPRESSION", help="only these, as pytest -k takes it")
    parser.add_argument("--markdown", type=Path, help="file for the result")
    found = parser.parse_args()
    if found.rounds < 3:
        parser.error("--rounds: with fewer than three nothing can be told")
    if not 1 <= found.margin < math.inf:
        parser.error("--margin: a ratio from 1 on, e.g. 1.25")
    return found


def main():
    given = arguments()
    try:
        times = in_turn(given.base.resolve(), given.head.resolve(), given.rounds, given.select)
        rows = rows_of(*times)
    except UnmeasuredError as error:
        sys.stderr.write(f"interleaved.py: {error}\n")
        return 2
    text = summary(rows, given.margin, given.rounds)
    sys.stdout.write(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")
    return int(any(row.slower(given.margin) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
