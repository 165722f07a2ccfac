"""Families of tasks without end: a difficulty dial, combinations held out, strata to balance by."""
