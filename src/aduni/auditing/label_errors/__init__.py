"""List the images whose label may be wrong, by predictions of models that did not see them."""
