"""Pure: what a manifest means, what may be deleted, who may do what."""
