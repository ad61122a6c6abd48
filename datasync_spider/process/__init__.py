"""What a process of ours needs of its interpreter and its system: memory, imports, streams, threads, pauses.

Nothing of APIs, sources or tables is known here.
"""
