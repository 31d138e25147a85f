"""Traffic through a router that is not there: requests, lanes, troubles and policies, played in time."""
