"""How sessions live: one session among its client, its seat and its journal; places on a node."""
