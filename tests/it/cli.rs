//! The command line as its users meet it: what it prints where, and how it ends.

mod check;
mod ending;
mod explain;
mod help;
mod input;
mod world;
