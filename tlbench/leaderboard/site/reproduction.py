"""How to repeat a submission's run: the commands on its page, and what they cannot promise.

Commands are copied into shells, so nothing that a submission says enters one but names, versions
and commits, which have the form that `tlbench.leaderboard.wording` gives them. Packages of others
are named as the submission declares them, in a command of their own that is marked as installing
code which the board has not checked.
"""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tlbench.leaderboard.reading import Entry, JobProvenance

PINNED = ("e3nn", "nequip", "numpy", "scipy", "torch", "torch-geometric", "vesin")
"""Packages that results depend on, which commands name; others are only listed."""


@dataclass(frozen=True)
class Package:
    """A package that is not part of tlbench, as a submission declares it.

    Attributes
    ----------
    declared
        Name and version, as ``tlbench-my-network 0.3.1``.
    provides
        What of the suite comes from it, as ``backbone my-network``.
    """

    declared: str
    provides: list[str]

    @property
    def requirement(self) -> str:
        """The package for pip, as ``tlbench-my-network==0.3.1``."""
        return self.declared.replace(" ", "==")


def packages_of(entry: Entry) -> list[Package]:
    """Return the packages of others that a submission declares, by name."""
    provides: dict[str, list[str]] = {}
    for kind, names in entry.about.packages.items():
        for name, declared in sorted(names.items()):
            provides.setdefault(declared, []).append(f"{kind} {name}")
    return [Package(declared, names) for declared, names in sorted(provides.items())]


def preparation_of(entry: Entry) -> str:
    """Return what should be there before the commands are run, in words."""
    board = ", with TLBENCH_BOARD set to the folder of this board" if entry.about.private else ""
    if commit_of(entry):
        return f"In a clone of the repository{board}:"
    copy = "" if board else ", beside a copy of suite.json"
    return (
        f"With tlbench {entry.about.tlbench} (the jobs ran an installed package, of which no "
        f"commit is known){board}{copy}:"
    )


def installation_of(entry: Entry) -> list[str]:
    """Return the lines of a shell that fetch the suite and install tlbench as it was.

    Of other packages they install those of a fixed list alone.
    """
    commit, lines = commit_of(entry), []
    if entry.about.private:
        lines.append(f'cp -r "$TLBENCH_BOARD/results/{entry.label}" {copy_of(entry)}')
    elif commit:
        lines.append(f"cp leaderboard/results/{entry.label}/suite.json {copy_of(entry)}.json")
    if commit:
        lines.append(f"git checkout {commit}")
    own = ["--editable", "."] if commit else [f"tlbench=={entry.about.tlbench}"]
    return [*lines, f"python -m pip install {shlex.join([*own, *_pins(entry)])}"]


def third_party_of(packages: Sequence[Package]) -> list[str]:
    """Return the line of a shell that installs packages of others; none if none can be named."""
    named = [package.requirement for package in packages]
    return [f"python -m pip install {shlex.join(named)}"] if named else []


def run_of(entry: Entry) -> str:
    """Return the command that repeats the run, once all is installed."""
    device = "cuda" if _on_accelerator(entry) else "cpu"
    suite = "suite.json"
    if entry.about.private:
        suite = f"{copy_of(entry)}/suite.json"
    elif commit_of(entry):
        suite = f"{copy_of(entry)}.json"
    return f"tlbench run {suite} --device {device} --out runs/{entry.folder.name}"


def copy_of(entry: Entry) -> str:
    """Return where the suite is copied to: outside of a clone, which changes with the commit."""
    return f"../{entry.folder.name}"


def data_files_of(entry: Entry) -> list[str]:
    """Return the data files that have no address and so should lie beside their cards."""
    files = [file for card in entry.suite.cards() for file in card.data_files().values()]
    return sorted({file.path for file in files if file.path})


def commits_of(jobs: Sequence[JobProvenance]) -> list[tuple[str | None, bool]]:
    """Return commit of the code, and whether it was changed, the most frequent first."""
    count = Counter((job.git_commit, bool(job.git_dirty)) for job in jobs)
    return sorted(count, key=lambda commit: (-count[commit], commit[0] or "", commit[1]))


def commit_of(entry: Entry) -> str | None:
    """Return the commit of the code that most jobs ran; None of an installed package."""
    commits = commits_of(entry.provenance)
    return commits[0][0] if commits else None


def cautions_of(entry: Entry) -> list[str]:
    """Return why the commands may not give the same numbers."""
    commits = commits_of(entry.provenance)
    cautions = []
    if any(dirty for _, dirty in commits):
        cautions.append(
            "Some jobs ran code with local changes, which no commit holds: they cannot be repeated "
            "exactly."
        )
    if len({commit for commit, _ in commits}) > 1:
        cautions.append(
            f"The jobs ran at {len({c for c, _ in commits})} commits; the command names the one of "
            "most of them."
        )
    apart = sorted({job.environment for job in entry.provenance if job.environment})
    if apart:
        cautions.append(
            f"Some jobs ran in Python environments of their own ({', '.join(apart)}): make them "
            "with the versions in the provenance, and name their interpreters with --python."
        )
    cautions.append(
        "On another processor or accelerator the last digits differ, and data that are sampled by "
        "dynamics differ with the same statistics."
    )
    return cautions


def _pins(entry: Entry) -> list[str]:
    """Return the versions of packages that results depend on, as pip takes them.

    Those of environments that backbones have of their own are left out: they cannot be installed
    together.
    """
    ours = [job for job in entry.provenance if job.environment is None]
    found = {name: v for job in ours for name, v in sorted(job.packages.items())}
    versions = {name: found[name].partition("+")[0] for name in PINNED if name in found}
    return [f"{name}=={version}" for name, version in versions.items()]


def _on_accelerator(entry: Entry) -> bool:
    names = {cost.device.lower() for cost in entry.results.costs}
    return any("nvidia" in name or "cuda" in name for name in names)
