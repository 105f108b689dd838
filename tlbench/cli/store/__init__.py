"""``tlbench store``: the folder of finished jobs; one file per verb."""

import typer

from tlbench.cli.store import export, gc, import_, ls, verify

app = typer.Typer(
    no_args_is_help=True, help="Look after finished jobs: list, clean, verify, move them."
)
app.command("ls")(ls.ls)
app.command("gc")(gc.gc)
app.command("verify")(verify.verify)
app.command("export")(export.export)
app.command("import")(import_.import_)
