"""Doors for clients of OpenAI's API: the same conversations in another vocabulary.

What is said and told is translated in modules that know no network; `server.py`, `realtime_door.py`
and `chat_door.py` are the thin edge.
"""
