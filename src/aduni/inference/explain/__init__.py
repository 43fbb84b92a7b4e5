"""Why a model says what it says: where it looks, what it takes for similar, where it errs."""
