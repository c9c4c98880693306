"""What the merged forward is measured against, each behind the same three calls."""
