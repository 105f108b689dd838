"""NequIP, from the package nequip."""
