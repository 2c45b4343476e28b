"""Recipes of classifiers: the quick default, and those that make the release."""

from dataclasses import replace

from training.augmentation import Augmentation
from training.classifying import START, ClassifierSettings
from training.deepening import DEEPENED, DeepenedSettings
from training.distilling import DistilledSettings
from training.early_exiting import EarlyExitSettings, TaughtBranchSettings
from training.halved import HalvedSettings
from training.networks.classifiers import ResidualSettings
from training.networks.early_exit import SecondHalfSettings
from training.optimisation import Optimisation
from training.recipes.photographs import photograph_released
from training.recipes.recipe import Recipe

RELEASED_AS = "fashion-classifier"
_TEACHER = "fashion-classifier-20261126-d1b6f0bb.bentomodel"
_PRUNED = ResidualSettings(width=24, first=16)
_HALVED = HalvedSettings(
    replace(_PRUNED, downsampling="stride"), second_half=SecondHalfSettings((48, 128)), label_smoothing=0.05
)


def classifier() -> Recipe:
    """The default: past 92% within two minutes on two CPU cores.

    Strides instead of pools, and batches of 128, bring more epochs into the same time.
    """
    return Recipe(
        name="classifier",
        summary="small residual network, past 92% on test within two minutes on two CPU cores",
        system=ClassifierSettings(ResidualSettings(width=16, downsampling="stride"), label_smoothing=0.1),
        optimisation=Optimisation(
            epochs=10, batch_size=128, learning_rate=8e-3, warm_up=0.2, weight_decay=1e-2
        ),
        augmentation=Augmentation(flip=0.5, shift=2),
        released_as=RELEASED_AS,
    )


def classifier_mixed() -> Recipe:
    """The first of six courses: four times the multiplications, long enough to use them."""
    return Recipe(
        name="classifier-mixed",
        summary="the first of six courses: eighty epochs of erased and mixed pictures",
        system=ClassifierSettings(ResidualSettings(width=32), label_smoothing=0.1),
        optimisation=Optimisation(
            epochs=80, learning_rate=1e-2, warm_up=0.1, weight_decay=5e-2, average_decay=0.9995
        ),
        augmentation=Augmentation(flip=0.5, shift=2, erase=0.5, cutmix=0.5),
        released_as=RELEASED_AS,
    )


def classifier_whole() -> Recipe:
    """The second course: the first one's network goes on with whole pictures, and more of them."""
    return Recipe(
        name="classifier-whole",
        summary="the second course: trains classifier-mixed, then goes on without CutMix",
        system=ClassifierSettings(ResidualSettings(width=32), label_smoothing=0.1),
        optimisation=Optimisation(
            epochs=12,
            learning_rate=3e-3,
            warm_up=0.05,
            weight_decay=5e-2,
            average_decay=0.999,
            refit=True,
        ),
        augmentation=Augmentation(flip=0.5, shift=2, erase=0.5),
        released_as=RELEASED_AS,
        quantise=True,
        builds_on={START: classifier_mixed()},
    )


def classifier_averaged() -> Recipe:
    """A teacher: the second course's network walks on at a constant rate, and the mean of its way is kept."""
    course = classifier_whole()
    return replace(
        course,
        name="classifier-averaged",
        summary="a teacher of classifier-taught: classifier-whole goes on, and its way is averaged",
        optimisation=replace(
            course.optimisation, epochs=8, learning_rate=1e-3, schedule="constant", average_decay=1.0
        ),
        quantise=False,
        builds_on={START: course},
    )


def classifier_taught() -> Recipe:
    """What the pruned network learns from: the mean of two networks' weights learns what both say."""
    course = classifier_whole()
    return replace(
        course,
        name="classifier-taught",
        summary="the teacher of classifier-pruned: trains two teachers, then learns from both",
        system=DistilledSettings(ResidualSettings(width=32)),
        optimisation=replace(course.optimisation, epochs=6, learning_rate=2e-4),
        quantise=False,
        builds_on={START: course, "averaged": classifier_averaged()},
    )


