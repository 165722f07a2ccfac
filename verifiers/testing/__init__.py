"""What tests of code are made of, where that is more than a few fields."""
