"""What a segment may be called."""

MAX_SEGMENT_ID_CHARS = 128
