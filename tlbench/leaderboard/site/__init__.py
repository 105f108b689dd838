"""The site of the leaderboard: static pages that are made of submissions alone."""
