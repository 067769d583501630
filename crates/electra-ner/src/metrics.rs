//! Span metrics, equal to those of seqeval.
