"""Exercises on the losses and regularizers, and on which parameters each of them moves."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssgan_lite.course.exercises import (
    close,
    describe,
    exercise,
    expect,
    expect_choice,
    expect_close,
    expect_number,
    expect_same_gradients,
    expect_shape,
    expect_tensor,
)
from ssgan_lite.course.losses import relativistic
from ssgan_lite.course.losses.toys import Maker, SmallDiscriminator, r1, score_gradient
from ssgan_lite.model.encoder import Posterior
from ssgan_lite.train.frozen_discriminator import SHARPNESS, harden
from ssgan_lite.train.frozen_discriminator import hinge_discriminator_loss as hinge
from ssgan_lite.train.reconstruct import kl_divergence


def _near(value: object, wanted: float, share: float = 0.01) -> bool:
    return abs(float(value) - wanted) <= share * abs(wanted)


@exercise(1, title="The undecided discriminator", minutes=3, level=1,
          solution_text="softplus(0) = log(1 + 1) = 0.693 for the reals and as much for the fakes: 2 log 2 = 1.386.\n"
                        "A discriminator's loss near 1.39 in a log means that it cannot tell the two apart.")
def undecided(loss):
    """Say what the discriminator's loss is when every score is 0."""
    expect_number(loss)
    expect(not _near(loss, math.log(2)), "that is one of the two surprises; reals and fakes each bring one")
    expect(not _near(loss, 1.0) and not _near(loss, 0.5), "a probability of one half is not a surprise of one half: "
           "take -log of it, and do so for both kinds")
    expect(float(loss) != 0, "a score of 0 is a probability of one half, and that is some surprise either way")
    expect(not _near(loss, 2.0), "this counts in bits (logarithm to base 2); softplus uses the natural logarithm")
    expect(not _near(loss, 2 * math.log10(2)), "this is the logarithm to base 10; softplus uses the natural one")
    expect(float(loss) > 0, "softplus is never negative")
    expect(_near(loss, 2 * math.log(2)), "put 0 into softplus, once for the reals and once for the fakes")


@exercise(2, title="R1 for one input", minutes=12, level=2, solution="ssgan_lite.train.losses:r1_penalty")
def r1_of_images(answer):
    """Mean over the batch of the squared gradient of the score, summed over channels and pixels."""
    discriminator, image = SmallDiscriminator(), torch.randn(6, 3, 4, 4)
    out, gradient = answer(discriminator, image), score_gradient(discriminator, image)
    wanted = gradient.square().flatten(1).sum(1).mean()
    expect_tensor(out)
    expect(not close(out, gradient.square().mean(), 1e-9), "you take the mean over the pixels as well; they are "
           "summed, and only the samples are averaged")
    expect(not close(out, gradient.square().sum()), "you add up the samples; take their mean")
    expect(not close(out, gradient.flatten(1).norm(dim=1).mean()), "this is the mean length of the gradient; R1 has "
           "its square: leave out the root")
    expect(not close(out, gradient.square().flatten(1).sum(1)), "these are the samples' penalties; return their mean")
    expect(not close(out, wanted / 2), "the factor of one half belongs to the weight, gamma / 2")
    expect(not close(out, (gradient / 6).square().flatten(1).sum(1).mean(), 1e-9), "you take the gradient of the "
           "mean score, which makes every sample's gradient smaller by the size of the batch; take that of the sum")
    expect(not close(out, gradient.abs().flatten(1).sum(1).mean()), "square the gradient; you have summed its "
                                                                 "absolute values")
    expect(not close(out, gradient.flatten(1).sum(1).square().mean()), "you add up the gradient before you square "
           "it, so that pixels cancel: square first")
    leaf = image.clone().requires_grad_(True)
    for sign in (-1, 1):
        of_loss, = torch.autograd.grad(F.softplus(sign * discriminator(leaf)).sum(), leaf)
        expect(not close(out, of_loss.square().flatten(1).sum(1).mean()), "this is the gradient of a loss; R1 takes "
               "that of the score itself")
    expect(out.ndim == 0, f"the penalty is one number; yours has the shape {list(out.shape)}")
    expect_close(out, wanted, "the value is not the mean over samples of the sum of squared gradients")
    expect(out.requires_grad, "the discriminator's weights cannot be trained through your result: the gradient is to "
           "be differentiable itself (create_graph=True)")
    parameters = list(discriminator.parameters())
    theirs, ours = (torch.autograd.grad(loss, parameters, allow_unused=True)
                    for loss in (out, r1(discriminator, image)))
    same = all(close(0 * p if a is None else a, 0 * p if b is None else b)
               for p, a, b in zip(parameters, theirs, ours, strict=True))
    expect(same, "the value is right, but its gradient with respect to the discriminator's weights is not: the "
           "gradient must stay connected (create_graph=True, and nothing detached)")
    expect(not image.requires_grad, "you switched requires_grad on for the very tensor that you were given; make a "
           "copy first with image.detach()")
    image = torch.randn(3, 3, 2, 2)
    discriminator = SmallDiscriminator(2)
    expect_close(answer(discriminator, image), r1(discriminator, image), "with another size and batch the value is "
                 "wrong")
    made = (2 * torch.randn(2, 3, 2, 2, requires_grad=True))
    expect_close(answer(discriminator, made), r1(discriminator, made), "with images that were themselves computed "
                 "the value is wrong: detach them first")


