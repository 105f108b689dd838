"""What every room uses: errors, files, locks, registries, and schemas of files."""
