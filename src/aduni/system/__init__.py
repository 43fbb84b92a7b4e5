"""What files, processes, memory and fonts of the machine need, for all packages."""