@exercise(3, title="Another range", minutes=4, level=2,
          solution_text="The range is half as long, so a step of the same length in the new numbers is twice the "
                        "step in the old ones:\nevery slope is twice as large, R1 is four times as large, and the "
                        "weight must be 10 / 4 = 2.5.")
def weight_for_range(weight):
    """Say what becomes of an R1 weight of 10 when images run from 0 to 1 instead of -1 to 1."""
    expect_number(weight)
    expect(not _near(weight, 10), "the scores are the same, but not their slopes: the same change of a picture is "
           "half as large a change of its numbers")
    expect(not _near(weight, 5), "the slope is twice as large, that is right; R1 is its square")
    expect(not _near(weight, 20) and not _near(weight, 40), "the other way round: with a shorter range the slopes "
           "are larger, so R1 is larger, and the weight must be smaller")
    expect(not _near(weight, 0.625), "that would be a range a quarter as long; from 0 to 1 it is half of what it was")
    expect(_near(weight, 2.5), "by what factor does the slope grow when the range is half as long, and by what "
           "factor R1, which is its square?")


def _code_gradients(f: nn.Module, codes: Tensor, y: Tensor) -> Tensor:
    codes = codes.detach().requires_grad_(True)
    return torch.autograd.grad((f(codes) * y).sum(), codes, create_graph=True)[0]


@exercise(4, title="Measure the steps", minutes=20, level=3, solution="ssgan_lite.train.losses:path_lengths")
def measure_steps(answer):
    """Path lengths [N] of f at codes [N, K, S] in the random direction y."""
    k, s = 6, 3                                            # 6 codes, so that nothing is mixed up with the 4 pixels
    f, y = Maker(k, s), torch.randn(5, 3, 2, 2)
    base = torch.randn(5, k, s, requires_grad=True)
    codes = 1.5 * base                                     # made by something that must get no gradient
    out, gradient = answer(f, codes, y), _code_gradients(f, codes, y)
    wanted = gradient.square().sum(2).mean(1).sqrt()
    expect_tensor(out)
    expect(not close(out, gradient.square().sum(2).sum(1).sqrt()), "you add up the K codes; take their mean (only "
           "the S numbers of a code are summed)")
    expect(not close(out, gradient.square().mean(2).mean(1).sqrt()), "you take the mean over the S numbers of a "
           "code; they are summed")
    expect(not close(out, gradient.square().mean(2).sum(1).sqrt()), "sum over the numbers of a code and mean over "
           "the codes, not the other way round")
    expect(not close(out, gradient.square().sum(2).mean(1)), "the root is missing")
    expect(not close(out, gradient.square().sum(2).sqrt().mean(1)), "you take the root for every code; first the "
           "mean over the codes, then the root")
    expect(not close(out, wanted / math.sqrt(k), 1e-6), "the mean over the codes is taken of the squares, inside the "
           "root; you divide by K outside of it")
    expect(not close(out, wanted / math.sqrt(4), 1e-6), "y has its scale already: do not divide by the root of the "
                                                        "pixels")
    expect(not close(out, wanted / y.numel(), 1e-7), "you take the mean of picture times y; take the sum")
    plain = _code_gradients(f, codes, torch.ones_like(y)).square().sum(2).mean(1).sqrt()
    expect(not close(out, plain), "y is not used: multiply the picture with it before you sum")
    expect(out.ndim == 1 and len(out) == 5, "there should be one length for each of the 5 samples; your result has "
           f"the shape {list(out.shape)}")
    expect_close(out, wanted, "the lengths are not the root of the mean over codes of the sum of squared gradients")
    expect(out.requires_grad, "the parameters of f cannot be trained through your result (create_graph=True)")
    gradients = torch.autograd.grad(out.sum(), [*f.parameters(), base], allow_unused=True)
    expect(gradients[-1] is None or not gradients[-1].abs().max() > 0, "a gradient flows into what made the codes; "
           "take them as given: codes.detach()")
    ours = torch.autograd.grad(wanted.sum(), list(f.parameters()), allow_unused=True)
    same = all(a is not None and close(a, b, 1e-4) for a, b in zip(gradients, ours, strict=False))
    expect(same, "the lengths are right, but their gradient with respect to the parameters of f is not")
    f, codes, y = Maker(1, 6), torch.randn(2, 1, 6), torch.randn(2, 3, 2, 2)
    expect_close(answer(f, codes, y), _code_gradients(f, codes, y).norm(dim=(1, 2)), "with a single code of six "
                 "numbers the lengths are wrong")


