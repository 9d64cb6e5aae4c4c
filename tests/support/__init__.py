"""What the tests, the demo and the benchmark share: real peers, real programs, and waiting for conditions."""
