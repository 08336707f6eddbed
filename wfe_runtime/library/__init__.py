"""What a program that embeds durable workflows has of them: the Engine, handles of runs, their events.

Thin, on top of ``wfe_runtime.engine``, which knows nothing of it. Nothing here imports ``wfe_dsl`` before the first
workflow that has to be compiled is registered, and that in ``definitions`` alone.
"""
