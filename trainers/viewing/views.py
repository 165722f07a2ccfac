"""All views: those of searches, and those of this room."""

from __future__ import annotations

from gristmill.graph.view.own import VIEWS as SEARCHES
from gristmill.graph.view.registry import View
from gristmill.trainers.viewing.adapters import KIND as ADAPTER
from gristmill.trainers.viewing.adapters import adapter_listing, adapter_page
from gristmill.trainers.viewing.comparison import KIND as COMPARE
from gristmill.trainers.viewing.comparison import comparison_form, comparison_page
from gristmill.trainers.viewing.datasets import KIND as DATASET
from gristmill.trainers.viewing.datasets import dataset_listing, dataset_page
from gristmill.trainers.viewing.improvements import KIND, improvement_listing, improvement_page
from gristmill.trainers.viewing.isheep import KIND as ISHEEP
from gristmill.trainers.viewing.isheep import isheep_listing, isheep_page
from gristmill.trainers.viewing.reinforcing import KIND as REINFORCE
from gristmill.trainers.viewing.reinforcing import reinforce_listing, reinforce_page
from gristmill.trainers.viewing.ser import KIND as SER
from gristmill.trainers.viewing.ser import ser_listing, ser_page

__all__ = ["VIEWS"]

_HERE = "gristmill.trainers.viewing"

VIEWS = (
    *SEARCHES,
    View(KIND, _HERE, "improvement.html", improvement_page, improvement_listing, public=""),
    View(ADAPTER, _HERE, "adapter.html", adapter_page, adapter_listing, public="its folder, facts and commands"),
    View(DATASET, _HERE, "dataset.html", dataset_page, dataset_listing, public="its folder and its audit's words"),
    View(ISHEEP, _HERE, "isheep.html", isheep_page, isheep_listing, public=""),
    View(SER, _HERE, "ser.html", ser_page, ser_listing, public="the folder of its model"),
    View(REINFORCE, _HERE, "reinforce.html", reinforce_page, reinforce_listing, public="the folders of its adapters"),
    View(COMPARE, _HERE, "comparison.html", comparison_page, form=comparison_form),
)
