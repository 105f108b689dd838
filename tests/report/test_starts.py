"""All starts side by side: the best first, scratch once, and what potentials have seen."""

import pytest
from analyses import record_of

from tlbench.base.errors import InputError
from tlbench.report.analysis import Analysis, comparison
from tlbench.report.content import Sentences
from tlbench.report.markdown import markdown
from tlbench.report.sections.errors import errors
from tlbench.report.sections.starts import overlaps, seen_before, starts
from tlbench.report.wording import budget_label, budget_note
from tlbench.results.results import Results
from tlbench.study.loading import load_suite

UNIVERSAL = ("SevenNet-0", "sevennet-0")
SILICON = ("Si", "dimenetpp")


@pytest.fixture(scope="module")
def suite():
    return load_suite("universal-cpu", [("sizes", "[10]")], backbones=["sevennet-0", "dimenetpp"])


def records_of(n_pairs, size=10, **values):
    """Return force errors of SevenNet-0 and DimeNet++, each pair a little worse than the last."""
    found = []
    for (source, backbone), arms in ((UNIVERSAL, values), (SILICON, {**values, "finetune": 90.0})):
        for strategy, value in arms.items():
            for seed in range(n_pairs):
                trained = strategy != "zero_shot"
                where = {
                    "source": source, "backbone": backbone, "init_seed": seed,
                    "size": size if trained else 0, "subset_seed": seed if trained else None,
                    "job": f"{backbone}{strategy}{seed}" + (f" {size}" if size != 10 else ""),
                }  # fmt: skip
                slope = 0.01 if backbone == "sevennet-0" else 0.012
                spread = 1 + slope * seed if trained else 1.0
                found.append(record_of(strategy.replace("_", "-"), value * spread, **where))
    return found


def section_of(suite, records):
    (section,) = starts(Analysis(Results(records), suite, ("force_mae",)))
    return section


def best_of(section):
    """Return what is said of the best starts."""
    some = (b for b in section.blocks if isinstance(b, Sentences) and b.title == "Best starts")
    return next(some).sentences


def test_the_best_start_comes_first_and_scratch_of_a_backbone_once(suite):
    # As if both sources were compared with models from scratch of one backbone.
    twice = [record_of("scratch", 200.0 + s, source="Si", backbone="sevennet-0", subset_seed=s,
                       init_seed=s, job=f"sevennet-0scratch{s}") for s in range(5)]  # fmt: skip
    records = [*records_of(5, scratch=200.0, finetune=60.0, zero_shot=130.0), *twice]
    (table,) = section_of(suite, records).tables
    header, *lines = table.lines
    assert header == [
        "structures", "start", "backbone", "seen before", "force_mae", "/ best", "pairs"
    ]  # fmt: skip
    assert [(line[1], line[2]) for line in lines] == [
        ("SevenNet-0 → Ge, finetune", "sevennet-0"),
        ("Si → Ge, finetune", "dimenetpp"),
        ("SevenNet-0 → Ge, zero-shot", "sevennet-0"),
        ("Si → Ge, zero-shot", "dimenetpp"),
        ("scratch", "sevennet-0"),
        ("scratch", "dimenetpp"),
    ]
    assert lines[0][4].startswith("61.2 [")
    assert lines[1][5].startswith("1.51 [1.5")
    # The same weights in every pair are one model, whose ratio has the spread of the best.
    assert lines[2][4:] == ["130.0", lines[2][5], "1"]
    assert lines[2][5].startswith("2.12 [2.08, ")


def test_with_fewer_than_five_pairs_there_are_no_intervals_and_no_claims(suite):
    section = section_of(suite, records_of(4, scratch=200.0, finetune=60.0))
    (table,) = section.tables
    assert not any("[" in cell for line in table.lines for cell in line)
    assert "there are too few pairs for a claim" in best_of(section)[0]


def test_starts_that_are_not_shown_to_be_worse_are_named(suite):
    records = records_of(5, scratch=200.0, finetune=60.0)
    near = [
        r.model_copy(update={"value": 61.2 * (0.9 if r.model.init_seed % 2 else 1.15)})
        if r.model.strategy == "finetune" and r.model.backbone == "dimenetpp"
        else r
        for r in records
    ]
    said = best_of(section_of(suite, near))[0]
    alike = "finetune; not shown to be worse, by ratio to it: "
    assert f"the lowest error is that of SevenNet-0 → Ge, {alike}" in said
    assert "Si → Ge, finetune (1.0" in said
    assert "scratch" not in said
    clear = best_of(section_of(suite, records_of(5, scratch=200.0, finetune=60.0)))[0]
    assert clear.startswith("N = 10: ")
    assert "all others of at least 5 pairs are worse" in clear


