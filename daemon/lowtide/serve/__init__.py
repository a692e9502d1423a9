"""The daemon: what clients can ask for, who may ask, and how long it lives."""
