//! kevy-store 1.47.0 behind engine.h.
#![allow(clippy::missing_safety_doc)]

use kevy_store::{SnapshotView, Store};

#[inline(always)]
fn set(store: &mut Store, key: &[u8], value: &[u8], ttl: Option<std::time::Duration>) {
    store.set_slice(key, value, ttl, false, false);
}

include!("../../engine.rs");

include!("../../values.rs");
