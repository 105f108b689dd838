"""Whether two cards hold the same structures, as far as the cards alone show it."""

from tlbench.data.cards import Card
from tlbench.data.origins import FilesOrigin, Part, StillingerWeberOrigin
from tlbench.errors import InputError

_AMOUNTS = ("temperatures_k", "train", "validation", "test")
"""Settings of sampled data that change no trajectory: each is drawn with a seed of its own."""


def shared_data(source: Card, target: Card) -> str | None:
    """Return in words what a model pretrained on ``source`` has in common with ``target``.

    Names of cards, of files and of splits do not matter. Files are shared if one that the source
    trains or validates on is, by its SHA-256, one that any part of the target is drawn from,
    whichever structures the splits draw from it. Stillinger–Weber data are shared if both are
    sampled with the same settings and the same seed at a common temperature: then the
    trajectories are the same. Two different data sets of one element share nothing.

    Returns
    -------
    str or None
        Such as "the file a.extxyz of one is b.extxyz of the other"; None if nothing is shared.
    """
    if isinstance(source.origin, FilesOrigin) and isinstance(target.origin, FilesOrigin):
        return _shared_files(source.origin, target.origin)
    if isinstance(source.origin, StillingerWeberOrigin) and isinstance(
        target.origin, StillingerWeberOrigin
    ):
        return _shared_trajectories(source, target)
    return None


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


def _shared_files(source: FilesOrigin, target: FilesOrigin) -> str | None:
    trained_on = _digests(source, [source.split.train, source.split.validation])
    used = _digests(target, [target.split.train, target.split.validation, target.split.test])
    common = [sha256 for sha256 in trained_on if sha256 in used]
    if not common:
        return None
    mine, theirs = trained_on[common[0]], used[common[0]]
    more = f", and {len(common) - 1} more" if len(common) > 1 else ""
    if mine == theirs:
        return f"both draw from the file {mine}{more}"
    return f"the file {mine} of one is {theirs} of the other{more}"


def _digests(origin: FilesOrigin, parts: list[Part]) -> dict[str, str]:
    """Return SHA-256 → name of every file that one of ``parts`` is drawn from."""
    return {origin.files[name].sha256: name for part in parts for name in part.files}


def _shared_trajectories(source: Card, target: Card) -> str | None:
    first, second = source.recipe()["origin"], target.recipe()["origin"]
    common = set(first["temperatures_k"]) & set(second["temperatures_k"])
    differ = [key for key in first if key not in _AMOUNTS and first[key] != second[key]]
    if source.elements != target.elements or differ or not common:
        return None
    return f"both are the trajectories of seed {first['seed']} at {min(common):g} K"
