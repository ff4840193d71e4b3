"""Figures of two servers side by side, printed as they come."""


class Table:
    def __init__(self) -> None:
        self.rows: list[tuple[str, ...]] = [("what", "behalf", "reference", "ratio", "budget")]

    def add(self, what: str, ours: str, theirs: str = "", ratio: str = "", budget: str = "") -> None:
        self.rows.append((what, ours, theirs, ratio, budget))
        print(f"{what:48} {ours:>26} {theirs:>26} {ratio:>9}  {budget}", flush=True)

    def markdown(self) -> str:
        head, *rest = self.rows
        lines = ["| " + " | ".join(r) + " |" for r in rest]
        return "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *lines])
