"""What a network pays for going by a region."""

import numpy as np
import pytest
import torch

from sightline.errors import OptionError
from sightline.repair import penalty


@pytest.mark.parametrize(("outputs", "squashed"), [(1, False), (3, False), (3, True)])
def test_the_penalty_is_the_squared_slope_of_the_log_probabilities_in_the_region(outputs, squashed):
    torch.manual_seed(0)
    part = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(12, 5), torch.nn.Tanh(), torch.nn.Linear(5, outputs)
    )
    model = torch.nn.Sequential(part, torch.nn.Softmax(dim=1)).double() if squashed else part.double()
    images = torch.rand(2, 1, 3, 4, dtype=torch.float64)
    mask = np.random.default_rng(0).random((3, 4)) < 0.5

    @torch.no_grad()
    def total(one):
        out = model(one[None])
        if squashed:
            return torch.log(out).sum()
        if outputs == 1:
            return torch.nn.functional.logsigmoid(out).sum() + torch.nn.functional.logsigmoid(-out).sum()
        return torch.log_softmax(out, dim=1).sum()

    slow, step = 0.0, 1e-6
    for image in images:
        for row, column in np.argwhere(mask):
            moved = [image.clone() for _ in range(2)]
            moved[0][0, row, column] += step
            moved[1][0, row, column] -= step
            slow += float((total(moved[0]) - total(moved[1])) / (2 * step)) ** 2
    inputs = images.clone().requires_grad_()
    made = penalty(model(inputs), inputs, mask, from_probabilities=squashed)
    assert np.isclose(float(made.detach()), slow / 2, rtol=1e-5)
    made.backward()
    assert part[1].weight.grad.abs().sum() > 0


def test_a_penalty_without_gradients_or_with_another_size_is_refused(misled_net):
    images = torch.rand(2, 1, 8, 8)
    with pytest.raises(OptionError, match=r"call images.requires_grad_\(\) before"):
        penalty(misled_net(images), images, np.ones((8, 8), bool))
    images.requires_grad_()
    with pytest.raises(OptionError, match=r"must have the inputs' height and width, \(8, 8\)"):
        penalty(misled_net(images), images, np.ones((4, 8), bool))