def test_of_many_that_are_not_shown_to_be_worse_the_nearest_are_named(suite):
    records = records_of(5, scratch=60.5, finetune=60.0, lora=60.1, head_only=60.2)
    said = best_of(section_of(suite, records))[0]
    assert said.startswith("N = 10: after 100 updates, the lowest error is that of SevenNet-0 → Ge")
    assert said.count(" [") == 4
    assert said.endswith(" and 2 others.")


def test_worse_is_beyond_3_percent_and_after_correction(suite):
    def said(near, n_pairs=5):
        records = [
            r.model_copy(update={"value": near(r.model.init_seed)})
            if r.model.strategy == "finetune" and r.model.backbone == "dimenetpp"
            else r
            for r in records_of(n_pairs, scratch=200.0, finetune=60.0)
        ]
        return best_of(section_of(suite, records))

    def times(factor, spread):
        return lambda seed: 60.0 * (1 + 0.01 * seed) * factor * (1 + spread * (seed % 3 - 1))

    # Higher by 2 % in every pair alike: beyond chance, but too little.
    alike = said(times(1.02, 0.0001))[0]
    assert "not shown to be worse, by ratio to it: Si → Ge, finetune (1.02" in alike
    clear, rule = said(times(1.1, 0.001))[:2]
    assert "all others of at least 5 pairs are worse." in clear
    assert "after Holm's correction for all starts at all N; comparisons: 3." in rule
    assert "selected on the same data" in rule


def test_weights_are_shared_by_pairs_only_where_models_were_trained(suite):
    analysis = Analysis(Results(records_of(5, zero_shot=130.0)), suite, ("force_mae",))
    untrained = [r for r in analysis.results.records if not r.model.size]
    told = list(overlaps(Analysis(Results(untrained), suite, ("force_mae",))))
    assert told
    assert not any("its weights in every pair" in each for each in told)


def test_pairs_that_train_on_all_structures_do_not_differ_in_these():
    number = load_suite("universal-cpu").target.load().n_frames("train")
    suite = load_suite(
        "universal-cpu", [("sizes", f"[10, {number}]")], backbones=["sevennet-0", "dimenetpp"]
    )
    records = records_of(5, scratch=200.0, finetune=60.0)
    whole = [
        r.model_copy(update={"model": r.model.replace(size=number), "job": f"{r.job}all"})
        for r in records
    ]
    *_, weights = overlaps(Analysis(Results([*records, *whole]), suite, ("force_mae",)))
    assert f"with {number} structures, which are all there are to train on, in batches" in weights


def test_what_a_potential_has_seen_stands_beside_its_errors(suite):
    records = records_of(5, scratch=200.0, finetune=60.0, zero_shot=130.0)
    analysis = Analysis(Results(records), suite, ("force_mae", "energy_mae"))
    seen, reflection, weights = overlaps(analysis)
    assert seen.startswith("SevenNet-0 was trained on MPtrj")
    assert "Ge and Si are among its elements, so test structures are not wholly new" in seen
    assert "SevenNet-0 breaks “reflection” of the contract of backbones" in reflection
    assert "differ in training structures and batches alone" in weights
    section = section_of(suite, records)
    cells = {(line[1], line[3]) for line in section.tables[0].lines[1:]}
    assert cells >= {
        ("SevenNet-0 → Ge, finetune", "Ge, Si"), ("Si → Ge, finetune", "Si"), ("scratch", "–")
    }  # fmt: skip
    assert section.sentences[: len([seen, reflection, weights])] == [seen, reflection, weights]
    text = markdown(Results(records), ["force_mae"], suite)
    assert text.count("trained on MPtrj") == 1
    # The best start is the answer; its section begins with the table.
    answer, _, rest = text.partition("**Starts**")
    assert "the lowest error is that of SevenNet-0 → Ge, finetune" in answer
    assert rest.index("of all starts") < rest.index("trained on MPtrj") < rest.index("lowest error")


def test_what_a_potential_has_seen_is_unknown_where_its_file_is_gone(suite, monkeypatch):
    def gone(choice):
        raise InputError("mine.safetensors: there is no such file.")

    records = records_of(5, scratch=200.0, finetune=60.0)
    monkeypatch.setattr("tlbench.report.sections.starts.potential_of", gone)
    seen = seen_before(Analysis(Results(records), suite, ("force_mae",)))
    assert seen == {"SevenNet-0": "unknown", "Si": "Si"}


