"""Command-line interface of the scripts in src/, which answers mistakes before slow imports."""
