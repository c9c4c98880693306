"""The client: conversations with a Duologue service, from Python."""
