//! `upmon take` and `upmon ignore` as their users meet them: what is written, what is left alone, and how it ends.

mod files;
mod ignore;
mod lock;
mod sources;
mod version;
