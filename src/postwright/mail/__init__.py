"""Mail protocols and formats as a pure library: no database, settings, web or other part of Postwright.

Each module cites the standard it follows beside the line governed by it. Everything is bounded in size, depth
and count, because all of it may read bytes from strangers.
"""
