"""The leaderboard: submissions that can be verified, and the site that is made of them."""
