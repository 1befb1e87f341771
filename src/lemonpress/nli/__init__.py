"""Natural-language inference: the rows, training and measures of a packaged entailment critic."""
