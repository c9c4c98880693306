"""The processes of the cluster: batching actors, session actors, node agents."""
