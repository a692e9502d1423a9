"""`lowtide mcp`: the Model Context Protocol over standard input and output, on the user's daemon.

Invariant: standard library and the daemon's client only, and nothing of those that is large (no dataclasses, no
asyncio): every session of an agent has this process beside it for as long as it lives.
"""
