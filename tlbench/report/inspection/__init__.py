"""The content of a data set, and the faults in it."""
