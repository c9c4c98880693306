"""Training an adapted input channel: what is taught, reading, fit, calibration."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from duologue.forward.state_head import StateHead
from duologue.states import State
from duologue.training.cleaning import Doubt, doubts
from duologue.training.corpora.records import Split
from duologue.training.head_fit import FitSettings
from duologue.training.layout import Layout, system_prompt_for
from duologue.training.lora_batches import LessonBook
from duologue.training.lora_fit import LoraFit, end_features, last_scores
from duologue.training.lora_learner import Learner
from duologue.training.lora_reading import FrozenReader
from duologue.training.sample import Sample
from duologue.training.supervision import complete_texts, taught, trail_of
from duologue.training.teachers import check_labels, check_teachers, told_by
from duologue.training.trainer import (
    Scores,
    TrainSettings,
    Watch,
    bare_card,
    finished,
    first_beginnings,
    label_columns,
)

if TYPE_CHECKING:
    from duologue.model.loading import LoadedModel


CLEANING_WIDTH = 256


class LoraTrainer:
    """Teaches one model from one data set. With a folder, an interrupted run goes on.

    With `start`, a head of the shape that the settings have, learning goes on from there. What
    `teachers`, of the same shape, say counts as much as the labels.
    The same model, samples and settings give the same adapter, up to float rounding.
    """

    def __init__(
        self,
        loaded: "LoadedModel",
        settings: TrainSettings,
        folder: Path | None = None,
        watch: Watch | None = None,
        start: StateHead | None = None,
        teachers: Sequence[StateHead] = (),
    ) -> None:
        """Raises InvalidSetting for teachers of another shape, and for labels of another order."""
        assert settings.lora is not None, "these settings adapt nothing"
        self.loaded, self.settings, self.lora = loaded, settings, settings.lora
        self.folder, self.watch, self.start = folder, watch or Watch(), start
        self.teachers = teachers
        check_teachers(teachers, settings.layers, self.lora)
        if start is not None:
            check_labels("from", start, tuple(State))
        self.adapted = self.lora.adapted(settings.layers, loaded.geometry.num_layers)
        self.order = tuple(State)
        self.doubted: list[Doubt] = []
        """What `train` left out."""

    def train(self, splits: Mapping[Split, Sequence[Sample]]) -> StateHead:
        """A head with updates, and its figures on the validation split."""
        known = complete_texts(splits["train"])
        beginnings = first_beginnings(splits["val"])
        val = self.book("val", splits["val"], known)
        streamed = self.book("streaming", beginnings, known)
        if self.lora.max_epochs:
            head, learner, num_epochs = self.learned(splits["train"], known, val)
        else:
            head, learner, num_epochs = self.unchanged()
        network = self.loaded.network
        scores = Scores(last_scores(learner, network, val), last_scores(learner, network, streamed))
        before = None if self.start is None else self.start.card.training
        return finished(head, scores, splits, num_epochs, self.settings, before)

    def learned(
        self, samples: Sequence[Sample], known: Set[str], val: LessonBook
    ) -> tuple[StateHead, Learner, int]:
        """As `fit`, from these samples."""
        train = self.book("train", samples, known)
        if self.settings.cleans:
            self.doubted = self.doubts(train, samples)
            train = train.without({doubt.place for doubt in self.doubted})
        if self.teachers:
            train = self.told(train)
        return self.fit(train, val)

    def unchanged(self) -> tuple[StateHead, Learner, int]:
        """As `fit`, where nothing is learned: the adapter that it would go on from."""
        assert self.start is not None, "nothing to calibrate"
        learner = Learner.of(self.start, self.loaded.network, self.adapted, self.lora)
        card = bare_card(self.loaded, self.settings, self.order)
        return StateHead(card, self.start.dense, self.start.lora), learner, 0

    def told(self, train: LessonBook) -> LessonBook:
        """The training rows with what the teachers say of them."""
        advance = self.watch.rows("what the teachers say", len(train.utterances))
        network = self.loaded.network
        return told_by(self.teachers, network, self.adapted, self.lora, train, advance)

    def doubts(self, train: LessonBook, samples: Sequence[Sample]) -> list[Doubt]:
        """The training rows whose labels the others contradict, read without any update."""
        generator = torch.Generator().manual_seed(self.lora.seed)
        plain = Learner(
            self.loaded.network, self.adapted, self.settings.layers, len(self.order), self.lora,
            generator,
        )  # fmt: skip
        features = end_features(plain, self.loaded.network, train)
        labels = label_columns(samples, self.order)
        advance = self.watch.rows("doubtful labels", len(samples))
        return doubts(features, labels, self.order, FitSettings.of_width(CLEANING_WIDTH), advance)

    def fit(self, train: LessonBook, val: LessonBook) -> tuple[StateHead, Learner, int]:
        """An adapter that is not calibrated, what it was made by, and the epochs it took."""
        fitted, learner = LoraFit(
            network=self.loaded.network,
            layers=self.settings.layers,
            adapted=self.adapted,
            settings=self.lora,
            train=train,
            val=val,
            start=self.start,
            folder=self.folder,
            start_epoch=lambda number: self.watch.rows(
                f"epoch {number + 1}", len(train.utterances)
            ),
            report=self.watch.epoch,
        ).run()
        card = bare_card(self.loaded, self.settings, self.order)
        return StateHead(card, fitted.dense, fitted.lora), learner, fitted.best_epoch + 1

    def book(self, phase: str, samples: Sequence[Sample], known: Set[str]) -> LessonBook:
        """The lessons of these samples, read by the frozen layers."""
        layout = Layout(self.loaded.chat, self.loaded.tokenizer)
        utterances = [
            taught(layout, sample, system_prompt_for(sample), known, trail_of(sample))
            for sample in samples
        ]
        reader = FrozenReader(self.loaded, self.adapted.start, self.adapted[-1], self.folder)
        # In the order of the trunks, so that each is computed, and kept, once.
        order = sorted(range(len(utterances)), key=lambda place: utterances[place].trunk)
        pairs = [(utterances[place].trunk, utterances[place].tokens) for place in order]
        parts = list(reader.read(pairs, self.watch.rows(f"hidden states: {phase}", len(samples))))
        return LessonBook.of(utterances, order, parts, self.adapted.start, self.order)
