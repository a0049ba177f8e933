"""Amounts as Kubernetes writes them, beside the Kubernetes client's own parser."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from sdml.experiment.quantity import bytes_of, cores


@given(
    number=st.integers(1, 10**6), unit=st.sampled_from(["", "k", "M", "G", "T", "Ki", "Mi", "Gi"])
)
def test_memory_is_what_kubernetes_reads(number: int, unit: str) -> None:
    assert bytes_of(f"{number}{unit}") == parse_quantity(f"{number}{unit}")


@given(thousandths=st.integers(1, 10**6))
def test_cpu_is_what_kubernetes_reads(thousandths: int) -> None:
    for text in (f"{thousandths}m", f"{Decimal(thousandths) / 1000:f}"):
        assert cores(text) == parse_quantity(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5m", "2 ", "2Gi", "two", "1.0001", "0.0"])
def test_what_is_no_amount_of_cpu(text: str) -> None:
    with pytest.raises(ValueError, match="an amount of CPU"):
        cores(text)


@pytest.mark.parametrize("text", ["", "0", "0Gi", "-1Gi", "1.5Gi", "4 Gi", "4GB", "4gi", "Gi"])
def test_what_is_no_amount_of_memory(text: str) -> None:
    with pytest.raises(ValueError, match="an amount of memory"):
        bytes_of(text)
