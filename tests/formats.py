"""Labelled structures in files of several formats, as the codes of the formats write them."""

import json
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import GPa

from tlbench.data.frames import Frames


def alloys(n_frames: int = 5, seed: int = 0) -> list[Atoms]:
    """Return periodic structures of molybdenum and tungsten of two compositions, with labels."""
    generator = np.random.default_rng(seed)
    images = []
    for number in range(n_frames):
        symbols = ["Mo", "Mo", "W", "Mo" if number % 2 else "W"]
        cell = 4.0 * np.eye(3) + generator.normal(0, 0.1, (3, 3))
        atoms = Atoms(symbols, scaled_positions=generator.random((4, 3)), cell=cell, pbc=True)
        forces = generator.normal(0, 1, (4, 3))
        stress = generator.normal(0, 0.01, 6)
        atoms.calc = SinglePointCalculator(
            atoms, energy=-40.0 - number, forces=forces - forces.mean(axis=0), stress=stress
        )
        images.append(atoms)
    return images


def frames_of(images: list[Atoms]) -> Frames:
    """Return labelled ``ase.Atoms`` as frames, by the definition of both."""
    frames = Frames.unlabelled(images)
    voigt = np.array([atoms.calc.results["stress"] for atoms in images]) / GPa
    return Frames(
        **{
            **vars(frames),
            "energy": np.array([atoms.calc.results["energy"] for atoms in images]),
            "forces": np.concatenate([atoms.calc.results["forces"] for atoms in images]),
            "stress": voigt[:, [[0, 5, 4], [5, 1, 3], [4, 3, 2]]],
        }
    )


def assert_same(found: Frames, expected: Frames, atol: float = 1e-7, stress: bool = True) -> None:
    """Assert that structures and labels are the same; groups and the like may differ."""
    np.testing.assert_array_equal(found.atomic_numbers, expected.atomic_numbers)
    np.testing.assert_array_equal(found.n_atoms, expected.n_atoms)
    np.testing.assert_array_equal(found.pbc, expected.pbc)
    for name in ("positions", "cell", "energy", "forces", *["stress"] * stress):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=atol)
    if not stress:
        assert np.isnan(found.stress).all()


def write_fitsnap(folder: Path, images: list[Atoms], unit: str = "bar") -> Path:
    """Write one JSON file for each structure, as the scripts of FitSNAP do; two groups."""
    size = {"bar": 1e-4 * GPa, "kB": 0.1 * GPa}[unit]
    for number, atoms in enumerate(images):
        path = folder / ("Bulk" if number < 3 else "Surface") / f"frame_{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = {
            "Stress": (-atoms.get_stress(voigt=False) / size).tolist(),
            "Positions": atoms.positions.tolist(),
            "Energy": atoms.calc.results["energy"],
            "AtomTypes": atoms.get_chemical_symbols(),
            "Lattice": atoms.cell.tolist(),
            "NumAtoms": len(atoms),
            "Forces": atoms.calc.results["forces"].tolist(),
        }
        styles = {
            "PositionsStyle": "angstrom",
            "AtomTypeStyle": "chemicalsymbol",
            "Label": "Example containing 1 configurations",
            "StressStyle": unit,
            "LatticeStyle": "angstrom",
            "EnergyStyle": "electronvolt",
            "ForcesStyle": "electronvoltperangstrom",
        }
        text = json.dumps({"Dataset": {"Data": [data], **styles}})
        path.write_text(f"# a line of comment\n{text}" if number % 2 else text)
    return folder


def write_vasprun(path: Path, images: list[Atoms], entropy: float = 0.01) -> Path:
    """Write what ase reads of the ``vasprun.xml`` of a run of molecular dynamics of VASP."""

    def rows(name: str, values: np.ndarray) -> str:
        lines = "".join(f"<v> {' '.join(f'{x:.10f}' for x in row)} </v>\n" for row in values)
        return f'<varray name="{name}">\n{lines}</varray>\n'

    symbols = images[0].get_chemical_symbols()
    atoms_of = "".join(f"<rc><c>{symbol}</c><c>1</c></rc>\n" for symbol in symbols)
    parts = [
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n',
        '<generator><i name="program" type="string">vasp</i></generator>\n',
        '<kpoints><varray name="kpointlist"><v> 0.0 0.0 0.0 </v></varray>',
        '<varray name="weights"><v> 1.0 </v></varray></kpoints>\n',
        f"<atominfo><atoms>{len(symbols)}</atoms><types>2</types>",
        f'<array name="atoms"><set>\n{atoms_of}</set></array></atominfo>\n',
    ]
    for kind in ("initialpos", None, "finalpos"):
        for atoms in images if kind is None else images[:: len(images)]:
            basis = f"<crystal>{rows('basis', np.array(atoms.cell))}</crystal>"
            scaled = rows("positions", atoms.get_scaled_positions(wrap=False))
            if kind is not None:
                parts.append(f'<structure name="{kind}">{basis}{scaled}</structure>\n')
                continue
            energy = atoms.calc.results["energy"]
            energies = "".join(
                f'<i name="{name}"> {value:.8f} </i>\n'
                for name, value in (
                    ("e_fr_energy", energy - entropy),
                    ("e_wo_entrp", energy + entropy),
                    ("e_0_energy", energy),
                )
            )
            kilobar = -atoms.get_stress(voigt=False) / (0.1 * GPa)
            parts += [
                f"<calculation><scstep><energy>{energies}</energy></scstep>\n",
                f"<structure>{basis}{scaled}</structure>\n",
                rows("forces", atoms.calc.results["forces"]) + rows("stress", kilobar),
                f"<energy>{energies}</energy></calculation>\n",
            ]
    path.write_text("".join(parts) + "</modeling>\n")
    return path


def write_dump(
    path: Path, images: list[Atoms], columns: str = "element x y z fx fy fz c_pe"
) -> Path:
    """Write a dump of LAMMPS as ``dump custom`` does, of cells along the axes."""
    lines = []
    for number, atoms in enumerate(images):
        bounds = [f"0.0 {length:.10f}" for length in atoms.cell.lengths()]
        lines += ["ITEM: TIMESTEP", str(number), "ITEM: NUMBER OF ATOMS", str(len(atoms))]
        lines += ["ITEM: BOX BOUNDS pp pp pp", *bounds, f"ITEM: ATOMS id type {columns} "]
        share = atoms.calc.results["energy"] / len(atoms)
        for index, symbol in enumerate(atoms.get_chemical_symbols()):
            values = {
                "element": symbol,
                "c_pe": f"{share + 0.1 * (-1) ** index:.10f}",
                **{k: f"{v:.10f}" for k, v in zip("xyz", atoms.positions[index], strict=True)},
                **{
                    f"f{k}": f"{v:.10f}"
                    for k, v in zip("xyz", atoms.calc.results["forces"][index], strict=True)
                },
            }
            kind = "1" if symbol == "Mo" else "2"
            lines.append(" ".join([str(index + 1), kind, *(values[c] for c in columns.split())]))
    path.write_text("\n".join(lines) + "\n")
    return path
