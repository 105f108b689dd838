"""Units of cached work, one file per kind."""
