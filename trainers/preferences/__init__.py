"""A small language model that learns from pairs of verified and refuted answers, by whatever loss it is given."""
