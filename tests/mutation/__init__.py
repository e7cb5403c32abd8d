"""Mutation of ourselves: each rule, shift, boundary and decision broken in turn; some test must notice."""
