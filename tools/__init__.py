"""Tools of this repository's developers; none of it is shipped."""
