"""AdUni: adaptive unified contrastive learning and the methods it is measured against."""

import os

# albumentations asks the package index for its newest version on import, which costs
# two seconds without a network.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
