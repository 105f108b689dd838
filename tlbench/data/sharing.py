"""Whether two cards hold the same structures, as far as the cards alone show it."""

from tlbench.base.errors import InputError
from tlbench.data.cards import Card


def shared_data(source: Card, target: Card) -> str | None:
    """Return in words what a model pretrained on ``source`` has in common with ``target``.

    Names of cards, of files and of splits do not matter, and two different data sets of one
    element share nothing.

    Returns
    -------
    str or None
        Such as "the file a.extxyz of one is b.extxyz of the other"; None if nothing is shared.
    """
    if source.origin.kind != target.origin.kind or not set(source.elements) & set(target.elements):
        return None
    return source.origin.shared_with(target.origin)


def same_data_error(source: Card, target: Card, shared: str) -> InputError:
    """Return the refusal of a transfer between data that share structures.

    Parameters
    ----------
    shared
        What they share, as `shared_data` says it.
    """
    return InputError(
        f"The source {source.name!r} and the target {target.name!r} hold the same data ({shared}), "
        "so a gain by transfer cannot be distinguished from more training on the target; choose "
        "another source or target, or ask for it with --set allow_same_data=true."
    )