@exercise(5, title="How often crossed?", minutes=5, level=2,
          solution_text="The batch is mixed (0.3) and the die shows 1 (one side of three): 0.3 / 3 = 0.1.\n"
                        "With 0 both codes come from a, with 2 both from b: whole parts, but not crossed within.")
def chance_of_crossing(probability):
    """Say how often shape and texture of one part come from two different codes."""
    expect_number(probability)
    expect(not _near(probability, 0.3), "so often a batch is mixed; then the die decides about the part")
    expect(not _near(probability, 1 / 3), "that is the die alone; first the batch has to be mixed at all")
    expect(not _near(probability, 0.2), "of the three sides only one gives shape and texture to different codes")
    expect(not _near(probability, 0.15) and not _near(probability, 0.075), "two coins would be another rule; it is "
           "one die with three sides")
    expect(not _near(probability, 10), "10 per cent is a probability of ...?")
    expect(0 <= float(probability) <= 1, "a probability lies between 0 and 1")
    expect(_near(probability, 0.1), "multiply the chance that a batch is mixed by that of the one side of the die "
           "that crosses")


@exercise(6, title="Adam for lazy terms", minutes=8, level=2, solution="ssgan_lite.train.state:lazy_adam")
def lazy_settings(answer):
    """Learning rate and betas of Adam, corrected for a regularizer that takes an extra step every `every` steps."""
    def differs(wrong, hint):
        expect(not (close(out[0], wrong[0], 1e-9, 1e-6) and close(out[1], wrong[1], 1e-9, 1e-6)
                    and close(out[2], wrong[2], 1e-9, 1e-6)), hint)

    lr, beta1, beta2, k = 0.002, 0.5, 0.99, 16
    out = answer(lr, beta1, beta2, k)
    expect(isinstance(out, (tuple, list)) and len(out) == 3, f"return lr, beta1 and beta2; this is {describe(out)}")
    for value in out:
        expect_number(value, "each of lr, beta1 and beta2")
    c = k / (k + 1)
    differs((lr, beta1, beta2), "nothing was corrected")
    differs((lr * c, beta1 * c, beta2 * c), "the decays are raised to the power of c, not multiplied by it: "
            "forgetting goes on by products")
    differs((lr**c, beta1**c, beta2**c), "the learning rate is multiplied by c; the power is for the decays")
    differs((lr / c, beta1 ** (1 / c), beta2 ** (1 / c)), "the wrong way round: there are more steps, so each should "
            "move less and forget less")
    differs((lr * c, beta1, beta2), "the learning rate is right; the decays need their correction, too")
    differs((lr, beta1**c, beta2**c), "the decays are right; the learning rate needs its correction, too")
    differs((lr * c, beta1, beta2**c), "beta1 is corrected like beta2")
    d = (k - 1) / k
    differs((lr * d, beta1**d, beta2**d), "c is k / (k + 1): one extra step makes k + 1 out of k")
    differs((lr / k, beta1 ** (1 / k), beta2 ** (1 / k)), "c is k / (k + 1), close to 1, not 1 / k")
    for value, wanted, name in zip(out, (lr * c, beta1**c, beta2**c), ("lr", "beta1", "beta2"), strict=False):
        expect(close(value, wanted, 1e-9, 1e-6), f"{name} is not what the formula gives with k = {k}")
    for k in (4, 1):
        c = k / (k + 1)
        for value, wanted in zip(answer(0.001, 0.0, 0.9, k), (0.001 * c, 0.0, 0.9**c), strict=False):
            expect(close(value, wanted, 1e-9, 1e-6), f"with a regularizer every {k} steps the result is wrong")
    for value, wanted in zip(answer(0.001, 0.0, 0.9, None), (0.001, 0.0, 0.9), strict=False):
        expect(close(value, wanted, 1e-9, 1e-6), "without a regularizer (None) nothing should be corrected")


