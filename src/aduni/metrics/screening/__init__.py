"""Metrics of a screening question, one file each: every file with a METRIC is found.

A question is positive or negative, such as "referable retinopathy": some classes count as positive,
and the sum of their probabilities is the score. An image is called positive if its score is at
least the threshold.
"""
