"""What may be wrong with a data set, one file per check."""