def test_potentials_of_the_same_data_share_a_sentence_that_names_all_tested_elements():
    suite = load_suite("zero-shot-cpu")
    records = [
        record_of("zero-shot", 100.0 + n, source=source, backbone=backbone, size=0,
                  subset_seed=None, init_seed=None)
        for n, (source, backbone) in enumerate(
            (("SevenNet-0", "sevennet-0"), ("SevenNet-l3i5", "sevennet-l3i5"),
             ("CHGNet 0.3.0", "chgnet-0.3.0"))
        )
    ]  # fmt: skip
    said = list(overlaps(Analysis(Results(records), suite, ("force_mae",))))
    assert sum("trained on" in each for each in said) == 1
    assert said[0].startswith("SevenNet-0, SevenNet-l3i5 and CHGNet 0.3.0 were trained on MPtrj")
    assert "Ge, Si, Li and Mo are among their elements" in said[0]
    (table,) = section_of(suite, records).tables
    assert {line[3] for line in table.lines[1:]} == {"Ge, Si, Li, Mo"}


def test_a_suite_without_several_sources_has_no_such_section():
    records = records_of(5, scratch=200.0, finetune=60.0)
    quick = load_suite("quick")
    assert not list(starts(Analysis(Results(records), quick, ("force_mae",))))


def test_figures_have_a_line_for_each_start(suite):
    records = records_of(5, scratch=200.0, finetune=60.0, zero_shot=130.0)
    # One size is no curve.
    assert section_of(suite, records).figures == []
    section = section_of(suite, [*records, *records_of(5, size=40, scratch=150.0, finetune=50.0)])
    (figure,) = section.figures
    drawn = figure.cases["force_mae"]()
    names = {trace.name for trace in drawn.data}
    assert {"SevenNet-0 → Ge, finetune", "Si → Ge, finetune", "scratch (sevennet-0)"} <= names
    assert "SevenNet-0 → Ge, zero-shot (no target data)" in names
    assert section.tables


def test_potentials_as_they_are_are_said_to_be_untrained():
    suite = load_suite("zero-shot-cpu")
    assert budget_label(suite) == "potentials as they are, without training"
    assert "No model is trained" in budget_note(suite)
    universal = load_suite("universal-cpu", backbones=["chgnet-0.3.0"])
    assert "source models" not in budget_note(universal)
    assert "source models 3,200" in budget_note(load_suite("universal-cpu"))


@pytest.mark.parametrize("strategies", [["finetune"], ["scratch", "finetune"]])
def test_ratios_to_scratch_are_shown_only_where_it_was_run(suite, strategies):
    records = records_of(5, scratch=200.0, finetune=60.0)
    some = [r for r in records if r.model.strategy in strategies]
    rows = list(Analysis(Results(some), suite, ("force_mae",)).of_metric("force_mae"))
    names = [{"backbone": row.place.backbone} for row in rows]
    beside, below = comparison(rows, names, strategies)
    has_ratio = "scratch" in strategies
    assert ("finetune / scratch" in beside[0]) == has_ratio
    assert ("/ scratch" in below[0]) == has_ratio
    assert {len(line) for line in below} == {len(below[0])}


def test_energies_without_fitted_references_are_not_ranked(suite):
    of_forces = records_of(5, scratch=200.0, finetune=60.0, zero_shot=130.0)
    of_forces += records_of(5, size=40, scratch=150.0, finetune=50.0)
    # The potential's own energies happen to be the lowest.
    records = [r.model_copy(update={"metric": "energy_mae", "unit": "meV/atom",
                                    "value": 1.0 if not r.model.size else r.value})
               for r in of_forces if r.model.size or r.model.source != "Si"]  # fmt: skip
    analysis = Analysis(Results(records), suite, ("energy_mae",))
    (section,) = starts(analysis)
    (table,) = section.tables
    assert table.lines[1][1] == "SevenNet-0 → Ge, finetune"
    assert [table.lines[-1][n] for n in (1, 4, 5)] == ["SevenNet-0 → Ge, zero-shot", "1.0 †", "–"]
    assert "†: energies at the level of theory of the source" in table.note
    assert "the lowest error is that of SevenNet-0 → Ge, finetune" in best_of(section)[0]
    assert not any("zero-shot" in sentence for sentence in best_of(section))
    (drawn,) = section.figures[0].cases.values()
    assert not any("zero-shot" in (trace.name or "") for trace in drawn().data)

    (errors_of_energies,) = errors(analysis)
    rows = analysis.of_metric("energy_mae")
    assert not any(row.ratio for row in rows if not row.trained)
    lines = errors_of_energies.tables[0].narrow
    assert ["1.0 †", "–"] in [line[-2:] for line in lines]
    assert "†:" in errors_of_energies.tables[0].note
    assert "zero-shot" not in " ".join(errors_of_energies.sentences)
