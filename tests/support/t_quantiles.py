"""Prints the table of t quantiles that src/measure/interval/tests.rs holds, from SciPy.

    python -m pip install scipy && python tests/support/t_quantiles.py
"""

from scipy.stats import t

for df in [1, 2, 3, 4, 5, 7, 9, 11, 14, 19, 29, 59, 119, 1000]:
    print(f"    ({df}, {t.ppf(0.975, df):.12f}),")
