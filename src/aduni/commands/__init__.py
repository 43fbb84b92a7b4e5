"""The commands, one file each: `aduni NAME`, or in a checkout `python src/NAME.py`."""
