"""Export a trained model to one file for other programs: ONNX, torch's pt2, safetensors."""
