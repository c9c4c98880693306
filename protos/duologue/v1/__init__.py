"""The messages of the API and between the processes; generated code beside its sources."""
