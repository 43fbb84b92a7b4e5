"""Print class probabilities without torch: python serve_onnx.py MODEL.onnx IMAGE [IMAGE ...]"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

_, model, *files = sys.argv
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
about = json.loads(session.get_modelmeta().custom_metadata_map["aduni"])
shift, side = about["bits"] - 8, (about["image_size"], about["image_size"])
images = [ImageOps.exif_transpose(Image.open(file)) for file in files]
images = [Image.fromarray(np.asarray(i) >> shift) if "I;16" in i.mode else i for i in images]
assert all(np.max(i) < 256 for i in images), f"grey levels of more than {about['bits']} bits"
images = [np.asarray(i.convert("RGB").resize(side, Image.Resampling.BILINEAR)) for i in images]
batch = np.stack(images).transpose(0, 3, 1, 2)
for file, row in zip(files, *session.run(["probabilities"], {"images": batch}), strict=True):
    print(file, *(f"{name}={p:.6f}" for name, p in zip(about["class_names"], row, strict=True)))
