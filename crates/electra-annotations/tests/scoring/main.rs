//! Scores and suspected labels: against seqeval, nervaluate and their own laws.

mod label_issues;
mod metric_laws;
mod nervaluate;
mod predictions;
mod seqeval;
