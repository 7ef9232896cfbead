"""Pictures of tensors; what needs a notebook lives in its own module and is imported from there."""

from ssgan_lite.show.figures import contact_sheet, image_grid, mask_to_rgb, to_image

__all__ = ["contact_sheet", "image_grid", "mask_to_rgb", "to_image"]
