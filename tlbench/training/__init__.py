"""One trainer for all backbones."""
