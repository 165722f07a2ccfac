def rate(step, steps):
    return 0.001
