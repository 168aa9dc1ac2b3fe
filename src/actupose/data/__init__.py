"""Records of published formats, the Arrow store they become, and the batches that training reads."""
