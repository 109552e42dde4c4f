"""Random walks under the masks, judged by jsonschema, `re` and Lark."""

import os
import pathlib
import subprocess
import sys


def test_what_masks_allow_is_valid_to_other_implementations():
    script = pathlib.Path(__file__).parents[1] / "grammar-differential"
    done = subprocess.run([sys.executable, script, os.environ["MARTLET_MODEL"], "--walks", "4"], capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    documents = int(done.stdout.split(" refused, ")[1].split(" documents")[0])
    assert documents > 1_500, done.stdout
