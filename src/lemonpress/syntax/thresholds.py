"""From which tree edit distance on two sentences count as different in syntax."""

THRESHOLDS = {
    # The paper's, measured on SGCP's constituency trees; Stanza's are of the same kind.
    "stanza": 12,
    # Passes the share of pairs that gold constituency trees pass at 12 (docs/syntax.md says how it was measured).
    "spacy": 10,
}
"""Smallest distance that passes, in edits, by `parsers.Parser.name`. They do not carry over between parsers."""
