"""The base of the course's widgets: pictures, controls and one caption.

Widgets hold no logic of their own: each control calls the library, and the pictures show what it gives back.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import numpy as np
from IPython.display import HTML, display
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ssgan_lite.course.figures import is_flat, to_picture
from ssgan_lite.pictures import png_bytes, still_html

VIEW = 176      # screen pixels, width of a picture: four fit side by side on a laptop
WRAP = widgets.Layout(flex_flow="row wrap")


class Panel(widgets.VBox):
    """Base class. A subclass fills `self.children` in its `__init__` and draws in a method of its own.

    Its `__repr__` is stored in notebooks beside the widget, so it says nothing that differs from run to run.
    """

    still_width = VIEW              # of each picture of it that a notebook keeps, in screen pixels
    still_names: Sequence[str] = ()     # of these pictures, if a name is to stand below each

    def __init__(self) -> None:
        super().__init__(layout=widgets.Layout(align_items="flex-start"))      # "stretch" would blow pictures up
        self.caption = widgets.HTML()

    def say(self, text: str) -> None:
        """Set the caption; screen readers announce it."""
        self.caption.value = f"<p aria-live='polite'>{text}</p>"

    def _repr_mimebundle_(self, **options):
        """The widget, and before it its pictures, which are seen where the widget cannot be: without a kernel."""
        stills = [Image.open(io.BytesIO(picture.value)) for picture in images_of(self) if picture.value][:4]
        if stills:
            display(HTML(still_html(stills, type(self).__name__, hidden_by="widget-vbox",
                                    width=self.still_width, names=self.still_names)))
        return super()._repr_mimebundle_(**options)

    @staticmethod
    def watch(controls: Sequence[widgets.Widget], call: Callable) -> None:
        """Call `call(change)` whenever the value of a control changes."""
        for control in controls:
            control.observe(call, "value")

    @staticmethod
    def set_quietly(control: widgets.Widget, value: object, call: Callable) -> None:
        """Set the value of a control without the call that `watch` would make."""
        control.unobserve(call, "value")
        control.value = value
        control.observe(call, "value")


def images_of(widget: widgets.Widget) -> list[widgets.Image]:
    """All pictures in a widget, in their order."""
    if isinstance(widget, widgets.Image):
        return [widget]
    return [image for child in getattr(widget, "children", ()) for image in images_of(child)]


def view(width: int = VIEW, height: int | None = None) -> widgets.Image:
    """An empty place for a square picture, or one of this height."""
    return widgets.Image(format="png", width=width, height=width if height is None else height)


def side_by_side(*children: widgets.Widget) -> widgets.HBox:
    """Widgets side by side, on several lines where the page is narrow."""
    return widgets.HBox(children, layout=WRAP)


def captioned(pictures: Sequence[widgets.Image], names: Sequence[str]) -> widgets.HBox:
    """Pictures side by side, each with its name below it."""
    return side_by_side(*(widgets.VBox([picture, widgets.Label(name)])
                          for picture, name in zip(pictures, names, strict=True)))


def draw(place: widgets.Image, picture: np.ndarray | Figure, smooth: bool | None = None, dpi: int = 100) -> None:
    """Show a picture [H, W, 3] uint8, at least twice as fine as the screen, or a figure.

    smooth: bicubic, or every pixel as a square; None: a mask as squares, anything else bicubic.
    """
    if isinstance(picture, Figure):
        place.value = png_bytes(to_picture(picture, dpi))
    else:
        width = max(2 * int(place.width or VIEW), picture.shape[1])
        smooth = not is_flat(picture) if smooth is None else smooth
        place.value = png_bytes(picture, width, smooth, compress_level=1)


def gray_pixels(strength: Tensor | np.ndarray) -> np.ndarray:
    """A map [H, W] of 0 to 1 as a picture [H, W, 3]: 0 white and 1 black, as in `picture_rows`."""
    strength = strength.detach().cpu().numpy() if isinstance(strength, Tensor) else strength
    return np.repeat(np.uint8(255 - 255 * strength.clip(0, 1))[..., None], 3, axis=2)
