"""Drawings by gnuplot, as SVG."""

import subprocess

SCRIPT = """
set terminal svg size 720,380 font 'sans-serif,12' background '#ffffff'
set output '{path}'
set xlabel '{x_label}'
set ylabel '{y_label}'
set y2label '{y2_label}'
set ytics nomirror
set y2tics
set grid ytics lc rgb '#dddddd'
set key outside top center horizontal
{scale}
set y2range [0:*]
set xrange [-0.3:{last}.3]
plot {curves}
"""
COLOURS = ("#4477aa", "#228833", "#aa3377", "#222222", "#ccbb44", "#ee6677")


def script(path, labels, names, rows, of_y2, logarithmic=False):
    """
    gnuplot's input. labels: of x, y and the second y. rows: (what stands at x, value of each name ...), drawn at equal distances; the last
    `of_y2` names belong to the second y.
    """
    curves = []
    for n, name in enumerate(names):
        second = n >= len(names) - of_y2
        curves.append(f"$rows using 0:{n + 2}:xtic(1) axes x1y{2 if second else 1} with linespoints lw 2 pt 7 ps 0.6 dt {2 if second else 1}"
                      f" lc rgb '{COLOURS[n]}' title '{name}'")
    data = "\n".join(f'"{row[0]}" ' + " ".join(f"{v:.6g}" for v in row[1:]) for row in rows)
    scale = "set logscale y" if logarithmic else "set yrange [0:*]"
    return f"$rows << EOD\n{data}\nEOD\n" + SCRIPT.format(path=path, x_label=labels[0], y_label=labels[1], y2_label=labels[2], scale=scale,
                                                         last=len(rows) - 1, curves=", \\\n     ".join(curves))


def draw(*args, **kwargs):
    """As script()."""
    subprocess.run(["gnuplot"], input=script(*args, **kwargs), text=True, check=True)
