"""Clinical questions to predictions, one file each: every file with a SECTION is found."""
