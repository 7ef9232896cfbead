"""Notebook 00 as a reader meets it: opened in JupyterLab, run from top to bottom, the editor used with the mouse."""

from __future__ import annotations

NOTEBOOK = "00_start_here.ipynb"
PATIENCE = 240_000      # milliseconds; the machines that run this are busy

# The execution indicator says "idle" before the kernel is connected: wait for the kernel itself.
RUN_ALL = """async () => {
  const app = window.jupyterapp; await app.restored;
  const notebook = app.shell.currentWidget;
  await notebook.context.ready; await notebook.sessionContext.ready;
  await notebook.sessionContext.session.kernel.info;
  await app.commands.execute('notebook:run-all-cells');
}"""
PICTURE = """index => document.querySelectorAll('.jp-OutputArea img.widget-image')[index]?.src || ''"""
PIXELS = """async index => {     // a picture of the widget as numbers, 0 to 255
  const image = document.querySelectorAll('.jp-OutputArea img.widget-image')[index];
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  return Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data);
}"""


def test_the_editor_changes_a_part_and_takes_it_back(lab, browser, keep_screenshot):
    page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    page.set_default_timeout(PATIENCE)
    outside, errors = [], []
    page.on("request", lambda r: outside.append(r.url) if "127.0.0.1" not in r.url
            and not r.url.startswith(("data:", "blob:")) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))

    page.goto(lab.url(NOTEBOOK))
    page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext", timeout=PATIENCE)
    page.evaluate(RUN_ALL)
    editor = page.locator(".jp-OutputArea .widget-vbox", has=page.locator("img.widget-image")).first
    editor.wait_for(state="attached", timeout=PATIENCE)
    page.wait_for_function(f"() => ({PICTURE})(0).length > 0", timeout=PATIENCE)
    editor.scroll_into_view_if_needed()

    guest = page.evaluate(PICTURE, 0)       # the notebook begins with the guest's hair
    editor.get_by_role("button", name="Undo").click()
    page.wait_for_function(f"guest => ({PICTURE})(0) !== guest", arg=guest, timeout=PATIENCE)
    start = page.evaluate(PICTURE, 0)
    before = page.evaluate(PIXELS, 0)
    handle = editor.locator(".widget-slider", has_text="shape").locator(".noUi-handle")
    handle.focus()
    page.keyboard.press("End")
    page.wait_for_function("""() => [...document.querySelectorAll('.jp-OutputArea')].some(
        area => area.textContent.includes('Mean change in the hair'))""", timeout=PATIENCE)
    page.wait_for_function(f"start => ({PICTURE})(0) !== start", arg=start, timeout=PATIENCE)
    keep_screenshot(page, "start_here_edited")
    after = page.evaluate(PIXELS, 0)
    assert len(after) == len(before) and after != before, "the face did not change"
    # The map of what changed is white where nothing did, and dark somewhere.
    change = page.evaluate(PIXELS, 2)[::4]
    assert min(change) < 128 and sorted(change)[len(change) // 2] > 200

    edited = page.evaluate(PICTURE, 0)
    editor.get_by_role("button", name="Undo").click()
    page.wait_for_function(f"edited => ({PICTURE})(0) !== edited", arg=edited, timeout=PATIENCE)
    assert page.evaluate(PIXELS, 0) == before, "undo must bring the very same picture back"

    assert not errors, errors
    assert not outside, f"the page asked for something outside this machine: {outside[:3]}"
    page.close()
