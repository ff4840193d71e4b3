"""The real programs that integration tests start, one module each."""
