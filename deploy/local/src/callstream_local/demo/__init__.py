"""`callstream demo`: a call centre, its agents and its callers, and whether the books agree with what they lived through."""
