//! One connection: hyper, its limits, lingering close.
