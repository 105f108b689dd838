"""The backbone my-network."""
