"""DimeNet++: directional message passing (Gasteiger et al., arXiv 2011.14115)."""
