"""The hit ratios as one self-contained SVG: a small chart a trace, the ratio over the size of the caches."""

from __future__ import annotations

from html import escape

COLOURS = ["#d62728", "#ff7f0e", "#8c1c13", "#7f7f7f", "#bcbd22", "#17becf", "#1f77b4", "#9467bd", "#c7c7c7", "#2ca02c",
           "#e377c2", "#98df8a", "#8c564b", "#aec7e8", "#f7b6d2"]
WIDTH, HEIGHT, PAD, COLUMNS = 300, 190, 34, 4


def chart(cases: list, colours: dict[str, str], left: int, top: int) -> list[str]:
    """The lines of one trace: percent of hits upwards, the sizes side by side."""
    values = [v for case in cases for v in case.ratio.values()]
    low, high = min(values), max(max(values), min(values) + 1)
    step = (WIDTH - 2 * PAD) / max(len(cases) - 1, 1)

    def point(i: int, value: float) -> str:
        y = top + HEIGHT - PAD - (value - low) / (high - low) * (HEIGHT - 2 * PAD)
        return f"{left + PAD + i * step:.1f},{y:.1f}"

    out = [f'<text x="{left + PAD}" y="{top + 20}" font-weight="bold">{escape(cases[0].trace)}</text>']
    for value, y in ((high, top + PAD), (low, top + HEIGHT - PAD)):
        out.append(f'<text x="{left + PAD - 4}" y="{y + 4}" text-anchor="end">{value:.0f}</text>')
        out.append(f'<path d="M{left + PAD},{y}h{WIDTH - 2 * PAD}" stroke="#ddd"/>')
    for i, case in enumerate(cases):
        out.append(f'<text x="{left + PAD + i * step:.1f}" y="{top + HEIGHT - PAD + 16}" text-anchor="middle">'
                   f"{case.capacity:,}</text>")
    for name, colour in colours.items():
        points = " ".join(point(i, case.ratio[name]) for i, case in enumerate(cases) if name in case.ratio)
        thick, dashes = (2.5, "") if name.startswith("kevy") else (1, ' stroke-dasharray="4 2"')
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{thick}"{dashes}>'
                   f"<title>{escape(name)}</title></polyline>")
    return out


def plot(cases: list) -> str:
    names = list(cases[0].ratio)
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    traces = list(dict.fromkeys(case.trace for case in cases))
    out = []
    for i, trace in enumerate(traces):
        mine = [case for case in cases if case.trace == trace]
        out += chart(mine, colours, i % COLUMNS * WIDTH, i // COLUMNS * HEIGHT)
    bottom = (len(traces) + COLUMNS - 1) // COLUMNS * HEIGHT + 20
    for i, (name, colour) in enumerate(colours.items()):
        x, y = 20 + i % 6 * 195, bottom + i // 6 * 18
        out.append(f'<path d="M{x},{y}h24" stroke="{colour}" stroke-width="3"/><text x="{x + 30}" y="{y + 4}">{escape(name)}</text>')
    height = bottom + (len(names) + 5) // 6 * 18 + 10
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {COLUMNS * WIDTH} {height}" font-family="sans-serif" '
            f'font-size="11"><rect width="100%" height="100%" fill="white"/>' + "\n".join(out) + "</svg>\n")
