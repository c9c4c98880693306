"""Duplex behaviour on scripted, timed scenarios: who has the floor, and how soon."""
