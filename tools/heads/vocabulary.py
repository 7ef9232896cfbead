"""The parts of a picture: names, ids and display colours.

The maker stands alone, so it repeats the thirteen parts of the library's vocabulary here;
a test compares the two.
"""

import numpy as np

PART_NAMES = (
    "background", "face", "eyes", "eyebrows", "mouth", "nose", "ears",
    "hair", "neck", "cloth", "glasses", "hat", "earrings",
)
(BACKGROUND, FACE, EYES, EYEBROWS, MOUTH, NOSE, EARS,
 HAIR, NECK, CLOTH, GLASSES, HAT, EARRINGS) = range(len(PART_NAMES))

SEE_THROUGH = -1  # label of geometry that takes the class of what it covers (lashes, beard)

DISPLAY_COLOURS = np.array([
    [0, 0, 0], [239, 188, 155], [60, 120, 255], [120, 70, 20], [230, 40, 60], [255, 150, 60],
    [190, 90, 200], [110, 60, 140], [90, 200, 150], [40, 130, 70], [0, 230, 230],
    [250, 230, 60], [255, 0, 255],
], dtype=np.uint8)
