"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

Mirror = Annotated[
    Path | None,
    typer.Option(
        help="Folder that has the files of data sets.", show_default="$TLBENCH_DATA_MIRROR"
    ),
]

StoreFolder = Annotated[
    Path | None,
    typer.Option(
        help="Folder of finished jobs.", show_default="$TLBENCH_STORE, or in the user's cache"
    ),
]
