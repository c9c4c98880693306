"""Teaching a frozen model to tell the states of an utterance: data, features, heads, adapters."""
