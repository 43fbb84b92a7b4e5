"""The Python interface: what the commands do, as functions that return what they made."""
