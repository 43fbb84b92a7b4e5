"""Export a trained model for other programs: ONNX, pt2, safetensors, or a hub folder."""
