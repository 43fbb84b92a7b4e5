"""Prediction sets that hold the true class with a stated probability."""
