"""``tlbench show``: everything about one suite, backbone, metric, data set or the like."""

from typing import Annotated

import typer

from tlbench.cli.kinds import KINDS, Singular


def show(
    kind: Annotated[Singular, typer.Argument(help="What it is.")],
    name: Annotated[str, typer.Argument(help="Its name; a suite may also be a file.")],
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Print a suite as a file, with every default spelt out.")
    ] = False,
) -> None:
    """Show one suite, backbone, strategy, metric, data set, potential, property … in full."""
    if kind == "suite" and not as_yaml:
        from tlbench.cli.study import show_study
        from tlbench.study.loading import load_suite
        from tlbench.study.models import plan
        from tlbench.study.study import resolve

        study = resolve(load_suite(name))
        show_study(study, len(plan(study).jobs))
        return
    import yaml

    content = KINDS[kind].describe(name)
    typer.echo(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), nl=False)
