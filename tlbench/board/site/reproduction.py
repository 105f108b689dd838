"""How to repeat a submission's run: the commands on its page, and what they cannot promise.

Commands are copied into shells, so nothing that a submission says enters one but names, versions
and commits, which have the form that `tlbench.base.foreign_text` gives them. Packages of others
are named as the submission declares them, in a command of their own that is marked as installing
code which the board has not checked.
"""

import shlex
from dataclasses import dataclass
from functools import cached_property

from tlbench.board.reading import Entry
from tlbench.report.html import commits_of

PINNED = ("e3nn", "nequip", "numpy", "scipy", "torch", "torch-geometric", "vesin")
"""Packages that results depend on, which commands name; others are only listed."""


@dataclass(frozen=True)
class Reproduction:
    """What has to be done to repeat the run of a submission."""

    entry: Entry

    @cached_property
    def packages(self) -> dict[str, list[str]]:
        """Package of others, as ``tlbench-my-network 0.3.1`` → what of the suite comes from it."""
        provides: dict[str, list[str]] = {}
        for kind, names in self.entry.about.packages.items():
            for name, declared in sorted(names.items()):
                provides.setdefault(declared, []).append(f"{kind} {name}")
        return dict(sorted(provides.items()))

    @cached_property
    def commits(self) -> list[tuple[str | None, bool]]:
        """Commits of the code, and whether it was changed, the most frequent first."""
        return commits_of([job.model_dump() for job in self.entry.provenance])

    @property
    def commit(self) -> str | None:
        """The commit of the code that most jobs ran; None of an installed package."""
        return self.commits[0][0] if self.commits else None

    @property
    def copy(self) -> str:
        """Where the suite is copied to: outside of a clone, which changes with the commit."""
        return f"../{self.entry.folder.name}"

    @property
    def data_files(self) -> list[str]:
        """The data files that have no address and so should lie beside their cards."""
        cards = self.entry.study.cards
        return sorted({f.path for card in cards for f in card.data_files().values() if f.path})

    @property
    def preparation(self) -> str:
        """What should be there before the commands are run, in words."""
        about = self.entry.about
        board = ", with TLBENCH_BOARD set to the folder of this board" if about.private else ""
        if self.commit:
            return f"In a clone of the repository{board}:"
        beside = "" if board else ", beside a copy of suite.json"
        return (
            f"With tlbench {about.tlbench} (the jobs ran an installed package, of which no "
            f"commit is known){board}{beside}:"
        )

    @property
    def installation(self) -> list[str]:
        """The lines of a shell that fetch the suite and install tlbench as it was.

        Of other packages they install those of a fixed list alone.
        """
        about, label, lines = self.entry.about, self.entry.label, []
        if about.private:
            lines.append(f'cp -r "$TLBENCH_BOARD/results/{label}" {self.copy}')
        elif self.commit:
            lines.append(f"cp leaderboard/results/{label}/suite.json {self.copy}.json")
        if self.commit:
            lines.append(f"git checkout {self.commit}")
        own = ["--editable", "."] if self.commit else [f"tlbench=={about.tlbench}"]
        return [*lines, f"python -m pip install {shlex.join([*own, *self._pins()])}"]

    def _pins(self) -> list[str]:
        """Return the versions of packages that results depend on, as pip takes them.

        Those of environments that backbones have of their own are left out: they cannot be
        installed together.
        """
        ours = [job for job in self.entry.provenance if job.environment is None]
        found = {name: v for job in ours for name, v in sorted(job.packages.items())}
        return [f"{name}=={found[name].partition('+')[0]}" for name in PINNED if name in found]

    @property
    def third_party(self) -> list[str]:
        """The line of a shell that installs packages of others; none if none can be named."""
        named = [declared.replace(" ", "==") for declared in self.packages]
        return [f"python -m pip install {shlex.join(named)}"] if named else []

    @property
    def run(self) -> str:
        """The command that repeats the run, once all is installed."""
        is_cuda = any(cost.on_accelerator for cost in self.entry.results.costs)
        suite = f"{self.copy}.json" if self.commit else "suite.json"
        suite = f"{self.copy}/suite.json" if self.entry.about.private else suite
        device = "cuda" if is_cuda else "cpu"
        return f"tlbench run {suite} --device {device} --out runs/{self.entry.folder.name}"

    @property
    def cautions(self) -> list[str]:
        """Why the commands may not give the same numbers."""
        cautions = []
        if any(dirty for _, dirty in self.commits):
            cautions.append(
                "Some jobs ran code with local changes, which no commit holds: they cannot be "
                "repeated exactly."
            )
        n_commits = len({commit for commit, _ in self.commits})
        if n_commits > 1:
            cautions.append(
                f"The jobs ran at {n_commits} commits; the command names the one of most of them."
            )
        apart = sorted({job.environment for job in self.entry.provenance if job.environment})
        if apart:
            cautions.append(
                f"Some jobs ran in Python environments of their own ({', '.join(apart)}): make "
                "them with the versions in the provenance, and name their interpreters with "
                "--python."
            )
        cautions.append(
            "On another processor or accelerator the last digits differ, and data that are sampled "
            "by dynamics differ with the same statistics."
        )
        return cautions
