"""How far apart two sets of structures are: one quantity at a time, and whole environments."""
