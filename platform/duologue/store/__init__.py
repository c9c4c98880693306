"""The store: everything that outlives a process, in Redis or Valkey.

The only package that imports redis. `store.py` has the facade, `valkey.py` the embedded server,
`keys.py` the schema.
"""
