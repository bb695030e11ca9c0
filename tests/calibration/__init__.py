"""How often rulings on expectations err, on instances whose expectation is known exactly."""
