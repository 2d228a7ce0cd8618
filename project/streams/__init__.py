"""Live updates: server-sent events, answered on the event loop before Django.

`door` is the ASGI application; `hub` knows who reads which article and reads each change once for all of them;
`reading` brings changes from the database, `stream` is one reader, `events` the format on the wire, `ending` the signal
that a process is to end.
"""
