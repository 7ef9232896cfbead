"""The editor without Python: a model as ONNX graphs, and a folder of static files around it (`make web`)."""
