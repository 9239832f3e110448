"""Pure: how events become rows."""
