"""Numbers in words."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun in the right form."""
    return f"{count:,} {noun}{'s' if count != 1 else ''}"
