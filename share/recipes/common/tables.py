"""Tables of the model cards."""


def table(head, rows):
    """A Markdown table."""
    lines = [head, ["---"] * len(head)] + rows
    return "\n".join("| " + " | ".join(map(str, line)) + " |"
                     for line in lines)
