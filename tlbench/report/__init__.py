"""Records shown to people: tables, plots, one page."""
