"""Make docs/images/studio.png: the studio with a study's errors, the most misled first.

``python scripts/studio_image.py RUN`` opens the study in a folder, as `sightline study` makes one, in
Debian's chromium, and keeps what a person would see.
"""

import shutil
import sys
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

from sightline.studio.opened_study import OpenedStudy
from sightline.studio.server import StudioServer

FILE = Path(__file__).parents[1] / "docs" / "images" / "studio.png"
SHOWN = "/images?outcome=wrong&sort=misled"
SIZE = {"width": 1280, "height": 800}


def main(run: Path) -> None:
    """Write the image."""
    server = StudioServer(OpenedStudy(run))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport=SIZE)
            page.goto(server.link)
            page.goto(f"{server.origin}{SHOWN}")
            page.wait_for_selector("html[data-ready=all]")
            page.wait_for_selector(".tile.painted")
            page.wait_for_timeout(1000)  # until all tiles in sight are painted
            page.screenshot(path=FILE)
            browser.close()
    finally:
        server.stop()
        thread.join()
    sys.stdout.write(f"wrote {FILE}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
