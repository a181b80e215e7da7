"""The commands, one module each: `add` describes it to argparse, and names the function that runs it."""
