"""Shared by all tests: the folders of the checkout."""
