"""The section on simulations of several elements: the mean over pairs, and each pair."""

import numpy as np
import pytest
from made_up_dynamics import detail, model, of, reference, rows, structure

from tlbench.jobs.reference_run import Structure
from tlbench.metrics.structure import scale_without_core
from tlbench.report.dynamics.models import ADF, RDF, floors
from tlbench.report.dynamics.section import dynamics_section

COMPOSITION = {"Mo": 12, "W": 4}
PAIRS, ELEMENTS = ("Mo–Mo", "Mo–W", "W–W"), ("Mo", "W")
SHARES = (9 / 16, 6 / 16, 1 / 16)
FLOORS = {"Mo–Mo": 0.02, "Mo–W": 0.04, "W–W": 0.1, "Mo": 0.01, "W": 0.03}


def alloy(rdf_errors=(0, 0, 0), adf_errors=(0, 0)) -> Structure:
    """Return a structure whose errors are those given, by pair and at each element."""
    whole = structure().model_dump()
    parts = [structure(rdf_error=error).rdf for error in rdf_errors]
    total = sum(share * np.array(part) for share, part in zip(SHARES, parts, strict=True))
    return Structure.model_validate(
        {
            **whole,
            "rdf": total.tolist(),
            "partial_rdf": dict(zip(PAIRS, parts, strict=True)),
            "partial_adf": {
                s: structure(adf_error=e).adf for s, e in zip(ELEMENTS, adf_errors, strict=True)
            },
        }
    )


def simulations(**changes):
    runs = [
        model(name, seed).model_copy(update={"structure": found})
        for name, found in (
            ("scratch", alloy((0.1, 0.2, 0.8), (0.1, 0.5))),
            ("finetune", alloy((0.1, 0.1, 0.1), (0.1, 0.1))),
        )
        for seed in (0, 1)
    ]
    about = {
        "structure": alloy(), "composition": COMPOSITION, "partial_floors": FLOORS,
        "n_atoms": 16, "element": "Mo–W", **changes,
    }  # fmt: skip
    return of(*runs, **about)


def test_the_errors_of_an_arm_are_means_over_pairs():
    scratch, finetune, _ = rows(dynamics_section(simulations(), []).tables[0])
    # No pair has a core in these distributions.
    assert scratch[RDF] == f"{(0.9 + 1.2 + 0.8) / 16:.3f}"
    assert scratch[ADF] == f"{0.75 * 0.1 + 0.25 * 0.5:.3f}"
    assert (finetune[RDF], finetune[ADF]) == ("0.100", "0.100")


def test_the_note_says_what_the_errors_are_means_of():
    note = dynamics_section(simulations(), []).tables[0].note
    assert "weighted by the number of pairs of atoms" in note
    assert "weighted" not in dynamics_section(of(model("scratch")), []).tables[0].note


def test_each_pair_has_its_error_and_its_floor():
    table = detail(dynamics_section(simulations(), []), "by pair of elements")
    assert not table.brief
    scratch, _, last = rows(table)
    assert scratch["RDF Mo–Mo (56%)"] == "0.100"
    assert scratch["RDF Mo–W (38%)"] == "0.200"
    assert scratch["RDF W–W (6%)"] == "0.800"
    assert scratch["ADF at W (25%)"] == "0.500"
    assert (last["backbone"], last["RDF W–W (6%)"], last["ADF at Mo (75%)"]) == (
        "reference", "0.100", "0.010",
    )  # fmt: skip


def test_the_floor_on_the_scale_without_the_core_is_the_mean_of_those_of_the_pairs():
    g = np.where(np.arange(60) < 20, 0.0, structure().rdf)
    parts = dict.fromkeys(PAIRS, structure().rdf) | {"Mo–W": g.tolist()}
    found = simulations(structure=alloy().model_copy(update={"partial_rdf": parts}))
    scale = scale_without_core(g)
    assert scale > 1.5
    expected = (9 * 0.02 + 6 * 0.04 * scale + 0.1) / 16
    assert floors(found)[RDF] == pytest.approx(expected)


def test_figures_have_a_menu_of_pairs():
    figures = {f.name: f for f in dynamics_section(simulations(), [], "b").figures}
    radial, angular = figures["radial-distribution"], figures["angular-distribution"]
    assert list(radial.cases) == ["b, all atoms", *(f"b, {pair}" for pair in PAIRS)]
    assert list(angular.cases) == ["b, all atoms", "b, at Mo", "b, at W"]
    drawn = {
        case: {t.name: list(t.y) for t in draw().data if t.opacity == 1}
        for case, draw in radial.cases.items()
    }
    assert drawn["b, W–W"]["scratch"] == pytest.approx(structure(rdf_error=0.8).rdf)
    assert drawn["b, Mo–Mo"]["scratch"] == pytest.approx(structure(rdf_error=0.1).rdf)
    assert drawn["b, W–W"]["reference"] == pytest.approx(structure().rdf)
    assert angular.cases["b, at W"]().layout.xaxis.tickvals == tuple(range(0, 181, 30))


def test_one_element_has_neither():
    section = dynamics_section(of(model("scratch")), [])
    assert [len(figure.cases) for figure in section.figures] == [1] * len(section.figures)
    assert not any("pair of elements" in table.title for table in section.tables)


def test_the_composition_is_stated():
    (said, *_) = (block.text for block in dynamics_section(simulations(), []).blocks[:1])
    assert "12 Mo and 4 W atoms, the composition of the structures that they start from," in said
    assert "64 Ge atoms at" in dynamics_section(of(model("scratch")), []).blocks[0].text


def test_the_made_up_reference_is_one_that_files_may_hold():
    found = simulations().reference
    assert found.fits(found.structure, found.msd)
    assert not reference().fits(found.structure, None)
