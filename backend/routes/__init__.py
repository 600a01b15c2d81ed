"""HTTP, one file per resource: parse, one call, return."""
