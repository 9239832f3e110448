"""The what-if lab: recorded or generated contacts against another policy, in virtual time.

routing's own domain code decides (`desk`), agents follow agent-state's own table (`floor`); callers are a model (`traffic`),
whose patience and handle times come from the log (`record`, `patience`, `replay`) or from distributions (`generate`). Everything
here is pure but `export` and `source`, which read files and the running copy.
"""
