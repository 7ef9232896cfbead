"""The exercise engine: what a `checks.py` imports to test an answer and to say what is wrong with it."""

from ssgan_lite.course.exercises.answers import NotStarted, Watch, WrongAnswer, answer_of
from ssgan_lite.course.exercises.expectations import (
                                                      close,
                                                      describe,
                                                      expect,
                                                      expect_choice,
                                                      expect_close,
                                                      expect_number,
                                                      expect_same_gradients,
                                                      expect_shape,
                                                      expect_tensor,
                                                      two_sizes,
)
from ssgan_lite.course.exercises.registry import Exercise, Result, exercise

__all__ = ["Exercise", "NotStarted", "Result", "Watch", "WrongAnswer", "answer_of", "close", "describe", "exercise",
           "expect", "expect_choice", "expect_close", "expect_number", "expect_same_gradients", "expect_shape",
           "expect_tensor", "two_sizes"]
