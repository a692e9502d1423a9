"""What an editor may ask: a file a method, or a pair of them, and the table of all.

A handler takes the session and the request's parameters. One that changes the session does so before its first await,
so that what came later is seen later.
"""
