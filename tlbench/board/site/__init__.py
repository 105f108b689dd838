"""The site of the board: static pages that are made of submissions alone."""