def _kl_of_one(mean: Tensor, log_variance: Tensor) -> Tensor:
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


@exercise(7, title="What a code costs", minutes=10, level=2, solution="ssgan_lite.train.reconstruct:kl_divergence",
          solution_text="In the library mean and log-variance come as one `posterior`.")
def cost_of_codes(answer):
    """KL divergence of normal distributions from N(0, 1): summed over the numbers of a code, mean over the batch."""
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    out, each = answer(mean, log_variance), _kl_of_one(mean, log_variance)
    wanted = each.sum(1).mean()
    expect_tensor(out)
    expect(not close(out, each) and not close(out, each.sum(1)), "one number is wanted: add the divergences of a "
           "code, and take the mean over the batch")
    expect(not close(out, each.mean()), "you take the mean over the numbers of a code as well; they are summed: a "
           "code of more numbers costs more")
    expect(not close(out, each.sum()), "you add up the batch; take its mean")
    expect(not close(out, 2 * wanted), "the factor of one half is missing")
    expect(not close(out, -wanted), "the sign is turned around: a divergence is never negative")
    of_variance = 0.5 * (mean.square() + log_variance - 1 - log_variance.abs().log())
    expect(not close(out, of_variance.sum(1).mean()) and not out.isnan().any(), "the second argument is the "
           "*logarithm* of the variance: the variance is its exponential")
    squared = 0.5 * (mean.square() + (2 * log_variance).exp() - 1 - 2 * log_variance)
    expect(not close(out, squared.sum(1).mean()), "you take log_variance for the logarithm of the standard "
           "deviation; it is that of its square")
    expect(not close(out, (0.5 * (mean.square() + log_variance.exp() - log_variance)).sum(1).mean()), "the -1 is "
           "missing: for a mean of 0 and a variance of 1 the divergence should be 0")
    reverse = 0.5 * ((mean.square() + 1) / log_variance.exp() - 1 + log_variance)
    expect(not close(out, reverse.sum(1).mean()), "that is the divergence of N(0, 1) from the code's distribution; "
           "the other direction is asked for (the two are not equal)")
    expect_close(out, wanted, "the result is not the mean over codes of the sum of (m^2 + v - 1 - log v) / 2")
    expect_same_gradients(answer, lambda m, v: kl_divergence(Posterior(m, v)), [mean, log_variance],
                          "the value is right, but its gradients are not")


@exercise(8, title="Enough is enough", minutes=8, level=2, solution=(
    "ssgan_lite.train.frozen_discriminator:hinge_discriminator_loss",
    "ssgan_lite.train.frozen_discriminator:hinge_generator_loss"))
def hinge_losses(answer):
    """The hinge losses of the discriminator and of the generator, from scores of real and of generated pictures."""
    real, fake = torch.tensor([[2.0], [0.5], [-0.5], [1.5]]), torch.tensor([[-3.0], [0.25], [-0.5]])
    try:
        out = answer(real, fake)
    except (RuntimeError, TypeError) as error:
        expect("Boolean value of Tensor" not in str(error), "Python's `max` compares two numbers; for a tensor take "
               "`F.relu(x)` or `x.clamp(min=0)`")
        raise
    expect(isinstance(out, (tuple, list)) and len(out) == 2, "return two numbers, the loss of the discriminator and "
           f"that of the generator; this is {describe(out)}")
    ours, theirs = out
    expect_tensor(ours, "the discriminator's loss")
    expect_tensor(theirs, "the generator's loss")
    wanted, above, below = hinge(real, fake), F.relu(1 - real), F.relu(1 + fake)
    expect(not close(ours, F.relu(1 + real).mean() + F.relu(1 - fake).mean()), "real and generated are exchanged: "
           "a real score *above* 1 costs nothing, a generated one *below* -1")
    expect(not close(ours, (1 - real).mean() + (1 + fake).mean()), "what is beyond the margin must cost 0, not less "
           "than that: cut off at 0")
    expect(not close(ours, F.relu((1 - real).mean()) + F.relu((1 + fake).mean())), "cut off every score, then take "
           "the mean: a score far beyond the margin must not pay for another")
    expect(not close(ours, F.relu(-real).mean() + F.relu(fake).mean()), "the margin is missing: a score must be "
           "beyond 1 to cost nothing")
    expect(not close(ours, above.sum() + below.sum()), "take means, not sums")
    expect(not close(ours, torch.cat([above, below]).mean()), "you take one mean over real and generated pictures "
           "together; add the mean over the real ones and the mean over the generated ones")
    expect(not close(ours, F.softplus(-real).mean() + F.softplus(fake).mean()), "this is the logistic loss")
    expect_close(ours, wanted, "the discriminator's loss is not mean max(0, 1 - real) + mean max(0, 1 + fake)")
    expect(not close(theirs, fake.mean()), "the sign: the generator wants *high* scores, and a loss is made small")
    expect(not close(theirs, F.relu(1 - fake).mean()) and not close(theirs, -below.mean()), "the generator's loss "
           "has no margin: it always wants a higher score")
    expect_close(theirs, -fake.mean(), "the generator's loss is not -mean of its scores")


