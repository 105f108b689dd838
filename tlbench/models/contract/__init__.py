"""The contract that every backbone keeps, and its checks."""
