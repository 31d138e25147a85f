"""Pages of what serves: releases, reports, keys, switches."""
