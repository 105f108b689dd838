"""What models have lost of their source: errors on its data, beside those of the source model."""
