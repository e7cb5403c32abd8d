"""That this file lies here puts its folder on the import path of every test: `from agreement import error` works in any room."""
