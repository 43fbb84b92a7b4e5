"""Go from images to a decided model: audit, plan, train, decide on validation, test once."""
