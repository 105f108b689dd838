"""An equivariant message-passing network, written on e3nn."""
