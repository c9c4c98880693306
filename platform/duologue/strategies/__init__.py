"""Ways to share a conversation's time between listening and speaking."""
