"""Augment images on the CPU; gpu/ has what augments whole batches."""
