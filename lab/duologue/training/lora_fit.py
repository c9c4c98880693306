"""Fitting updates and head: epochs over the lessons, a checkpoint after each, early stopping."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from duologue.forward.input_lora import InputLora
from duologue.forward.state_head import StateHead
from duologue.training.features import Advance
from duologue.training.head_fit import Dense, Report
from duologue.training.lora_batches import LessonBatch, LessonBook
from duologue.training.lora_learner import Learner
from duologue.training.lora_settings import LoraSettings
from duologue.training.past import attending_to_past

WARM_UP_SHARE = 0.06
MAX_GRADIENT = 1.0
STANDARDISED_BY = 1000
"""Utterances of which mean and spread of the features are taken."""

TOLD_SHARE = 0.5
"""What others say of a lesson counts as much, against its label."""

StartEpoch = Callable[[int], Advance]


@dataclass(frozen=True, slots=True)
class FittedLora:
    """Updates and head, and how the fit went."""

    lora: InputLora
    dense: Dense
    best_epoch: int
    best_loss: float


@dataclass(slots=True)
class LoraFit:
    """One fit. `folder` keeps a checkpoint after every epoch; the same fit goes on from there."""

    network: PreTrainedModel
    layers: tuple[int, ...]
    adapted: range
    settings: LoraSettings
    train: LessonBook
    val: LessonBook
    folder: Path | None = None
    start_epoch: StartEpoch = lambda epoch: lambda done: None
    report: Report = lambda epoch, train_loss, val_loss: None
    start: StateHead | None = None
    """What learning goes on from, and meets half-way in the end; without it, from nothing."""
    _best_loss: float = field(default=math.inf, init=False)
    _best_epoch: int = field(default=0, init=False)
    _best: dict[str, Tensor] = field(default_factory=dict, init=False)

    def run(self) -> tuple[FittedLora, Learner]:
        """Learn until the validation loss stops falling; the learner is left at its best, or
        half-way between that and what it went on from."""
        generator = torch.Generator().manual_seed(self.settings.seed)
        learner = Learner(
            self.network, self.adapted, self.layers, len(self.train.order), self.settings, generator
        )
        optimizer = self._optimizer(learner)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        with attending_to_past(self.network):
            self._standardise(learner)
            if self.start is not None:
                learner.take(self.start)
            first = self._resume(learner, optimizer, schedule, generator)
            for epoch in range(first, self.settings.max_epochs):
                if epoch - self._best_epoch > self.settings.patience:
                    break
                train_loss = self._run_epoch(epoch, learner, optimizer, schedule, generator)
                val_loss = self._validate(learner)
                if val_loss < self._best_loss:
                    self._best_loss, self._best_epoch = val_loss, epoch
                    self._best = {k: v.clone() for k, v in learner.state_dict().items()}
                self._keep(epoch, learner, optimizer, schedule, generator)
                self.report(epoch, train_loss, val_loss)
        learner.load_state_dict(self._best)
        if self.start is not None:
            learner.meet(self.start)
        learner.eval()
        fitted = FittedLora(learner.lora(), learner.dense(), self._best_epoch, self._best_loss)
        return fitted, learner

    def _optimizer(self, learner: Learner) -> torch.optim.Optimizer:
        settings = self.settings
        return torch.optim.AdamW(
            [
                {"params": list(learner.updates.parameters()), "lr": settings.learning_rate},
                {"params": list(learner.head.parameters()), "lr": settings.head_learning_rate},
            ],
            weight_decay=settings.weight_decay,
        )

    def _rate(self, step: int) -> float:
        """A short rise, then half a cosine down to nothing."""
        per_epoch = math.ceil(len(self.train.utterances) / self.settings.batch_size)
        total = per_epoch * self.settings.max_epochs
        rise = min(1.0, (step + 1) / (WARM_UP_SHARE * total))
        return rise * (1 + math.cos(math.pi * min(1.0, step / total))) / 2

    @torch.no_grad()
    def _standardise(self, learner: Learner) -> None:
        learner.eval()
        count = min(STANDARDISED_BY, len(self.train.utterances))
        size = self.settings.batch_size
        features = torch.cat(
            [
                learner.features(self.train.batch(range(start, min(start + size, count))))
                for start in range(0, count, size)
            ]
        )
        learner.mean.copy_(features.mean(0))
        learner.spread.copy_(features.std(0).clamp_min(1e-3))

    def _run_epoch(
        self,
        epoch: int,
        learner: Learner,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LambdaLR,
        generator: torch.Generator,
    ) -> float:
        learner.train()
        advance = self.start_epoch(epoch)
        total, num_batches = 0.0, 0
        # Dropout draws from the global generator, so it is seeded from ours and put back.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
            for batch in self.train.shuffled(self.settings.batch_size, generator):
                loss = self._loss(learner(batch), batch, self.settings.label_smoothing)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(learner.parameters(), MAX_GRADIENT)
                optimizer.step()
                schedule.step()
                total, num_batches = total + loss.item(), num_batches + 1
                advance(len(batch.states))
        return total / num_batches

    @torch.no_grad()
    def _validate(self, learner: Learner) -> float:
        """The loss of the ends."""
        learner.eval()
        total = 0.0
        for _, batch in self.val.in_order(self.settings.batch_size):
            right = _right(learner(batch), batch)
            total -= float(right[batch.is_end].sum())
        return total / len(self.val.utterances)

    def _loss(self, scores: Tensor, batch: LessonBatch, smoothing: float) -> Tensor:
        loss = -(1 - smoothing) * _right(scores, batch)
        loss = loss - smoothing * scores.log_softmax(-1).mean(-1)
        if batch.told is not None:
            told = -(batch.told * scores.log_softmax(-1)).sum(-1)
            loss = loss.lerp(told, TOLD_SHARE)
        weight = torch.full(loss.shape, self.settings.within_weight)
        weight[batch.is_end] = 1.0
        weight[batch.is_trail] = self.settings.trail_weight
        return (loss * weight).sum() / weight.sum()

    def _path(self) -> Path | None:
        """Found again by everything that the fit depends on but the frozen weights."""
        if self.folder is None:
            return None
        depends_on: list[Any] = [asdict(self.settings), self.layers, list(self.adapted)]
        if self.start is not None:
            depends_on.append([weight.tolist() for weight, _ in self.start.dense])
        depends_on += [told.tolist() for told in self.train.told]
        for book in (self.train, self.val):
            depends_on += [[taught.trunk, taught.tokens] for taught in book.utterances]
            depends_on += [
                [
                    [lesson.row, lesson.place.value, sorted(lesson.allowed)]
                    for lesson in taught.lessons
                ]
                for taught in book.utterances
            ]
        digest = sha256(dumps(depends_on).encode()).hexdigest()[:24]
        return self.folder / f"fit-{digest}.pt"

    def _keep(
        self,
        epoch: int,
        learner: Learner,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LambdaLR,
        generator: torch.Generator,
    ) -> None:
        path = self._path()
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        torch.save(
            {
                "next_epoch": epoch + 1,
                "learner": learner.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "generator": generator.get_state(),
                "best": (self._best_loss, self._best_epoch, self._best),
            },
            unfinished,
        )
        unfinished.replace(path)

    def _resume(
        self,
        learner: Learner,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LambdaLR,
        generator: torch.Generator,
    ) -> int:
        """Go on from the last checkpoint, if there is one; the number of the next epoch."""
        path = self._path()
        if path is None or not path.is_file():
            return 0
        kept = torch.load(path, weights_only=True)
        learner.load_state_dict(kept["learner"])
        optimizer.load_state_dict(kept["optimizer"])
        schedule.load_state_dict(kept["schedule"])
        generator.set_state(kept["generator"])
        self._best_loss, self._best_epoch, self._best = kept["best"]
        next_epoch: int = kept["next_epoch"]
        return next_epoch


@torch.no_grad()
def end_features(learner: Learner, network: PreTrainedModel, book: LessonBook) -> Tensor:
    """What the head reads at every utterance's end, float32 `[utterances, width]`, in order."""
    learner.eval()
    found: dict[int, Tensor] = {}
    with attending_to_past(network):
        for places, batch in book.in_order(64):
            found.update(zip(places, learner.features(batch)[batch.is_end], strict=True))
    return torch.stack([found[place] for place in range(len(book.utterances))])


@torch.no_grad()
def last_scores(learner: Learner, network: PreTrainedModel, book: LessonBook) -> Tensor:
    """The scores of every utterance's end, `[utterances, labels]`, in the book's order."""
    learner.eval()
    scores = torch.zeros(len(book.utterances), len(book.order))
    with attending_to_past(network):
        for places, batch in book.in_order(64):
            scores[places] = learner(batch)[batch.is_end]
    return scores


def _right(scores: Tensor, batch: LessonBatch) -> Tensor:
    """The logarithm of the probability that is on what is right, `[lessons]`."""
    allowed = scores.log_softmax(-1).masked_fill(~batch.allowed, float("-inf"))
    return allowed.logsumexp(-1)
