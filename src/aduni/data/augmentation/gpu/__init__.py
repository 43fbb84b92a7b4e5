"""Augment whole batches on their device, as the transforms of the CPU would."""