def classifier_pruned() -> Recipe:
    """Half the multiplications of its teacher, out of which it is cut."""
    course = classifier_taught()
    return replace(
        course,
        name="classifier-pruned",
        summary="half of its teacher's multiplications: trains it, is cut out of it and learns from it",
        system=DistilledSettings(_PRUNED),
        optimisation=replace(course.optimisation, epochs=30, learning_rate=3e-3, warm_up=0.1),
        quantise=True,
        builds_on={START: course},
    )


def classifier_early_exit() -> Recipe:
    """The pruned network, and a branch that answers what is easy: six courses with those of its teachers.

    It was served until 27 November 2026, as `classifier-released`, which is how its file in
    `releases/teachers/` still names it. It teaches the four courses that end in `classifier-four-courses`.
    """
    course = classifier_pruned()
    return replace(
        course,
        name="classifier-early-exit",
        summary="the release of 26 November in six courses: a network, then an early exit for easy pictures",
        system=EarlyExitSettings(_PRUNED),
        optimisation=Optimisation(
            epochs=40, learning_rate=4e-3, warm_up=0.2, weight_decay=2e-2, average_decay=0.999, refit=True
        ),
        builds_on={START: course},
        joins={"photographs": photograph_released()},
    )


def classifier_halved() -> Recipe:
    """Both halves at once, from nothing: no teacher, one course."""
    return Recipe(
        name="classifier-halved",
        summary="a classifier with an early exit from nothing: both halves at once, by Muon, in one course",
        system=_HALVED,
        optimisation=Optimisation(
            epochs=70,
            optimiser="muon",
            learning_rate=6e-3,
            momentum=0.95,
            warm_up=0.1,
            weight_decay=0.1,
            average_decay=0.999,
            refit=True,
        ),
        augmentation=Augmentation(flip=0.5, shift=2, erase=0.5, mixup=0.2),
        released_as=RELEASED_AS,
        quantise=True,
        joins={"photographs": photograph_released()},
    )


def classifier_halved_taught() -> Recipe:
    """The first course of the release: labels teach both halves, and an earlier release the second."""
    course = classifier_halved()
    return replace(
        course,
        name="classifier-halved-taught",
        summary="classifier-halved, which an earlier release teaches as well: the first of four courses",
        system=replace(_HALVED, hardest=0.35, teacher=_TEACHER),
        optimisation=replace(course.optimisation, epochs=56, refit_in_halves=True),
        joins={},
    )


def classifier_deepened() -> Recipe:
    """The second course: a larger second half behind that first one, from labels alone."""
    course = classifier_halved_taught()
    return replace(
        course,
        name="classifier-deepened",
        summary="a larger second half behind classifier-halved-taught: labels teach it what is hard",
        system=DeepenedSettings(_HALVED.network, hardest=0.4, label_smoothing=0.02),
        optimisation=replace(course.optimisation, epochs=45, batch_size=384),
        augmentation=Augmentation(flip=0.5, shift=2, erase=0.5),
        builds_on={START: course},
    )


def classifier_deepened_taught() -> Recipe:
    """The third course: the second half learns what it and an earlier release say together."""
    course = classifier_deepened()
    return replace(
        course,
        name="classifier-deepened-taught",
        summary="the third of four courses: an earlier release teaches the larger second half as well",
        system=DeepenedSettings(_HALVED.network, hardest=0.4, teacher=_TEACHER, teachers_share=1.0),
        optimisation=replace(course.optimisation, epochs=6, learning_rate=1e-3),
        builds_on={**course.builds_on, DEEPENED: course},
    )


def classifier_four_courses() -> Recipe:
    """The one that is served: a fourth course, in which the branch learns what both halves have come to say.

    Until then it had heard of the second half only while that was still learning. The artifact holds the
    network for photographs as well.
    """
    course = classifier_deepened_taught()
    return replace(
        course,
        name="classifier-four-courses",
        summary="the classifier behind the release, in four courses, with an early exit for easy pictures",
        system=TaughtBranchSettings(_HALVED.network),
        optimisation=replace(classifier_early_exit().optimisation, epochs=24, refit_in_halves=True),
        builds_on={START: course},
        joins={"photographs": photograph_released()},
    )
