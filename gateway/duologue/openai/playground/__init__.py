"""A page to converse on, which the gateway serves when `gateway.playground` says so."""
