"""The paper's figures and some more, drawn from finished runs."""
