"""Physical properties beside those of the reference, and whether they follow the force error."""
