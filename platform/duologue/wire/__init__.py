"""The words of the platform as protobuf messages, and back.

Messages that come in are not trusted: what cannot be used raises InvalidInput, which names the
field and what is allowed. Imports protobuf, and neither grpc nor anything that moves bytes.
"""
