"""Handle files, processes, memory and fonts of the machine for all packages."""
