"""ViSNet, from the layers of torch-geometric."""
