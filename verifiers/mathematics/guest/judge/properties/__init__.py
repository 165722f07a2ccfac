"""Mathematics verified by a property, without a reference answer."""
