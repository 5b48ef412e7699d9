"""Provider protocols, sans-IO.

A :class:`~llmrouter_integrations.messages.Request` to bytes, and bytes to a
:class:`~llmrouter_integrations.messages.Response` or chunks. Nothing here opens a socket.
"""