@exercise(9, title="Hard forward, soft backward", minutes=15, level=3, solution=(
    "ssgan_lite.train.frozen_discriminator:harden", "ssgan_lite.model.fusion:one_hot_straight_through"))
def hardened_masks(answer):
    """Mask scores [N, P, H, W] -> +1 for the largest part of a pixel, -1 elsewhere; the gradient of a softmax."""
    scores = torch.randn(2, 4, 3, 3)
    out, soft = answer(scores), torch.softmax(SHARPNESS * scores, dim=1)
    expect_tensor(out)
    expect(not close(out, scores.argmax(1)), "these are the numbers of the parts; wanted is one plane per part, "
           "[N, P, H, W]")
    expect_shape(out, scores.shape)
    hard = F.one_hot(scores.argmax(1), 4).movedim(-1, 1).float()
    expect(not close(out, 2 * soft - 1, 1e-4), "the values are soft still: forward they should be +1 and -1")
    expect(not close(out, hard), "these are 0 and 1; real masks have -1 and 1")
    expect(close(out, 2 * hard - 1, 1e-5), "the values are not +1 for the largest part of a pixel and -1 elsewhere")
    leaf, direction = scores.clone().requires_grad_(True), torch.randn(scores.shape)
    hardened = answer(leaf)
    expect(hardened.requires_grad, "no gradient flows: argmax and one_hot have none. Add something that is 0 forward "
           "and has the gradient of the softmax")

    def gradient(of):
        return torch.autograd.grad((of * direction).sum(), leaf, retain_graph=True)[0]

    found, wanted = gradient(hardened), gradient(2 * torch.softmax(SHARPNESS * leaf, dim=1) - 1)
    expect(not close(found, 2 * direction, 1e-4) and not close(found, direction, 1e-4), "the gradient goes straight "
           "through to the scores; it should go through the softmax of 3 times the scores")
    expect(not close(found, wanted / 2, 1e-4), "the gradient is half of what it should be: the softmax, too, is to "
           "be stretched from [0, 1] to [-1, 1]")
    expect(not close(found, gradient(2 * torch.softmax(leaf, dim=1) - 1), 1e-4), "the softmax is that of *3 times* "
           "the scores")
    expect(close(found, wanted, 1e-4), "the values are right; the gradient is not that of 2 softmax(3 scores) - 1")
    expect_same_gradients(answer, harden, [3 * torch.randn(1, 13, 4, 4)], "with another size the gradient is wrong")


@exercise(10, title="Who is moved?", minutes=6, level=2,
          solution_text="b and e. The KL term knows mean and variance only, so the encoder alone hears it (a). The "
                        "code that is\ndrawn is mean + deviation * noise, so what the picture costs reaches the "
                        "encoder (b). Depths come out of\nthe local generators, before the render net (c). The "
                        "frozen network only passes the gradient on (d).\nStraight through the hardened mask the "
                        "gradient of the hinge loss reaches the mask heads (e).")
def who_is_moved(statements):
    """Say which statements about losses and the parameters that they move are true."""
    expect_choice(statements, "be", {
        "a": "a: the KL term reads the mean and the variance of the code; has the generator a part in either?",
        "c": "c: the depths are made by the local generators; does the render net come before or after them?",
        "d": "d: frozen means that its weights have no gradient; it only passes the gradient on to the picture"})


@exercise(11, title="Build it yourself: which of the two is real?", minutes=45, level=3, in_place=True,
          solution_text=relativistic.SOLUTION)
def relativistic_step(answer):
    """One turn of both players with a relativistic loss, R1 and R2."""
    relativistic.examine(answer)
