//! The format as a whole: other people's objects, and what must hold for all of ours.

#![allow(clippy::cast_possible_truncation, reason = "the sizes of tests fit into any integer")]

mod boxes;
mod objects;
mod properties;
mod vectors;
