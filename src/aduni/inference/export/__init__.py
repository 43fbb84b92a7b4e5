"""A trained model as one file for other programs: ONNX, torch's pt2, safetensors."""
