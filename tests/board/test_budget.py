"""Verification of a small folder takes little time and memory, whatever it claims."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from forging import claim_suite, copied, edit, edit_lines, seal, text_of, write

SMALL = "si-ge-dft-cpu/2026-11-28-two-cores-2400-updates"
QUICK = "quick/2026-11-23-two-cores"
WITH_DISTANCES = "temperature-sw/2026-11-23-two-cores"

ON_DISK = 128 << 10
SECONDS = 60
MEMORY = 1 << 30
"""What the verification of `ON_DISK` bytes may take."""

Attack = Callable[[Path], None]
ATTACKS: dict[str, tuple[str, Attack]] = {}


def attack(name: str) -> Callable[[Attack], Attack]:
    """Register what is done to the published submission of this name."""

    def register(function: Attack) -> Attack:
        ATTACKS[function.__name__] = (name, function)
        return function

    return register


@attack(QUICK)
def millions_of_test_structures_by_the_recipe(folder: Path) -> None:
    # The submission gives the number that it lists; only the recipe has others.
    from tlbench.board.reading import read_study

    suite = json.loads(text_of(folder / "suite.json"))
    suite["target"]["changes"]["test"]["frames"] = 10**6
    claim_suite(folder, target=suite["target"])
    card = read_study(folder / "suite.json").cards[1]
    about = json.loads(text_of(folder / "submission.json"))
    about["data"][1]["recipe"] = card.digest()
    seal(folder, data=about["data"])


@attack(SMALL)
def a_billion_structures(folder: Path) -> None:
    about = json.loads(text_of(folder / "submission.json"))
    about["data"][0]["n_frames"] = {"train": 10**9, "validation": 10**9, "test": 10**9}
    seal(folder, data=about["data"])


@attack(SMALL)
def the_same_breakdown_thousands_of_times(folder: Path) -> None:
    claim_suite_unread(folder, by=[["group"]] * 9_000)


@attack(SMALL)
def every_test_structure_has_a_temperature_of_its_own(folder: Path) -> None:
    def change(rows):
        for row in rows:
            n = 20_000
            row.update(n_atoms=[64] * n, phases=[""] * n, groups=[""] * n)
            row["temperature"] = [300 + i for i in range(n)]

    edit_lines(folder, "tests", change)
    zeros = [1] * 20_000
    edit_lines(
        folder,
        "errors",
        lambda rows: [
            r
            | {
                "energy": [1 + i, *zeros[1:]],
                "force_abs": [1 + i, *zeros[1:]],
                "force_square": zeros,
            }
            for i, r in enumerate(rows)
        ],
    )
    claim_suite(folder, by=[["temperature_k"]])


@attack(SMALL)
def a_thousand_thousand_pairs_of_seeds(folder: Path) -> None:
    claim_suite_unread(folder, subset_seeds=list(range(1000)), init_seeds=list(range(1000)))


@attack(SMALL)
def as_many_pairs_as_a_suite_may_have_models(folder: Path) -> None:
    seeds = list(range(4000))
    claim_suite_unread(folder, pairing="zip", subset_seeds=seeds, init_seeds=seeds)


@attack(SMALL)
def thousands_of_backbones(folder: Path) -> None:
    claim_suite_unread(folder, backbones={f"b{n}": {} for n in range(7_000)})


@attack(QUICK)
def thousands_of_parts_of_the_source(folder: Path) -> None:
    parts = [{"share": (1 + n) / 10_000} for n in range(1_500)]
    claim_suite_unread(folder, source_parts=parts, dynamics=None)


@attack(QUICK)
def thousands_of_temperatures_of_a_data_set(folder: Path) -> None:
    def change(suite):
        suite["source"]["changes"]["temperatures_k"] = list(range(1, 2500))

    edit(folder, "suite.json", change)


@attack(SMALL)
def thousands_of_sizes(folder: Path) -> None:
    claim_suite_unread(folder, sizes=list(range(1, 10_000)))


@attack(SMALL)
def distances_of_nothing(folder: Path) -> None:
    side = {"data": "a", "element": "Si", "split": "test", "part": None, "temperature_k": None,
            "n_frames": 1}  # fmt: skip
    start = json.dumps({"a": side, "b": side, "job": "x"})[:-1]
    write(folder / "distances.jsonl.gz", f'{start}, "distances": [{"{}," * 2_000_000}{{}}]}}')
    add_file(folder, "distances.jsonl.gz")


@attack(QUICK)
def simulations_of_nothing(folder: Path) -> None:
    dynamics = json.loads(text_of(folder / "dynamics.json.gz"))
    reference = json.dumps(dynamics["reference"])
    models = "{}," * 1_500_000 + "{}"
    write(
        folder / "dynamics.json.gz",
        f'{{"suite": "quick", "reference": {reference}, "models": [{models}]}}',
    )
    seal(folder)


@attack(SMALL)
def errors_that_are_all_wrong(folder: Path) -> None:
    wrong = [-1] * 90_000
    edit_lines(
        folder, "errors", lambda rows: [rows[0] | {"force_abs": wrong, "force_square": wrong}]
    )


@attack(SMALL)
def a_condition_of_many_properties(folder: Path) -> None:
    def change(rows):
        rows[0]["condition"] = {f"{n}": [] for n in range(20_000)}

    edit_lines(folder, "records", change)


@attack(SMALL)
def all_records_many_times(folder: Path) -> None:
    text = text_of(folder / "records.jsonl.gz")
    write(folder / "records.jsonl.gz", text * (2_000_000 // len(text)))
    seal(folder)


@attack(SMALL)
def records_of_as_many_models(folder: Path) -> None:
    record = json.loads(text_of(folder / "records.jsonl.gz").splitlines()[0])
    rows = [record | {"job": f"{n:064x}", "init_seed": n} for n in range(10_000)]
    write(folder / "records.jsonl.gz", "".join(json.dumps(row) + "\n" for row in rows))
    seal(folder)


@attack(SMALL)
def jobs_of_as_many_kinds(folder: Path) -> None:
    job = json.loads(text_of(folder / "provenance.jsonl.gz").splitlines()[0])
    own = text_of(folder / "provenance.jsonl.gz")
    jobs = [job | {"job": f"{n:064x}", "kind": f"k{n}"} for n in range(8_000)]
    text = own + "".join(json.dumps(each) + "\n" for each in jobs)
    write(folder / "provenance.jsonl.gz", text)
    seal(folder)


@attack(SMALL)
def a_number_of_a_million_digits(folder: Path) -> None:
    text = text_of(folder / "records.jsonl.gz")
    write(folder / "records.jsonl.gz", text.replace('"size": ', '"size": 1' + "1" * 1_000_000, 1))
    seal(folder)


@attack(SMALL)
def many_keys(folder: Path) -> None:
    keys = ", ".join(f'"{n}": 0' for n in range(20_000))
    text = text_of(folder / "records.jsonl.gz")
    write(folder / "records.jsonl.gz", text.replace("{", f"{{{keys}, ", 1))
    seal(folder)


def claim_suite_unread(folder: Path, **changes: object) -> None:
    """Change the suite; as no digest can be given of what is not valid, none is."""
    edit(folder, "suite.json", lambda suite: suite.update(changes))


def add_file(folder: Path, name: str) -> None:
    about = json.loads((folder / "submission.json").read_text())
    seal(folder, files=about["files"] | {name: ""})
    seal(folder)


@dataclass(frozen=True)
class Verified:
    """What was said of each attack, and what all of them together took."""

    said: dict[str, str]
    exit_code: int
    cpu_seconds: float
    peak_bytes: int


CODE = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({4 * MEMORY}, {4 * MEMORY}))
from tlbench.__main__ import main
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Verified:
    """Verify all attacks in one process, whose peak is that of the worst."""
    results = tmp_path_factory.mktemp("attacks") / "results"
    for name, (original, forge) in ATTACKS.items():
        folder = copied(results, original)
        forge(folder)
        seal(folder, name=name)
        folder.rename(folder.with_name(name))
        assert sum(path.stat().st_size for path in folder.with_name(name).iterdir()) <= ON_DISK
    command = [sys.executable, "-c", CODE, "board", "verify", "--results", str(results)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS * len(ATTACKS))
    assert "Traceback" not in found.stderr
    said = dict.fromkeys(ATTACKS, "")
    for line in found.stdout.splitlines():
        for name in ATTACKS:
            if re.search(rf"/{name}[/:]", line):
                said[name] += line
    seconds, peak = found.stderr.split()[-2:]
    return Verified(said, found.returncode, float(seconds), 1024 * int(peak))


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_refused_in_a_sentence(verified: Verified, name: str) -> None:
    assert verified.said[name].startswith("REFUSED")
    assert "internal error" not in verified.said[name]
    assert len(verified.said[name]) < 50_000


def test_all_of_them_take_less_than_one_may(verified: Verified) -> None:
    assert verified.exit_code == 1
    assert verified.cpu_seconds < SECONDS
    assert verified.peak_bytes < MEMORY
