"""The checks of the gate and how its verdict is put."""
