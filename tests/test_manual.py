"""The manual and the README show what records and code say."""

import gzip
import importlib.util
import itertools
import json
import math
import re
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

from tlbench import load_results
from tlbench.board.reading import read_submission
from tlbench.cli import app
from tlbench.report.analysis import Analysis
from tlbench.report.forgetting.retention import retained
from tlbench.report.properties.section import properties
from tlbench.report.rows import ratio_between
from tlbench.report.sections.starts import best_starts, mean_text, start_table, starts_of
from tlbench.report.wording import ratio_text
from tlbench.study.loading import load_suite

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("notebooks/*.md"))]


def script(name):
    """Return a module of the manual, whose folder is not a package."""
    spec = importlib.util.spec_from_file_location(f"manual_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generate():
    return script("generate")


def test_the_readme_is_one_page():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


INTERVAL = r"-?\d\.\d\d \[[^\]]*\]"


def runs_of(suite):
    """Return the folders of the published runs of a suite, the earliest first."""
    return sorted((ROOT / "leaderboard" / "results" / suite).iterdir())


def ratios(folder):
    """Return the ratios of force errors to those from scratch in a run, after any updates."""
    entry = read_submission(folder)
    measured = replace(entry.results, errors=entry.errors(), tests=entry.tests())
    rows = Analysis(measured, entry.suite, ("force_mae",)).every_row
    return {ratio_text(row.ratio, flagged=False) for row in rows if row.ratio and not row.tested}


def correlations(folder):
    """Return the rank correlations of force errors with those of properties in a run."""
    entry = read_submission(folder)
    analysis = Analysis(entry.results, entry.suite, ("force_mae",))
    (section,) = properties(analysis)
    (table,) = (each for each in section.tables if "within arm and N" in each.lines[0])
    return {re.sub(r"[+*]", "", cell) for line in table.lines[1:] for cell in line}


def test_ratios_in_the_text_of_the_readme_are_those_of_its_table(universal):
    text, _, rest = (ROOT / "README.md").read_text().partition("<!-- board -->")
    stated = re.findall(INTERVAL, " ".join(text.split()))
    assert len(stated) > 2
    *_, latest = runs_of("properties-sw-cpu")
    known = {*re.findall(rf"(?<=\| ){INTERVAL}(?= \|)", rest), *correlations(latest)}
    known |= {*ratios(latest), *to_the_best(universal).values()}
    forgotten = [each.ratio for each in retained(universal, "force_mae") if each.ratio]
    known |= {ratio_text(ratio, flagged=False) for ratio in forgotten}
    known |= {ratio for folder in runs_of("universal-cpu") for ratio in ratios(folder)}
    known |= {"0.95 [0.86, 1.05]", "1.01 [0.91, 1.12]"}  # of test_longer_training_in_the_readme
    assert set(stated) - known == set()


def force_errors(suite, target="Ge", **model):
    """Return the mean force error of models on all test structures, of each run of a suite."""
    for folder in runs_of(suite):
        with gzip.open(folder / "records.jsonl.gz", "rt") as lines:
            records = [json.loads(line) for line in lines][1:]
        found = [
            each["value"]
            for each in records
            if (each["target"], each["metric"], each["condition"]) == (target, "force_mae", {})
            and model.items() <= each.items()
        ]
        yield statistics.geometric_mean(found)


SEVEN, CHGNET, OURS = "sevennet-0", "chgnet-0.3.0", "dimenetpp"


@pytest.fixture(scope="module")
def universal():
    """Return the run of universal-cpu that the README has a table of, as its report shows it."""
    (label,) = re.findall(r"<!-- starts (\S+) -->", (ROOT / "README.md").read_text())
    entry = read_submission(ROOT / "leaderboard" / "results" / label)
    measured = replace(entry.results, errors=entry.errors(), tests=entry.tests())
    return Analysis(measured, entry.suite, ("force_mae",))


def to_the_best(universal):
    """Return (N, start) → its ratio to the best start of that N."""
    header, *lines = start_table(starts_of(universal.of_metric("force_mae")), {})
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    return {(row["structures"].partition(",")[0], row["start"]): row["/ best"] for row in rows}


def test_starts_from_universal_potentials_in_the_readme(universal):
    text = " ".join((ROOT / "README.md").read_text().split())
    ratio = to_the_best(universal)
    for size in ("N = 1", "N = 10", "N = 40"):
        assert ratio[size, "SevenNet-0 → Ge, lora"] == "–", "the best"
    some, many = (ratio[size, "Si → Ge, head-only"] for size in ("N = 10", "N = 40"))
    assert f"not shown to be worse: {some} and {many} times that error" in text
    as_it_is = ratio["N = 1", "SevenNet-0 → Ge, zero-shot"]
    assert f"(SevenNet-0 as it is: {as_it_is} times the lowest error)" in text
    assert "two of the five have hardly any forces to learn from" in text
    (taught,) = (
        row.values.values()
        for row in universal.of_metric("force_mae")
        if (row.place.backbone, row.place.strategy, row.place.size) == (OURS, "finetune", 1)
    )
    assert sum(value > 250 for value in taught) == 2
    said, _ = best_starts(starts_of(universal.of_metric("force_mae")), "")
    assert "CHGNet is worse." in text
    assert not any("CHGNet" in each or "others" in each for each in said[1:])
    assert all("Si → Ge, head-only" in each for each in said)
    low, high = map(float, re.findall(r"\[(.*), (.*)\]", as_it_is)[0])
    assert low < 1 < high


def test_more_structures_did_not_help_in_the_table_of_the_readme(universal):
    assert "Errors with 40 are within 6 % of those with 10" in (ROOT / "README.md").read_text()
    rows = [row for row in universal.of_metric("force_mae") if row.trained]
    mean = {
        (row.place.backbone, row.place.strategy, row.place.size): row.mean.value for row in rows
    }
    arms = {start[:2] for start in mean}
    assert len(arms) == 12
    assert all(abs(mean[*arm, 40] / mean[*arm, 10] - 1) < 0.06 for arm in arms)


def test_cost_and_forgetting_of_universal_potentials_in_the_readme(universal):
    text = " ".join((ROOT / "README.md").read_text().split())
    seconds = {each.n_parameters: each.force_call_seconds for each in universal.results.costs}
    # SevenNet-0 has the most parameters, DimeNet++ the fewest.
    assert round(seconds[max(seconds)] / seconds[min(seconds)]) == 12
    assert "with a twelfth of the time per force call" in text
    kept = {
        (each.target.place.backbone, each.target.place.strategy): each.ratio
        for each in retained(universal, "force_mae")
        if each.target.place.size == 10
    }
    ours = [kept[OURS, arm].value for arm in ("finetune", "lora", "head-only")]
    assert (
        f"With 10 structures the error on silicon becomes {min(ours):.1f} to {max(ours):.1f} times "
        "as large for DimeNet++, however it is adapted, and "
        f"{ratio_text(kept[SEVEN, 'finetune'], flagged=False)} times by fine-tuning SevenNet-0"
    ) in text
    with_lora = kept[SEVEN, "lora"].interval
    assert with_lora.low < 1 < with_lora.high


def test_tuned_rates_in_the_readme():
    arms = load_suite("universal-cpu").tuned.arms
    said = []
    for name, called in ((SEVEN, "SevenNet-0"), (CHGNET, "CHGNet"), (OURS, "DimeNet++")):
        best = {
            arm: 1e3 * group.settings.learning_rate
            for arm in ("finetune", "scratch")
            for group in arms[name][arm]
            if group.updates == 100
        }
        said.append(f"{called} {best['finetune']:.1f} and {best['scratch']:.1f}")
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"fine-tuning and from scratch, in 10⁻³: {', '.join(said)}." in text


def test_equal_cost_in_the_readme():
    text = " ".join((ROOT / "README.md").read_text().split())
    ours = {"backbone": "dimenetpp", "size": 10}
    shorter, _ = force_errors("si-ge-dft-cpu", strategy="finetune", **ours)
    _, longer = force_errors("si-ge-dft-cpu", strategy="scratch", **ours)
    assert (
        f"{shorter:.1f} meV/Å with 2,000 updates on silicon and 400 on germanium, {longer:.1f} "
        "from scratch with 2,400"
    ) in text


def test_gains_on_dft_data_in_the_readme():
    text, _, table = (ROOT / "README.md").read_text().partition("<!-- board -->")
    ratios = [
        float(ratio)
        for suite, between in re.findall(
            r"^\| (\S+-dft-cpu)\b.*\| 400 \| (\S+ to \S+) \|", table, re.M
        )
        for ratio in between.split(" to ")
    ]
    assert len(ratios) == 4
    low, high = (round(100 * (1 - each)) for each in (max(ratios), min(ratios)))
    said = f"After 400 updates, force errors are {low} to {high} % lower from silicon than from"
    assert said in " ".join(text.split())


def test_lithium_in_the_readme():
    text = " ".join((ROOT / "README.md").read_text().split())
    found = []
    for backbone, size in itertools.product(("dimenetpp", "schnet"), (10, 40)):
        model = {"target": "Li", "backbone": backbone, "size": size}
        (scratch,) = force_errors("matrix-cpu", strategy="scratch", **model)
        for source in ("Si", "Ge", "Mo"):
            (tuned,) = force_errors("matrix-cpu", strategy="finetune", source=source, **model)
            found.append(tuned / scratch)
    between = f"{min(found):.2f} to {max(found):.2f}"
    assert f"no gain from silicon, germanium or molybdenum; ratios are {between}" in text


def test_correlations_in_the_manual_are_those_of_the_published_runs():
    text = (DOCS / "properties.md").read_text().partition("## In a suite")[2].partition("## Me")[0]
    stated = set(re.findall(INTERVAL, text.replace("\n", " ")))
    assert len(stated) >= 3
    runs = [*runs_of("properties-sw-cpu"), *runs_of("properties-dft-cpu")]
    assert stated <= set().union(*map(correlations, runs))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_files_that_a_page_links_to_exist(page):
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_in_the_table_of_contents():
    listed = set((DOCS / "index.md").read_text().splitlines())
    names = {str(path.relative_to(DOCS).with_suffix("")) for path in PAGES[1:]}
    assert names - {"index"} <= listed


def commands_of(command, name=()):
    inner = getattr(command, "commands", {})
    yield name, command
    for word, below in inner.items():
        yield from commands_of(below, (*name, word))


COMMANDS = dict(commands_of(get_command(app)))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_and_options_of_a_page_exist(page):
    """Every ``tlbench`` line of a console block names a command and options that there are."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    for line in lines:
        words = line.split(" #")[0].split()
        if not words[1:2] or Path(words[1]).name != "tlbench":
            continue
        name: tuple[str, ...] = ()
        for word in words[2:]:
            if (*name, word) not in COMMANDS:
                break
            name = (*name, word)
        assert name, line
        known = {
            flag for each in COMMANDS[name].params for flag in (*each.opts, *each.secondary_opts)
        }
        assert {word for word in words if word.startswith("--")} <= known, line


def test_the_command_reference_has_every_option_with_its_help(generate):
    text = " ".join(generate.commands().split())
    for name, command in COMMANDS.items():
        if not name:
            continue
        assert f"## tlbench {' '.join(name)} " in text
        for each in command.params:
            if each.name != "help" and not each.hidden:
                assert " ".join((each.help or "").split()).replace("|", "\\|") in text


def test_the_python_interface_has_every_public_name(generate):
    import tlbench

    text = generate.python_interface()
    assert [name for name in tlbench.__all__ if not re.search(rf"\.{name}\b", text)] == []


def test_the_page_of_results_has_the_numbers_of_the_records(generate):
    folder = ROOT / "leaderboard/results/si-ge-dft-cpu/2026-11-28-two-cores-2400-updates"
    text = generate.submission_text(read_submission(folder))
    records = load_results(folder).records
    errors: dict[str, dict[object, float]] = {"scratch": {}, "finetune": {}}
    for r in records:
        if r.metric == "force_mae" and not r.condition and r.model.strategy in errors:
            errors[r.model.strategy][r.model.pair] = r.value
    scratch, finetune = (
        math.exp(np.mean(np.log(list(errors[arm].values())))) for arm in ("scratch", "finetune")
    )
    (row,) = re.findall(r"^\| dimenetpp \| 10 \|.*$", text.partition("energy_mae")[0], re.MULTILINE)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[2:4] == [f"{scratch:.1f}", f"{finetune:.1f}"]
    assert f"{finetune / scratch:.2f} [" in row


def test_the_figure_of_the_readme_is_where_the_records_say():
    """Heights of the drawn points are those of logarithms of the numbers, to a tenth of a pixel."""
    picture = script("picture")
    drawn = re.findall(
        r'class="point" transform="translate\(([\d.]+),([\d.]+)\)"', picture.PICTURE.read_text()
    )
    run = picture.analysis()
    traces = [t for t in picture.figure_of(run).data if t.mode and "markers" in t.mode]
    numbers = [
        (float(x), float(y)) for trace in traces for x, y in zip(trace.x, trace.y, strict=True)
    ]
    records = {
        round(r.value, 6)
        for r in run.results.records
        if r.metric == picture.METRIC and not r.condition and r.model.size
    }
    shown = [y for trace in traces if trace.mode == "markers" for y in trace.y]
    assert len(shown) > 20
    assert {round(y, 6) for y in shown} <= records
    assert len(drawn) == len(numbers)
    heights, logs = np.array([float(y) for _, y in drawn]), np.log10([y for _, y in numbers])
    slope, start = np.polyfit(logs, heights, 1)
    assert slope < 0
    assert np.abs(slope * logs + start - heights).max() < 0.1


def errors_of(entry, metric, condition):
    """Return arm → the mean error of its models by last weights."""
    found = {}
    for r in entry.results.records:
        if (r.metric, r.condition) == (metric, condition) and r.model.strategy != "pretrain":
            found.setdefault(r.model.strategy, []).append(r.value)
    return {arm: statistics.geometric_mean(values) for arm, values in found.items()}


def longer(updates):
    """Return a run of part of universal-cpu with more updates, and arm → its models of 40."""
    folder = f"leaderboard/results/universal-cpu/2026-11-29-two-cores-{updates}"
    entry = read_submission(ROOT / folder)
    measured = replace(entry.results, errors=entry.errors(), tests=entry.tests())
    rows = Analysis(measured, entry.suite, ("force_mae",)).of_metric("force_mae")
    arms = {(row.place.backbone, row.place.strategy): row for row in rows if row.place.size == 40}
    return f"[run]({folder}/)", entry, arms


def training_seconds(entry, updates, largest=False):
    """Return how long models are trained, in the middle of all, or of those of the largest."""
    costs = [cost for cost in entry.results.costs if cost.updates == updates]
    most = max(cost.n_parameters for cost in costs)
    return statistics.median(c.cpu_seconds for c in costs if c.n_parameters == most or not largest)


def test_longer_training_in_the_readme():
    """DimeNet++ for as many updates with and without pretraining, and universal potentials."""
    text = " ".join((ROOT / "README.md").read_text().split())
    ours, entry, arms = longer(2400)
    tuned, scratch, long = (arms[OURS, arm] for arm in ("finetune", "scratch", "scratch-long"))
    theirs, universal, others = longer(400)
    seven, chgnet = others[SEVEN, "finetune"], others[CHGNET, "finetune"]

    def ratio(row, other):
        return ratio_text(ratio_between(row, other), flagged=False)

    assert (
        f"({ours}, rate 10⁻³): {mean_text(tuned)} and {mean_text(scratch)}, ratio "
        f"{ratio(tuned, scratch)}. But from scratch with 5,600, as many as pretraining and "
        f"fine-tuning have in all, it has {mean_text(long)}, and the start from silicon is not "
        f"shown to be better: {ratio(tuned, long)}. Nor is SevenNet-0, with {mean_text(seven)} "
        f"after 400 updates ({theirs}, rate 2·10⁻³): {ratio(seven, long)} times the error of that "
        f"scratch, in {training_seconds(universal, 400, largest=True):.0f} s of training instead "
        f"of {training_seconds(entry, 5600):.0f}. CHGNet has {mean_text(chgnet)}, "
        f"{ratio(chgnet, others[CHGNET, 'scratch'])} times its own architecture from scratch."
    ) in text
    assert {entry.suite.pretraining.updates + 2400} == {5600}
    on_all = errors_of(entry, "force_mae", {"marked": "included"})
    means = (f"{each.mean.value:.1f}" for each in (tuned, scratch))
    assert (
        f"{' and '.join(means)} become {on_all['finetune']:.1f} and {on_all['scratch']:.1f}"
    ) in text
    energies = errors_of(entry, "energy_mae", {})
    assert f"({energies['finetune']:.0f} and {energies['scratch']:.0f} meV/atom" in text
    pretraining = {cost.pretraining_cpu_seconds for cost in entry.results.costs} - {None, 0.0}
    assert abs(statistics.median(pretraining) - 450) < 10
