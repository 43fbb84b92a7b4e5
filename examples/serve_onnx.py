"""Class probabilities without torch: python serve_onnx.py MODEL.onnx IMAGE [IMAGE ...]"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

_, model, *files = sys.argv
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
about = json.loads(session.get_modelmeta().custom_metadata_map["aduni"])
side = (about["image_size"], about["image_size"])

images = [ImageOps.exif_transpose(Image.open(file)).convert("RGB") for file in files]
resized = [np.asarray(image.resize(side, Image.Resampling.BILINEAR)) for image in images]
batch = np.stack(resized).transpose(0, 3, 1, 2)
(probabilities,) = session.run(["probabilities"], {"images": batch})
for file, row in zip(files, probabilities, strict=True):
    print(file, *(f"{name}={p:.6f}" for name, p in zip(about["class_names"], row, strict=True)))
