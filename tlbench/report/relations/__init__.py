"""When transfer helps: what gains have to do with distances, coverage and structure."""
