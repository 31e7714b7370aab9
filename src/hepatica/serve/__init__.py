"""The app's server: an edge over `run_case` that one person's browser talks to.

It computes nothing of its own. Whatever reads an untrusted image or takes long is done in
one of two child processes; this one keeps the queue, the corrections and the door.
"""
